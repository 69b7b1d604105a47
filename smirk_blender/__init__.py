"""SMIRK for Blender: a video is solved into a take; a take is baked onto a rig as an action.

Blender's side (`rig`, `ui`, `cli`) and the worker's side (`capture`, `encoder`) share this package, so it imports nothing.
"""

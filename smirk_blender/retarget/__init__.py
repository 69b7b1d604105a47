"""A take for a rig: how its head stands before a camera. numpy. No `bpy` here.

In: takes and heads. Out: changed takes, and the values of channels that a take does not hold itself.
"""

"""SMIRK for Blender: a video is solved into a take; a take is baked onto a rig as an action.

Blender's side (`rig`, `ui`, `cli`) and the worker's side (`capture`, `encoder`) share this package, so importing it
imports nothing else.
"""


def register() -> None:
    """Add the add-on's operators and panels to Blender."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Take away again everything that `register` added."""
    from . import ui

    ui.unregister()

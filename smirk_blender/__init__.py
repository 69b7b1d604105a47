"""SMIRK for Blender: a video is solved into a take; a take is baked onto a rig as an action.

Blender's side (`rig`, `ui`, `cli`) and the worker's side (`capture`, `encoder`) share this package, so importing it
imports nothing else.
"""

import sys

_commands: list[object] = []  # Blender's handles of what it knows as `blender --command`


def register() -> None:
    """Add the add-on's operators, panels and command line to Blender.

    Raises:
        SmirkError: a module is damaged, or another copy of the add-on is there.
    """
    import bpy

    from .errors import DamagedError, own_modules

    try:
        with own_modules():
            from . import ui

            ui.register()
    except DamagedError:
        _forget_modules()
        raise
    try:
        _commands.append(bpy.utils.register_cli_command("smirk", run_command))
    except BaseException:
        ui.unregister()
        raise


def _forget_modules() -> None:
    """Have this package's modules read anew when it is enabled again: Blender does so only where it was enabled."""
    for name in [name for name in sys.modules if name.startswith(f"{__name__}.")]:
        del sys.modules[name]


def run_command(argv: list[str]) -> int:
    """Run what follows `blender --command smirk`; return the exit code."""
    from .cli import main  # heavy, and seldom wanted

    return main(argv)


def unregister() -> None:
    """Take away again everything that `register` added."""
    import bpy

    from . import ui

    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    ui.unregister()

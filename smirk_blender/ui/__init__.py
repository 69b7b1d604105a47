"""What a user sees: panels, operators, preferences. In: clicks. Out: calls of `rig`, jobs for the worker, and a line
that says what came of them.
"""

import bpy

from ..errors import SmirkError
from ..rig.steps import wait_for_threads
from . import (
    bake,
    cache,
    clean_follow,
    clean_operators,
    clean_up,
    export,
    export_panel,
    expressions,
    footage,
    head,
    installation,
    jobs,
    landmark_model,
    landmark_moving,
    landmark_picking,
    landmark_points,
    live_link,
    model_files,
    preferences,
    preview,
    properties,
    reconnect,
    rescue,
    retarget,
    retarget_panel,
    save_job,
    side_by_side,
    solve,
    takes,
    tasks,
)

# In the order of the panels; each that others build on before those.
modules = (
    preferences,
    rescue,
    installation,  # on its page first: without the worker nothing works
    model_files,
    landmark_model,
    cache,
    properties,
    tasks,
    head,
    footage,
    save_job,
    solve,
    takes,
    clean_follow,
    clean_operators,
    clean_up,
    bake,
    live_link,
    landmark_points,
    landmark_picking,
    landmark_moving,
    reconnect,
    retarget,
    side_by_side,
    retarget_panel,
    preview,
    export,
    expressions,
    export_panel,
)


def register() -> None:
    """Add everything to Blender, or nothing where that fails.

    Raises:
        SmirkError: another copy of the add-on is there, whose classes would be lost.
    """
    ours = __package__.rpartition(".")[0]
    steps = [(module.register, module.unregister) for module in modules]  # a module that was cut short fails here
    other = getattr(bpy.types, solve.SMIRK_PT_solve.__name__, None)
    if other is not None:
        theirs = other.__module__.rpartition(".ui.")[0]
        if theirs == ours:
            raise SmirkError(f"Parts of {ours} are still there from before. Start Blender again, then enable it")
        raise SmirkError(
            f"{theirs} is enabled, another copy of the same add-on. Disable it first, then enable this one"
        )
    done = []
    try:
        for add, remove in steps:
            add()
            done.append(remove)
    except BaseException:
        for remove in reversed(done):
            remove()
        _remove_classes(ours)
        raise


def _remove_classes(package: str) -> None:
    """Take out of Blender what a module had added of a package before it failed."""
    kinds = (bpy.types.AddonPreferences, bpy.types.Operator, bpy.types.Panel, bpy.types.PropertyGroup, bpy.types.UIList)
    for cls in [cls for kind in kinds for cls in kind.__subclasses__()]:
        if cls.__module__.startswith(f"{package}.") and cls.is_registered:
            bpy.utils.unregister_class(cls)


def unregister() -> None:
    jobs.stop_all()
    for module in reversed(modules):
        module.unregister()
    wait_for_threads()

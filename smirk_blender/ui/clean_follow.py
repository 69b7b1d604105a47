"""The head follows the clean-up's settings: changed, undone, or changed in the file while the .blend was closed."""

import json
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.types import Scene

from ..errors import TakeError
from ..rig.memory import CLEAN_UP
from ..take import load_clean_up
from . import tasks
from .clean_steps import kept
from .clean_up_settings import SMIRK_PG_clean_up, clean_up_text, forget, listen
from .properties import SMIRK_PG_take
from .takes import absolute_path
from .tasks import Task


def seen_by_nobody() -> bool:
    """Return whether Blender has no window, and so no timer: scripts bake when they say so."""
    return bpy.app.background


def clean_soon(scene: Scene, item: SMIRK_PG_take) -> None:
    """Bake a take again as it is to be cleaned now, where it was baked and a window is there to see it."""
    if seen_by_nobody() or item.action is None or not scene.smirk.clean_live:
        return
    from .clean_task import CleanTask  # enabling the add-on does without

    path, task = absolute_path(item), task_of(scene, item)
    if isinstance(task, CleanTask) and not task.cancelled:
        task.touch()
    else:
        tasks.start(CleanTask(scene, path))


def judge_soon(scene: Scene | None, path: str, *, after: Task | None = None) -> None:
    """Let the panel say what was found in a take, once nothing else is to be done; scripts look for themselves.

    Args:
        scene: None where it is gone.
        path: the take's.
        after: the one that gives way to other work.
    """
    if seen_by_nobody() or scene is None:
        return
    from .clean_task import JudgeTask

    waiting = [task for task in tasks.tasks() if isinstance(task, JudgeTask) and task is not after]
    if not any(task.path == path and task.scene_name == scene.name for task in waiting):
        tasks.start(JudgeTask(scene, path))


def task_of(scene: Scene, item: SMIRK_PG_take) -> Task | None:
    """Return the first task that works on a take of a scene's list, and bakes it, if it is cleaned."""
    path = absolute_path(item)
    here = [task for task in tasks.tasks() if task.quiet and task.outcome is None and task.scene_name == scene.name]
    of_take = [task for task in here if getattr(task, "path", "") == path and not task.cancelled]
    return min(of_take, key=lambda task: not hasattr(task, "touch"), default=None)


def _setting_changed(settings: SMIRK_PG_clean_up) -> None:
    scene = settings.id_data
    item = scene.path_resolve(settings.path_from_id().rpartition(".")[0])
    if settings.enabled or not is_up_to_date(item) or task_of(scene, item) is not None:
        clean_soon(scene, item)


def is_up_to_date(item: SMIRK_PG_take) -> bool:
    """Return whether a baked take's action is cleaned as the panel says."""
    return item.action.get(CLEAN_UP) == clean_up_text(item.clean_up.wanted()) if item.action is not None else True


_refined: set[str] = set()  # takes that were refined in this session: undo takes back what the list says, not the file


def note_refined(path: str) -> None:
    _refined.add(path)


@persistent
def _undone(*_: object) -> None:
    """After an undo, the keys may be those of other settings, or of the take before it was refined."""
    for scene in bpy.data.scenes:
        item = scene.smirk.active_take()
        if item is None or item.action is None:
            continue
        was_refined = item.refined or absolute_path(item) not in _refined
        item.refined = item.refined or not was_refined
        if not (was_refined and is_up_to_date(item)) or task_of(scene, item) is not None:
            clean_soon(scene, item)


@persistent
def _file_is_there(*_: object) -> None:
    """After a .blend was opened: say where a take's file was changed since, as by `smirk clean`."""
    for scene in bpy.data.scenes:
        for item in scene.smirk.takes:
            item.trouble = item.file_settings = ""
            saved, path = Path(bpy.data.filepath), Path(absolute_path(item))
            if not (saved.is_file() and path.is_file()) or path.stat().st_mtime <= saved.stat().st_mtime:
                continue
            try:
                clean_up = load_clean_up(path)
            except TakeError as error:
                item.trouble = str(error)
                continue
            if clean_up != item.clean_up.wanted():
                item.file_settings = json.dumps(clean_up.facts() if clean_up is not None else None)


@persistent
def _file_is_left(*_: object) -> None:
    kept.forget()


_handlers = (
    (bpy.app.handlers.load_pre, _file_is_left),
    (bpy.app.handlers.undo_post, _undone),
    (bpy.app.handlers.redo_post, _undone),
    (bpy.app.handlers.load_post, _file_is_there),
)


def register() -> None:
    listen(_setting_changed)
    for handlers, function in _handlers:
        handlers.append(function)


def unregister() -> None:
    for handlers, function in _handlers:
        handlers.remove(function)
    kept.forget()
    _refined.clear()
    forget(_setting_changed)

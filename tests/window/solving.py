"""A solve in the window: its parts as steps, and what the add-on, the scene and the system say of it."""

import importlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Action, Object, Scene

from .hands import StepError, Steps, Until
from .processes import MARK, marked_processes
from .report import Report
from .scenarios import ACTOR, MODULE
from .user import User

BEGIN_LIMIT_S = 90.0  # until the first frame: MediaPipe alone takes 15 s to import on a busy machine
SOLVE_LIMIT_S = 180.0
GONE_WITHIN_S = 2.0  # issue 4's bar for a worker after Cancel
AFTER_PART_S = 0.2  # the first part is a quarter of the actor's frames
GONE_LIMIT_S = 10.0
SETTLE_S = 1.0  # for what a held worker had sent before
ACTOR_FRAMES = 99  # of one actor
ACTOR_FPS = 30000 / 1001


def addon(name: str):
    """Return one of the installed add-on's modules: "ui.tasks"."""
    return importlib.import_module(f"{MODULE}.{name}")


def actor(report: Report) -> str:
    return str(Path(report.settings["shared"]) / ACTOR)


def scene(user: User) -> Scene:
    return user.window().scene


def prepare(user: User, report: Report, footage: str = "") -> Steps:
    """Set the worker's Python, open the tab and choose footage, the actor's unless another is named."""
    addon("ui.preferences").preferences().worker_python = report.settings["python"]
    yield from user.open_tab()
    choose(user, footage or actor(report))
    yield Until(lambda: addon("ui.footage")._known, "the panel's reading of the footage")


def choose(user: User, path: str) -> None:
    """Choose footage as the file browser does; an undo step."""
    with user.override('WINDOW'):
        bpy.ops.smirk.choose_footage('EXEC_DEFAULT', True, filepath=path)


def start(user: User) -> None:
    """Start a solve as the button does, without the mouse."""
    with user.override('WINDOW'):
        bpy.ops.smirk.solve('INVOKE_DEFAULT')


def running():
    """Return the task that runs, None where there is none."""
    return next(iter(addon("ui.tasks").tasks()), None)


def until_fraction(fraction: float) -> Until:
    """Wait until this much of the running task is done, or until it has ended."""

    def reached() -> bool:
        task = running()
        return task is None or (task.fraction or 0.0) >= fraction

    return Until(reached, f"{100 * fraction:.0f} % of the solve", BEGIN_LIMIT_S + SOLVE_LIMIT_S)


def until_over() -> Until:
    return Until(lambda: running() is None, "the end of the solve", BEGIN_LIMIT_S + SOLVE_LIMIT_S)


def held_half_way(after_part_s: float = AFTER_PART_S) -> Steps:
    """Stop the worker half-way until `let_on`: a picture takes longer than the rest of a solve.

    A thread waits for the first part's file, since Blender may draw for half a second meanwhile.
    """
    before, held = set(part_files()), []

    def hold() -> None:
        until_s = time.perf_counter() + BEGIN_LIMIT_S
        while time.perf_counter() < until_s and not set(part_files()) - before:
            time.sleep(0.01)
        time.sleep(after_part_s)
        held.extend(workers())
        for pid in held:
            os.kill(pid, signal.SIGSTOP)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    yield Until(lambda: not thread.is_alive(), "the first solved frames", BEGIN_LIMIT_S)
    if not held:
        raise StepError("the worker had ended before it could be held half-way")
    yield SETTLE_S


def let_on() -> None:
    for pid in workers():
        os.kill(pid, signal.SIGCONT)


def seconds_until_gone() -> Iterator[float | Until]:
    """Return how long it takes from now until no worker is left. Raises: StepError, much too long."""
    start_s = time.perf_counter()
    yield Until(lambda: not workers(), "the worker's end", GONE_LIMIT_S, 0.01)
    return time.perf_counter() - start_s


def outcome(user: User):
    """Return how the scene's last task ended."""
    return addon("ui.tasks").outcome_of(scene(user).name)


def workers() -> dict[int, str]:
    """Return the command lines of the workers that this Blender has started, by pid."""
    return {pid: line for pid, line in marked_processes(os.environ[MARK]).items() if "launch.py" in line}


def head(user: User) -> Object | None:
    """Return the scene's head, None where there is none."""
    is_head = addon("rig.memory").is_head
    return next((thing for thing in scene(user).objects if is_head(thing)), None)


def action_of(head_object: Object) -> Action | None:
    animation = head_object.data.shape_keys.animation_data
    return animation and animation.action


def keyed_frames(action: Action) -> np.ndarray:
    """Return the scene frames that have keys, shape (n,), ascending."""
    compat = addon("rig.compat")
    frames = [compat.read_fcurve(fcurve)[0] for fcurve in compat.fcurves(action)]
    return np.unique(np.concatenate(frames)) if frames else np.zeros(0)


@dataclass(frozen=True)
class SceneState:
    """What a cancelled solve must leave as it was."""

    objects: tuple[str, ...]
    actions: tuple[str, ...]
    keys: dict[str, tuple[float, float, float]]  # shape keys: value, slider's range
    bones: dict[str, tuple[float, ...]]
    memory: dict[str, str]
    playing: tuple[str, ...]
    frames: tuple[int, int, int]
    fps: float
    takes: int


def scene_state(user: User) -> SceneState:
    here, head_object = scene(user), head(user)
    keys, bones, memory, playing = {}, {}, {}, ()
    if head_object is not None:
        keys = {key.name: (key.value, key.slider_min, key.slider_max) for key in head_object.data.shape_keys.key_blocks}
        rig = addon("rig.memory").armature_of(head_object)
        bones = {bone.name: tuple(np.ravel(bone.matrix_basis).tolist()) for bone in rig.pose.bones}
        memory = {name: repr(addon("rig.standing")._plain(head_object.data[name])) for name in head_object.data.keys()}
        animations = (head_object.data.shape_keys.animation_data, rig.animation_data)
        playing = tuple(each.action.name if each and each.action else "" for each in animations)
    return SceneState(
        tuple(sorted(thing.name for thing in here.objects)),
        tuple(sorted(action.name for action in bpy.data.actions)),
        keys,
        bones,
        memory,
        playing,
        (here.frame_start, here.frame_end, here.frame_current),
        here.render.fps / here.render.fps_base,
        len(here.smirk.takes),
    )


def differences(before: SceneState, after: SceneState) -> str:
    """Return what is not the same, in words; "" where all is."""
    found = []
    for name in SceneState.__dataclass_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if isinstance(old, dict):
            names = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
            found.append(f"{name}: {len(names)} differ, {names[0]}: {old.get(names[0])} became {new.get(names[0])}")
        else:
            found.append(f"{name}: {old} became {new}")
    return "; ".join(found)


def part_files() -> list[Path]:
    """Return what lies in the folder of the parts that are shown meanwhile."""
    folder = addon("ui.preferences").cache_folder("parts")
    return list(folder.rglob("*.npz")) if folder.is_dir() else []


def parts_left() -> list[str]:
    """Return what a solve has left in that folder."""
    folder = addon("ui.preferences").cache_folder("parts")
    return [str(path) for path in folder.rglob("*")] if folder.is_dir() else []

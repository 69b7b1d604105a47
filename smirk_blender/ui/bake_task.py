"""A take onto a head, as the panel says, in slices."""

from collections.abc import Generator
from dataclasses import replace
from typing import NamedTuple

import bpy
import numpy as np
from bpy.types import Action, Object, Scene

from ..errors import HeadError, TakeError
from ..flame import Head
from ..retarget.head_motion import with_head_motion
from ..retarget.selection import ALL_PARTS
from ..rig.actions import bake_steps, check_bake, remove_action
from ..rig.camera import Matched, bake_in_shot
from ..rig.key_sheet import key_figures_of
from ..rig.memory import CLEAN_UP, EYELID_FOLDER, MODEL_PATH, WORN, rig_action_of
from ..rig.models import model_of, open_model
from ..rig.nla import push_down
from ..rig.standing import HeadName
from ..rig.strips import place_take, scene_fps
from ..take import CleanUp, Take, load_take
from .bake import BakeSettings
from .clean_follow import judge_soon
from .clean_steps import ModelFiles, cleaned_elsewhere, kept
from .clean_up_settings import clean_up_text
from .footage import ChosenFootage
from .takes import take_at
from .tasks import Outcome, Steps, Task, elsewhere, unless_cancelled

SAME_SHAPE = 1e-6  # unitless; identities that differ by less are one


class Baked(NamedTuple):
    """What came of a bake: a sentence, and the action's name."""

    text: str
    action_name: str


def model_elsewhere(head_name: HeadName) -> Generator[object, None, Head]:
    """Return a head's model, read in a thread where it is not known yet.

    Raises:
        HeadError: the head was deleted, or is not its model's any more.
    """
    head_object = _found(head_name)
    if MODEL_PATH in head_object.data:
        yield from elsewhere(open_model, head_object.data[MODEL_PATH], head_object.data.get(EYELID_FOLDER, ""))
    return model_of(_found(head_name))


def baked(
    scene_name: str,
    head_name: HeadName,
    take: Take,
    chosen: ChosenFootage | None,
    settings: BakeSettings,
    *,
    replaces: str = "",
    take_path: str = "",
    clean_up: CleanUp | None = None,
    into: str = "",
    note: bool = True,
    bind: bool = True,
    wear: bool = True,
) -> Generator[object, None, Baked]:
    """Clean a take and bake it, in slices; return what came of it.

    Args:
        scene_name: of the scene whose frames are meant.
        head_name: the head.
        take: the take, as solved.
        chosen: what it was solved from, where that is known: a strip has its own place and speed.
        settings: how.
        replaces: the name of an action that goes, made for this take before; "" for none.
        take_path: its file.
        clean_up: how it is cleaned; None for not at all.
        into: the name of an action of this take, to be written again; "" for a new one.
        note: whether the scene's list is to remember this bake.
        bind: whether the head plays it from now on.
        wear: whether it may get the take's identity. One that it got from this action's last bake is left alone: to put
            it on has the window drawn again and again, and it may have been changed by hand since.
    Raises:
        SmirkError: scene or head are gone, or the take does not fit; the message is for the user.
    """
    model = yield from model_elsewhere(head_name)
    files = ModelFiles.of(_found(head_name))
    check_bake(_found(head_name), model, take, identity=settings.identity)
    cleaned = yield from cleaned_elsewhere(take, model, clean_up, take_path, files)
    head_object, scene = _found(head_name), scene_named(scene_name)
    before, action = _timeline(scene), _action(into)
    fits = settings.fit_range and (action is None or _is_fitted(scene, action))
    identity = settings.identity
    if action is not None:
        action.pop(CLEAN_UP, None)  # until it is written to its end, nobody knows what it plays
        if not wear or _same_shape(action.get(WORN), cleaned.shape):
            identity = 'keep'
    settings_now = replace(settings, identity=identity)
    if settings.shot != 'none':
        item = take_at(scene_name, take_path)
        start = settings.scene_frame_start + cleaned.first_frame - take.first_frame  # what is left stays where it was
        camera = item.camera if item is not None and (into or not note) else None
        placed, (action, camera, _) = cleaned, _bake_in_shot(
            scene, head_object, model, cleaned, settings_now, start, action, camera, bind
        )
        said = f", before {camera.name}"
    else:
        moved = yield from elsewhere(with_head_motion, cleaned, settings.head_motion)
        head_object, scene = _found(head_name), scene_named(scene_name)
        check_bake(head_object, model, moved, identity=identity)  # before the scene gets another rate
        placed, start = placed_take(scene, moved, chosen, settings, moved.first_frame - take.first_frame)
        action = yield from bake_steps(
            head_object,
            model,
            placed,
            scene_frame_start=start,
            identity=identity,
            parts=settings.keys,
            action=_action(into),
            tolerance_mm=settings.tolerance_mm,
            bind=bind,
        )
        said, camera = "", None
    name = take_place_of(replaces, action)
    head_object, scene = _found(head_name), scene_named(scene_name)
    if settings.bake_as == 'nla' and not into:
        push_down(head_object, action)
    if fits and settings.shot == 'none':
        fit_range(scene, start, len(placed))
    action[CLEAN_UP] = clean_up_text(clean_up)
    if identity != 'keep':
        action[WORN] = cleaned.shape.tolist()
    item = take_at(scene_name, take_path)
    if item is not None and note:
        speed = clean_up.timing.speed if clean_up is not None else 1.0
        item.note_bake(
            action,
            settings.to_text(),
            scene_frame_start=start,
            first_frame=cleaned.first_frame,
            video_step=speed * max(len(cleaned) - 1, 1) / max(len(placed) - 1, 1),
            camera=camera,
        )
    return Baked(f"Baked {len(placed)} frames to {name}{said}{_keys(action)}{_changed(scene, before)}", name)


def _same_shape(worn: object, shape: np.ndarray) -> bool:
    """Return whether an action's last bake put this identity (S,) on its head."""
    return worn is not None and len(worn) == len(shape) and bool(np.allclose(worn, shape, rtol=0, atol=SAME_SHAPE))


def _action(name: str) -> Action | None:
    """Return the action of a name, None for no name.

    Raises:
        TakeError: it is gone.
    """
    action = bpy.data.actions.get((name, None)) if name else None
    if name and action is None:
        raise TakeError(f"The action {name} was deleted or renamed meanwhile. Bake the take again")
    return action


def _timeline(scene: Scene) -> tuple[float, int, int]:
    return float(scene_fps(scene)), scene.frame_start, scene.frame_end


def _changed(scene: Scene, before: tuple[float, int, int]) -> str:
    """Return a sentence on what became of the scene's rate and range; "" where they are as before."""
    fps, first, last = _timeline(scene)
    said = [f"{fps:.5g} fps"] if fps != before[0] else []
    said += [f"frames {first} to {last}"] if (first, last) != before[1:] else []
    return f". The scene has {' and '.join(said)} now" if said else ""


def _keys(action: Action) -> str:
    """Return what became of an action's keys, as the end of a sentence; "" where every frame has one."""
    figures = key_figures_of(action)
    return "" if figures is None else f": {figures}"


def take_place_of(earlier: str, action: Action) -> str:
    """Remove an earlier action, and give its name to another; return that."""
    replaced = bpy.data.actions.get(earlier) if earlier else None
    if replaced is not None and replaced != action:
        remove_action(replaced)
        rig_action = rig_action_of(action)
        if rig_action != action:
            rig_action.name = f"{earlier}.rig"
        action.name = earlier
    return action.name


def placed_take(
    scene: Scene, take: Take, chosen: ChosenFootage | None, settings: BakeSettings, lead: int
) -> tuple[Take, int]:
    """Return what to bake and from which scene frame on; the scene gets the take's rate where that is asked for.

    Args:
        lead: how many video frames were cut off before its first row; the others stay where they are in the scene.
    """
    find_strip = frame_map = None
    if chosen is not None and chosen.find_strip() is not None:
        find_strip = chosen.find_strip
    elif chosen is not None:
        frame_map = chosen.footage.frame_map  # a clip's, or a strip's that is gone
    step = 1.0 if settings.timing == 'set' else float(scene_fps(scene) / take.fps)
    start = settings.scene_frame_start + round(lead * step)
    where = dict(find_strip=find_strip, frame_map=frame_map, scene_frame_start=start)
    return place_take(scene, take, timing=settings.timing, **where)


def _bake_in_shot(
    scene: Scene,
    head_object: Object,
    model: Head,
    take: Take,
    settings: BakeSettings,
    start: int,
    action: Action | None,
    camera: Object | None,
    bind: bool,
) -> Matched:
    if settings.head_motion != 'keep':
        raise TakeError("The head can only lie on the actor if it moves as solved. Set Head Motion to As Solved")
    if settings.timing == 'resample' or settings.keys != ALL_PARTS:
        raise TakeError(
            "A shot is matched frame by frame, with everything keyed. Set Frame Rate to the footage's and choose all "
            "Keys, or set Shot to Not Matched"
        )
    return bake_in_shot(
        scene,
        head_object,
        model,
        take,
        projection=settings.shot,
        focal_mm=settings.focal_mm or None,
        scene_frame_start=start,
        identity=settings.identity,
        action=action,
        camera=camera,
        tolerance_mm=settings.tolerance_mm,
        bind=bind,
    )


def _is_fitted(scene: Scene, action: Action) -> bool:
    """Return whether the scene's range is that of an action: another is the user's own."""
    return (scene.frame_start, scene.frame_end) == tuple(map(round, action.frame_range))


def fit_range(scene: Scene, start: int, num_frames: int) -> None:
    scene.frame_start, scene.frame_end = start, start + max(num_frames, 1) - 1


def _found(head_name: HeadName) -> Object:
    head_object = head_name.find()
    if head_object is None:
        raise HeadError(
            f"The head {head_name.object_name} was deleted meanwhile. Add or select another, and bake the take onto it"
        )
    return head_object


def scene_named(scene_name: str) -> Scene:
    scene = bpy.data.scenes.get(scene_name)
    if scene is None:
        raise TakeError(f"The scene {scene_name} was deleted meanwhile. Open the take in another one")
    return scene


class BakeTask(Task):
    """Bakes a take's file onto a head."""

    def __init__(
        self, scene: Scene, path: str, chosen: ChosenFootage | None, head: HeadName, settings: BakeSettings
    ) -> None:
        super().__init__("Baking", scene.name)
        self._path, self._chosen, self._head, self._settings = path, chosen, head, settings

    def steps(self) -> Steps:
        self.text = "Baking"
        item = take_at(self.scene_name, self._path)  # which is not to be held while others work
        is_listed, clean_up = item is not None, item.clean_up.wanted() if item is not None else None
        if self._settings.shot == 'PERSP':  # which is estimated by landmarks, a long take's too
            take = yield from elsewhere(load_take, self._path)
        elif clean_up is not None or not is_listed:
            take = yield from elsewhere(kept.load, self._path)
        else:
            take = yield from elsewhere(lambda: load_take(self._path, landmarks=False))
        clean_up = clean_up if is_listed else take.clean_up
        work = baked(
            self.scene_name,
            self._head,
            take,
            self._chosen,
            self._settings,
            take_path=self._path,
            clean_up=clean_up,
        )
        done = yield from unless_cancelled(self, work)
        trouble = ""
        if done is not None and is_listed:
            trouble = yield from elsewhere(kept.try_to_save, self._path, clean_up)
            judge_soon(bpy.data.scenes.get(self.scene_name), self._path)
        cancelled = "Baking: cancelled. The head plays what it played; undo takes back the rest, its identity too"
        text = done.text + trouble if done else cancelled
        self.outcome = Outcome("done" if done else "cancelled", text, changed=True)

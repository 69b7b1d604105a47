"""A take onto a head, as the panel says, in slices."""

from collections.abc import Generator

import bpy
from bpy.types import Action, Object, Scene

from ..errors import HeadError, TakeError
from ..flame import Head
from ..retarget.head_motion import with_head_motion
from ..retarget.selection import ALL_PARTS
from ..rig import bake_in_shot
from ..rig.actions import bake_steps, check_bake, remove_action
from ..rig.memory import EYELID_FOLDER, MODEL_PATH, rig_action_of
from ..rig.models import model_of, open_model
from ..rig.nla import push_down
from ..rig.standing import HeadName
from ..rig.strips import place_take, scene_fps
from ..take import Take, load_take
from .bake import BakeSettings
from .footage import ChosenFootage
from .tasks import Outcome, Steps, Task, elsewhere, unless_cancelled


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
) -> Generator[object, None, str]:
    """Bake a take in slices; return a sentence on what was done.

    Args:
        scene_name: of the scene whose frames are meant.
        head_name: the head.
        take: the take.
        chosen: what it was solved from, where that is known: a strip has its own place and speed.
        settings: how.
        replaces: the name of an action that goes, made for this take before; "" for none.
    Raises:
        SmirkError: scene or head are gone, or the take does not fit; the message is for the user.
    """
    model = yield from model_elsewhere(head_name)
    head_object, scene = _found(head_name), _scene(scene_name)
    before = _timeline(scene)
    if settings.shot != 'none':
        return _bake_in_shot(scene, head_object, model, take, settings, replaces) + _changed(scene, before)
    moved = yield from elsewhere(with_head_motion, take, settings.head_motion)
    head_object, scene = _found(head_name), _scene(scene_name)
    check_bake(head_object, model, moved, identity=settings.identity)  # before the scene gets another rate
    placed, start = _placed(scene, moved, chosen, settings)
    action = yield from bake_steps(
        head_object,
        model,
        placed,
        scene_frame_start=start,
        identity=settings.identity,
        parts=settings.keys,
    )
    name = take_place_of(replaces, action)
    head_object, scene = _found(head_name), _scene(scene_name)
    if settings.bake_as == 'nla':
        push_down(head_object, action)
    if settings.fit_range:
        _fit_range(scene, start, len(placed))
    return f"Baked {len(placed)} frames to {name}{_changed(scene, before)}"


def _timeline(scene: Scene) -> tuple[float, int, int]:
    return float(scene_fps(scene)), scene.frame_start, scene.frame_end


def _changed(scene: Scene, before: tuple[float, int, int]) -> str:
    """Return a sentence on what became of the scene's rate and range; "" where they are as before."""
    fps, first, last = _timeline(scene)
    said = [f"{fps:.5g} fps"] if fps != before[0] else []
    said += [f"frames {first} to {last}"] if (first, last) != before[1:] else []
    return f". The scene has {' and '.join(said)} now" if said else ""


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


def _placed(scene: Scene, take: Take, chosen: ChosenFootage | None, settings: BakeSettings) -> tuple[Take, int]:
    """Return what to bake and from which scene frame on; the scene gets the take's rate where that is asked for."""
    find_strip = frame_map = None
    if chosen is not None and chosen.find_strip() is not None:
        find_strip = chosen.find_strip
    elif chosen is not None:
        frame_map = chosen.footage.frame_map  # a clip's, or a strip's that is gone
    where = dict(find_strip=find_strip, frame_map=frame_map, scene_frame_start=settings.scene_frame_start)
    return place_take(scene, take, timing=settings.timing, **where)


def _bake_in_shot(
    scene: Scene, head_object: Object, model: Head, take: Take, settings: BakeSettings, replaces: str
) -> str:
    if settings.head_motion != 'keep':
        raise TakeError("The head can only lie on the actor if it moves as solved. Set Head Motion to As Solved")
    if settings.timing == 'resample' or settings.keys != ALL_PARTS:
        raise TakeError(
            "A shot is matched frame by frame, with everything keyed. Set Frame Rate to the footage's and choose all "
            "Keys, or set Shot to Not Matched"
        )
    action, camera, _ = bake_in_shot(
        scene,
        head_object,
        model,
        take,
        projection=settings.shot,
        focal_mm=settings.focal_mm or None,
        scene_frame_start=settings.scene_frame_start,
        identity=settings.identity,
    )
    name = take_place_of(replaces, action)
    if settings.bake_as == 'nla':
        push_down(head_object, action)
    return f"Baked {len(take)} frames to {name}, before {camera.name}"


def _fit_range(scene: Scene, start: int, num_frames: int) -> None:
    scene.frame_start, scene.frame_end = start, start + max(num_frames, 1) - 1


def _found(head_name: HeadName) -> Object:
    head_object = head_name.find()
    if head_object is None:
        raise HeadError(
            f"The head {head_name.object_name} was deleted meanwhile. Add or select another, and bake the take onto it"
        )
    return head_object


def _scene(scene_name: str) -> Scene:
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
        take = yield from elsewhere(load_take, self._path)
        work = baked(self.scene_name, self._head, take, self._chosen, self._settings)
        said = yield from unless_cancelled(self, work)
        cancelled = "Baking: cancelled. The head plays what it played; undo takes back the rest, its identity too"
        self.outcome = Outcome("done" if said else "cancelled", said or cancelled, changed=True)

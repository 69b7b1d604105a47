"""The head while a solve runs: added where there was none, and playing what is solved so far."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ..errors import HeadError
from ..flame import Head
from ..retarget.resample import time_take
from ..rig.actions import bake_steps, remove_action
from ..rig.standing import HeadName, Standing, put_back, remove_head, standing_of
from ..rig.strips import scene_fps
from ..take import Take, load_take
from ..take.take import FRAME_ARRAYS, OPTIONAL_ARRAYS, no_landmarks
from . import tasks
from .add_head import HeadRequest, Selection, added_head, selection_of
from .bake import BakeSettings
from .bake_task import model_elsewhere, take_place_of
from .footage import ChosenFootage
from .tasks import WAIT, Steps, Task


@dataclass(frozen=True)
class SolveRequest:
    """What the Solve button gathered.

    Attributes:
        chosen: what is solved.
        options: fields of `SolveOptions`.
        log_path: of the worker's log.
        head: on which the take is baked; None for a new one of the model that `options` names.
        bake: how.
        live: whether the head moves meanwhile.
    """

    chosen: ChosenFootage
    options: dict[str, object]
    log_path: Path
    head: HeadName | None
    bake: BakeSettings
    live: bool


class LiveHead:
    """The head while the solve runs: it plays what is solved so far.

    Attributes:
        parts: files of parts that have come and are not shown yet.
        action_name: of the action that grows; "" until there is one.
    """

    def __init__(self, task: Task, request: SolveRequest) -> None:
        self.parts: list[str] = []
        self.action_name = ""
        self._task, self._request = task, request
        self._selection: Selection | None = None
        self._head = request.head
        self._standing: Standing | None = None
        self._scene_frame: int | None = None  # before the playhead followed
        self._adding: Generator[object, None, HeadName] | None = None  # a head where there was none
        self._wanted: Callable[[], bool] = lambda: False  # whether that is to be built now

    def steps(self) -> Steps:
        """Show part after part; ends only where the head cannot be shown on."""
        try:
            head = yield from self.head_steps(wanted=lambda: bool(self.parts))  # a clip without a face needs none
            model = yield from model_elsewhere(head)
            self._standing = standing_of(head.find())
            take, shown = None, True
            while True:
                if self.parts:
                    take, shown = _extended(take, load_take(self.parts.pop(0), landmarks=False)), False
                    yield
                elif shown or not tasks.may_draw():
                    yield WAIT
                else:
                    yield from self._bake(model, take)
                    shown = True
        except (HeadError, ReferenceError):  # deleted, or changed: the end of the solve says so
            return

    def head_steps(self, *, wanted: Callable[[], bool] = lambda: True) -> Generator[object, None, HeadName]:
        """Return the head, added in steps where there was none, as soon as it is wanted; called again, it goes on.

        Raises:
            HeadError: it cannot be added.
        """
        self._wanted = wanted
        if self._head is None and self._adding is None:
            options = self._request.options
            request = HeadRequest(str(options["head"]), str(options["eyelids"] or ""))
            self._selection = selection_of(self._task.scene_name)
            self._adding = added_head(self._task.scene_name, request, wanted=lambda: self._wanted())
        while self._head is None:
            try:
                yield next(self._adding)
            except StopIteration as done:
                self._head = done.value
                tasks.push_undo("Add Head")  # else undoing something else takes it away
            except HeadError:
                self._adding = None
                raise
        return self._head

    def put_back(self) -> None:
        """Let the head stand as it did before; one that was added for the solve goes."""
        if self._adding is not None:
            self._adding.close()
        if self._request.head is None:
            head_object = self._head.find() if self._head is not None else None
            if head_object is not None:
                remove_head(head_object)
            if self._selection is not None:
                self._selection.put_back()
            self._standing = None
        if self._standing is not None:
            put_back(self._standing)
        action = bpy.data.actions.get(self.action_name)
        if action is not None:
            remove_action(action)
        self.action_name = ""

    def close(self) -> None:
        """Let the playhead be where it was, and go no further."""
        if self._adding is not None:
            self._adding.close()
        scene = bpy.data.scenes.get(self._task.scene_name)
        if scene is not None and self._scene_frame is not None:
            scene.frame_current = self._scene_frame
        self._scene_frame = None

    def _bake(self, model: Head, take: Take) -> Steps:
        """Let the head play this take, by a new action in place of the one that it plays."""
        head_object = self._head.find()
        if head_object is None:
            raise HeadError("The head was deleted")
        placed, start = self._placed(take)
        name = self._request.chosen.footage.path.stem
        options = dict(identity="keep", parts=self._request.bake.keys, corrections=False)
        action = yield from bake_steps(
            head_object, model, placed, scene_frame_start=start, action_name=name, **options
        )
        self.action_name = take_place_of(self.action_name, action)
        self._follow(start + len(placed) - 1)

    def _placed(self, take: Take) -> tuple[Take, int]:
        """Return what is baked now, and from which scene frame on: a rate that is to be set is set at the end."""
        scene, settings = bpy.data.scenes.get(self._task.scene_name), self._request.bake
        frame_map = self._request.chosen.footage.frame_map
        if scene is None:
            return take, settings.scene_frame_start
        timing = "set" if settings.timing == 'set' and frame_map is None else "resample"
        start = settings.scene_frame_start
        return time_take(take, timing=timing, scene_fps=scene_fps(scene), frame_map=frame_map, scene_frame_start=start)

    def _follow(self, scene_frame: int) -> None:
        scene = bpy.data.scenes.get(self._task.scene_name)
        if scene is None or not scene.smirk.follow or _is_playing():
            return
        if self._scene_frame is None:
            self._scene_frame = scene.frame_current
        scene.frame_current = scene_frame


def _extended(take: Take | None, part: Take) -> Take:
    """Return a take with a part behind it; without landmarks, which baking does not need and which would be large."""
    names = [name for name in FRAME_ARRAYS if name != "landmarks"]
    if take is not None:
        arrays = {name: np.concatenate([getattr(take, name), getattr(part, name)]) for name in names}
        arrays["landmarks"] = no_landmarks(len(take) + len(part))
        return replace(part, **arrays, **dict.fromkeys(OPTIONAL_ARRAYS), first_frame=take.first_frame)
    return replace(part, landmarks=no_landmarks(len(part)), **dict.fromkeys(OPTIONAL_ARRAYS))


def _is_playing() -> bool:
    return any(window.screen.is_animation_playing for window in bpy.context.window_manager.windows)

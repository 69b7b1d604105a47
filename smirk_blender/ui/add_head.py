"""Adding a head while the window lives on: read and prepared in a thread, built in steps, placed where it is seen."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import bpy
from bpy.types import Object, Scene, ViewLayer

from ..errors import HeadError
from ..rig.clearance import stand_clear
from ..rig.eyelid_order import set_eyelid_order
from ..rig.head_object import NUM_EXPRESSION_KEYS, NUM_IDENTITY_KEYS, build_steps
from ..rig.memory import armature_of, has_armature
from ..rig.models import open_model, remember_model
from ..rig.prepared_head import PreparedHead, prepare_head
from ..rig.standing import HeadName, name_of, remove_head
from .tasks import WAIT, Outcome, Steps, Task, elsewhere, unless_cancelled


@dataclass(frozen=True)
class HeadRequest:
    """Which head is added, and how; the fields mean what they do in `build_head`.

    Attributes:
        path: "builtin" or a FLAME model file.
        eyelid_folder: with SMIRK's eyelid shapes; "" for the model's own.
        lids: 'clear', 'exact' or 'after', as the panel has it.
    """

    path: str
    eyelid_folder: str = ""
    num_shape: int = NUM_IDENTITY_KEYS
    num_expression: int = NUM_EXPRESSION_KEYS
    pose_keys: str = 'keyed'
    lids: str = 'clear'
    armature: bool = True

    def check(self) -> None:
        """Raise HeadError where options contradict each other."""
        if not self.armature and (self.pose_keys == 'driven' or self.lids == 'after'):
            raise HeadError(
                "Driven pose keys and eyelids after posing need an armature. Switch it on, or choose others"
            )

    def prepare(self) -> PreparedHead:
        """Read the model and make everything ready that needs no Blender."""
        return prepare_head(
            open_model(self.path, self.eyelid_folder),
            num_shape=self.num_shape,
            num_expression=self.num_expression,
            armature=self.armature,
            clear_lids=self.lids == 'clear',
        )


def added_head(
    scene_name: str, request: HeadRequest, *, wanted: Callable[[], bool] = lambda: True
) -> Generator[object, None, HeadName]:
    """Add a head to a scene in steps; it becomes the active object, and is seen. Return its name.

    Args:
        scene_name: of the scene.
        request: which head.
        wanted: whether it is to be built now; until then it is only made ready.
    Raises:
        HeadError: the model cannot be read, or the scene or the head was deleted meanwhile.
    """
    request.check()
    prepared = yield from elsewhere(request.prepare)
    while not wanted():
        yield WAIT
    view_layer = _view_layer(_scene(scene_name))
    collection = view_layer.active_layer_collection.collection
    head_object = yield from build_steps(prepared, pose_keys=request.pose_keys, collection=collection)
    try:
        scene = _scene(scene_name)
        if request.lids == 'after':
            set_eyelid_order(head_object, 'after')
    except HeadError:
        remove_head(head_object)
        raise
    remember_model(head_object, request.path, request.eyelid_folder)
    view_layer = _view_layer(scene)
    _bring_into(head_object, view_layer)
    stand_clear(head_object, view_layer)
    active = view_layer.objects.active
    if active is None or active.mode == 'OBJECT':  # nobody is at work on something else
        for thing in view_layer.objects.selected:
            thing.select_set(False, view_layer=view_layer)
        head_object.select_set(True, view_layer=view_layer)
        view_layer.objects.active = head_object
        _look_at_it(scene_name)
    return name_of(head_object)


@dataclass(frozen=True)
class Selection:
    """What was selected in a scene, and what was active, by name; "" where nothing was."""

    scene_name: str
    selected: tuple[str, ...]
    active: str

    def put_back(self) -> None:
        scene = bpy.data.scenes.get(self.scene_name)
        if scene is None:
            return
        view_layer = _view_layer(scene)
        for name in self.selected:
            if name in view_layer.objects:
                view_layer.objects[name].select_set(True, view_layer=view_layer)
        if view_layer.objects.active is None and self.active in view_layer.objects:
            view_layer.objects.active = view_layer.objects[self.active]


def selection_of(scene_name: str) -> Selection:
    scene = bpy.data.scenes.get(scene_name)
    if scene is None:
        return Selection(scene_name, (), "")
    view_layer = _view_layer(scene)
    active = view_layer.objects.active
    return Selection(scene_name, tuple(thing.name for thing in view_layer.objects.selected), active.name if active else "")


class AddHeadTask(Task):
    """Adds a head."""

    def __init__(self, scene: Scene, request: HeadRequest) -> None:
        super().__init__("Adding a head", scene.name)
        self._request = request

    def steps(self) -> Steps:
        self.text = "Making the head"
        head = yield from unless_cancelled(self, added_head(self.scene_name, self._request))
        if head is None:
            self.outcome = Outcome("cancelled", "No head was added")
        else:
            self.outcome = Outcome("done", f"Added {head.object_name}", changed=True)


def _scene(scene_name: str) -> Scene:
    scene = bpy.data.scenes.get(scene_name)
    if scene is None:
        raise HeadError(f"The scene {scene_name} was deleted before the head was added. Add it to another")
    return scene


def _view_layer(scene: Scene) -> ViewLayer:
    """Return the view layer in which the user sees a scene, its first where no window shows it."""
    seen = [window.view_layer for window in bpy.context.window_manager.windows if window.scene == scene]
    return (seen or scene.view_layers)[0]


def _bring_into(head_object: Object, view_layer: ViewLayer) -> None:
    """Put a head where a view layer has it, if its collection was excluded or deleted while it was built."""
    rig = [armature_of(head_object)] if has_armature(head_object) else []
    view_layer.update()  # else it knows nothing of new objects
    for thing in (head_object, *rig):
        if thing.name not in view_layer.objects:
            view_layer.layer_collection.collection.objects.link(thing)
            view_layer.update()


def _look_at_it(scene_name: str) -> None:
    """Turn every 3D viewport of a scene that looks through no camera to what is selected, from its front."""
    for window in bpy.context.window_manager.windows:
        if window.scene.name != scene_name or bpy.app.background:
            continue
        for area in window.screen.areas:
            if area.type != 'VIEW_3D' or area.spaces.active.region_3d.view_perspective == 'CAMERA':
                continue
            region = next(region for region in area.regions if region.type == 'WINDOW')
            with bpy.context.temp_override(window=window, area=area, region=region):
                bpy.ops.view3d.view_axis(type='FRONT')
                bpy.ops.view3d.view_selected()

"""The Bake panel: a take onto the head, as the panel says; in slices from the panel, at once from a script."""

import json
from dataclasses import asdict, dataclass, fields

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Operator, Panel, UILayout

from ..errors import TakeError
from ..rig import compat
from ..rig.standing import name_of
from ..rig.strips import scene_fps
from .footage import ChosenFootage
from .properties import KEYS, BakeOptions
from .sidebar import HeadOperator, SequencerPanel, View3DPanel, target_head
from .task_operator import TaskOperator
from .tasks import Task
from .text import draw_text

SAME_FPS = 1e-3  # frames per second


@dataclass(frozen=True)
class BakeSettings:
    """The panel's settings at the moment of the click; names and values as in `BakeOptions`."""

    keys: frozenset[str]
    identity: str
    head_motion: str
    shot: str
    focal_mm: float
    timing: str
    scene_frame_start: int
    bake_as: str
    fewer_keys: bool
    key_tolerance_mm: float
    fit_range: bool

    @property
    def tolerance_mm(self) -> float | None:
        """What `bake_take` calls so."""
        return self.key_tolerance_mm if self.fewer_keys else None

    @classmethod
    def of(cls, options: BakeOptions) -> "BakeSettings":
        values = {item.name: getattr(options, item.name) for item in fields(cls)}
        return cls(**values | {"keys": frozenset(values["keys"])})

    def to_text(self) -> str:
        return json.dumps(asdict(self) | {"keys": sorted(self.keys)})

    @classmethod
    def from_text(cls, text: str) -> "BakeSettings":
        values = json.loads(text)
        return cls(**values | {"keys": frozenset(values["keys"])})


class SMIRK_OT_bake_take(BakeOptions, TaskOperator, HeadOperator, Operator):
    bl_idname = "smirk.bake_take"
    bl_label = "Bake Take"
    bl_description = "Write the active take onto the head as a new action"

    filepath: StringProperty(
        name="Take",
        description="The take's file; the list's active take where left empty",
        subtype='FILE_PATH',
        options=compat.RELATIVE_PATH,
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Bake as the panel says."""
        for item in fields(BakeSettings):
            setattr(self, item.name, getattr(context.scene.smirk.bake, item.name))
        return super().invoke(context, event)

    def make_task(self, context: Context) -> Task:
        from .bake_task import BakeTask  # enabling the add-on does without

        path, chosen, item = bpy.path.abspath(self.filepath), None, context.scene.smirk.active_take()
        if not path:
            if item is None:
                raise TakeError("Solve a video or open a take first")
            path, chosen = bpy.path.abspath(item.path), ChosenFootage.from_text(item.footage)
        return BakeTask(context.scene, path, chosen, name_of(target_head(context)), BakeSettings.of(self))


def draw_bake(layout: UILayout, context: Context) -> None:
    settings, item = context.scene.smirk.bake, context.scene.smirk.active_take()
    column = layout.column(align=True)
    for row_of_keys in (KEYS[:3], KEYS[3:]):
        row = column.row(align=True)
        for key, _, _ in row_of_keys:
            row.prop_enum(settings, "keys", key)
    column = layout.column()
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(settings, "bake_as")
    column.prop(settings, "scene_frame_start")
    column.prop(settings, "timing")
    if item is not None:
        draw_rate(column, context, item.fps)
    row = column.row(heading="Fewer Keys")
    row.prop(settings, "fewer_keys", text="")
    tolerance = row.row()
    tolerance.active = settings.fewer_keys
    tolerance.prop(settings, "key_tolerance_mm", text="mm")
    column.prop(settings, "fit_range")
    column.prop(settings, "identity")
    column.prop(settings, "head_motion")
    column.prop(settings, "shot")
    if settings.shot == 'PERSP':
        column.prop(settings, "focal_mm")
    row = layout.row()
    row.scale_y = 1.3
    row.enabled = item is not None
    row.operator("smirk.bake_take", icon='ACTION')


def draw_rate(layout: UILayout, context: Context, fps: float) -> None:
    """Say before the click what becomes of the scene's rate, where the footage has another."""
    now = float(scene_fps(context.scene))
    if not fps or abs(now - fps) < SAME_FPS:
        return
    does = "the scene will change" if context.scene.smirk.bake.timing == 'set' else "the take will be resampled"
    draw_text(layout, context, f"Footage {fps:.5g} fps, scene {now:.5g}: {does} (see Bake)", icon='INFO')


class SMIRK_PT_bake(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_bake"
    bl_label = "Bake"

    def draw(self, context: Context) -> None:
        draw_bake(self.layout, context)


class SMIRK_PT_sequencer_bake(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_bake"
    bl_label = "Bake"

    def draw(self, context: Context) -> None:
        draw_bake(self.layout, context)


classes = (SMIRK_OT_bake_take, SMIRK_PT_bake, SMIRK_PT_sequencer_bake)
register, unregister = bpy.utils.register_classes_factory(classes)

"""Look at a take: over its footage, behind the head, to the footage's sound, and as a video beside it."""

from dataclasses import dataclass, replace
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.props import EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty
from bpy.types import Context, Event, Object, Operator, Panel, PropertyGroup, Scene, UILayout
from bpy_extras.io_utils import ExportHelper

from .. import rig
from ..errors import SmirkError, TakeError, VideoError
from ..flame import BUILTIN_HEAD
from ..rig import compat
from ..rig.memory import EYELID_FOLDER, MODEL_PATH
from ..rig.strips import file_footage, scene_fps
from ..take import load_take
from . import overlay
from .footage import IMAGE_SUFFIXES, ChosenFootage
from .outcome import report
from .preview_job import PreviewRequest, PreviewTask
from .sidebar import SequencerPanel, View3DPanel, target_head
from .task_operator import TaskOperator
from .tasks import Task
from .text import draw_text

SUFFIX = "_preview.mp4"
PATH_OPTIONS = {'SKIP_SAVE', *compat.RELATIVE_PATH}
STAGE_CAMERA = "smirk_stage"  # custom property of a camera that shows the head beside its footage
STYLE = dict(name="Style", description="What lies over the footage", items=overlay.STYLES)
OPACITY = dict(
    name="Opacity",
    description="How much the overlay covers the footage",
    default=overlay.DEFAULT_OPACITY,
    min=0.0,
    max=1.0,
    subtype='FACTOR',
)


class SMIRK_PG_overlay(PropertyGroup):
    """How the overlay looks; whether it is shown is no property, since it is not in the .blend."""

    def _look(self, context: Context) -> None:
        overlay.set_look(style=self.style, opacity=self.opacity)

    style: EnumProperty(**STYLE, update=_look)
    opacity: FloatProperty(**OPACITY, update=_look)


@dataclass(frozen=True)
class Subject:
    """A take to look at.

    Attributes:
        take_path: its file.
        chosen: what it was solved from; None where nobody knows and it need not be known.
        head, eyelids: the model that it was solved on, as `open_head` takes them; "" where nobody knows.
        scene_frame_start: scene frame of its first row, where no strip says.
    """

    take_path: str
    chosen: ChosenFootage | None
    head: str
    eyelids: str
    scene_frame_start: int


class OfTake:
    """Options of an operator on a take: the list's active one where they are left out."""

    take_path: StringProperty(name="Take", description="The take", subtype='FILE_PATH', options=PATH_OPTIONS)
    video_path: StringProperty(
        name="Footage", description="What the take was solved from", subtype='FILE_PATH', options=PATH_OPTIONS
    )
    head: StringProperty(
        name="Head",
        description="The model that the take was solved on: builtin, or a FLAME model's file",
        options={'SKIP_SAVE'},
    )
    eyelids: StringProperty(
        name="Eyelids", description="The folder with SMIRK's eyelid shapes", subtype='DIR_PATH', options=PATH_OPTIONS
    )
    scene_frame_start: IntProperty(
        name="Start Frame", description="Scene frame of the take's first frame", default=1, options={'SKIP_SAVE'}
    )

    def subject(self, context: Context, *, needs_footage: bool = True) -> Subject:
        """Return the take that is meant.

        Raises:
            TakeError: there is none.
            VideoError: nobody knows its footage, or it is not where it was.
        """
        item = context.scene.smirk.active_take()
        if not self.take_path and item is None:
            raise TakeError("Solve a video or open a take first")
        path = bpy.path.abspath(self.take_path or item.path)
        if not Path(path).is_file():
            raise TakeError(f"No take at {path}. Solve the video again, or open another")
        chosen = None if self.take_path else ChosenFootage.from_text(item.footage)
        if self.video_path:
            chosen = ChosenFootage(file_footage(bpy.path.abspath(self.video_path)), float(scene_fps(context.scene)))
        if chosen is None and needs_footage:
            chosen = _footage_beside(context, path)
        if needs_footage and chosen.footage.kind == "movie" and not chosen.footage.path.is_file():  # was moved
            moved = _footage_beside(context, path).footage.path
            chosen = replace(chosen, footage=replace(chosen.footage, path=moved))
        if needs_footage and not chosen.footage.path.is_file():
            raise VideoError(f"No video at {chosen.footage.path}. Put it back, or choose it as footage")
        head_object = target_head(context)
        head, eyelids = self.head, self.eyelids
        if not head and head_object is not None:
            head, eyelids = head_object.data.get(MODEL_PATH, ""), head_object.data.get(EYELID_FOLDER, "")
        head = bpy.path.abspath(head) if head and head != BUILTIN_HEAD else head
        start = self.scene_frame_start if self.take_path else context.scene.smirk.bake.scene_frame_start
        return Subject(path, chosen, head, bpy.path.abspath(eyelids), start)


def _footage_beside(context: Context, take_path: str) -> ChosenFootage:
    """Return the footage of a take that was opened from a file: the chosen one, or what lies beside it.

    Raises:
        VideoError: neither has the name that the take knows.
    """
    take = load_take(take_path)
    name = take.source.name
    chosen = bpy.path.abspath(context.scene.smirk.footage_path)
    for path in (Path(chosen), Path(take_path).parent / name):
        if path.name == name and path.is_file():
            is_sequence = not take.is_still and path.suffix.lower() in IMAGE_SUFFIXES
            return ChosenFootage(file_footage(path, sequence=is_sequence), float(take.fps))
    raise VideoError(f"The take was solved from {name}. Choose that as footage, to see it")


class SMIRK_OT_show_overlay(OfTake, TaskOperator, Operator):
    bl_idname = "smirk.show_overlay"
    bl_label = "Show Overlay"
    bl_description = "Draw the take over its footage as it was solved, in every editor that shows it"

    style: EnumProperty(**STYLE)
    opacity: FloatProperty(**OPACITY)

    def invoke(self, context: Context, event: Event) -> set[str]:
        look = context.scene.smirk_overlay
        self.style, self.opacity = look.style, look.opacity
        return super().invoke(context, event)

    def make_task(self, context: Context) -> Task:
        from .overlay_task import ShowOverlayTask  # enabling the add-on does without

        return ShowOverlayTask(context.scene, self.subject(context, needs_footage=False), self.style, self.opacity)


class SMIRK_OT_hide_overlay(Operator):
    bl_idname = "smirk.hide_overlay"
    bl_label = "Hide Overlay"
    bl_description = "Draw the footage without the take"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if overlay.state() is None:
            cls.poll_message_set("No overlay is shown")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        overlay.hide()
        return {'FINISHED'}


class SMIRK_OT_show_footage(OfTake, Operator):
    bl_idname = "smirk.show_footage"
    bl_label = "Show Footage"
    bl_description = "Show the take's footage beside the head in the camera's picture, and hear it"
    bl_options = {'REGISTER', 'UNDO'}

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._show(context))

    def _show(self, context: Context) -> str:
        scene, subject = context.scene, self.subject(context)
        frame_map = subject.chosen.frame_map(scene, load_take(subject.take_path), subject.scene_frame_start)
        footage = replace(subject.chosen.footage, frame_map=frame_map)
        matched = scene.smirk.bake.shot != 'none' and scene.camera is not None
        camera = scene.camera if matched else _stage_camera(scene, target_head(context))
        sentences = rig.show_footage(scene, footage, camera=camera, beside=not matched)
        scene.sync_mode = 'AUDIO_SYNC'
        rig.show_camera_view(scene)
        return ". ".join((f"Added {footage.name}", *sentences))


def _stage_camera(scene: Scene, head_object: Object | None) -> Object:
    """Return a camera with the head in the right half of its picture, the scene's from now on; other cameras stay."""
    if scene.camera is None or STAGE_CAMERA not in scene.camera:
        rig.set_stage(scene, head_object)[STAGE_CAMERA] = True
    return scene.camera


class SMIRK_OT_render_preview(OfTake, TaskOperator, Operator, ExportHelper):
    bl_idname = "smirk.render_preview"
    bl_label = "Render Preview Video"
    bl_description = "Make a video of the footage, the head over it, and the head alone, with sound; cleaned as the take says"

    filename_ext = ".mp4"
    filter_glob: StringProperty(default="*.mp4", options={'HIDDEN'})

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.clicked = True
        item = context.scene.smirk.active_take()
        if item is not None and not self.filepath:
            self.filepath = str(default_path(bpy.path.abspath(item.path)))
        return ExportHelper.invoke(self, context, event)

    def make_task(self, context: Context) -> Task:
        if not self.filepath:
            raise SmirkError("No name for the preview. Choose a file that ends in .mp4")
        subject = self.subject(context)
        request = PreviewRequest(
            take_path=subject.take_path,
            video_path=str(subject.chosen.footage.path),
            out_path=str(Path(bpy.path.abspath(self.filepath)).absolute()),
            head=subject.head or BUILTIN_HEAD,
            eyelids=subject.eyelids,
            footage=subject.chosen.options(),
        )
        return PreviewTask(context.scene, request)


def default_path(take_path: str) -> Path:
    """Return where a preview goes if nobody says: beside the .blend, or beside the take."""
    name = Path(take_path).name.removesuffix(".npz").removesuffix(".take") or "take"
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path(take_path).parent
    return folder / f"{name}{SUFFIX}"


def draw_preview(layout: UILayout, context: Context) -> None:
    """Lay out footage, sound, overlay and the preview video, of the active take."""
    look, heard = context.scene.smirk_overlay, heard_scene(context)
    has_take = context.scene.smirk.active_take() is not None
    row = layout.row(align=True)
    row.enabled = has_take
    row.operator("smirk.show_footage", icon='FILE_MOVIE')
    row.prop(heard, "use_audio", text="", icon='SPEAKER' if heard.use_audio else 'MUTE_IPO_ON', toggle=True)
    column = layout.column(align=True)
    if overlay.state() is None:
        column.enabled = has_take
        column.operator("smirk.show_overlay", icon='OVERLAY')
    else:
        column.operator("smirk.hide_overlay", icon='OVERLAY', depress=True)
        column.row(align=True).prop(look, "style", expand=True)
        column.prop(look, "opacity", slider=True)
    row = layout.row()
    row.enabled = has_take
    row.operator("smirk.render_preview", icon='RENDER_ANIMATION')
    if has_take and context.scene.smirk.active_take().clean_up.enabled:
        draw_text(layout, context, "The overlay shows the take as solved, the video as cleaned", icon='INFO')


def heard_scene(context: Context) -> Scene:
    """Return the scene whose strips are heard; from 5.0 on, a workspace may play another one's."""
    return getattr(context.workspace, "sequencer_scene", None) or context.scene


class SMIRK_PT_preview(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_preview"
    bl_label = "Preview"

    def draw(self, context: Context) -> None:
        draw_preview(self.layout, context)


class SMIRK_PT_sequencer_preview(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_preview"
    bl_label = "Preview"

    def draw(self, context: Context) -> None:
        draw_preview(self.layout, context)


classes = (
    SMIRK_PG_overlay,
    SMIRK_OT_show_overlay,
    SMIRK_OT_hide_overlay,
    SMIRK_OT_show_footage,
    SMIRK_OT_render_preview,
    SMIRK_PT_preview,
    SMIRK_PT_sequencer_preview,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


@persistent
def _file_is_left(*_: object) -> None:
    overlay.hide()


def register() -> None:
    _register_classes()
    Scene.smirk_overlay = PointerProperty(name="Overlay", description="How the overlay looks", type=SMIRK_PG_overlay)
    bpy.app.handlers.load_pre.append(_file_is_left)


def unregister() -> None:
    bpy.app.handlers.load_pre.remove(_file_is_left)
    overlay.hide()
    del Scene.smirk_overlay
    _unregister_classes()

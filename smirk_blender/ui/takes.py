"""The takes of a scene: a list, and what becomes of their files."""

import glob
import os
import shutil
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
from bpy.app.handlers import persistent
from bpy.props import StringProperty
from bpy.types import Context, Operator, Panel, Scene, UILayout, UIList
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..errors import TakeError
from ..take import Take, load_take, save_clean_up
from . import preferences
from .outcome import report
from .properties import SMIRK_PG_take
from .sidebar import SequencerPanel, View3DPanel

SUFFIX = ".take.npz"
FILES = f"*{SUFFIX}"
LOW_CONFIDENCE = 0.5  # below it the list warns
TAKES_FOLDER = "takes"  # beside a saved .blend


def add_take(scene: Scene, path: str, take: Take, footage: str = "") -> SMIRK_PG_take:
    """Put a take into the scene's list, or its new facts where its file is listed already; it becomes active.

    Args:
        footage: what it was solved from, as JSON; what is known already where left out.
    """
    takes, path = scene.smirk.takes, _normal(path)
    same = [number for number, item in enumerate(takes) if _normal(item.path) == path]
    index = same[0] if same else len(takes)
    for number in reversed(same[1:]):
        takes.remove(number)
    item = takes[index] if same else takes.add()
    item.path = _seen_from(bpy.data.filepath, path)
    item.name, item.footage = Path(path).name.removesuffix(SUFFIX), footage or item.footage
    item.num_frames, item.num_gaps = len(take), int(take.gap.sum())
    item.confidence = float(take.confidence[~take.gap].mean()) if not take.gap.all() else 0.0
    item.fps, item.solver, item.head = float(take.fps), take.solver, take.models.get("head", "")
    item.first_frame, item.refined = take.first_frame, take.refined_expression is not None
    item.has_landmarks = bool(np.isfinite(take.landmarks).any())
    item.file_settings = item.trouble = ""
    if item.clean_up.wanted() != take.clean_up:
        item.clean_up.show(take.clean_up)
    scene.smirk.take_index = index
    return item


def take_at(scene_name: str, path: str) -> SMIRK_PG_take | None:
    """Return a scene's take that lies in a file; None where the scene is gone, or has none."""
    scene = bpy.data.scenes.get(scene_name)
    takes = scene.smirk.takes if scene is not None and path else ()
    return next((item for item in takes if _normal(item.path) == _normal(path)), None)


def new_take_path(name: str) -> Path:
    """Return where a new take goes: beside the .blend where that was saved, under a name that no file has."""
    saved = bpy.data.filepath
    folder = Path(saved).parent / TAKES_FOLDER if saved else preferences.takes_folder()
    path, number = folder / f"{name}{SUFFIX}", 2
    while path.exists() or list(folder.glob(f"{glob.escape(path.name.removesuffix(SUFFIX))}_face*{SUFFIX}")):
        path = folder / f"{name}_{number:02d}{SUFFIX}"
        number += 1
    return path


def absolute_path(item: SMIRK_PG_take) -> str:
    return _normal(item.path)


def _normal(path: str) -> str:
    """Return a path by which a file is known, whether it was relative to the .blend or not."""
    return os.path.abspath(bpy.path.abspath(path))


def _seen_from(blend_path: str, path: str) -> str:
    """Return an absolute path as a .blend has it: from there where it lies beside it; "" is a .blend never saved."""
    folder = os.path.dirname(blend_path)
    return bpy.path.relpath(path, start=folder) if blend_path and Path(path).is_relative_to(folder) else path


def _move_paths(old: str, new: str) -> None:
    """Let what is remembered from one .blend be found from another, as Blender does with paths of its own."""
    for scene in bpy.data.scenes:
        settings = scene.smirk
        for item in settings.takes:
            item.path = _seen_from(new, bpy.path.abspath(item.path, start=os.path.dirname(old)))
        if settings.footage_path.startswith("//") and old:
            settings.footage_path = _seen_from(new, bpy.path.abspath(settings.footage_path, start=os.path.dirname(old)))


@persistent
def _will_save(path: str, *_: object) -> None:
    _move_paths(bpy.data.filepath, path)


@persistent
def _has_saved(path: str, *_: object) -> None:
    if path != bpy.data.filepath:  # a copy
        _move_paths(path, bpy.data.filepath)


@persistent
def _could_not_save(path: str, *_: object) -> None:
    _move_paths(path, bpy.data.filepath)


class TakeOperator:
    """An operator on the active take."""

    bl_options = {'UNDO'}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.scene.smirk.active_take() is None:
            cls.poll_message_set("Solve a video or open a take first")
            return False
        return True


class SMIRK_OT_open_take(Operator, ImportHelper):
    bl_idname = "smirk.open_take"
    bl_label = "Open Take"
    bl_description = "Put a take's file into the list"
    bl_options = {'UNDO'}

    filter_glob: StringProperty(default="*.npz", options={'HIDDEN'})

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._open(context))

    def _open(self, context: Context) -> str:
        path = bpy.path.abspath(self.filepath)
        item = add_take(context.scene, path, load_take(path))
        return f"Opened {item.name}: {item.num_frames} frames"


class SMIRK_OT_save_take_as(TakeOperator, Operator, ExportHelper):
    bl_idname = "smirk.save_take_as"
    bl_label = "Save Take As"
    bl_description = "Copy the active take's file; the list names the copy from then on"

    filename_ext = SUFFIX
    filter_glob: StringProperty(default=FILES, options={'HIDDEN'})
    check_extension = None  # ours has two dots, which Blender's check would cut

    def invoke(self, context: Context, event) -> set[str]:
        self.filepath = bpy.path.abspath(context.scene.smirk.active_take().path)
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._save(context))

    def _save(self, context: Context) -> str:
        item = context.scene.smirk.active_take()
        source, path = bpy.path.abspath(item.path), bpy.path.abspath(self.filepath)
        if not path.endswith(".npz"):
            path += SUFFIX
        take, clean_up = load_take(source), item.clean_up.wanted()  # nothing but a take is copied
        if Path(source) != Path(path):
            partial = f"{path}.part"
            try:
                shutil.copyfile(source, partial)
                os.replace(partial, path)  # whole or not at all
            except OSError as error:
                Path(partial).unlink(missing_ok=True)
                raise TakeError(
                    f"Cannot write the take {path}: {error.strerror or error}. Choose a folder that you may write to"
                ) from error
        if take.clean_up != clean_up:  # set since the last bake
            save_clean_up(path, clean_up)
        footage, item.path = item.footage, path
        item = add_take(context.scene, path, replace(take, clean_up=clean_up), footage)
        return f"Saved {path}"


class SMIRK_OT_remove_take(TakeOperator, Operator):
    bl_idname = "smirk.remove_take"
    bl_label = "Remove Take"
    bl_description = "Take the active take off the list; its file stays, and so do its actions"

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.smirk
        name, path = settings.active_take().name, settings.active_take().path
        settings.takes.remove(settings.take_index)
        settings.take_index = max(0, min(settings.take_index, len(settings.takes) - 1))
        self.report({'INFO'}, f"Removed {name} from the list; its file is {bpy.path.abspath(path)}")
        return {'FINISHED'}


class SMIRK_UL_takes(UIList):
    """Name, length, and what to look at."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        row = layout.row(align=True)
        row.prop(item, "name", text="", emboss=False, icon='ACTION')
        facts = row.row(align=True)
        facts.alignment = 'RIGHT'
        facts.label(text=str(item.num_frames))
        if item.num_gaps or item.confidence < LOW_CONFIDENCE:
            facts.label(text="", icon='ERROR')


def draw_takes(layout: UILayout, context: Context) -> None:
    settings = context.scene.smirk
    row = layout.row()
    row.template_list("SMIRK_UL_takes", "", settings, "takes", settings, "take_index", rows=3)
    buttons = row.column(align=True)
    buttons.operator("smirk.open_take", text="", icon='FILE_FOLDER')
    buttons.operator("smirk.save_take_as", text="", icon='FILE_TICK')
    buttons.operator("smirk.remove_take", text="", icon='REMOVE')
    row = layout.row(align=True)
    row.operator("smirk.import_live_link", text="Import CSV", icon='IMPORT')
    row.operator("smirk.export_live_link", text="Export CSV", icon='EXPORT')
    item = settings.active_take()
    if item is None:
        return
    column = layout.column(align=True)
    column.scale_y = 0.8
    gaps = f"{item.num_gaps} without a face" if item.num_gaps else "a face in every one"
    column.label(text=f"{item.num_frames} frames, {gaps}", icon='ERROR' if item.num_gaps else 'CHECKMARK')
    low = item.confidence < LOW_CONFIDENCE
    column.label(text=f"Confidence {item.confidence:.2f}", icon='ERROR' if low else 'CHECKMARK')
    column.label(text=f"{item.fps:.5g} fps, {item.solver}, {item.head}", icon='INFO')


class SMIRK_PT_take(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_take"
    bl_label = "Take"

    def draw(self, context: Context) -> None:
        draw_takes(self.layout, context)


class SMIRK_PT_sequencer_take(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_take"
    bl_label = "Take"

    def draw(self, context: Context) -> None:
        draw_takes(self.layout, context)


classes = (
    SMIRK_OT_open_take,
    SMIRK_OT_save_take_as,
    SMIRK_OT_remove_take,
    SMIRK_UL_takes,
    SMIRK_PT_take,
    SMIRK_PT_sequencer_take,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)
_handlers = {"save_pre": _will_save, "save_post": _has_saved, "save_post_fail": _could_not_save}


def register() -> None:
    _register_classes()
    for name, function in _handlers.items():
        getattr(bpy.app.handlers, name).append(function)


def unregister() -> None:
    for name, function in _handlers.items():
        getattr(bpy.app.handlers, name).remove(function)
    _unregister_classes()

"""The folders in the preferences: where takes and passing files go, how much they take up, and how to clear them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import Context, Operator, UILayout

from ..errors import SmirkError
from ..models.catalog import size_text
from . import jobs, tasks
from .preferences import CACHE_KINDS, PATHS, SMIRK_AP_preferences, cache_folder, preferences, sections, takes_folder
from .text import draw_text


@dataclass
class Measured:
    """The cache's size when it was last looked at, and the folder that was; None before."""

    folder: Path | None = None
    size_bytes: int = 0


_measured = Measured()


def cache_size() -> int:
    """Return the bytes in the cache's own folders."""
    sizes = 0
    for kind in CACHE_KINDS:
        for folder, _, names in os.walk(cache_folder(kind)):
            sizes += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    return sizes


def clear_cache() -> int:
    """Remove the cache's own folders and return the bytes that they took up.

    Raises:
        SmirkError: something that is to stay lies there, or a file cannot be removed.
    """
    folders = [cache_folder(kind) for kind in CACHE_KINDS]
    kept = [takes_folder(), *(Path(path) for name in PATHS if (path := getattr(preferences(), name)))]
    for path in kept:
        inside = next((folder for folder in folders if path.resolve().is_relative_to(folder.resolve())), None)
        if inside is not None:
            raise SmirkError(f"{path} lies in the cache, and would be removed. Move it out of {inside} first")
    size_bytes = cache_size()
    for folder in folders:
        if not folder.exists():
            continue
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise SmirkError(
                f"Cannot remove {error.filename or folder}: {error.strerror or error}. Close what uses it, then clear"
            ) from error
    return size_bytes


class SMIRK_OT_measure_cache(Operator):
    bl_idname = "smirk.measure_cache"
    bl_label = "Measure"
    bl_description = "See how much the cache takes up"
    bl_options = {'INTERNAL'}

    def execute(self, context: Context) -> set[str]:
        _measured.folder, _measured.size_bytes = cache_folder(), cache_size()
        return {'FINISHED'}


class SMIRK_OT_clear_cache(Operator):
    bl_idname = "smirk.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Remove logs, thumbnails and unfinished takes; takes and model files stay"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if jobs.are_running() or tasks.tasks():
            cls.poll_message_set("Wait for what is running, or cancel it: it writes to the cache")
            return False
        return True

    def invoke(self, context: Context, event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: Context) -> set[str]:
        try:
            size_bytes = clear_cache()
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        _measured.folder, _measured.size_bytes = cache_folder(), 0
        self.report({'INFO'}, f"Removed {size_text(size_bytes)} from {cache_folder()}")
        return {'FINISHED'}


def draw_folders(layout: UILayout, context: Context, settings: SMIRK_AP_preferences) -> None:
    layout.label(text="Folders")
    column = layout.box().column()
    column.prop(settings, "takes_folder", text="Takes", placeholder="Among Blender's data files")
    column.prop(settings, "cache_folder", text="Cache", placeholder="The add-on's own")
    row = column.row(align=True)
    row.operator("smirk.measure_cache")
    row.operator("smirk.clear_cache", icon='TRASH')
    if _measured.folder is not None:
        draw_text(column, context, f"{size_text(_measured.size_bytes)} in {_measured.folder}", icon='DISK_DRIVE')


classes = (SMIRK_OT_measure_cache, SMIRK_OT_clear_cache)


def register() -> None:
    for cls in classes:
        bpy.utils.register_class(cls)
    sections.append(draw_folders)


def unregister() -> None:
    sections.remove(draw_folders)
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)
    _measured.folder = None

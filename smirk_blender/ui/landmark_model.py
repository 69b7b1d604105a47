"""The landmark model, where the worker's MediaPipe brings none: a line above Solve that says so, and helps.

Drawing asks nobody: what is known comes from the check of the worker's Python and from solves that ended.
"""

import urllib.parse
from functools import cache

import bpy
from bpy.types import Context, UILayout

from ..capture.interpreter import mediapipe_with_models
from ..capture.packed import came_along
from ..capture.protocol import Failed
from ..errors import LANDMARK_MODEL
from ..models.catalog import files_of, size_text
from .model_files import draw_progress
from .preferences import preferences, unpacked_folders
from .text import draw_text

SETTING = "landmark_model"
HINT = "Download it above Solve, or locate it, then press Solve again"

_missing: dict[tuple[str, str], bool] = {}  # whether there is none, by the worker's Python and the model that are set


def is_missing(context: Context | None = None) -> bool:
    """Return whether a solve would end for want of a landmark model, as far as that is known."""
    known = _missing.get(_key(context))
    return _expected(*_key(context)) if known is None else known


def know(missing: bool) -> None:
    """Remember whether the Python that is set brings no models of its own."""
    python, model = _key()
    _missing[python, model] = missing and not model


def found(model: str | None) -> None:
    """Remember that something was done with this landmark model, or with MediaPipe's own for None."""
    _missing[_key()[0], model or ""] = False


def learn(failed: Failed, model: str | None) -> str:
    """Remember what a failure with this landmark model tells; return its hint, or a better one."""
    if failed.lacks != LANDMARK_MODEL:
        return failed.hint
    _missing[_key()[0], model or ""] = True
    return HINT


def draw(layout: UILayout, context: Context) -> None:
    """Draw a line, and what helps, where a landmark model is missing."""
    if not is_missing(context):
        return
    (entry,) = files_of(SETTING)
    box = layout.box()
    host = urllib.parse.urlsplit(entry.url).hostname
    text = f"MediaPipe's landmark model is missing: {size_text(entry.size_bytes)} from {host}"
    draw_text(box, context, text, icon='INFO')
    if draw_progress(box, context, SETTING):
        return
    row = box.row(align=True)
    row.operator("smirk.download_model", text="Download\u2026", icon='IMPORT').setting = SETTING
    row.operator("smirk.locate_model", text="Locate\u2026", icon='FILE_FOLDER').setting = SETTING
    if not bpy.app.online_access:
        draw_text(box, context, "To download, allow Online Access in Blender's preferences, under System")


def _key(context: Context | None = None) -> tuple[str, str]:
    settings = preferences(context)
    return settings.worker_python, settings.landmark_model


@cache
def _expected(python: str, model: str) -> bool:
    """Return whether none is to be expected: where MediaPipe came along for a Python for which it brings none."""
    return not python and not model and not mediapipe_with_models() and came_along(unpacked_folders())


def register() -> None:
    pass


def unregister() -> None:
    _missing.clear()
    _expected.cache_clear()

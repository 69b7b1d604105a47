"""Landmarks on a character, found by the worker, for the commands that wait for it."""

import tempfile
from pathlib import Path

import bpy
from bpy.types import Object

from ..capture.solving import run_worker
from ..retarget.drawable import FoundLandmarks, read_found, save_drawable
from ..rig.drawable import drawable_of
from .workers import worker_python


def find_landmarks_of(mesh_object: Object, *, python: str | None, landmark_model: str | None) -> FoundLandmarks:
    """Return the landmarks that MediaPipe finds on drawings of a character.

    Args:
        python: the worker's Python; the preferences' where left out.
        landmark_model: MediaPipe's, its absolute path; likewise.
    Raises:
        SmirkError: no face is found, or the worker fails.
    """
    from ..ui.preferences import log_file, solve_options  # other commands do without

    with tempfile.TemporaryDirectory(prefix="smirk_") as folder:
        drawn, found = Path(folder) / "drawable.npz", Path(folder) / "landmarks.npz"
        save_drawable(drawable_of(bpy.context, mesh_object), drawn)
        arguments = {"drawable_path": str(drawn), "out_path": str(found)}
        arguments["landmark_model"] = landmark_model or solve_options()["landmark_model"]
        run_worker("capture.find_landmarks", arguments, log_file("landmarks"), python=worker_python(python))
        return read_found(found)

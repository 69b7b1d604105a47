"""Landmarks on a character, found by the worker, for the commands that wait for it."""

import tempfile
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import bpy
from bpy.types import Object

from ..capture.job import Job
from ..capture.protocol import Done, Failed
from ..errors import RetargetError
from ..retarget.drawable import FoundLandmarks, read_found, save_drawable
from ..rig.drawable import drawable_of


def find_landmarks_of(mesh_object: Object, given: dict[str, str]) -> FoundLandmarks:
    """Return the landmarks that MediaPipe finds on drawings of a character.

    Args:
        given: by a preference's name, what holds in its place: worker_python, landmark_model.
    Raises:
        RetargetError: no face is found, or the worker fails.
    """
    from ..ui.preferences import NOTHING_SET, log_file, options_of, preferences, worker_of  # other commands do without

    settings = SimpleNamespace(**{name: getattr(preferences(), name) for name in NOTHING_SET} | given)
    python, site_packages = worker_of(settings)
    with tempfile.TemporaryDirectory(prefix="smirk_") as folder:
        drawn, found = Path(folder) / "drawable.npz", Path(folder) / "landmarks.npz"
        save_drawable(drawable_of(bpy.context, mesh_object), drawn)
        arguments = {"drawable_path": str(drawn), "out_path": str(found)}
        arguments["landmark_model"] = options_of(settings)["landmark_model"]
        log_path, ending = log_file("landmarks"), None
        job = Job(python, "capture.find_landmarks", arguments, log_path, site_packages=site_packages)
        with closing(job):
            for message in job.messages():
                ending = message
        if not isinstance(ending, Done):
            failed = ending if isinstance(ending, Failed) else Failed("The search for landmarks was stopped")
            raise RetargetError(". ".join(filter(None, [failed.text, failed.hint])))
        return read_found(found)

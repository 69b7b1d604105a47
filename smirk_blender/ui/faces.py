"""Who is in the footage: found by the worker, remembered in the scene."""

import shutil
import tempfile
from pathlib import Path

import bpy
from bpy.types import Context

from ..capture.job import Job
from ..capture.protocol import Done, Failed, Loading, Message, Progress, Seen
from . import landmark_model, preferences
from .footage import ChosenFootage, faces_key
from .job_steps import job_steps
from .passing import make_folder
from .properties import ALL_FACES, ONE_FACE
from .tasks import Outcome, Steps, Task


class FindFacesTask(Task):
    """Looks through the footage for everyone in it, and lists them in the scene."""

    def __init__(self, context: Context, chosen: ChosenFootage, python: str, site_packages: list[str]) -> None:
        super().__init__(f"Finding faces in {chosen.footage.name}", context.scene.name)
        self._chosen, self._key = chosen, faces_key(context)
        self._python, self._site_packages = python, site_packages
        self._landmark_model = preferences.solve_options(context)["landmark_model"]
        name = f"{chosen.footage.path.stem}_faces"
        self._prefix, self._folder = f"{name}_", None  # a folder of its own: other scenes still need theirs
        self._log_path = preferences.cache_folder("logs") / f"{name}.log"
        self._seen: list[Seen] = []
        self._ending: Message | None = None
        self._job: Job | None = None

    def steps(self) -> Steps:
        self.text = "Starting"
        cache = preferences.cache_folder("thumbnails")
        make_folder(cache)
        self._folder = Path(tempfile.mkdtemp(prefix=self._prefix, dir=cache))
        make_folder(self._log_path.parent)
        arguments = {
            "video_path": str(self._chosen.footage.path),
            "folder": str(self._folder),
            "landmark_model": self._landmark_model,
            "footage": self._chosen.options(),
        }
        self._job = Job(
            self._python, "capture.people", arguments, self._log_path, site_packages=self._site_packages
        )
        self._ending = yield from job_steps(self, self._job, self._hear)
        self.outcome = self._conclude()

    def close(self) -> None:
        if self._job is not None:
            self._job.close()
        if self._folder is not None and (self.outcome is None or self.outcome.state != "done"):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Seen):
            self._seen.append(message)
        elif isinstance(message, Loading):
            self.text = message.text
        elif isinstance(message, Progress):
            self.fraction = message.video_frame / message.num_frames if message.num_frames else None
            self.text = f"Looking at frame {message.video_frame} of {message.num_frames or '?'}"

    def _conclude(self) -> Outcome:
        log_path = str(self._log_path)
        if isinstance(self._ending, Failed):
            hint = landmark_model.learn(self._ending, self._landmark_model)
            return Outcome("failed", self._ending.text, hint, log_path, lacks=self._ending.lacks)
        if not isinstance(self._ending, Done):
            return Outcome("cancelled", f"{self.title}: cancelled", "", log_path)
        landmark_model.found(self._landmark_model)
        scene = bpy.data.scenes.get(self.scene_name)
        if scene is None:
            return Outcome("failed", f"The scene {self.scene_name} was deleted while its footage was looked through")
        settings = scene.smirk
        settings.faces.clear()
        for seen in self._seen:
            face = settings.faces.add()
            face.name = f"Face {seen.face + 1}, {_place(seen.box)}"
            face.face, face.num_frames, face.num_looked = seen.face, seen.num_frames, seen.num_looked
            face.thumbnail_path = seen.thumbnail_path
        settings.faces_of, settings.people_path = self._key, self._ending.paths[0]
        settings.face = ALL_FACES if len(self._seen) > 1 else ONE_FACE
        number = len(self._seen)
        found = "1 face" if number == 1 else f"{number} faces"
        advice = "" if number < 2 else ". Choose one under Face, or solve all"
        return Outcome("done", f"Found {found} in {self._chosen.footage.name}{advice}", "", log_path, changed=True)


def _place(box: list[float]) -> str:
    """Return where in the picture a face mostly is, in words."""
    middle = (box[0] + box[2]) / 2
    return "left" if middle < 0.4 else "right" if middle > 0.6 else "middle"

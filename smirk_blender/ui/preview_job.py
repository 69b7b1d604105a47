"""The preview video at work: the worker draws its pictures, then another Blender encodes them with the sound."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import Scene

from ..capture.job import Job
from ..capture.protocol import Done, Failed, Loading, Message, Progress
from ..flame import BUILTIN_HEAD
from .job_steps import job_steps
from .passing import new_folder
from .preferences import log_file, own_python, worker_arguments
from .tasks import Outcome, Steps, Task

STAGES = {"preview": "Drawing", "encode": "Encoding"}  # by the stage of a `Progress`
PICTURES = "pictures.avi"


@dataclass(frozen=True)
class PreviewRequest:
    """What a preview is made of.

    Attributes:
        take_path, video_path: a take, and what it was solved from.
        out_path: ends in .mp4; replaced where it exists.
        head, eyelids: the model that the take was solved on, as `open_head` takes them.
        footage: how the footage was read, the fields of `capture.footage.Footage`; None for a plain video.
    """

    take_path: str
    video_path: str
    out_path: str
    head: str = BUILTIN_HEAD
    eyelids: str = ""
    footage: dict | None = None


class PreviewTask(Task):
    """Draws and encodes a preview."""

    def __init__(self, scene: Scene, request: PreviewRequest) -> None:
        super().__init__(f"Rendering {Path(request.out_path).name}", scene.name)
        self.request = request
        self._job: Job | None = None
        self._folder: Path | None = None

    def steps(self) -> Steps:
        self.text = "Starting"
        self._log_path = log_file(f"{Path(self.request.out_path).stem}")
        self._folder = new_folder("previews", Path(self.request.out_path).stem)
        for start in (self._review, self._encode):
            self._job = start()
            last = yield from job_steps(self, self._job, self._hear)
            self._job.close()
            if not isinstance(last, Done):
                self.outcome = self._unfinished(last)
                return
        self.outcome = Outcome("done", f"Rendered {Path(self.request.out_path).name}", "", str(self._log_path))

    def close(self) -> None:
        if self._job is not None:
            self._job.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _unfinished(self, last: Message | None) -> Outcome:
        if isinstance(last, Failed):
            return Outcome("failed", last.text, last.hint, str(self._log_path))
        return Outcome("cancelled", f"{self.title}: cancelled. A video of that name stays as it was")

    def _review(self) -> Job:
        request, (python, site_packages) = self.request, worker_arguments()
        arguments = {
            "video_path": request.video_path,
            "take_path": request.take_path,
            "head": request.head,
            "eyelids": request.eyelids or None,
            "movie_path": self._in_folder(PICTURES),
            "footage": request.footage,
        }
        return Job(python, "capture.review", arguments, self._log_path, site_packages=site_packages)

    def _encode(self) -> Job:
        request = self.request
        arguments = {
            "picture_path": self._in_folder(PICTURES),
            "out_path": request.out_path,
            "take_path": request.take_path,
            "folder": str(self._folder),
            "sound_path": request.video_path if may_have_sound(request.video_path) else None,
        }
        blender, in_blender = encoding_blender()
        return Job(blender, "encode", arguments, self._log_path, in_blender=in_blender)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Loading):
            self.text, self.fraction = message.text, None
        elif isinstance(message, Progress) and message.num_frames:
            stage = STAGES.get(message.stage, message.stage.capitalize())
            self.text = f"{stage}: frame {message.video_frame} of {message.num_frames}"
            self.fraction = min(1.0, message.video_frame / message.num_frames)

    def _in_folder(self, name: str) -> str:
        return str(self._folder / name)


def encoding_blender() -> tuple[str, bool]:
    """Return what runs `encode`: this Blender, or the interpreter of the `bpy` module; and whether it is a Blender."""
    return (bpy.app.binary_path, True) if bpy.app.binary_path else (own_python(), False)


def may_have_sound(path: str) -> bool:
    """Return whether footage is a file that is not a picture."""
    return Path(path).is_file() and Path(path).suffix.lower() not in bpy.path.extensions_image

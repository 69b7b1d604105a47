"""Reading a take and its model, to draw it over its footage."""

from pathlib import Path

import bpy
import numpy as np
from bpy.types import Scene

from ..retarget.resample import video_frames_of
from ..rig.actions import scene_frames_of
from ..rig.models import open_model
from ..take import Take, load_take
from . import overlay
from .preview import Subject
from .tasks import Outcome, Steps, Task, elsewhere


class ShowOverlayTask(Task):
    """Reads a take and its model, and draws it over its footage."""

    def __init__(self, scene: Scene, subject: Subject, style: str, opacity: float) -> None:
        super().__init__("Reading the take", scene.name)
        self._subject, self._look = subject, dict(style=style, opacity=opacity)

    def steps(self) -> Steps:
        self.text, subject = "Reading", self._subject
        take = yield from elsewhere(load_take, subject.take_path)
        head = None
        if subject.head:
            head = yield from elsewhere(open_model, subject.head, subject.eyelids)
        scene = bpy.data.scenes.get(self.scene_name)
        if scene is None:
            self.outcome = Outcome("failed", f"The scene {self.scene_name} was deleted")
            return
        frames = scene_frames_over(scene, take, subject)
        path = str(subject.chosen.footage.path) if subject.chosen is not None else ""
        overlay.show(take, head, frames, footage_path=path, **self._look)
        self.outcome = Outcome("done", f"The overlay shows {Path(subject.take_path).name}")


def scene_frames_over(scene: Scene, take: Take, subject: Subject) -> np.ndarray:
    """Return on which scene frame the footage shows each of a take's rows, (T,) float64."""
    if subject.chosen is None:
        return scene_frames_of(take, subject.scene_frame_start)
    frame_map = subject.chosen.frame_map(scene, take, subject.scene_frame_start)
    return frame_map.start + frame_map.step * video_frames_of(take, frame_map.fps or float(take.fps))

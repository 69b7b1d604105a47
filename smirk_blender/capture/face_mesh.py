"""MediaPipe's 478 face landmarks, from a face_landmarker.task or from the models inside MediaPipe's older wheels."""

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import ModelError
from ..take.take import NUM_LANDMARKS

WHEEL_MODELS = "mediapipe-wheel"  # the name a take gives to the models inside the wheel


class FaceMesh(Protocol):
    """Finds one face in consecutive frames of a video.

    `name` says which models; `find` takes (H, W, 3) uint8 RGB and the frame's time and returns
    (478, 3) float32, x and y in pixels, z in the same scale (smaller is nearer), or None.
    """

    name: str

    def find(self, rgb: np.ndarray, time_s: float) -> np.ndarray | None: ...

    def close(self) -> None: ...


def open_face_mesh(task_path: str | os.PathLike | None = None) -> FaceMesh:
    """Return a face mesh in video mode: of the task file if one is named, else of the wheel's own models.

    Raises:
        ModelError: no mediapipe, no such file, or a wheel without models.
    """
    try:
        import mediapipe
    except ImportError as error:
        raise ModelError(
            f"MediaPipe cannot be imported ({error}). Install it: pip install mediapipe==0.10.21"
        ) from error
    if task_path is not None:
        return _TaskMesh(Path(task_path))
    if not hasattr(mediapipe, "solutions"):
        raise ModelError(
            f"MediaPipe {mediapipe.__version__} carries no face models. Name a face_landmarker.task file, or install mediapipe==0.10.21"
        )
    return _WheelMesh()


class _WheelMesh:
    name = WHEEL_MODELS

    def __init__(self) -> None:
        from mediapipe.python.solutions.face_mesh import FaceMesh as Solution

        # static_image_mode=False is the video mode: it tracks from frame to frame.
        self._solution = Solution(static_image_mode=False, max_num_faces=1, refine_landmarks=True)

    def find(self, rgb: np.ndarray, time_s: float) -> np.ndarray | None:
        faces = self._solution.process(rgb).multi_face_landmarks
        return _pixels(faces[0].landmark, rgb) if faces else None

    def close(self) -> None:
        self._solution.close()


class _TaskMesh:
    def __init__(self, path: Path) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        if not path.is_file():
            raise ModelError(f"No landmark model at {path}. Choose MediaPipe's face_landmarker.task")
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(
                model_asset_buffer=path.read_bytes()
            ),  # by content: Windows paths confuse MediaPipe
            running_mode=vision.RunningMode.VIDEO,
        )
        try:
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{path} is not a face landmarker model ({str(error).splitlines()[0]}). Fetch it again"
            ) from error
        self._last_ms = -1
        self.name = path.name

    def find(self, rgb: np.ndarray, time_s: float) -> np.ndarray | None:
        import mediapipe

        self._last_ms = max(round(time_s * 1000), self._last_ms + 1)  # it insists on rising whole milliseconds
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
        faces = self._landmarker.detect_for_video(image, self._last_ms).face_landmarks
        return _pixels(faces[0], rgb) if faces else None

    def close(self) -> None:
        self._landmarker.close()


def _pixels(landmarks: list, rgb: np.ndarray) -> np.ndarray:
    height_px, width_px = rgb.shape[:2]
    points = np.array([(point.x, point.y, point.z) for point in landmarks], dtype=np.float64)
    assert points.shape == (NUM_LANDMARKS, 3)
    return (points * [width_px, height_px, width_px]).astype(np.float32)  # z is in units of the width

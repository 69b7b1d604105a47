"""MediaPipe's 478 face landmarks, from a face_landmarker.task or from the models inside MediaPipe's older wheels."""

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import ModelError, NoLandmarkModelError, NoPackageError
from ..take.take import NUM_LANDMARKS
from .interpreter import MEDIAPIPE_WITH_MODELS, MEDIAPIPE_WITHOUT_MODELS, mediapipe_with_models
from .probe import import_mediapipe

WHEEL_MODELS = "mediapipe-wheel"  # the name a take gives to the models inside the wheel


class FaceMesh(Protocol):
    """Finds faces in consecutive frames of a video, or in pictures that have nothing to do with each other.

    `name` says which models; `find_all` takes (H, W, 3) uint8 RGB and the frame's time and returns for every face
    (478, 3) float32, x and y in pixels, z in the same scale (smaller is nearer); `find` the first of them or None.
    """

    name: str

    def find(self, rgb: np.ndarray, time_s: float) -> np.ndarray | None: ...

    def find_all(self, rgb: np.ndarray, time_s: float) -> list[np.ndarray]: ...

    def close(self) -> None: ...


def open_face_mesh(
    task_path: str | os.PathLike | None = None, *, max_faces: int = 1, every_frame: bool = True
) -> FaceMesh:
    """Return a face mesh: of the task file if one is named, else of the wheel's own models.

    Args:
        max_faces: no more are looked for.
        every_frame: it will see every frame of a video, and may follow faces from one to the next.
    Raises:
        ModelError: no mediapipe, no such file, or a wheel without models; its `lacks` says which.
    """
    try:
        mediapipe = import_mediapipe()
    except ImportError as error:
        if mediapipe_with_models():
            install = f"Install it: pip install {MEDIAPIPE_WITH_MODELS}"
        else:
            install = f'Install it: pip install "{MEDIAPIPE_WITHOUT_MODELS}", and name a face_landmarker.task file'
        raise NoPackageError(f"MediaPipe cannot be imported ({error}). {install}") from error
    if task_path is not None:
        return _TaskMesh(Path(task_path), max_faces, every_frame)
    if not hasattr(mediapipe, "solutions"):
        other = f", or install {MEDIAPIPE_WITH_MODELS}" if mediapipe_with_models() else ""
        raise NoLandmarkModelError(
            f"MediaPipe {mediapipe.__version__} carries no face models. Name a face_landmarker.task file{other}"
        )
    return _WheelMesh(max_faces, every_frame)


class _Mesh:
    def find(self, rgb: np.ndarray, time_s: float) -> np.ndarray | None:
        faces = self.find_all(rgb, time_s)
        return faces[0] if faces else None


class _WheelMesh(_Mesh):
    name = WHEEL_MODELS

    def __init__(self, max_faces: int, every_frame: bool) -> None:
        from mediapipe.python.solutions.face_mesh import FaceMesh as Solution

        # static_image_mode=False is the video mode: it tracks from frame to frame.
        self._solution = Solution(static_image_mode=not every_frame, max_num_faces=max_faces, refine_landmarks=True)

    def find_all(self, rgb: np.ndarray, time_s: float) -> list[np.ndarray]:
        faces = self._solution.process(rgb).multi_face_landmarks or []
        return [_pixels(face.landmark, rgb) for face in faces]

    def close(self) -> None:
        self._solution.close()


class _TaskMesh(_Mesh):
    def __init__(self, path: Path, max_faces: int, every_frame: bool) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        if not path.is_file():
            raise NoLandmarkModelError(f"No landmark model at {path}. Choose MediaPipe's face_landmarker.task")
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(
                model_asset_buffer=path.read_bytes()
            ),  # by content: Windows paths confuse MediaPipe
            running_mode=vision.RunningMode.VIDEO if every_frame else vision.RunningMode.IMAGE,
            num_faces=max_faces,
        )
        try:
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{path} is not a face landmarker model ({str(error).splitlines()[0]}). Fetch it again"
            ) from error
        except OSError as error:  # of its own library, which it loads only now
            raise ModelError(
                f"MediaPipe cannot be loaded ({error}). Install the library that it names with the system's packages: "
                "on Debian and Ubuntu they are libgles2 and libegl1"
            ) from error
        self._every_frame = every_frame
        self._last_ms = -1
        self.name = path.name

    def find_all(self, rgb: np.ndarray, time_s: float) -> list[np.ndarray]:
        import mediapipe

        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
        if self._every_frame:
            self._last_ms = max(round(time_s * 1000), self._last_ms + 1)  # it insists on rising whole milliseconds
            result = self._landmarker.detect_for_video(image, self._last_ms)
        else:
            result = self._landmarker.detect(image)
        return [_pixels(face, rgb) for face in result.face_landmarks]

    def close(self) -> None:
        self._landmarker.close()


def _pixels(landmarks: list, rgb: np.ndarray) -> np.ndarray:
    height_px, width_px = rgb.shape[:2]
    points = np.array([(point.x, point.y, point.z) for point in landmarks], dtype=np.float64)
    assert points.shape == (NUM_LANDMARKS, 3)
    return (points * [width_px, height_px, width_px]).astype(np.float32)  # z is in units of the width

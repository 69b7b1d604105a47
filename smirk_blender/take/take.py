"""The take itself: arrays with one row a video frame, and what they were solved from."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from .clean_up import CleanUp

FORMAT_VERSION = 2  # of the file; a newer one is refused, older ones lack what is optional
NUM_LANDMARKS = 478

# Columns of each per-frame array; None where the head or the solver decides.
FRAME_ARRAYS: dict[str, tuple[int | None, ...]] = {
    "expression": (None,),
    "jaw_pose": (3,),
    "eyelid": (2,),
    "head_pose": (3,),
    "neck_pose": (3,),
    "eye_pose": (6,),
    "camera": (3,),
    "crop_transform": (3, 3),
    "landmarks": (NUM_LANDMARKS, 3),
    "confidence": (),
    "gap": (),
    "time_s": (),
}
# Likewise, of arrays that a take may do without.
OPTIONAL_ARRAYS: dict[str, tuple[int | None, ...]] = {
    "frame_shape": (None,),
    "refined_expression": (None,),
    "refined_jaw_pose": (3,),
    "refined_eyelid": (2,),
}


@dataclass(frozen=True)
class Source:
    """The video a take was solved from: enough to find it again and to know that it is the same file."""

    name: str
    size_bytes: int
    sha256: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Take:
    """One performance. Every per-frame array has T rows, one for each frame of the video or a part of it, gaps included.

    Attributes:
        expression: (T, E) float32, FLAME expression coefficients, unitless.
        jaw_pose, head_pose, neck_pose: (T, 3) float32, axis-angle, radians, FLAME axes (+Y up, +Z out of the face).
        eye_pose: (T, 6) float32, axis-angle, left eye then right.
        eyelid: (T, 2) float32, left then right, 0 open to 1 shut.
        camera: (T, 3) float32, scale, tx, ty: a point (x, y) of the posed head, metres, lies at
            scale * (x + tx, y + ty) in the crop, where +-1 is its edge and +y is up.
        crop_transform: (T, 3, 3) float64, image pixels -> crop pixels (224 x 224).
        landmarks: (T, 478, 3) float32, MediaPipe's points, x and y in image pixels, z in the same scale; NaN in gaps.
        confidence: (T,) float32, 0 to 1; see `capture.confidence`.
        gap: (T,) bool, True where no face was found; the parameters there are filled from their neighbours.
        time_s: (T,) float64, the frame's timestamp in the video, seconds from its first frame.
        shape: (S,) float32, FLAME identity, one for the take.
        fps: true frames per second of the video.
        source: the video.
        solver: the name of the solver.
        models: what was used to solve, by role: "head", "landmarks", "weights".
        expression_names: names of the expression directions; empty where the head has none.
        first_frame: the video's frame that the first row is of; not 0 where a part of the video was solved.
        clean_up: how it is to be cleaned; None for not at all. The arrays are as solved, whatever it says: `clean`.
        frame_shape: (T, S) float32, the identity that the solver saw in each frame and its expression belongs to; None
            where the expression belongs to `shape`.
        refined_expression, refined_jaw_pose, refined_eyelid: (T, E), (T, 3) and (T, 2) float32, what `clean.refine` made
            of the arrays of those names; all None where it has not run.
    """

    expression: np.ndarray
    jaw_pose: np.ndarray
    eyelid: np.ndarray
    head_pose: np.ndarray
    neck_pose: np.ndarray
    eye_pose: np.ndarray
    camera: np.ndarray
    crop_transform: np.ndarray
    landmarks: np.ndarray
    confidence: np.ndarray
    gap: np.ndarray
    time_s: np.ndarray
    shape: np.ndarray
    fps: Fraction
    source: Source
    solver: str
    models: dict[str, str] = field(default_factory=dict)
    expression_names: tuple[str, ...] = ()
    first_frame: int = 0
    clean_up: CleanUp | None = None
    frame_shape: np.ndarray | None = None
    refined_expression: np.ndarray | None = None
    refined_jaw_pose: np.ndarray | None = None
    refined_eyelid: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.fps <= 0:
            raise ValueError(f"its rate is {self.fps} frames per second")
        for name, array in self.frame_arrays().items():
            columns = (FRAME_ARRAYS | OPTIONAL_ARRAYS)[name]
            expected = (len(self), *columns)
            agrees = array.ndim == len(expected) and all(b in (None, a) for a, b in zip(array.shape, expected))
            if not agrees:
                raise ValueError(f"{name} has shape {array.shape}; a take of {len(self)} frames needs {expected}")

        refined = [getattr(self, name) for name in OPTIONAL_ARRAYS if name.startswith("refined_")]
        if any(array is None for array in refined) and any(array is not None for array in refined):
            raise ValueError("it has a part of what was refined, and lacks the rest")
        for name, like in (("refined_expression", self.expression), ("frame_shape", self.shape)):
            array = getattr(self, name)
            if array is not None and array.shape[-1] != like.shape[-1]:
                raise ValueError(f"{name} has {array.shape[-1]} columns; this take needs {like.shape[-1]}")

    @property
    def is_still(self) -> bool:
        """Whether it is of one frame, the footage's first."""
        return len(self) == 1 and self.first_frame == 0

    def __len__(self) -> int:
        return len(self.time_s)

    def frame_arrays(self) -> dict[str, np.ndarray]:
        """Return every array with a row a frame, by name; of the optional ones those that there are."""
        arrays = {name: getattr(self, name) for name in FRAME_ARRAYS}
        optional = {name: getattr(self, name) for name in OPTIONAL_ARRAYS}
        return arrays | {name: array for name, array in optional.items() if array is not None}

    def head_parameters(self, frames: slice = slice(None)) -> dict[str, np.ndarray]:
        """Return the arguments of `Head.vertices` for these frames: `head.vertices(**take.head_parameters())`."""
        names = ("expression", "jaw_pose", "eyelid", "head_pose", "neck_pose", "eye_pose")
        return {"shape": self.shape[None], **{name: getattr(self, name)[frames] for name in names}}


def no_landmarks(num_frames: int) -> np.ndarray:
    """Return landmarks that nobody has read, (num_frames, 478, 3) NaN; they take no memory, and cannot be written to."""
    return np.broadcast_to(np.float32(np.nan), (num_frames, NUM_LANDMARKS, 3))


def are_no_landmarks(landmarks: np.ndarray) -> bool:
    """Return whether an array, or some rows of it, is one of `no_landmarks`; cheap."""
    return landmarks.strides == (0, 0, 0)

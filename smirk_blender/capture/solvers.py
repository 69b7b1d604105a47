"""The two solvers behind one interface: SMIRK's encoder on crops, and the landmark fit."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import HeadError, SmirkError
from ..flame import BUILTIN_HEAD, Head, open_head
from ..take.camera import camera_points_from_image
from .gaze import gaze_from_irises
from .machine import THREADS_VARIABLE

if TYPE_CHECKING:
    from ..flame.fit import LandmarkFit

SOLVERS = ("smirk", "landmarks")
LIVE_IDENTITY_GROWTH = 1.25  # how many times more answers there must be for the live identity to be taken again
LIVE_GAZE_FRAMES = 48  # told before, from which the live gaze knows how open the eyes are and how the face sits
LIVE_IDENTITY_EVERY = 4  # of SMIRK's batches, the first and every fourth are enough for the live identity


@dataclass(frozen=True)
class Solved:
    """Parameters of the K frames that show a face; names, shapes and units as in `Take`.

    Live parts are told without `frame_shape`, and so is every take of a solver that knows one identity alone.
    """

    shape: np.ndarray
    expression: np.ndarray
    jaw_pose: np.ndarray
    eyelid: np.ndarray
    head_pose: np.ndarray
    eye_pose: np.ndarray
    camera: np.ndarray
    frame_shape: np.ndarray | None = None


class Solver(Protocol):
    """Turns frames with a face into parameters.

    Attributes:
        name: "smirk" or "landmarks".
        models: what it solves with, by role, for the take.
        expression_names: of the head's expression directions.
        warnings: sentences on what it does without, for the user.
        batch_size: crops that `add` wants at once; 0 if it looks at none.
    """

    name: str
    models: dict[str, str]
    expression_names: tuple[str, ...]
    warnings: tuple[str, ...]
    batch_size: int

    def add(self, crops: np.ndarray) -> None:
        """Take the next crops, (N, 224, 224, 3) uint8 RGB."""

    def so_far(self, landmarks: np.ndarray, crop_transforms: np.ndarray) -> Solved:
        """Return the next frames' parameters as far as they can be told before the clip's end, to be looked at meanwhile.

        Called now and then, each time with the K frames since the last call: landmarks (K, 478, 3) pixels, transforms
        (K, 3, 3). Where the solver looks at crops, theirs were added before.
        """

    def finish(self, landmarks: np.ndarray, crop_transforms: np.ndarray, progress: Callable[[int], None]) -> Solved:
        """Return the parameters of all K frames: landmarks (K, 478, 3) pixels, transforms (K, 3, 3)."""


def open_solver(
    name: str | None,
    *,
    head: str | os.PathLike = BUILTIN_HEAD,
    eyelids: str | os.PathLike | None = None,
    weights: str | os.PathLike | None = None,
    device: str | None = None,
) -> Solver:
    """Return a solver: the one named, or SMIRK's where there are weights and the landmark solver where not.

    Args:
        head: "builtin" or a FLAME model file.
        eyelids: folder with SMIRK's eyelid shapes and landmark embedding.
        weights: SMIRK's checkpoint.
        device: for the encoder.
    Raises:
        SmirkError: a file that is missing or wrong, or a combination that cannot work.
    """
    name = name or ("smirk" if weights else "landmarks")
    if name == "landmarks":
        return LandmarkSolver(open_head(head, eyelids))
    if name != "smirk":
        raise SmirkError(f"No solver is called {name}. Choose one of {', '.join(SOLVERS)}")
    if not weights:
        raise SmirkError(
            "The smirk solver needs SMIRK's weights. Name the file SMIRK_em1.pt, or choose the landmarks solver"
        )
    if str(head) == BUILTIN_HEAD:
        raise SmirkError(
            "SMIRK's expressions are those of FLAME 2020, which the built-in head does not have. "
            "Name FLAME's generic_model.pkl as the head, or choose the landmarks solver"
        )
    return SmirkSolver(weights, open_head(head, eyelids), device)


class SmirkSolver:
    """SMIRK's encoder (Retsinas et al. 2024): every frame by itself, as the crops come."""

    name = "smirk"
    expression_names: tuple[str, ...] = ()

    def __init__(self, weights: str | os.PathLike, head: Head, device: str | None) -> None:
        from ..encoder import BATCH_SIZE, load_encoder, use_threads  # torch; the landmark solver does without

        use_threads(int(os.environ.get(THREADS_VARIABLE) or (os.cpu_count() or 2) - 1))  # one core finds faces meanwhile
        self._encoder = load_encoder(weights, device)
        self._head = head
        self.batch_size = BATCH_SIZE
        self.models = {"weights": Path(weights).name} | head.models()
        self.warnings = _warnings(head)
        self._outputs = []
        self._first_untold, self._num_told = 0, 0  # the first batch that `so_far` has not told whole; its told rows
        self._recent: dict[str, np.ndarray] = {}  # what gaze is told from, of the frames told last
        self._live_shapes, self._live_shape = 0, np.zeros(head.num_shape, np.float32)

    def add(self, crops: np.ndarray) -> None:
        self._outputs.append(self._encoder.encode(crops))

    def so_far(self, landmarks: np.ndarray, crop_transforms: np.ndarray) -> Solved:
        outputs, end = self._outputs[self._first_untold :], self._num_told + len(landmarks)
        joined = lambda name: np.concatenate([getattr(output, name) for output in outputs])[self._num_told : end]
        parameters = {name: joined(name) for name in ("expression", "jaw_pose", "eyelid", "head_pose")}
        shape, camera = self._identity_so_far(), joined("camera")
        assert len(camera) == len(landmarks), "crops that were not added"
        self._num_told = end
        while self._first_untold < len(self._outputs) and self._num_told >= (size := self._batch(self._first_untold)):
            self._num_told -= size
            self._first_untold += 1
        recent = {"landmarks": landmarks} | parameters
        if self._recent:
            recent = {name: np.concatenate([self._recent[name], values]) for name, values in recent.items()}
        self._recent = {name: values[-LIVE_GAZE_FRAMES:] for name, values in recent.items()}
        gaze = gaze_from_irises(self._head, shape=shape, **recent)[-len(landmarks) :]
        return Solved(**parameters, shape=shape, eye_pose=gaze, camera=camera)

    def _batch(self, index: int) -> int:
        return len(self._outputs[index].camera)

    def _identity_so_far(self) -> np.ndarray:
        """Return (S,) the median identity, taken anew when there are some more."""
        count = -(-len(self._outputs) // LIVE_IDENTITY_EVERY)
        if count >= self._live_shapes * LIVE_IDENTITY_GROWTH:
            shapes = [output.shape for output in self._outputs[::LIVE_IDENTITY_EVERY]]
            self._live_shapes, self._live_shape = count, np.median(np.concatenate(shapes), axis=0)
        return self._live_shape

    def finish(self, landmarks: np.ndarray, crop_transforms: np.ndarray, progress: Callable[[int], None]) -> Solved:
        joined = lambda name: np.concatenate([getattr(output, name) for output in self._outputs])
        parameters = {name: joined(name) for name in ("expression", "jaw_pose", "eyelid", "head_pose")}
        camera, frame_shape = joined("camera"), joined("shape")
        self._outputs.clear()  # an hour's identities are 130 MB
        parameters["shape"] = np.median(frame_shape, axis=0)  # which ignores the frames that went wrong
        gaze = gaze_from_irises(self._head, landmarks, **parameters)  # of which SMIRK says nothing
        return Solved(**parameters, eye_pose=gaze, camera=camera, frame_shape=frame_shape)


class LandmarkSolver:
    """The landmark fit of `flame.fit`: identity once, then every frame."""

    name = "landmarks"
    batch_size = 0

    def __init__(self, head: Head) -> None:
        from ..flame.fit import LandmarkFitter  # scipy, which heads do without
        from ..flame.live_fit import LiveFit

        if head.landmarks is None:
            raise HeadError(
                f"{head.name} has no landmarks to solve with. Put SMIRK's mediapipe_landmark_embedding.npz beside it, "
                "or name its folder with the eyelids, or use the built-in head"
            )
        self._fitter = LandmarkFitter(head)
        self._live = LiveFit(self._fitter)
        self.models = head.models()
        self.warnings = _warnings(head)
        self.expression_names = head.expression_names[: self._fitter.model.layout.num_expression]

    def add(self, crops: np.ndarray) -> None:
        raise AssertionError("the landmark solver takes no crops")

    def so_far(self, landmarks: np.ndarray, crop_transforms: np.ndarray) -> Solved:
        return _solved(self._live.add(camera_points_from_image(landmarks, crop_transforms)))

    def finish(self, landmarks: np.ndarray, crop_transforms: np.ndarray, progress: Callable[[int], None]) -> Solved:
        return _solved(self._fitter.fit(camera_points_from_image(landmarks, crop_transforms), progress))


def _solved(fit: "LandmarkFit") -> Solved:
    return Solved(fit.shape, fit.expression, fit.jaw_pose, fit.eyelid, fit.head_pose, fit.eye_pose, fit.camera)


def _warnings(head: Head) -> tuple[str, ...]:
    sentences = []
    if head.eyelids_computed:
        sentences.append(
            f"No SMIRK eyelids for {head.name}: its lids were made from its geometry. Put l_eyelid.npy and r_eyelid.npy "
            "beside it for theirs"
        )
    if head.landmarks is None:
        sentences.append(
            f"No landmarks for {head.name}, so no gaze. Put SMIRK's mediapipe_landmark_embedding.npz beside it for one"
        )
    return tuple(sentences)

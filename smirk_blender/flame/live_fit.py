"""The landmark fit of a take that is still growing: near enough to look at, for a tenth of the work.

Every third frame is fitted, and between them the face is interpolated; the head's pose, which is faster than a face, is
measured in every frame. Who it is becomes clearer with the views of the face, so it is asked again as the take grows.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from .align import align_similarity
from .fit import LandmarkFit, LandmarkFitter

LIVE_STRIDE = 3  # frames
FIRST_STEPS, NEXT_STEPS = 4, 1  # the next frames start from a face that is nearly theirs
IDENTITY_FRAMES, IDENTITY_STEPS = 12, 3
IDENTITY_GROWTH = 4  # how many times longer the take must have become for another look at who it is
KEPT_FRAMES = 64  # of those seen, to tell the identity from; thinned out when there are more


class LiveFit:
    """Fits a take's frames as they come."""

    def __init__(self, fitter: LandmarkFitter) -> None:
        self._fitter = fitter
        self._shape = np.zeros(fitter.model.num_shape)
        self._before: np.ndarray | None = None  # (P,) the last frame
        self._kept: list[np.ndarray] = []
        self._keep_every = 1
        self._num_frames, self._next_identity = 0, 1

    def add(self, measured: np.ndarray) -> LandmarkFit:
        """Return the parameters of the next frames, (K, 478, 3) as in `LandmarkFitter`, K at least 1."""
        self._remember(measured)
        if self._num_frames >= self._next_identity:
            self._next_identity = self._num_frames * IDENTITY_GROWTH
            chosen = np.linspace(0, len(self._kept) - 1, min(IDENTITY_FRAMES, len(self._kept))).round().astype(int)
            self._shape = self._fitter.fit_identity(np.stack(self._kept)[chosen], steps=IDENTITY_STEPS)
        frames = self._fitted(measured)
        self._before = frames[-1]
        return self._fitter.result(self._shape, frames, np.full(len(frames), np.nan, np.float32))

    def _remember(self, measured: np.ndarray) -> None:
        self._kept += list(measured[-self._num_frames % self._keep_every :: self._keep_every])
        self._num_frames += len(measured)
        while len(self._kept) > KEPT_FRAMES:
            self._kept = self._kept[::2]
            self._keep_every *= 2

    def _fitted(self, measured: np.ndarray) -> np.ndarray:
        """Return the frames' parameters, (K, P)."""
        rows = np.arange(len(measured))
        knots = rows[::-LIVE_STRIDE][::-1]  # with the last, so that all between are between two
        before, steps = self._before, NEXT_STEPS
        if before is None:
            knots, steps = np.union1d(0, knots), FIRST_STEPS
        fitted = self._fitter.fit_frames(measured[knots], self._shape, before, guess=before, steps=steps)
        at, known = (knots, fitted) if before is None else (np.append(-1, knots), np.vstack([before, fitted]))
        frames = np.column_stack([np.interp(rows, at, values) for values in known.T])
        # What the pose of the interpolated face is off by where it is known is interpolated too.
        posed = self._with_measured_pose(measured, frames)
        pose = self._pose_columns()
        error = np.column_stack([np.interp(rows, knots, off) for off in (fitted - posed[knots])[:, pose].T])
        frames[:, pose] = posed[:, pose] + error
        return frames

    def _pose_columns(self) -> np.ndarray:
        groups = self._fitter.model.layout.groups
        return np.r_[groups["head_pose"], groups["camera"]]

    def _with_measured_pose(self, measured: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Return the frames with the head's pose and the camera that lay their faces best on the landmarks."""
        model = self._fitter.model
        groups = model.layout.groups
        upright = frames.copy()
        upright[:, groups["head_pose"]] = 0.0
        upright[:, groups["camera"]] = [1.0, 0.0, 0.0, 0.0]
        points, _ = model.project(self._shape, upright)
        rotation, scale, shift = align_similarity(points, measured[:, model.indices])
        upright[:, groups["head_pose"]] = Rotation.from_matrix(rotation).as_rotvec()
        upright[:, groups["camera"]] = np.column_stack([scale, shift])
        return upright

"""Landmarks -> parameters: identity once for a take, everything else for every frame.

Regularised least squares by Gauss-Newton. The unknowns of neighbouring frames are tied by a temporal term, which makes
the normal equations block-tridiagonal: a banded solver takes all frames of a window at once, looking both ways in time,
so that smoothing brings no lag.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

from .align import align_similarity
from .gaze import GAZE_HIGH_RAD, GAZE_LOW_RAD
from .head import Head
from .landmark_model import LandmarkModel
from .measures import BROW_GAPS, LID_AND_LIP_GAPS, eye_distance
from .rotations import matrices_from_axis_angle

NUM_FIT_SHAPE = 300  # identity directions fitted, or as many as the head has
NUM_FIT_EXPRESSION = 50  # as SMIRK's
# Far below FLAME's 1: a landmark that lies elsewhere on the model than MediaPipe means it to is off by the same in every
# frame, so that many frames are no better evidence of an identity than one.
SHAPE_SPREAD = 0.2
NUM_IDENTITY_FRAMES = 24  # spread over the take
IDENTITY_STEPS = 6
FRAME_STEPS = 6
STEP_TOLERANCE = 1e-3  # largest change, in units of each parameter's prior, at which a fit has arrived
WINDOW_FRAMES = 64
OVERLAP_FRAMES = 16  # solved again with the next window, since the end of a window knows no future

LANDMARK_SIGMA = 0.016  # of the eye distance: how far a landmark and its place on the head may disagree
GAP_SIGMA = 0.01  # the same for the gap between two lids or lips, which reads more exactly than its two sides
BROW_GAP_SIGMA = 0.02  # likewise between brow and eye corners, which MediaPipe moves a little with every blink
AXIS_SIGMAS = np.array([1.0, 1.0, 3.0])  # times those: MediaPipe guesses depth, and sees the other two

REFERENCE_LANDMARKS = 105  # the sigmas are set for so many; more landmarks share the same weight
IRIS_WEIGHT = 2.0  # one point carries a whole eye's gaze
OPEN_EYE = 0.08  # lid gap over eye distance of an eye that shows its whole iris


@dataclass(frozen=True)
class Prior:
    """What is likely before a landmark is seen.

    Attributes:
        spread: standard deviation about zero.
        change: standard deviation of the change from one frame to the next.
        low, high: bounds.
    """

    spread: float
    change: float
    low: float = -np.inf
    high: float = np.inf


PRIORS = {
    "eyelid": Prior(spread=1.0, change=0.4, low=0.0, high=1.0),
    "jaw_pose": Prior(spread=0.25, change=0.08),
    "head_pose": Prior(spread=10.0, change=0.08),
    "gaze": Prior(spread=0.3, change=0.1),
    "camera": Prior(spread=1e3, change=1e3),
}
JAW_LOW = (-0.02, -0.2, -0.2)  # radians
JAW_HIGH = (0.7, 0.2, 0.2)
JAW_SIDE_SPREAD_RAD = 0.06
VERGENCE_SIGMA_RAD = 0.05  # how far the two eyes may look apart

IRIS_CONTOURS = {468: (159, 145), 473: (386, 374)}  # an iris behind a shut lid is a guess


@dataclass(frozen=True)
class LandmarkFit:
    """What a fit found, T frames.

    Attributes:
        shape: (S,) identity.
        expression (T, E), eyelid (T, 2), jaw_pose (T, 3), head_pose (T, 3), eye_pose (T, 6): arguments of Head.vertices.
        camera: (T, 3) scale, tx, ty; scale * (x + tx, y + ty) of the posed head lies on the landmarks.
        error: (T,) mean distance between measured and fitted landmarks over the outer-eye-corner distance.
    """

    shape: np.ndarray
    expression: np.ndarray
    eyelid: np.ndarray
    jaw_pose: np.ndarray
    head_pose: np.ndarray
    eye_pose: np.ndarray
    camera: np.ndarray
    error: np.ndarray


class LandmarkFitter:
    """Fits one head to measured landmarks.

    Measured landmarks are (T, 478, 3): x, y in the camera's plane, +y up, and z towards the viewer in the same unit.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.model = LandmarkModel(head, NUM_FIT_SHAPE, NUM_FIT_EXPRESSION)
        self._set_priors()
        self._gaps = self._gap_rows()

    def fit(self, measured: np.ndarray, progress: Callable[[int], None] = lambda num_frames: None) -> LandmarkFit:
        """Return identity and every frame's parameters.

        Args:
            measured: (T, 478, 3) float, no gaps.
            progress: called with the number of frames that are done, and after each step of the identity with 0;
                an exception that it raises ends the fit.
        """
        chosen = np.unique(np.linspace(0, len(measured) - 1, min(NUM_IDENTITY_FRAMES, len(measured))).astype(int))
        shape = self.fit_identity(measured[chosen], lambda: progress(0))
        frames, error = np.empty((len(measured), self.model.layout.size)), np.empty(len(measured), np.float32)
        start, before = 0, None
        while start < len(measured):
            window = measured[start : start + WINDOW_FRAMES + OVERLAP_FRAMES]
            solved = self.fit_frames(window, shape, before)
            last = start + len(window) == len(measured)
            keep = len(window) if last else WINDOW_FRAMES
            frames[start : start + keep] = solved[:keep]
            error[start : start + keep] = self._error(window[:keep], shape, solved[:keep])
            before = frames[start + keep - 1]
            start += keep
            progress(start)
        return self.result(shape, frames, error)

    def fit_identity(
        self, measured: np.ndarray, step_done: Callable[[], None] = lambda: None, *, steps: int = IDENTITY_STEPS
    ) -> np.ndarray:
        """Return the identity (S,) that explains all these frames best, each with its own pose and expression."""
        num_shape = self.model.num_shape
        shape = np.zeros(num_shape)
        frames = self._first_guess(measured, shape)
        for _ in range(steps):
            hessian, gradient = self._normal_equations(measured, shape, frames, with_shape=True)
            own, own_gradient = hessian[:, num_shape:, num_shape:], gradient[:, num_shape:]
            own, own_gradient = self._with_frame_priors(own, own_gradient, frames)
            cross = hessian[:, :num_shape, num_shape:] * self._free(own_gradient, frames)[:, None, :]
            own, own_gradient = self._hold_bounds(own, own_gradient, frames)
            answers = np.linalg.solve(own, np.concatenate([cross.swapaxes(1, 2), own_gradient[..., None]], axis=-1))
            # What is left for the identity once every frame's own parameters are eliminated (Schur complement).
            reduced = (hessian[:, :num_shape, :num_shape] - cross @ answers[..., :-1]).sum(axis=0)
            reduced_gradient = (gradient[:, :num_shape] - (cross @ answers[..., -1:])[..., 0]).sum(axis=0)
            prior = SHAPE_SPREAD**-2
            shape_step = -np.linalg.solve(reduced + prior * np.eye(num_shape), reduced_gradient + prior * shape)
            frame_step = -answers[..., -1] - answers[..., :-1] @ shape_step
            shape = shape + shape_step
            frames = self._clipped(frames + frame_step)
            step_done()
            if max(np.abs(shape_step).max(), np.abs(frame_step / self.spread).max()) < STEP_TOLERANCE:
                break
        return shape

    def fit_frames(
        self,
        measured: np.ndarray,
        shape: np.ndarray,
        before: np.ndarray | None = None,
        *,
        guess: np.ndarray | None = None,
        steps: int = FRAME_STEPS,
    ) -> np.ndarray:
        """Return the parameters (T, P) of consecutive frames for a known identity.

        Args:
            before: (P,) the frame before the first, already solved; None at the start of a take.
            guess: (P,) a face to start from, in each frame's own pose; None for the neutral one.
        """
        frames = self._first_guess(measured, shape)
        if guess is not None:
            face = slice(0, self.model.layout.groups["jaw_pose"].stop)
            frames[:, face] = guess[face]
            frames[:, self.model.layout.groups["gaze"]] = guess[self.model.layout.groups["gaze"]]
        for _ in range(steps):
            hessian, gradient = self._normal_equations(measured, shape, frames, with_shape=False)
            hessian, gradient = self._with_frame_priors(hessian, gradient, frames)
            step = self._solve_tied(hessian, gradient, frames, before)
            frames = self._clipped(frames + step)
            if np.abs(step / self.spread).max() < STEP_TOLERANCE:
                break
        return frames

    def _set_priors(self) -> None:
        groups = self.model.layout.groups
        expression = self.head.expression_prior
        priors = PRIORS | {"expression": Prior(expression.spread, expression.spread, expression.low, expression.high)}
        self.spread, self.change, self.low, self.high = (np.empty(self.model.layout.size) for _ in range(4))
        for name, columns in groups.items():
            prior = priors[name]
            self.spread[columns], self.change[columns] = prior.spread, prior.change
            self.low[columns], self.high[columns] = prior.low, prior.high
        jaw = groups["jaw_pose"]
        self.low[jaw], self.high[jaw] = JAW_LOW, JAW_HIGH
        self.spread[jaw.start + 1 : jaw.stop] = JAW_SIDE_SPREAD_RAD
        self.low[groups["gaze"]], self.high[groups["gaze"]] = np.tile(GAZE_LOW_RAD, 2), np.tile(GAZE_HIGH_RAD, 2)
        self.prior_hessian = np.diag(self.spread**-2.0)
        gaze = groups["gaze"].start
        for axis in (0, 1):
            left, right = gaze + axis, gaze + 2 + axis
            self.prior_hessian[[left, right], [left, right]] += VERGENCE_SIGMA_RAD**-2
            self.prior_hessian[[left, right], [right, left]] -= VERGENCE_SIGMA_RAD**-2

    def _gap_rows(self) -> np.ndarray:
        """Return (K, L): rows that take a gap from the landmarks, in its sigma; those whose landmarks the head has."""
        place = {int(index): column for column, index in enumerate(self.model.indices)}
        gaps = [(gap, GAP_SIGMA) for gap in LID_AND_LIP_GAPS] + [(gap, BROW_GAP_SIGMA) for gap in BROW_GAPS]
        known = [(sides, sigma) for sides, sigma in gaps if all(index in place for side in sides for index in side)]
        rows = np.zeros((len(known), len(place)))
        for row, (sides, sigma) in zip(rows, known):
            for sign, side in zip((1.0, -1.0), sides):
                row[[place[index] for index in side]] += sign / len(side) / sigma
        return rows

    def _first_guess(self, measured: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """Return (T, P): the neutral head turned, scaled and moved onto each frame's points."""
        frames = np.zeros((len(measured), self.model.layout.size))
        rotation, scale, shift = align_similarity(self.model.rest_points(shape), measured[:, self.model.indices])
        groups = self.model.layout.groups
        frames[:, groups["head_pose"]] = Rotation.from_matrix(rotation).as_rotvec()
        frames[:, groups["camera"]] = np.column_stack([scale, shift])
        return frames

    def _normal_equations(
        self, measured: np.ndarray, shape: np.ndarray, frames: np.ndarray, *, with_shape: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return J'J (T, Q, Q) and J'r (T, Q), in units of the sigmas."""
        points, jacobian = self.model.project(shape, frames, derivatives=True, shape_derivatives=with_shape)
        target = measured[:, self.model.indices]
        unit = eye_distance(measured)[:, None, None]
        residual = (points - target) / unit
        jacobian = jacobian / unit[..., None].astype(np.float32)
        # Rows: every landmark by itself, and the gaps, which are differences of landmarks.
        weight = self._landmark_weights(measured)[..., None] / (LANDMARK_SIGMA * AXIS_SIGMAS)
        num_frames, num_landmarks, _, size = jacobian.shape
        gaps = (self._gaps @ residual) / AXIS_SIGMAS
        gap_steps = self._gaps.astype(np.float32) @ jacobian.reshape(num_frames, num_landmarks, 3 * size)
        gap_steps = gap_steps.reshape(num_frames, -1, 3, size) / AXIS_SIGMAS[:, None].astype(np.float32)
        rows = np.concatenate([residual * weight, gaps], axis=1)
        steps = np.concatenate([jacobian * weight[..., None].astype(np.float32), gap_steps], axis=1)
        steps = steps.reshape(num_frames, -1, size)
        flat = rows.reshape(num_frames, -1).astype(np.float32)
        transposed = steps.swapaxes(1, 2)
        hessian = (transposed @ steps).astype(np.float64)
        gradient = (transposed @ flat[..., None])[..., 0].astype(np.float64)
        return hessian, gradient

    def _landmark_weights(self, measured: np.ndarray) -> np.ndarray:
        """Return (T, L): 1, less for an iris that a lid covers; all scaled so that a denser embedding weighs no more."""
        weights = np.full(
            (len(measured), len(self.model.indices)), (REFERENCE_LANDMARKS / len(self.model.indices)) ** 0.5
        )
        unit = eye_distance(measured)
        for index, (upper, lower) in IRIS_CONTOURS.items():
            opening = np.linalg.norm(measured[:, upper, :2] - measured[:, lower, :2], axis=-1) / unit
            weights[:, self.model.indices == index] = IRIS_WEIGHT * np.clip(opening / OPEN_EYE, 0.0, 1.0)[:, None]
        return weights

    def _with_frame_priors(self, hessian, gradient, frames) -> tuple[np.ndarray, np.ndarray]:
        return hessian + self.prior_hessian, gradient + frames @ self.prior_hessian

    def _free(self, gradient: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Return (T, P) bool: False for a parameter at a bound which its gradient pushes against."""
        return ~(((frames <= self.low) & (gradient > 0)) | ((frames >= self.high) & (gradient < 0)))

    def _hold_bounds(self, hessian, gradient, frames) -> tuple[np.ndarray, np.ndarray]:
        free = self._free(gradient, frames)
        held = hessian * (free[:, :, None] & free[:, None, :])
        held[:, np.arange(held.shape[1]), np.arange(held.shape[1])] += ~free
        return held, gradient * free

    def _clipped(self, frames: np.ndarray) -> np.ndarray:
        return np.clip(frames, self.low, self.high)

    def _solve_tied(self, hessian, gradient, frames, before) -> np.ndarray:
        """Return the step (T, P) that minimises all frames' terms and the changes between neighbours."""
        num_frames, size = frames.shape
        tie = self.change**-2.0
        gradient = gradient.copy()
        hessian = hessian.copy()
        diagonal = np.arange(size)
        change = np.diff(frames, axis=0) * tie
        gradient[1:] += change
        gradient[:-1] -= change
        neighbours = np.zeros(num_frames)
        neighbours[1:] += 1
        neighbours[:-1] += 1
        if before is not None:
            gradient[0] += (frames[0] - before) * tie
            neighbours[0] += 1
        hessian[:, diagonal, diagonal] += neighbours[:, None] * tie
        free = self._free(gradient, frames)
        hessian, gradient = self._hold_bounds(hessian, gradient, frames)
        # Lower banded storage: band[d, i] = A[i + d, i].
        band = np.zeros((size + 1, num_frames * size))
        for offset in range(size):
            rows = np.arange(size - offset)
            band[offset].reshape(num_frames, size)[:, rows] = hessian[:, rows + offset, rows]
        both_free = free[1:] & free[:-1]
        band[size].reshape(num_frames, size)[:-1] = -tie * both_free
        return -solveh_banded(band, gradient.ravel(), lower=True, check_finite=False).reshape(num_frames, size)

    def _error(self, measured: np.ndarray, shape: np.ndarray, frames: np.ndarray) -> np.ndarray:
        points, _ = self.model.project(shape, frames)
        distance = np.linalg.norm((points - measured[:, self.model.indices])[..., :2], axis=-1).mean(axis=1)
        return distance / eye_distance(measured)

    def result(self, shape: np.ndarray, frames: np.ndarray, error: np.ndarray) -> LandmarkFit:
        part = {name: frames[:, columns].astype(np.float32) for name, columns in self.model.layout.groups.items()}
        gaze, zero = part["gaze"], np.zeros((len(frames), 1), np.float32)
        return LandmarkFit(
            shape=shape.astype(np.float32),
            expression=part["expression"],
            eyelid=part["eyelid"],
            jaw_pose=part["jaw_pose"],
            head_pose=part["head_pose"],
            eye_pose=np.concatenate([gaze[:, :2], zero, gaze[:, 2:], zero], axis=-1),
            camera=self._camera_about_root(shape, frames),
            error=error,
        )

    def _camera_about_root(self, shape: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Return cameras in SMIRK's form: the head turns about its root joint, and the shift comes before the scale."""
        groups = self.model.layout.groups
        expression, camera = frames[:, groups["expression"]], frames[:, groups["camera"]]
        root = self.head.joints(shape[None], expression)[:, 0]
        turned = np.einsum("tij,tj->ti", matrices_from_axis_angle(frames[:, groups["head_pose"]]), root)
        shift = camera[:, 1:3] / camera[:, :1] + (turned - root)[:, :2]
        return np.column_stack([camera[:, 0], shift]).astype(np.float32)

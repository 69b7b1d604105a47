"""Lips and lids pulled to where they are in the picture, near the solved take elsewhere.

The unknowns are expression, lids and jaw, each frame's for itself; head, camera and identity stay. What lids and lips
are to leave open is told by the picture (`targets`). A take in which an eye is never shut has no frame in which it is
forced to be.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import HeadError, SmirkError
from ..flame import Head
from ..flame.align import align_similarity
from ..flame.fit import AXIS_SIGMAS, JAW_HIGH, JAW_LOW
from ..flame.measures import STEADY
from ..take import Take
from ..take.camera import camera_points_from_image
from ..take.fill import fill_gaps
from .contact import lid_slits, lip_slits
from .events import eye_corners_mm
from .face_points import BROWS, MOUTH, SLITS, STAYING, small_model
from .picture import picture_gaps, seen_rows
from .targets import LidRange, lid_targets, lids_of, lip_targets, relative_openness, shutness

MAX_STEPS = 8  # of Gauss-Newton; two or three are usual
STEP_TOLERANCE = 0.05  # of the sigmas, at which a frame has arrived
CHUNK_FRAMES = 256

# How exactly each is to be met, millimetres.
LID_SIGMA_MM = 0.3  # of the gap between lids, at each of many places
MOUTH_SIGMA_MM = 5.0  # of a lip's landmark
BROW_SIGMA_MM = 2.0
STAY_SIGMA_MM = 0.5  # of everything else, which is to stay
REFERENCE_POINTS = 20  # the three are set for so many; more points share the same weight
EXPRESSION_SIGMA = 0.5  # of a change, in units of the head's own spread
JAW_SIGMA_RAD = 0.05
LID_SIGMA = 1.0


def refine(
    take: Take,
    head: Head,
    progress: Callable[[int], None] = lambda num_frames: None,
    *,
    lids: LidRange | None = None,
) -> Take:
    """Return the take with `refined_expression`, `refined_jaw_pose` and `refined_eyelid`; the rest is as it was.

    Args:
        take: solved, by either solver.
        head: the one that it was solved on.
        progress: called with the number of frames that are done; an exception that it raises ends the work.
        lids: what shut eyes look like; see `lids_of` where left out.
    Raises:
        SmirkError: a take without landmarks, or a head without.
    """
    rows = seen_rows(take)
    if not len(rows):
        raise SmirkError(
            f"The take of {take.source.name} holds no landmarks to refine lips and lids by. Solve the video again"
        )
    if head.landmarks is None or not np.isin(STEADY, head.landmarks.indices).all():
        raise HeadError(
            f"{head.name} has no landmarks to refine lips and lids by. Put SMIRK's mediapipe_landmark_embedding.npz "
            "beside it, or use the built-in head"
        )
    refiner = _Refiner(take, head, rows, lids or lids_of(take))
    refined = np.empty((len(rows), refiner.size))
    for start in range(0, len(rows), CHUNK_FRAMES):
        part = slice(start, min(start + CHUNK_FRAMES, len(rows)))
        refined[part] = refiner.refined(part)
        progress(part.stop)
    solved = np.concatenate([take.expression, take.eyelid, take.jaw_pose], axis=1)
    unseen = np.ones(len(take), bool)
    unseen[rows] = False
    changes = fill_gaps(refined - solved[rows], unseen)  # nothing jumps at a gap's edge
    changes[rows] = refined - solved[rows]
    ends = [refiner.size - 5, refiner.size - 3]
    expression, eyelid, jaw_pose = np.split((solved + changes).astype(np.float32), ends, axis=1)
    return replace(
        take, refined_expression=expression, refined_eyelid=np.clip(eyelid, 0.0, 1.0), refined_jaw_pose=jaw_pose
    )


class _Refiner:
    """What the frames of one take have in common. K are its frames with a face, N those that are worked on."""

    def __init__(self, take: Take, head: Head, rows: np.ndarray, lids: LidRange) -> None:
        self._take, self._rows = take, rows
        self.size = take.expression.shape[1] + 5
        eyes = lid_slits(head) if head.eyelid_directions is not None else None
        self._model, slits = small_model(head, take, (lip_slits(head), *(eyes or ())))
        self._lips, self._lids = slits[0], slits[1:]
        self._pulled = np.flatnonzero(np.isin(self._model.indices, (*MOUTH, *BROWS)))
        solved, self._away = self._survey(slits)
        self._away -= np.median(self._away, axis=0)  # how landmarks lie on this head, which is no movement
        lips = picture_gaps(take).lips[rows]
        self._lip_target, self._lip_sigma = lip_targets(lips, eye_corners_mm(head, take.shape) * lips, solved[0])
        self._openness = relative_openness(take, lids)[rows]  # (K, 2)
        self._lid_targets = [
            lid_targets(openness, gap, float(take.fps)) for openness, gap in zip(self._openness.T, solved[1:])
        ]
        self._weight = self._weights()
        prior, num_expression = head.expression_prior, self.size - 5
        self._sigma = np.array(
            [prior.spread * EXPRESSION_SIGMA] * num_expression + [LID_SIGMA] * 2 + [JAW_SIGMA_RAD] * 3
        )
        self._low = np.array([prior.low] * num_expression + [0.0] * 2 + list(JAW_LOW))
        self._high = np.array([prior.high] * num_expression + [1.0] * 2 + list(JAW_HIGH))

    def refined(self, part: slice) -> np.ndarray:
        """Return expression, lids and jaw, (N, E + 5), for a part of the K rows."""
        rows, used = np.arange(len(self._rows))[part], slice(0, self.size)
        frames = self._frames(rows)
        solved = frames[:, used].copy()
        target, _ = self._model.project(self._shape(rows), frames)
        target[:, self._pulled] += self._away[rows]
        bounds = np.minimum(self._low, solved), np.maximum(self._high, solved)  # what was solved stays possible
        moving = np.arange(len(rows))
        for _ in range(MAX_STEPS):
            low, high = (bound[moving] for bound in bounds)
            step = self._step(rows[moving], frames[moving], target[moving], solved[moving], low, high)
            frames[moving, used] += step
            moving = moving[np.abs(step / self._sigma).max(axis=1) > STEP_TOLERANCE]
            if not len(moving):
                break
        self._meet_lids(rows, frames)
        return np.clip(frames[:, used], *bounds)

    def _step(self, rows, frames, target, solved, low, high) -> np.ndarray:
        """Return the next step (N, E + 5) of Gauss-Newton, within the bounds."""
        points, jacobian = self._model.project(self._shape(rows), frames, derivatives=True)
        residual, derivative = self._equations(rows, points - target, points, jacobian[..., : self.size])
        hessian = (derivative.swapaxes(1, 2) @ derivative).astype(np.float64)
        gradient = (derivative.swapaxes(1, 2) @ residual[..., None])[..., 0].astype(np.float64)
        now, diagonal = frames[:, : self.size], np.arange(self.size)
        hessian[:, diagonal, diagonal] += self._sigma**-2
        gradient += (now - solved) * self._sigma**-2
        held = ((now <= low) & (gradient > 0)) | ((now >= high) & (gradient < 0))
        hessian *= ~held[:, :, None] & ~held[:, None, :]
        hessian[:, diagonal, diagonal] += held
        step = -np.linalg.solve(hessian, (gradient * ~held)[..., None])[..., 0]
        return np.clip(now + step, low, high) - now

    def _equations(self, part: np.ndarray, away, points, jacobian) -> tuple[np.ndarray, np.ndarray]:
        """Return residuals (N, R) and their derivatives (N, R, E + 5), float32, in units of the sigmas."""
        rows = np.flatnonzero(self._weight[:, 0])
        weight = self._weight[rows]
        residuals = [(away[:, rows] * weight).reshape(len(points), -1)]
        derivatives = [(jacobian[:, rows] * weight[..., None].astype(np.float32)).reshape(len(points), -1, self.size)]
        gaps = [(self._lips, self._lip_target[part], self._lip_sigma[part])]
        for slit, target in zip(self._lids, self._lid_targets):
            gaps.append((slit, target[part], np.full((1, 1), LID_SIGMA_MM)))
        for slit, target, sigma in gaps:
            scale = 1000.0 / sigma
            residuals.append((points[..., 1] @ slit.T - target / 1000.0) * scale)
            derivatives.append((slit.astype(np.float32) @ jacobian[..., 1, :]) * scale[..., None].astype(np.float32))
        return np.concatenate(residuals, axis=1).astype(np.float32), np.concatenate(derivatives, axis=1)

    def _meet_lids(self, rows: np.ndarray, frames: np.ndarray) -> None:
        """Turn the lids alone to where they should be: they move the gap between them in a straight line."""
        points, _ = self._model.project(self._shape(rows), frames)
        for eye, slit in enumerate(self._lids):
            column = self.size - 5 + eye
            lacking = points[..., 1] @ slit.T - self._lid_targets[eye][rows] / 1000.0  # (N, G)
            per_lid = -slit @ self._model.frame_directions[:, 1, column]
            near = (lacking @ per_lid) / (per_lid @ per_lid)
            everywhere = (lacking / per_lid).max(axis=1)  # no place is left open
            shut = shutness(self._openness[rows, eye])
            frames[:, column] += near + shut * np.maximum(everywhere - near, 0.0)

    def _survey(self, slits: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the solved gaps of each slit (K, G), millimetres, and how far from the solved face's the picture's
        lips and brows are, (K, L, 3) float32, metres, the head's own motion taken out."""
        indices, landmarks = self._model.indices, self._model.indices[self._pulled]
        steady = [int(np.flatnonzero(indices == index)[0]) for index in STEADY]
        gaps, away = [[] for _ in slits], []
        for start in range(0, len(self._rows), CHUNK_FRAMES):
            rows = np.arange(start, min(start + CHUNK_FRAMES, len(self._rows)))
            solved, _ = self._model.project(self._shape(rows), self._frames(rows))
            for slit, found in zip(slits, gaps):
                found.append(1000.0 * solved[..., 1] @ slit.T)
            taken = self._rows[rows]
            seen = self._take.landmarks[taken][:, [*STEADY, *landmarks]].astype(np.float64)
            seen = camera_points_from_image(seen, self._take.crop_transform[taken])
            rotation, scale, shift = align_similarity(seen[:, : len(STEADY)], solved[:, steady])
            seen = scale[:, None, None] * seen[:, len(STEADY) :] @ rotation.swapaxes(1, 2) + shift[:, None]
            away.append((seen - solved[:, self._pulled]).astype(np.float32))
        return [np.concatenate(found) for found in gaps], np.concatenate(away)

    def _weights(self) -> np.ndarray:
        """Return one over the sigmas of the model's points, (L, 3), per metre; 0 for those of slits alone."""
        indices, weight = self._model.indices, np.zeros((len(self._model.indices), 3))
        stays = np.isin(indices, STEADY) | ((indices >= STAYING) & (indices < SLITS))
        sigmas = (
            (np.isin(indices, MOUTH), MOUTH_SIGMA_MM * AXIS_SIGMAS),
            (np.isin(indices, BROWS), BROW_SIGMA_MM * AXIS_SIGMAS),
            (stays, STAY_SIGMA_MM),
        )
        for chosen, sigma_mm in sigmas:
            weight[chosen] = 1000.0 / (sigma_mm * np.sqrt(chosen.sum() / REFERENCE_POINTS))
        return weight

    def _shape(self, part: slice | np.ndarray) -> np.ndarray:
        frame_shape = self._take.frame_shape
        shape = self._take.shape if frame_shape is None else frame_shape[self._rows[part]]
        return shape[..., : self._model.num_shape].astype(np.float64)

    def _frames(self, part: slice | np.ndarray) -> np.ndarray:
        """Return the solved parameters as the model takes them, (N, P), the head upright and at its own size."""
        rows, groups = self._rows[part], self._model.layout.groups
        frames = np.zeros((len(rows), self._model.layout.size))
        frames[:, groups["expression"]] = self._take.expression[rows]
        frames[:, groups["eyelid"]], frames[:, groups["jaw_pose"]] = self._take.eyelid[rows], self._take.jaw_pose[rows]
        frames[:, groups["camera"].start] = 1.0
        return frames

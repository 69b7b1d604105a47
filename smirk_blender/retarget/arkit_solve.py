"""ARKit's weights from the motion of a solved head.

A take of the built-in head says most of them itself: its expressions bear the names. FLAME's expressions mean nothing
by themselves; there the built-in head is made to move as the FLAME head does, at the landmarks that both have.
"""

from dataclasses import replace

import numpy as np

from ..errors import RetargetError
from ..flame import Head, builtin_head
from ..flame.align import align_similarity
from ..flame.measures import BROW_GAPS, LID_AND_LIP_GAPS
from ..take import Take
from .arkit import is_arkit
from .arkit_curves import JAW_OPEN_RAD, ArkitCurves, curves_of_builtin
from .key_weights import solve_key_weights

FEW_LANDMARKS = 30  # that two heads must share to be compared
SMOOTHNESS, SPARSITY = 0.1, 0.5  # takes were smoothed already
# Metres that the landmarks' distances together may grow by to save 1 of a weight: else directions that look alike there
# would push against each other. An error of 1 mm over the spread of weights that the landmark solver expects, 0.2.
RESTRAINT_M = 0.005
LID_AND_LIP_WEIGHT, BROW_WEIGHT = 1.6, 0.8  # of gaps, a landmark's being 1, as in the landmark solver
LIDS, JAW = ("eyeBlink_L", "eyeBlink_R"), "jawOpen"  # what FLAME's expressions do besides its lid shapes and its jaw


def arkit_curves(take: Take, head: Head) -> ArkitCurves:
    """Return a take as ARKit's weights, each 0 to 1. Those of NEVER_SEEN are 0, those of POORLY_SEEN are poor.

    Args:
        take: cleaned.
        head: that it was solved on.
    Raises:
        RetargetError: the head has neither ARKit's names nor enough landmarks to be compared by.
    """
    if is_arkit(head.expression_names):
        return curves_of_builtin(take, head)
    return curves_of_builtin(take_on_builtin(take, head), builtin_head())


def take_on_builtin(take: Take, head: Head) -> Take:
    """Return a take for the built-in head that moves its landmarks as `take` moves those of `head`, in proportion.

    Lids, eyes, head and neck turn as they do there, and so does the jaw, but for what `head` opens it by expressions.
    Raises:
        RetargetError: the heads share too few landmarks.
    """
    builtin = builtin_head()
    shared = _shared_landmarks(head, builtin)
    own, ours = _PointsOn(head, shared, take.shape), _PointsOn(builtin, shared, np.zeros(builtin.num_shape))
    _, scale, _ = align_similarity(own.rest, ours.rest[None])  # heads share their axes, however their faces tilt
    moves = scale[0] * own.moves(expression=take.expression, jaw_pose=take.jaw_pose)
    wanted = moves - ours.moves(jaw_pose=take.jaw_pose)  # (T, P, 3) metres
    offsets = np.concatenate(
        [
            ours.moves(expression=np.eye(builtin.num_expression)),
            ours.moves(eyelid=np.eye(2)),
            ours.moves(jaw_pose=[[JAW_OPEN_RAD, 0.0, 0.0]]),
        ]
    )
    names = (*builtin.expression_names, *LIDS, JAW)
    limits = np.tile([0.0, 1.0], (len(names), 1))
    gaps = _gap_rows(shared)
    wanted, offsets = (np.concatenate([moves, gaps @ moves], axis=1) for moves in (wanted, offsets))
    values = solve_key_weights(*_restrained(wanted, offsets), limits, smoothness=SMOOTHNESS, sparsity=SPARSITY)
    expression, lids, jaw = np.split(values, [builtin.num_expression, builtin.num_expression + 2], axis=1)
    return replace(
        take,
        expression=expression,
        eyelid=np.clip(take.eyelid + lids, 0.0, 1.0),
        jaw_pose=take.jaw_pose + np.pad(JAW_OPEN_RAD * jaw, ((0, 0), (0, 2))),
        shape=np.zeros(builtin.num_shape, np.float32),
        models={role: name for role, name in take.models.items() if not role.startswith("head")} | builtin.models(),
        expression_names=builtin.expression_names,
        frame_shape=None,
        refined_expression=None,
        refined_jaw_pose=None,
        refined_eyelid=None,
    )


def _gap_rows(indices: np.ndarray) -> np.ndarray:
    """Return (G, P): rows that take weighed gaps of lids, lips and brows from landmarks (P,); those that are there."""
    place = {int(index): column for column, index in enumerate(indices)}
    gaps = [(gap, LID_AND_LIP_WEIGHT) for gap in LID_AND_LIP_GAPS] + [(gap, BROW_WEIGHT) for gap in BROW_GAPS]
    rows = []
    for sides, weight in gaps:
        if all(index in place for side in sides for index in side):
            row = np.zeros(len(place))
            for sign, side in zip((weight, -weight), sides):
                row[[place[index] for index in side]] += sign / len(side)
            rows.append(row)
    return np.array(rows).reshape(-1, len(place))


def _restrained(wanted: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return targets (T, P, 3) and offsets (K, P, 3) with points added that want to stay, one coordinate a key."""
    num_keys = len(offsets)
    still = np.pad(RESTRAINT_M * np.eye(num_keys), ((0, 0), (0, -num_keys % 3))).reshape(num_keys, -1, 3)
    stay = np.zeros((len(wanted), *still.shape[1:]))
    return np.concatenate([wanted, stay], axis=1), np.concatenate([offsets, still], axis=1)


def _shared_landmarks(head: Head, builtin: Head) -> np.ndarray:
    own = () if head.landmarks is None else head.landmarks.indices
    shared = np.intersect1d(own, builtin.landmarks.indices)
    if len(shared) < FEW_LANDMARKS:
        raise RetargetError(
            f"{head.name} has {len(shared)} of the landmarks by which its motion is read as ARKit's; {FEW_LANDMARKS} "
            "are needed. Put SMIRK's mediapipe_landmark_embedding.npz beside it, or solve on the built-in head"
        )
    return shared


class _PointsOn:
    """Some landmarks of a head that wears one identity: where they rest (P, 3), metres, and how they move."""

    def __init__(self, head: Head, indices: np.ndarray, shape: np.ndarray) -> None:
        place = {int(index): row for row, index in enumerate(head.landmarks.indices)}
        rows = [place[int(index)] for index in indices]
        keep, corners = np.unique(head.landmarks.corners[rows], return_inverse=True)
        self._part = head.part(keep, shape)
        self._corners = corners.reshape(-1, 3)
        self._weights = head.landmarks.weights[rows]
        self.rest = self._points()[0]

    def moves(self, **parameters: np.ndarray) -> np.ndarray:
        """Return how far they move (N, P, 3), metres, for arguments of `Head.vertices`."""
        return self._points(**parameters) - self.rest

    def _points(self, **parameters: np.ndarray) -> np.ndarray:
        vertices = self._part.vertices(**parameters).astype(np.float64)
        return np.einsum("npck,pc->npk", vertices[:, self._corners], self._weights)

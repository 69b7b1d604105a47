"""One identity for a whole take, with the expressions told anew for it, so that the face stays where it was seen."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import TakeError
from ..flame import Head
from ..flame.per_head import once_a_head
from ..flame.regions import face_mask
from ..flame.rotations import matrices_from_axis_angle
from ..take import Take
from ..take.clean_up import Identity

if TYPE_CHECKING:
    from .profile import Profile

MOST_FRAMES = 4096  # spread over the take: more tell no more of an identity
OUTLIER = 1.5  # typical distances from the middle, from which on a frame counts the less the farther it is
ROUNDS = 8  # of weighing anew; it settles in three or four
FLOOR = 0.02  # of the face's weight, that skull and neck have: what moves them is not free
RIDGE = 1e-5  # of the mean of the normal equations' diagonal: keeps directions that the face hardly shows from growing
CHUNK_FRAMES = 4096  # at a time: an hour's identities are 130 MB, its landmarks 620 MB, twice that in double


@dataclass(frozen=True)
class IdentityMap:
    """What one unit of each identity direction looks like otherwise, by least squares on the face's vertices.

    Attributes:
        expression: (E, S) as expression.
        shift: (3, S) as a move of the whole head, metres.
        growth: (S,) as a growth of the whole head about its middle, by this share.
        middle: (3,) metres.
    """

    expression: np.ndarray
    shift: np.ndarray
    growth: np.ndarray
    middle: np.ndarray


def robust_shape(take: Take) -> np.ndarray:
    """Return the identity that a take agrees on, (S,) float32.

    A mean over the frames that show a face, each weighed by its confidence, and the less the farther it lies from the
    others (Huber's weights, by all coefficients together, from the median on): a median keeps out frames that went
    wrong as well, but averages the others' noise away less. A take of one identity has that.
    """
    if take.frame_shape is None:
        return take.shape
    seen = np.flatnonzero(~take.gap)
    if not len(seen):
        return take.shape
    rows = spread_over(seen, MOST_FRAMES)
    shapes = take.frame_shape[rows].astype(np.float64)
    confidence = np.maximum(take.confidence[rows].astype(np.float64), 1e-3)
    middle = np.median(shapes, axis=0)
    for _ in range(ROUNDS):
        distance = np.linalg.norm(shapes - middle, axis=1)
        typical = np.median(distance)
        if typical == 0:
            break
        weight = confidence * np.minimum(1.0, OUTLIER * typical / np.maximum(distance, 1e-12))
        middle = weight @ shapes / weight.sum()
    return middle.astype(np.float32)


def locked(take: Take, head: Head, settings: Identity, profile: "Profile | None" = None) -> Take:
    """Return a take of one identity, the take's own (`robust_shape`) or the profile's.

    Whatever a frame's identity had that this one has not, and expressions can show, goes into the frame's expression;
    whatever is a move or a growth of the whole head goes into its camera. The rest is gone: it was no movement.
    A take that has this one identity already comes back as it is.
    Raises:
        TakeError: the settings want a profile's identity, and there is no profile.
        HeadError: a head on which the face cannot be found; see `region_masks`.
    """
    if settings.source == "profile" and profile is None:
        raise TakeError(
            f"The take of {take.source.name} should wear an actor profile's identity, but none is chosen. "
            "Choose the profile's file, or set Identity to the take's own"
        )
    shape = profile.shape if settings.source == "profile" else robust_shape(take)
    shape = _as_long(shape.astype(np.float32), take.shape.shape[-1])
    if take.frame_shape is None and np.array_equal(take.shape, shape):
        return take
    seen_as = identity_map(head, take.shape.shape[-1], take.expression.shape[-1])
    arrays = {name: getattr(take, name).copy() for name in ("expression", "camera")}
    if take.refined_expression is not None:
        arrays["refined_expression"] = take.refined_expression.copy()
    for start in range(0, len(take), CHUNK_FRAMES):
        rows = slice(start, min(start + CHUNK_FRAMES, len(take)))
        old = take.shape[None] if take.frame_shape is None else take.frame_shape[rows]
        change = (old - shape) @ seen_as.expression.T.astype(np.float32)
        for name in arrays.keys() - {"camera"}:
            arrays[name][rows] += change
        arrays["camera"][rows] = _kept_in_place(take, head, rows, old, shape, arrays["expression"][rows], seen_as)
    return replace(take, **arrays, shape=shape, frame_shape=None)


@once_a_head
def identity_map(head: Head, num_shape: int, num_expression: int) -> IdentityMap:
    """Return the map of a head's first identity directions to its first expression directions.

    Directions that the head has not got, as one that is known by its keys' names alone, look like nothing.
    Raises:
        HeadError: as `region_masks`.
    """
    weight = np.sqrt(np.maximum(face_mask(head), FLOOR).astype(np.float64))[:, None, None]
    middle = (weight[:, 0] ** 2 * head.template).sum(axis=0) / (weight**2).sum()
    spread = np.broadcast_to(np.eye(3), (len(head.template), 3, 3))
    growth = (head.template - middle)[..., None]
    parts = [head.expression_directions[..., :num_expression], spread, growth]
    basis = (weight * np.concatenate(parts, axis=-1, dtype=np.float64)).reshape(-1, num_expression + 4)
    known = head.shape_directions[..., :num_shape]
    wanted = (weight * known).reshape(len(basis), known.shape[-1])
    normal = basis.T @ basis
    ridge = np.zeros(len(normal))
    if num_expression:
        ridge[:num_expression] = RIDGE * np.diagonal(normal)[:num_expression].mean()
    answer = np.linalg.solve(normal + np.diag(ridge), basis.T @ wanted)
    answer = np.pad(answer, ((0, 0), (0, num_shape - known.shape[-1])))
    return IdentityMap(answer[:num_expression], answer[num_expression:-1], answer[-1], middle)


def _kept_in_place(
    take: Take,
    head: Head,
    rows: slice,
    old: np.ndarray,
    shape: np.ndarray,
    expression: np.ndarray,
    seen_as: IdentityMap,
) -> np.ndarray:
    """Return cameras (N, 3) that show the head of one identity where they showed that of the frames' own.

    The old head's points are p (1 + growth) + shift - growth * middle, of the new one's p; either turns about its own
    root, and scale * (x + tx, y + ty) of both is to be the same.
    """
    difference = (old - shape).astype(np.float64)
    growth = np.maximum(1.0 + difference @ seen_as.growth, 0.1)[:, None]
    shift = difference @ seen_as.shift.T - (growth - 1.0) * seen_as.middle
    turn = matrices_from_axis_angle(take.head_pose[rows])
    turned = lambda points: np.einsum("tij,tj->ti", turn, points)
    root_of = lambda identity, values: head.joints(identity[:, : head.num_shape], values)[:, 0]
    old_root, root = root_of(old, take.expression[rows]), root_of(shape[None], expression)
    camera = take.camera[rows].astype(np.float64)
    moved = (turned(shift - old_root) + old_root)[:, :2] + camera[:, 1:]
    kept = np.column_stack([camera[:, :1] * growth, (turned(root) - root)[:, :2] + moved / growth])
    return np.where(camera[:, :1] == 0, camera, kept)  # a scale of 0 is no camera


def spread_over(rows: np.ndarray, most: int) -> np.ndarray:
    """Return so many of the rows at most, spread evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]


def _as_long(shape: np.ndarray, num_shape: int) -> np.ndarray:
    """Return an identity cut or filled with zeros to so many coefficients."""
    return np.pad(shape[:num_shape], (0, max(0, num_shape - len(shape))))

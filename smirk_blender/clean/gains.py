"""More or less of what each region of the face does, of how much left and right differ, and left for right.

Expression directions know no regions, and FLAME's move the whole face each. So a gain is set on the vertices: what the
expression moves there is scaled by the gains of the regions that the vertex belongs to, and the nearest expression that
moves the vertices so is found by least squares. As all of that is linear, it is one matrix for a whole take.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from ..errors import HeadError
from ..flame import Head
from ..flame.gaze import GAZE_HIGH_RAD, GAZE_LOW_RAD
from ..flame.per_head import once_a_head
from ..flame.regions import SKIN_REGIONS, face_mask, region_masks
from ..take import Take
from ..take.clean_up import REGIONS, Gains

FLOOR = 0.02  # of the face's weight, that skull and neck have: what moves them is not free
NO_SHARE = 1e-6  # of a region in a vertex, that is left out
RIDGE = 1e-4  # of the mean of the normal equations' diagonal: what the face hardly shows stays as it is
JAW_WIDEST_RAD, JAW_SIDEWAYS_RAD = 0.7, 0.2  # as far as a gain above 1 takes a jaw; the landmark fit's bounds
FLIP = np.array([-1.0, 1.0, 1.0])  # of a place, to the other side
TURN_FLIP = np.array([1.0, -1.0, -1.0])  # of a rotation vector: nodding stays, turning and tilting change sides
CHUNK_VERTICES = 256
PARTNER_M = 0.004  # between a vertex's mirror image and its partner; FLAME's template is off by 1 to 3 mm


@dataclass(frozen=True)
class Balance:
    """What gains on an expression are worked out from, E directions.

    Attributes:
        whole: (E, E) the normal equations of the vertices that the expression moves, with the ridge.
        regions: (6, E, E) the part of them that each of SKIN_REGIONS has; they add up to `whole` without the ridge.
    """

    whole: np.ndarray
    regions: np.ndarray


def gained(take: Take, head: Head, settings: Gains) -> Take:
    """Return a take with more or less of the regions' movement; with all gains at 1, the take as it is.

    Lids and jaw go by their own parameters and by the expression around them, eyes by the gaze. Lids stay within 0 to
    1; no gain opens the jaw beyond JAW_WIDEST_RAD or turns the eyes farther than eyes turn. Asymmetry leaves the gaze's
    direction and the head alone, and evens out how high the eyes look. The mirror swaps these too; the camera and the
    landmarks stay as they were seen.
    Raises:
        HeadError: a head on which the face cannot be found; see `region_masks`.
    """
    if settings == Gains():
        return take
    arrays = {name: getattr(take, name) for name in ("expression", "jaw_pose", "eyelid", "eye_pose")}
    matrix = expression_matrix(head, settings, take.expression.shape[-1])
    if matrix is not None:
        arrays["expression"] = take.expression @ matrix.T.astype(np.float32)
    if settings.jaw != 1.0:
        arrays["jaw_pose"] = _bounded_jaw(take.jaw_pose, settings.jaw)
    if settings.lids != 1.0:
        arrays["eyelid"] = np.clip(settings.lids * take.eyelid, 0.0, 1.0)
    if settings.eyes != 1.0:
        arrays["eye_pose"] = _bounded_gaze(take.eye_pose, settings.eyes)
    if settings.asymmetry != 1.0:
        arrays |= _less_asymmetric(arrays, settings.asymmetry)
    if settings.mirror:
        turned = {name: getattr(take, name) * TURN_FLIP for name in ("head_pose", "neck_pose")}
        arrays |= _mirrored(arrays) | turned
    return replace(take, **{name: np.asarray(values, np.float32) for name, values in arrays.items()})


def prepare_gains(head: Head, num_expression: int) -> None:
    """Work out what gains on a head's first expressions take, a second on a large head, ahead of the first one.

    A head on which the face cannot be found has nothing to prepare.
    """
    with suppress(HeadError):  # which a gain will say
        balance_of(head, num_expression)
        mirror_matrix(head, num_expression)


def expression_matrix(head: Head, settings: Gains, num_expression: int) -> np.ndarray | None:
    """Return what to multiply a head's first expressions by, (E, E) float64; None where they stay as they are.

    Raises:
        HeadError: as `gained`.
    """
    gains = np.array([getattr(settings, region) for region in SKIN_REGIONS])
    even = bool(np.all(gains == 1.0))
    if not num_expression or (even and settings.asymmetry == 1.0 and not settings.mirror):
        return None
    matrix = one = np.eye(num_expression)
    if not even:  # written as a change, so that the ridge pulls to what was there
        balance = balance_of(head, num_expression)
        matrix = one + np.linalg.solve(balance.whole, np.tensordot(gains - 1.0, balance.regions, axes=1))
    if settings.asymmetry != 1.0:
        both = 0.5 * (one + mirror_matrix(head, num_expression))
        matrix = (both + settings.asymmetry * (one - both)) @ matrix
    return mirror_matrix(head, num_expression) @ matrix if settings.mirror else matrix


@once_a_head
def balance_of(head: Head, num_expression: int) -> Balance:
    """Return what gains on a head's first expressions are worked out from.

    Raises:
        HeadError: as `gained`.
    """
    directions, weight = _weighed(head, num_expression)
    masks = region_masks(head)
    flat = lambda array: array.reshape(-1, num_expression)
    parts = (np.flatnonzero(masks[region] > NO_SHARE) for region in SKIN_REGIONS)
    normal = lambda some, mask: flat(directions[some]).T @ flat((weight * mask)[some, None, None] * directions[some])
    regions = np.stack([normal(some, masks[region]) for some, region in zip(parts, SKIN_REGIONS)])
    whole = regions.sum(axis=0)
    whole[np.diag_indices(num_expression)] += RIDGE * np.trace(whole) / num_expression
    return Balance(whole, regions)


def _weighed(head: Head, num_expression: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions (V, 3, E) float64, and how much each vertex counts (V,)."""
    weight = np.maximum(face_mask(head), FLOOR).astype(np.float64)
    return head.expression_directions[..., :num_expression].astype(np.float64), weight


@once_a_head
def mirror_matrix(head: Head, num_expression: int) -> np.ndarray:
    """Return what takes an expression to the one that does the same on the other side, (E, E) float64.

    Done twice it changes nothing. With partners on both sides that weigh the same, mirroring has real eigenvalues from
    -1, what changes sides, to 1, what stays. Those in between belong to directions whose mirror image is not among the
    directions; they are taken for the nearer of both.
    Raises:
        HeadError: as `gained`.
    """
    directions, weight = _weighed(head, num_expression)
    own, other = partners(head)
    weight = np.sqrt(weight[own] * weight[other])[:, None, None]
    flat = lambda array: array.reshape(-1, num_expression)
    here, there = directions[own], directions[other] * FLIP[:, None]
    whole = flat(here).T @ flat(weight * here)
    across = flat(here).T @ flat(weight * there)
    whole[np.diag_indices(num_expression)] += 1e-9 * np.trace(whole) / num_expression
    root = np.linalg.cholesky(whole)  # directions of the same size everywhere, in which mirroring is symmetric
    even = np.linalg.solve(root, np.linalg.solve(root, 0.5 * (across + across.T)).T)
    values, vectors = np.linalg.eigh(0.5 * (even + even.T))
    return np.linalg.solve(root.T, vectors * np.where(values < 0, -1.0, 1.0)) @ (root @ vectors).T


def partners(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (K,) and their partners on the other side (K,), by the resting head; each pair in both orders.

    A pair are two vertices that are the nearest to each other's mirror image; others have no partner.
    """
    points = head.template.astype(np.float64)
    order = np.argsort(points[:, 1], kind="stable")
    height, other = points[order, 1], np.full(len(points), -1)
    for start in range(0, len(order), CHUNK_VERTICES):  # slices of the head: all pairs would be half a billion
        some = order[start : start + CHUNK_VERTICES]
        low, high = points[some[0], 1] - PARTNER_M, points[some[-1], 1] + PARTNER_M
        near = np.sort(order[np.searchsorted(height, low) : np.searchsorted(height, high, side="right")])
        apart = sum((points[some, axis, None] * FLIP[axis] - points[near, axis]) ** 2 for axis in range(3))
        found = np.argmin(apart, axis=1)
        is_near = apart[np.arange(len(some)), found] < PARTNER_M**2
        other[some[is_near]] = near[found[is_near]]
    own = np.flatnonzero((other >= 0) & (other[other] == np.arange(len(points))))
    return own, other[own]


def _bounded_jaw(jaw_pose: np.ndarray, gain: float) -> np.ndarray:
    """Return jaws (T, 3) turned by so much more; what was within the bounds stays so, what was not grows no more."""
    bounds = np.array([JAW_WIDEST_RAD, JAW_SIDEWAYS_RAD, JAW_SIDEWAYS_RAD])
    reach = np.maximum(bounds, np.abs(jaw_pose))
    return np.clip(gain * jaw_pose, -reach, reach)


def _bounded_gaze(eye_pose: np.ndarray, gain: float) -> np.ndarray:
    """Return eyes (T, 6) turned by so much more, likewise."""
    bound = lambda limit: np.tile([*limit, 0.0], 2)
    low, high = np.minimum(bound(GAZE_LOW_RAD), eye_pose), np.maximum(bound(GAZE_HIGH_RAD), eye_pose)
    return np.clip(gain * eye_pose, low, high)


def _less_asymmetric(arrays: dict[str, np.ndarray], asymmetry: float) -> dict[str, np.ndarray]:
    """Return jaw, lids and gaze with so much of what differs between left and right."""
    lids, gaze = arrays["eyelid"], arrays["eye_pose"].reshape(-1, 2, 3)
    mean_gaze = gaze.mean(axis=1, keepdims=True)
    height = mean_gaze[..., :1] + asymmetry * (gaze[..., :1] - mean_gaze[..., :1])
    middle = lids.mean(axis=1, keepdims=True)
    return {
        "jaw_pose": arrays["jaw_pose"] * np.array([1.0, asymmetry, asymmetry]),
        "eyelid": np.clip(middle + asymmetry * (lids - middle), 0.0, 1.0),
        "eye_pose": np.concatenate([height, gaze[..., 1:]], axis=-1).reshape(-1, 6),
    }


def _mirrored(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return jaw, lids and gaze with left and right exchanged."""
    gaze = arrays["eye_pose"].reshape(-1, 2, 3)
    return {
        "jaw_pose": arrays["jaw_pose"] * TURN_FLIP,
        "eyelid": arrays["eyelid"][:, ::-1],
        "eye_pose": (gaze[:, ::-1] * TURN_FLIP).reshape(-1, 6),
    }


assert set(SKIN_REGIONS) | {"eyes"} == set(REGIONS)

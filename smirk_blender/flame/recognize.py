"""Somebody else's mesh against a head: is it the same net of vertices, where does it stand, and what do its keys move?"""

from dataclasses import dataclass

import numpy as np

from .align import align_similarity
from .head import Head
from .placement import Placement
from .rotations import matrices_from_axis_angle

EXACT_M = 2e-6  # metres; points and keys that agree so well are the model's: above an OBJ's six decimals
SAME_FACE_M = 1e-3  # metres, root mean square; an identity that explains a face so well is that face's
NOT_A_HEAD_M = 0.02  # metres, root mean square; the net of a head, but not its form
ROUNDING = 4.0 * float(np.finfo(np.float32).eps)  # of the greatest coordinate: what storing in float32 may cost
FREE, PRIOR = 1e-9, 1e-3  # of the identity's squared length: hardly any weight, and one that keeps strange faces plausible
NEAR_ROUND = 0.15  # of a scale, by its logarithm
MAX_STEPS = 12  # of Gauss-Newton; it settles in four or five


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a mesh stands as a head.

    Attributes:
        placement: from FLAME's metres and axes to the mesh's coordinates.
        shape: (S,) the identity that the mesh has without any key; zeros where it is not one of the model's.
        distance_m: greatest distance of a vertex from the model with that identity, metres.
    """

    placement: Placement
    shape: np.ndarray
    distance_m: float


@dataclass(frozen=True)
class Match:
    """A key that is one of the model's directions: it stores `factor` times the direction."""

    key: int
    direction: int
    factor: float


def edges_of(polygons: list[np.ndarray] | np.ndarray) -> np.ndarray:
    """Return the undirected edges of polygons, each a row of vertex indices: (E, 2) int, sorted, each once."""
    pairs = [np.stack([polygon, np.roll(polygon, -1, axis=-1)], axis=-1).reshape(-1, 2) for polygon in polygons]
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def foreign_edges(edges: np.ndarray, head: Head) -> np.ndarray:
    """Return those of the edges (E, 2), sorted, that the head's net does not have, (K, 2)."""
    own = np.concatenate([edges_of([head.triangles]), edges_of([head.surface.polygons])])
    number = lambda pairs: pairs[:, 0].astype(np.int64) * len(head.template) + pairs[:, 1]
    return edges[~np.isin(number(edges), number(own))]


def find_standing(points: np.ndarray, head: Head) -> Standing:
    """Return where a mesh of the head's net stands: units, axes, origin, and the identity it has.

    Args:
        points: (V, 3) in the mesh's coordinates, without any key.
        head: the model.
    Source: similarity and identity together by Gauss-Newton, from Umeyama's alignment of the template.
    """
    points = np.asarray(points, np.float64)
    start = min((_aligned(points, head, mirror) for mirror in (1.0, -1.0)), key=lambda found: _rms(points, found, head))
    none = np.zeros(head.num_shape)
    if _distance(points, start, head, none) <= tolerance_m(points, start):
        return Standing(start, none, _distance(points, start, head, none))
    placement, shape = _fit(points, head, start, FREE)
    if _distance(points, placement, head, shape) > tolerance_m(points, placement):
        placement, shape = _fit(points, head, start, PRIOR)
        if _rms(points, placement, head, shape) > SAME_FACE_M:
            placement, shape = _in_round_units(points, placement), none
    return Standing(placement, shape, _distance(points, placement, head, shape))


def tolerance_m(points: np.ndarray, placement: Placement) -> float:
    """Return how far stored points (V, 3) may lie from the model's and still be them, metres."""
    return EXACT_M + ROUNDING * float(np.abs(points).max()) / placement.scale


def match_directions(offsets: np.ndarray, directions: np.ndarray, tolerance: float) -> list[Match]:
    """Return which keys are which directions, whatever their names, scales and signs; each direction at most once.

    Args:
        offsets: (K, V, 3) metres, FLAME axes: how far each key moves the vertices.
        directions: (V, 3, C) metres per unit.
        tolerance: metres, of every vertex at one unit of the direction.
    """
    keys = offsets.reshape(len(offsets), 3 * len(directions)).astype(np.float64)
    flat = directions.reshape(-1, directions.shape[-1]).T.astype(np.float64)  # (C, 3V)
    lengths = np.sum(flat**2, axis=1)
    factors = keys @ flat.T / np.where(lengths > 0, lengths, np.inf)  # (K, C)
    left_over = np.sum(keys**2, axis=1)[:, None] - factors**2 * lengths  # squared distances
    best = {}
    for key in np.flatnonzero(np.any(keys, axis=1)):
        direction = int(np.argmin(left_over[key]))
        factor = factors[key, direction]
        if factor == 0:
            continue
        error = np.abs(keys[key] / factor - flat[direction]).max()
        if error <= tolerance / min(1.0, abs(factor)) and error < best.get(direction, (np.inf,))[0]:
            best[direction] = (error, Match(int(key), direction, float(factor)))
    return [match for _, match in best.values()]


def _aligned(points: np.ndarray, head: Head, mirror: float) -> Placement:
    rotation, scale, shift = align_similarity(head.template * [mirror, 1, 1], points[None])
    return Placement(rotation[0] * [mirror, 1, 1], float(scale[0]), shift[0])


def _fit(points: np.ndarray, head: Head, start: Placement, weight: float) -> tuple[Placement, np.ndarray]:
    """Return placement and identity (S,) that lay the head on the points, least squares with a weight on the identity."""
    directions = head.shape_directions.reshape(-1, head.num_shape).astype(np.float64)  # (3V, S)
    normal = np.zeros((head.num_shape + 7,) * 2)
    normal[:-7, :-7] = directions.T @ directions
    penalty = np.zeros(head.num_shape + 7)
    penalty[:-7] = weight * np.trace(normal) / max(1, head.num_shape) if weight == FREE else len(points) * weight**2
    placement, shape = start, np.zeros(head.num_shape)
    for _ in range(MAX_STEPS):
        here = placement.flame_points(points)
        moves = _similarity_moves(here)  # (3V, 7): what turning, growing and shifting the points does
        normal[:-7, -7:] = -(directions.T @ moves)
        normal[-7:, :-7] = normal[:-7, -7:].T
        normal[-7:, -7:] = moves.T @ moves
        residual = (here - head.template).ravel() - directions @ shape
        right = np.concatenate([directions.T @ residual - penalty[:-7] * shape, -(moves.T @ residual)])
        step = np.linalg.solve(normal + np.diag(penalty), right)
        shape = shape + step[:-7]
        placement = _moved(placement, step[-7:])
        if np.abs(step[-7:]).max() < 1e-12:
            break
    return placement, shape


def _similarity_moves(points: np.ndarray) -> np.ndarray:
    turns = [np.cross(axis, points) for axis in np.eye(3)]
    shifts = [np.broadcast_to(axis, points.shape) for axis in np.eye(3)]
    return np.stack([*turns, points, *shifts], axis=-1).reshape(-1, 7)


def _moved(placement: Placement, step: np.ndarray) -> Placement:
    """Return the placement for which a point's place in FLAME is turned, grown and shifted by a step (7,)."""
    turn, growth, shift = matrices_from_axis_angle(step[:3]), 1.0 + step[3], step[4:]
    axes, scale = placement.axes @ turn.T, placement.scale / growth
    return Placement(axes, scale, placement.shift - scale * axes @ shift)


def _in_round_units(points: np.ndarray, placement: Placement) -> Placement:
    """Return the placement in metres, decimetres, centimetres and so on if it is near: a strange face says no better."""
    scale = 10.0 ** round(np.log10(placement.scale))
    if abs(np.log(placement.scale / scale)) > NEAR_ROUND:
        return placement
    middle = points.mean(axis=0)
    return Placement(placement.axes, scale, middle - scale * placement.axes @ placement.flame_points(middle))


def _distance(points: np.ndarray, placement: Placement, head: Head, shape: np.ndarray) -> float:
    return float(np.linalg.norm(_difference(points, placement, head, shape), axis=1).max())


def _rms(points: np.ndarray, placement: Placement, head: Head, shape: np.ndarray | None = None) -> float:
    difference = _difference(points, placement, head, np.zeros(head.num_shape) if shape is None else shape)
    return float(np.sqrt(np.mean(np.sum(difference**2, axis=1))))


def _difference(points: np.ndarray, placement: Placement, head: Head, shape: np.ndarray) -> np.ndarray:
    return placement.flame_points(points) - head.template - head.shape_directions @ shape

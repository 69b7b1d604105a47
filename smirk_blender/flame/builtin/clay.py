"""The head's shape as clay: soft unions of rounded bodies, named by anatomy, in millimetres.

The frame is the head's own: +Y up, +Z out of the face, +X to the actor's left. All is symmetrical.
Sizes follow common adult proportions (eyes 63 mm apart, head about 225 mm tall and 190 mm deep).
"""

import numpy as np

from .distance import carve, ellipsoid, smooth_curve, tube, union

EYE_CENTRE = np.array([31.5, 30.0, 42.0])  # the left eye's
EYE_RADIUS = 13.0
LID_THICKNESS = 1.3

UPPER_LIP = smooth_curve(
    [(0, -35.2, 66.0), (5, -34.3, 66.2), (13, -36.0, 62.4), (20, -37.7, 56.2), (25, -38.5, 51.0)], 9
)
UPPER_LIP_RADII = np.interp(np.linspace(0, 4, 9), range(5), (3.3, 3.8, 3.3, 2.4, 1.2))
LOWER_LIP = smooth_curve(
    [(0, -44.4, 64.0), (7, -44.2, 63.5), (14, -42.8, 60.0), (20, -40.4, 55.2), (25, -38.7, 51.0)], 9
)
LOWER_LIP_RADII = np.interp(np.linspace(0, 4, 9), range(5), (4.7, 4.8, 4.2, 2.8, 1.2))
NOSE_BRIDGE = smooth_curve([(0, 40, 55), (0, 28, 56), (0, 12, 64), (0, -1, 71)], 7)
NOSE_BRIDGE_RADII = np.interp(range(7), [0, 2, 6], [6.5, 5.2, 6.6])

# Beyond these distances the regions change nothing that is near the skin: centre and radius.
EYE_REACH, MOUTH_REACH, NOSE_REACH = ((30, 30, 50), 60.0), ((0, -38, 50), 70.0), ((0, 5, 65), 62.0)

BROW_RIDGE = smooth_curve([(4, 43, 57), (18, 46, 58), (34, 48, 52), (47, 43, 38)], 7)
BROW_RADII = np.linspace(7.0, 6.0, 7)


def skin_distance(points: np.ndarray) -> np.ndarray:
    """Return distances (N,) from points (N, 3), millimetres, to the skin without ears; negative inside."""
    folded = points.copy()
    folded[:, 0] = np.sqrt(folded[:, 0] ** 2 + 0.04)  # |x| with a rounded tip, so that the midline has no crease
    body = union(_skull_and_face(folded), _neck_and_shoulders(folded), 26.0)
    for add, (centre, radius) in ((_eye_region, EYE_REACH), (_mouth_region, MOUTH_REACH), (_nose, NOSE_REACH)):
        near = np.flatnonzero(((folded - centre) ** 2).sum(axis=1) < radius**2)
        if len(near):
            body[near] = add(body[near], folded[near])
    return body


def project(points: np.ndarray, *, steps: int = 6, reach: float = 60.0) -> np.ndarray:
    """Return points (N, 3) moved onto the skin along the distance's gradient, at most `reach` away in all."""
    moved = points.copy()
    for _ in range(steps):
        distance, gradient = _distance_and_gradient(moved)
        step = distance / np.maximum((gradient**2).sum(axis=1), 0.25)
        moved -= np.clip(step, -8.0, 8.0)[:, None] * gradient
    shift = moved - points
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    return points + shift * np.minimum(1.0, reach / np.maximum(length, 1e-9))


def cast(origins: np.ndarray, directions: np.ndarray, *, steps: int = 32) -> np.ndarray:
    """Return where rays (N, 3) + t (N, 3) from outside first meet the skin (or come nearest to it)."""
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    points = origins.copy()
    active = np.arange(len(points))
    for _ in range(steps):
        distance = skin_distance(points[active])
        points[active] += 0.9 * np.clip(distance, -5.0, 60.0)[:, None] * directions[active]
        active = active[np.abs(distance) > 0.02]
        if not len(active):
            break
    return points


def cast_front(xy: np.ndarray) -> np.ndarray:
    """Return the skin's points (N, 3) at front-view places (N, 2)."""
    return cast(np.column_stack([xy, np.full(len(xy), 130.0)]), np.tile([0.0, 0.0, -1.0], (len(xy), 1)))


def _distance_and_gradient(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    step = 0.05
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], float)  # a tetrahedron
    samples = skin_distance((points[None] + step * corners[:, None]).reshape(-1, 3)).reshape(4, -1)
    return samples.mean(axis=0), np.einsum("sn,sk->nk", samples, corners) / (4.0 * step)


def _skull_and_face(points: np.ndarray) -> np.ndarray:
    skull = union(
        ellipsoid(points, (0, 64, -40), (74, 76, 84)),
        ellipsoid(points, (0, 66, 6), (63, 64, 60)),
        30.0,
    )
    middle = ellipsoid(points, (0, 0, 6), (58, 66, 54))
    cheekbones = ellipsoid(points, (46, 7, 25), (18, 12, 24), yaw_deg=28.0, roll_deg=-10.0)
    cheeks = ellipsoid(points, (29.5, -20, 35), (20, 26, 24))
    body = union(skull, middle, 26.0)
    body = union(body, cheekbones, 24.0)
    body = union(body, cheeks, 26.0)
    jaw = tube(points, [(53, -6, -10), (45, -40, 0), (28, -62, 30), (8, -71, 50)], (10, 10, 10, 11))
    body = union(body, jaw, 28.0)
    body = union(body, ellipsoid(points, (0, -68, 52.5), (17, 13, 14)), 18.0)
    brow = tube(points, BROW_RIDGE, BROW_RADII)
    return union(body, brow, 18.0)


def _neck_and_shoulders(points: np.ndarray) -> np.ndarray:
    neck = tube(points, [(0, -40, -36), (0, -95, -38), (0, -150, -46)], (44, 46, 52))
    shoulders = ellipsoid(points, (70, -182, -48), (95, 40, 50), roll_deg=-16.0)
    chest = ellipsoid(points, (0, -205, -30), (110, 60, 60))
    muscle = tube(
        points, [(56, -8, -34), (30, -80, -16), (7, -150, 2)], (8, 9, 8)
    )  # from behind the ear to the breastbone
    throat = ellipsoid(points, (0, -104, 2), (11, 16, 9))
    body = union(union(neck, muscle, 20.0), throat, 22.0)
    return union(union(body, shoulders, 40.0), chest, 40.0)


def _eye_region(body: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y, z = EYE_CENTRE
    socket = ellipsoid(points, (x + 1.0, y + 1.0, z + 20.0), (19, 12, 11), roll_deg=-6.0)
    inner_corner = ellipsoid(points, (15.0, 33, 61), (6, 10, 8))
    body = carve(body, socket, 14.0)
    body = carve(body, inner_corner, 8.0)
    ball = np.linalg.norm((points - EYE_CENTRE) / np.array([1.15, 1.0, 1.0]), axis=1) - (EYE_RADIUS + LID_THICKNESS)
    return union(body, ball, 6.0)


def _mouth_region(body: np.ndarray, points: np.ndarray) -> np.ndarray:
    barrel = ellipsoid(points, (0, -37, 36), (33, 26, 27))
    body = union(body, barrel, 18.0)
    body = carve(body, ellipsoid(points, (0, -57, 74), (15, 4, 8)), 10.0)  # the dip above the chin
    body = carve(body, tube(points, [(0, -20, 73.5), (0, -31, 72.0)], (3.4, 3.6)), 5.0)  # the philtrum
    lips = union(tube(points, UPPER_LIP, UPPER_LIP_RADII), tube(points, LOWER_LIP, LOWER_LIP_RADII), 1.2)
    return union(body, lips, 4.0)


def _nose(body: np.ndarray, points: np.ndarray) -> np.ndarray:
    bridge = tube(points, NOSE_BRIDGE, NOSE_BRIDGE_RADII)
    body = union(body, bridge, 13.0)
    wing = ellipsoid(points, (11.6, -9.8, 64.5), (5.6, 6.2, 9.6), yaw_deg=-24.0, pitch_deg=6.0)
    tip = ellipsoid(points, (0, -4.5, 76.0), (9.2, 8.4, 9.2))
    column = tube(points, [(0, -14, 64), (0, -11.5, 76)], (4.6, 4.4))
    nose = union(union(wing, tip, 6.0), column, 5.0)
    body = union(body, nose, 5.0)
    nostril = ellipsoid(points, (6.6, -15.0, 69.5), (3.4, 4.6, 5.8), yaw_deg=-24.0, pitch_deg=10.0)
    return carve(body, nostril, 2.0)

"""Eyelids worked out from a head's own geometry: lid shapes for a head without lid files, and what keeps lids off
the eyeballs.

Both read the eyes the same way. Vertices that hang wholly on an eye's joint are its eyeball. Behind the lids the skin
goes on as a pocket that holds the ball; counted in steps of one edge from the back of that pocket, the skin falls
into rings, and the ring where the pocket's mouth is narrowest is the lids' edge. Skin on the near side of that ring
is what a camera can see; the pocket on its far side may lie inside the ball, and is left there.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import HeadError
from .eyes import EYE_JOINTS, Eye, around, find_eye, fit_ball
from .head import Head

MEETING_PLACE = 0.8  # 0 at the upper edge, 1 at the lower: most of a blink is the upper lid's. As the built-in head's
OVERLAP = 1.015  # the upper edge goes a little past the meeting line, so that no slit stays between vertices
REACH = 1.2  # eyeball radii from the edge, along the skin, beyond which nothing moves: brow, cheek and nose stay
CLEARANCE_M = 0.0002  # between lid and eyeball; a cornea turned under the lid, and triangles' flat middles, need some
FULL_CLEARANCE_AT = 0.5  # lid value; skin that touches when open gains its clearance steadily up to here
MOVED_M = 1e-5  # what a lid shape moves by less is not lid
STEPS = np.linspace(0.0, 1.0, 11)  # lid values at which a corrective is made to hold
ROUNDS = 60  # at most, of pushing out and measuring again
TOLERANCE_M = 2e-6  # of the clearance
SPREAD = 3  # rings over which a corrective fades

SAMPLE_WEIGHTS = np.array([(4 - i - j, i, j) for i in range(5) for j in range(5 - i)]) / 4.0  # (15, 3) on a triangle


@dataclass(frozen=True)
class LidCorrective:
    """What to add to the lid shapes so that the lids do not cut the eyeballs.

    Attributes:
        shut: (V, 3, 2) float32, metres, left then right; added in proportion to the lid value e.
        halfway: (V, 3, 2) float32, metres; added as 4e(1 - e), nothing when open or shut and all of it at 0.5,
            since a vertex that moves along a straight line between two places on a ball cuts into it in between.
    """

    shut: np.ndarray
    halfway: np.ndarray


def eyelid_shapes(head: Head, shape: np.ndarray | None = None) -> np.ndarray | None:
    """Return lid shapes made from the head's own geometry.

    Lid skin turns about the eyeball's sideways axis, so that when shut it lies over the ball as it did when open.
    The two edges meet on a line nearer the lower one; how far the rest turns is the smoothest way, in steps of one
    edge, from the lids' edges to nothing at brow, cheek and nose, which unfolds the crease before it stretches skin.

    Args:
        head: with eyeballs; lid shapes that it has already are not looked at.
        shape: (C,) identity for which the lids shall meet; left out, the template.
    Returns:
        (V, 3, 2) float32, metres from open to shut, left then right, FLAME axes; None for a head that has no
        eyeballs hanging on the eye joints, or no lids over them.
    """
    neutral = _neutral(head, shape)
    eyes = [find_eye(head, joint) for joint in EYE_JOINTS]
    if any(eye is None for eye in eyes):
        return None
    return np.stack([_lid_shape(eye, neutral) for eye in eyes], axis=-1).astype(np.float32)


def corrective_weights(eyelid: np.ndarray) -> np.ndarray:
    """Return how much of `LidCorrective.shut` and `.halfway` lid values (...) ask for: (..., 2) = e, 4e(1 - e).

    Lids beyond open or shut get no more than open or shut ones.
    """
    eyelid = np.clip(np.asarray(eyelid, dtype=np.float64), 0.0, 1.0)
    return np.stack([eyelid, 4.0 * eyelid * (1.0 - eyelid)], axis=-1)


def corrective_offsets(corrective: LidCorrective, eyelid: np.ndarray) -> np.ndarray:
    """Return what to add to the unposed head at lid values (N, 2), left then right: (N, V, 3) float32, metres."""
    weights = corrective_weights(eyelid).astype(np.float32)  # (N, 2, 2): eye, field
    fields = np.stack([corrective.shut, corrective.halfway], axis=-1)  # (V, 3, 2, 2): eye, field
    return np.tensordot(weights, fields, axes=([1, 2], [2, 3]))


def lid_corrective(
    head: Head, shape: np.ndarray | None = None, *, neutral: np.ndarray | None = None
) -> LidCorrective | None:
    """Return what keeps this head's lids off its eyeballs at every lid value, for one face.

    Both fields push lid skin straight away from the ball's centre until it lies CLEARANCE_M off the surface, or, up
    to FULL_CLEARANCE_AT, as much more than when open as the lid value asks for. They fade over a few rings around,
    and touch nothing that the eye's lid shape does not move. Neither acts on open lids: skin that lies inside the
    ball then comes out of it as the lids shut. An eye whose lids never cut is left alone.

    Args:
        head: with lid shapes.
        shape: (C,) identity; left out, the template.
        neutral: (V, 3) metres, FLAME axes: a face at rest that no identity describes, instead of `shape`.
    Returns:
        None for a head without lid shapes, or without eyeballs and lids that can be told apart.
    """
    eyes = [find_eye(head, joint) for joint in EYE_JOINTS]
    if head.eyelid_directions is None or any(eye is None for eye in eyes):
        return None
    neutral = _neutral(head, shape) if neutral is None else np.asarray(neutral, np.float64)
    lids = head.eyelid_directions.astype(np.float64)
    fields = [_correct(eye, neutral, lids[..., side]) for side, eye in enumerate(eyes)]
    return LidCorrective(*(np.stack(pair, axis=-1).astype(np.float32) for pair in zip(*fields)))


def lid_penetration(
    head: Head,
    eyelid: np.ndarray,
    *,
    shape: np.ndarray | None = None,
    corrective: LidCorrective | None = None,
) -> np.ndarray:
    """Return how deep the lids' visible skin lies inside the eyeballs, at its deepest.

    Looked at are 15 points on each triangle on the near side of the lids' edge that the lid shape moves, but for
    points that lie inside the ball already when this identity's lids are open: some identities sink the inner border
    of the lids' edge by up to a quarter of a millimetre, where a camera sees a thinner edge and not a hole.

    Args:
        head: with eyeballs and lid shapes.
        eyelid: (N, 2) lid values, left then right.
        shape: (C,) identity; left out, the template.
        corrective: added to the lid shapes.
    Returns:
        (N, 2) metres, left then right, 0 where the lid lies clear.
    Raises:
        HeadError: the head has no eyeballs, no lids over them, or no lid shapes.
    """
    eyes = [find_eye(head, joint) for joint in EYE_JOINTS]
    if head.eyelid_directions is None or any(eye is None for eye in eyes):
        raise HeadError(f"{head.name} has no eyeballs, or no lids or lid shapes over them. Choose a FLAME head")
    neutral = _neutral(head, shape)
    eyelid = np.atleast_2d(np.asarray(eyelid, np.float64))
    offsets = np.zeros((len(eyelid), 1, 1)) if corrective is None else corrective_offsets(corrective, eyelid)
    depth = np.zeros((len(eyelid), 2))
    for side, eye in enumerate(eyes):
        lid = head.eyelid_directions[..., side].astype(np.float64)
        ball = fit_ball(neutral[eye.ball])
        triangles = _lid_triangles(eye, lid)
        outside_when_open = ball.clearance(_samples(neutral, triangles)) >= 0
        for row, value in enumerate(eyelid[:, side]):
            clearance = ball.clearance(_samples(neutral + value * lid + offsets[row], triangles))
            depth[row, side] = np.max(-clearance, where=outside_when_open, initial=0.0)
    return depth


def _neutral(head: Head, shape: np.ndarray | None) -> np.ndarray:
    rows = None if shape is None else np.atleast_2d(shape)
    return head.vertices(rows)[0].astype(np.float64)


# --- shutting the lids ---


def _lid_shape(eye: Eye, neutral: np.ndarray) -> np.ndarray:
    """Return (V, 3) metres from open to shut."""
    ball = fit_ball(neutral[eye.ball])
    local = neutral - ball.center
    elevation, from_axis = np.arctan2(local[:, 1], local[:, 2]), np.hypot(local[:, 1], local[:, 2])
    turn, lift = np.zeros(len(local)), np.zeros(len(local))  # radians about +X, downwards; metres from the axis
    ring_pair = (eye.edge, eye.edge + 1)  # the lid's edge is a strip: both its borders have to meet
    loops = [around(local, np.flatnonzero(eye.rings == ring)) for ring in ring_pair]
    meeting = _meeting_line(local, elevation, loops[1])
    for loop in loops:
        upper, lower = upper_and_lower(local, loop)
        x = local[loop, 0]
        line = np.interp(x, *meeting)
        is_upper = np.isin(loop, upper)
        turn[loop] = (elevation[loop] - line) * np.where(is_upper, OVERLAP, 1.0)
        meet_at = np.maximum(_along(local, from_axis, upper, x), _along(local, from_axis, lower, x))
        over_ball = np.sqrt(np.maximum((ball.distances.max() + CLEARANCE_M) ** 2 - x**2, 0.0))
        lift[loop] = np.maximum(meet_at, over_ball) - from_axis[loop]
    pinned = np.concatenate(loops)
    near = _distance_along(neutral, eye.edges, pinned) < REACH * ball.radius
    near |= (eye.rings >= 0) & (eye.rings < eye.edge)  # the pocket comes along
    turn, lift = _fade(np.column_stack([turn, lift]), pinned, near, eye.edges).T
    from_axis, elevation = from_axis + lift, elevation - turn
    shut = np.column_stack([local[:, 0], from_axis * np.sin(elevation), from_axis * np.cos(elevation)])
    return (shut - local) * near[:, None]  # the way there and back rounds; what stays shall stay exactly


def _meeting_line(local: np.ndarray, elevation: np.ndarray, loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the lids meet: x (K,) metres, ascending, and elevation (K,) radians, one at each lower vertex."""
    upper, lower = upper_and_lower(local, loop)
    x = local[lower, 0]
    above = _along(local, elevation, upper, x)
    return x, above + MEETING_PLACE * (elevation[lower] - above)


def upper_and_lower(local: np.ndarray, loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a ring's upper and lower vertices, each by ascending x; both have the corners, its ends sideways."""
    loop = np.roll(loop, -int(np.argmin(local[loop, 0])))  # counter-clockwise from the -X corner: below, then above
    other = int(np.argmax(local[loop, 0]))
    halves = loop[other:].tolist() + [loop[0]], loop[: other + 1]
    return tuple(np.array(half)[np.argsort(local[half, 0], kind="stable")] for half in halves)


def _along(local: np.ndarray, values: np.ndarray, half: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return values (V,) read along an upper or lower half at places x (N,)."""
    return np.interp(x, local[half, 0], values[half])


def _distance_along(points: np.ndarray, edges: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the way (V,) along edges from the nearest of the starts, metres; infinite where there is none."""
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    distance = np.full(len(points), np.inf)
    distance[starts] = 0.0
    while True:
        before = distance.copy()
        np.minimum.at(distance, edges[:, 0], before[edges[:, 1]] + lengths)
        np.minimum.at(distance, edges[:, 1], before[edges[:, 0]] + lengths)
        if np.array_equal(before, distance):
            return distance


def _fade(values: np.ndarray, pinned: np.ndarray, near: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return values (V, K) that keep the pinned vertices' own, are 0 off `near` (V,), and in between bend least:
    the squares of (each vertex less the mean of its neighbours) add up to as little as can be."""
    free = near.copy()
    free[pinned] = False
    number = np.full(len(values), -1)
    bent = np.flatnonzero(near | _beside(near, edges))
    number[bent] = np.arange(len(bent))
    inside = edges[(number[edges] >= 0).all(axis=1)]
    bending = np.zeros((len(bent), len(bent)))
    a, b = number[inside].T
    bending[a, b] = bending[b, a] = -1.0
    bending /= np.maximum(-bending.sum(axis=1, keepdims=True), 1.0)
    bending[np.diag_indices(len(bent))] = 1.0
    known = np.zeros_like(values)
    known[pinned] = values[pinned]
    of_free = bending[:, number[free]]
    known[free] = np.linalg.solve(of_free.T @ of_free, -of_free.T @ (bending @ known[bent]))
    return known


def _beside(chosen: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return (V,) bool: which vertices share an edge with a chosen one."""
    beside = np.zeros_like(chosen)
    beside[edges[chosen[edges[:, 1]], 0]] = True
    beside[edges[chosen[edges[:, 0]], 1]] = True
    return beside


# --- keeping off the ball ---


def _lid_triangles(eye: Eye, lid: np.ndarray) -> np.ndarray:
    """Return the visible triangles (G, 3) that a lid shape (V, 3) moves."""
    moves = np.linalg.norm(lid, axis=1) > MOVED_M
    return eye.triangles[moves[eye.triangles].any(axis=1)]


def _samples(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return points (G, 15, 3) on triangles (G, 3)."""
    return SAMPLE_WEIGHTS @ points[triangles]


def _correct(eye: Eye, neutral: np.ndarray, lid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fields (V, 3) of one eye for e and for 4e(1 - e)."""
    ball = fit_ball(neutral[eye.ball])
    triangles = _lid_triangles(eye, lid)
    may_move = np.linalg.norm(lid, axis=1) > MOVED_M
    outward = [_unit(neutral + value * lid - ball.center) for value in (1.0, 0.5)]
    amount = np.zeros((2, len(neutral)))  # metres along these, at 1 and at 0.5
    if all((ball.clearance(_samples(neutral + value * lid, triangles)) >= 0).all() for value in STEPS):
        return np.zeros_like(neutral), np.zeros_like(neutral)
    clearance_open = ball.clearance(_samples(neutral, triangles), CLEARANCE_M)

    def lacking(value: float, of: np.ndarray) -> np.ndarray:
        """Return how much farther out samples (G, 15) of triangles would have to be at this lid value."""
        weights = corrective_weights(value)
        points = neutral + value * lid + sum(w * a[:, None] * o for w, a, o in zip(weights, amount, outward))
        wanted = np.minimum(CLEARANCE_M, clearance_open[of] + CLEARANCE_M * value / FULL_CLEARANCE_AT)
        return np.maximum(wanted - ball.clearance(_samples(points, triangles[of]), CLEARANCE_M), 0.0)

    def needed(lack: np.ndarray) -> np.ndarray:
        """Return how much farther out each vertex (V,) would have to be for its triangles' samples (G, 15)."""
        need = np.zeros(len(neutral))
        for corner in range(3):
            shared = (lack * (SAMPLE_WEIGHTS[:, corner] > 0)).max(axis=1)
            np.maximum.at(need, triangles[:, corner], shared)
        return need * may_move

    for field, values in ((0, [1.0]), (1, STEPS[1:-1])):
        lack = np.zeros((len(values), len(triangles), len(SAMPLE_WEIGHTS)))
        moved = np.arange(len(triangles))  # the others lack what they lacked
        for _ in range(ROUNDS):
            for row, value in zip(lack, values):
                row[moved] = lacking(value, moved)
            weight = [corrective_weights(value)[field] for value in values]
            need = np.max([needed(row) / w for row, w in zip(lack, weight)], axis=0)
            if need.max() < TOLERANCE_M:
                break
            amount[field] += need
            moved = np.flatnonzero((need > 0)[triangles].any(axis=1))
        amount[field] = _faded(amount[field], eye.edges) * may_move
    return amount[0][:, None] * outward[0], amount[1][:, None] * outward[1]


def _faded(amount: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return amounts (V,) that nowhere fell, and that fade over the SPREAD rings around."""
    count = np.maximum(np.bincount(edges.ravel(), minlength=len(amount)), 1)
    for _ in range(SPREAD):
        a, b = edges.T
        total = np.bincount(a, amount[b], len(amount)) + np.bincount(b, amount[a], len(amount))
        amount = np.maximum(amount, total / count)
    return amount


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


# --- the ball ---

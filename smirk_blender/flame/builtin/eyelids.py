"""How the lids move: every lid vertex turns about the eyeball's sideways axis, so that the edge slides on the ball."""

import numpy as np

from .clay import EYE_CENTRE
from .distance import smoothstep
from .skin import Skin

MEETING_PLACE = 0.80  # where the shut lids meet: 0 at the upper edge, 1 at the lower
OVERLAP = 1.015  # the upper edge goes a little past the meeting line, so that no slit stays
SHUT_LIFT = 0.45  # extra millimetres off the ball when shut, so that half-way (a chord) does not cut in
# Share of the edge's turn by ring number: none at the block's border, all from the edge inwards.
RING_SHARES = ((0.0, 0.0), (1.0, 0.12), (2.0, 0.58), (3.0, 1.0), (5.0, 1.0))


def left_lid_turns(skin: Skin) -> tuple[np.ndarray, np.ndarray]:
    """Return the angles (V,) by which the left eye's upper and lower lid vertices turn to shut.

    Radians about +X through the eyeball's centre: positive lowers the front. Zero off the lids.
    """
    upper, lower = edge_turns(skin, skin.points[:, 0])
    sine = np.sin(skin.eye_angle)
    rings, shares = np.array(RING_SHARES).T
    share = np.interp(skin.eye_ring, rings, shares) * (skin.points[:, 0] > 0) * (skin.eye_ring > 0)
    return upper * share * smoothstep(sine, -0.02, 0.02), lower * share * smoothstep(sine, 0.02, -0.02)


def edge_turns(skin: Skin, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the angles (N,) by which the left lids' upper and lower edges turn to shut at places x (N,)."""
    local = skin.points - EYE_CENTRE
    elevation = np.arctan2(local[:, 1], local[:, 2])
    on_edge = (skin.points[:, 0] > 0) & (skin.eye_ring == 4.0)
    sine = np.sin(skin.eye_angle)
    edges = []
    for chosen in (on_edge & (sine > -1e-6), on_edge & (sine < 1e-6)):
        order = np.argsort(skin.points[chosen, 0])
        edges.append(np.interp(x, skin.points[chosen, 0][order], elevation[chosen][order]))
    upper, lower = edges
    meeting = upper + MEETING_PLACE * (lower - upper)
    return OVERLAP * (upper - meeting), lower - meeting


def left_lash_direction(skin: Skin, lashes: np.ndarray) -> np.ndarray:
    """Return (N, 3) millimetres from open to shut for the left upper lashes, which turn with the lid's edge."""
    upper, _ = edge_turns(skin, lashes[:, 0])
    outward = (lashes - EYE_CENTRE) * np.array([0.0, 1.0, 1.0])
    lifted = lashes + SHUT_LIFT * outward / np.linalg.norm(outward, axis=1, keepdims=True)
    return turned(lifted, upper) - lashes


def turned(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return points (V, 3) turned about the left eyeball's sideways axis by angle (V,) radians."""
    local = points - EYE_CENTRE
    cosine, sine = np.cos(angle), np.sin(angle)
    y = local[:, 1] * cosine - local[:, 2] * sine
    z = local[:, 1] * sine + local[:, 2] * cosine
    return EYE_CENTRE + np.column_stack([local[:, 0], y, z])


def left_eyelid_direction(skin: Skin) -> np.ndarray:
    """Return (V, 3) millimetres from open to shut for the left eye."""
    upper, lower = left_lid_turns(skin)
    moved = turned(skin.points, upper + lower)
    local = moved - EYE_CENTRE
    from_axis = np.linalg.norm(local[:, 1:], axis=1)
    strength = smoothstep(np.abs(upper + lower), 0.0, 0.35)
    wanted = from_axis + SHUT_LIFT * strength
    moved[:, 1:] = EYE_CENTRE[1:] + local[:, 1:] * (wanted / np.maximum(from_axis, 1e-9))[:, None]
    return moved - skin.points

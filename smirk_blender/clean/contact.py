"""How far lids and lips stand apart on the mesh, in millimetres: what tells whether they meet."""

from dataclasses import dataclass

import numpy as np

from ..errors import HeadError
from ..flame import Head
from ..flame.eyelids import upper_and_lower
from ..flame.eyes import EYE_JOINTS, Eye, around, find_eye
from ..flame.measures import INNER_LIPS
from ..take import Take

LIP_PAIRS = (*INNER_LIPS, (81, 178), (311, 402))  # MediaPipe's, upper and lower inner lip, from the middle outwards
LID_MIDDLE = 0.6  # of an eye's width that counts: towards the corners the edges run into each other when open, too
CHUNK_FRAMES = 512


@dataclass(frozen=True)
class Slits:
    """Places across a slit: each is a lower vertex or landmark and the point of the upper side right above it.

    Attributes:
        vertices: (K,) int, of the head, that the places are made of.
        weights: (G, K), rows that take a gap from those vertices: upper minus lower.
    """

    vertices: np.ndarray
    weights: np.ndarray


def lid_slits(head: Head) -> tuple[Slits, Slits] | None:
    """Return the places between the lids' edges, left eye then right; None for a head without lids over eyeballs."""
    eyes = [find_eye(head, joint) for joint in EYE_JOINTS]
    if any(eye is None for eye in eyes):
        return None
    return tuple(_between_edges(head, eye) for eye in eyes)


def lip_slits(head: Head) -> Slits:
    """Return the places between the inner lips, one for each of LIP_PAIRS.

    Raises:
        HeadError: the head has no landmarks there.
    """
    place = {} if head.landmarks is None else {int(index): row for row, index in enumerate(head.landmarks.indices)}
    if not all(index in place for pair in LIP_PAIRS for index in pair):
        raise HeadError(
            f"{head.name} has no landmarks on its lips, so where they meet cannot be told. Put SMIRK's "
            "mediapipe_landmark_embedding.npz beside it, or use the built-in head"
        )
    rows = np.array([[place[index] for index in pair] for pair in LIP_PAIRS])  # (G, 2)
    corners = head.landmarks.corners[rows]  # (G, 2, 3)
    vertices, inverse = np.unique(corners, return_inverse=True)
    inverse = inverse.reshape(corners.shape)
    weights = np.zeros((len(rows), len(vertices)))
    for side, sign in enumerate((1.0, -1.0)):
        for corner in range(3):
            np.add.at(
                weights,
                (np.arange(len(rows)), inverse[:, side, corner]),
                sign * head.landmarks.weights[rows[:, side], corner],
            )
    return Slits(vertices, weights)


def lid_gap_mm(take: Take, head: Head) -> np.ndarray:
    """Return how far the lids' edges stand apart at the widest place, (T, 2) left then right; less than 0 overlap.

    Measured along the head's own up, on the solved face as it is in the take's arrays. NaN for a head without lids.
    """
    slits = lid_slits(head)
    if slits is None:
        return np.full((len(take), 2), np.nan, np.float32)
    return np.stack([gaps_mm(take, head, eye).max(axis=1) for eye in slits], axis=-1)


def lip_gap_mm(take: Take, head: Head) -> np.ndarray:
    """Return how far the inner lips stand apart in the middle of the mouth, at the widest of three places, (T,).

    Less than 0 where they lie in each other. Measured as `lid_gap_mm`.

    Raises:
        HeadError: the head has no landmarks on its lips.
    """
    return gaps_mm(take, head, lip_slits(head))[:, : len(INNER_LIPS)].max(axis=1)


def gaps_mm(take: Take, head: Head, slits: Slits) -> np.ndarray:
    """Return the gaps (T, G) at these places."""
    part = head.part(slits.vertices, take.shape)
    gaps = np.empty((len(take), len(slits.weights)), np.float32)
    for start in range(0, len(take), CHUNK_FRAMES):
        rows = slice(start, start + CHUNK_FRAMES)
        vertices = part.vertices(
            expression=take.expression[rows], jaw_pose=take.jaw_pose[rows], eyelid=take.eyelid[rows]
        )
        gaps[rows] = 1000.0 * vertices[..., 1] @ slits.weights.T
    return gaps


def _between_edges(head: Head, eye: Eye) -> Slits:
    """Return a place for each vertex of the lower lid's edge in the eye's middle."""
    local = head.template - head.template[eye.ball].mean(axis=0)
    loop = around(local, np.flatnonzero(eye.rings == eye.edge + 1))  # the outer border, which is what one sees
    upper, lower = upper_and_lower(local, loop)
    x = local[:, 0]
    ends = x[loop].min(), x[loop].max()
    inside = np.abs(x[lower] - np.mean(ends)) <= LID_MIDDLE * (ends[1] - ends[0]) / 2
    lower = lower[inside]
    after = np.clip(np.searchsorted(x[upper], x[lower]), 1, len(upper) - 1)
    share = (x[lower] - x[upper[after - 1]]) / (x[upper[after]] - x[upper[after - 1]])
    vertices, place = np.unique(np.concatenate([upper, lower]), return_inverse=True)
    of_upper, of_lower = place[: len(upper)], place[len(upper) :][: len(lower)]
    weights = np.zeros((len(lower), len(vertices)))
    row = np.arange(len(lower))
    np.add.at(weights, (row, of_upper[after - 1]), 1.0 - share)
    np.add.at(weights, (row, of_upper[after]), share)
    np.add.at(weights, (row, of_lower), -1.0)
    return Slits(vertices, weights)

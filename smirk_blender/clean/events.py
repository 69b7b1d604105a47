"""Blinks and lip closures of a take: where they are, from the picture's landmarks, or the solved face without them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..flame import Head
from ..flame.measures import EYE_CORNERS_L, EYE_CORNERS_R, INNER_LIPS
from ..take import Take
from .contact import lid_gap_mm, lip_gap_mm
from .picture import open_level, picture_gaps

# Of the open gap. MediaPipe leaves about a tenth in shut eyes; a hard squint leaves 0.4, half a blink 0.5.
BLINK_BELOW = 0.35
PARTNER_BELOW = 0.5  # with one eye shut: landmarks follow the other less well, and in a wink it stays open
OPENED_ABOVE = 0.6  # between two blinks
ASIDE = 0.8  # a blink lasts while the eye is open less than this
# Of the distance between the outer eye corners, about 88 mm.
LIPS_SHUT = 0.012
LIPS_OPEN = 0.05  # what makes shut lips a closure, before and after it
OPEN_WITHIN_S = 0.25
LONGEST_CLOSURE_S = 0.4  # longer, and the mouth rests


@dataclass(frozen=True)
class Blink:
    """One eye or both shutting and opening again.

    Attributes:
        first, deepest, last: rows of the take; the eye is shut furthest in the middle one.
        depth: how far, 0 open to 1 nothing left of the gap; of the eye that shut less.
        eye: "both", or the actor's left or right.
    """

    first: int
    deepest: int
    last: int
    depth: float
    eye: Literal["both", "L", "R"]


@dataclass(frozen=True)
class Closure:
    """Lips that meet between two open sounds, as in p, b and m.

    Attributes:
        first, last: rows of the take in which they are shut.
        gap: the least gap between the inner lips, over the distance between the outer eye corners.
    """

    first: int
    last: int
    gap: float


def find_blinks(take: Take, head: Head | None = None) -> list[Blink]:
    """Return the take's blinks and winks, in order.

    Told from the landmarks, and in takes without any from the lids of the solved face.
    Args:
        take: solved; refined or not.
        head: the one that it was solved on; left out, the lid values alone say how open the solved eyes are.
    """
    openness = eye_openness(take, head)
    left, right = (_shut_runs(side, take.gap) for side in openness.T)
    blinks = []
    for eye, runs, partners in ((0, left, right), (1, right, left)):
        for first, deepest, last in runs:
            partner = next((run for run in partners if run[0] <= deepest <= run[2] or first <= run[1] <= last), None)
            if partner is not None and eye == 1:
                continue  # told with the left one
            ends = (first, last) if partner is None else (min(first, partner[0]), max(last, partner[2]))
            rows = slice(ends[0], ends[1] + 1)
            if openness[rows, 1 - eye].min() < PARTNER_BELOW:
                deepest = rows.start + int(np.argmin(openness[rows].sum(axis=1)))
                depth = 1.0 - openness[rows].min(axis=0).max()
                blinks.append(Blink(rows.start, deepest, rows.stop - 1, depth, "both"))
            else:
                blinks.append(Blink(first, deepest, last, 1.0 - openness[deepest, eye], "LR"[eye]))
    return sorted(blinks, key=lambda blink: blink.deepest)


def eye_openness(take: Take, head: Head | None = None) -> np.ndarray:
    """Return how open each eye is, (T, 2) left then right: 1 as it usually is, near 0 shut; 1 where no face is seen."""
    gaps = picture_gaps(take).lids
    if np.isnan(gaps).all():
        gaps = 1.0 - take.eyelid if head is None else lid_gap_mm(take, head)
        gaps = np.where(take.gap[:, None], np.nan, gaps.astype(np.float64))
    openness = gaps / np.maximum(open_level(gaps, float(take.fps)), 1e-9)
    return np.where(np.isnan(openness), 1.0, np.clip(openness, 0.0, None))


def find_closures(take: Take, head: Head | None = None) -> list[Closure]:
    """Return the take's lip closures between open sounds, in order; a mouth at rest is none.

    Args:
        take: solved; refined or not.
        head: the one that it was solved on, whose lips are asked in takes without landmarks.
    Raises:
        ValueError: neither landmarks nor a head.
        HeadError: no landmarks, and a head that has none on its lips.
    """
    gap = lip_openness(take, head)
    fps = float(take.fps)
    reach, closures = max(1, round(OPEN_WITHIN_S * fps)), []
    for first, after in _runs(gap < LIPS_SHUT):
        before, behind = gap[max(0, first - reach) : first], gap[after : after + reach]
        opens = all(len(side) and np.nanmax(side, initial=0.0) > LIPS_OPEN for side in (before, behind))
        if opens and after - first <= LONGEST_CLOSURE_S * fps:
            closures.append(Closure(first, after - 1, float(gap[first:after].min())))
    return closures


def lip_openness(take: Take, head: Head | None = None) -> np.ndarray:
    """Return the gap between the inner lips over the distance between the outer eye corners, (T,); NaN without a face.

    Raises:
        ValueError: neither landmarks nor a head.
    """
    gap = picture_gaps(take).lips[:, : len(INNER_LIPS)].mean(axis=1)
    if np.isnan(gap).all():
        if head is None:
            raise ValueError("lip closures of a take without landmarks need its head")
        gap = np.where(take.gap, np.nan, lip_gap_mm(take, head) / eye_corners_mm(head, take.shape))
    return gap


def eye_corners_mm(head: Head, shape: np.ndarray) -> float:
    """Return the distance between the outer eye corners of a head at rest, which has landmarks there."""
    place = {int(index): row for row, index in enumerate(head.landmarks.indices)}
    pair = head.landmarks.subset(np.array([place[EYE_CORNERS_L[0]], place[EYE_CORNERS_R[0]]]))
    vertices, corners = np.unique(pair.corners, return_inverse=True)
    points = head.part(vertices, shape).template[corners.reshape(-1, 3)]  # (2, 3, 3)
    ends = np.einsum("lck,lc->lk", points, pair.weights)
    return 1000.0 * float(np.linalg.norm(ends[0] - ends[1]))


def _shut_runs(openness: np.ndarray, gap: np.ndarray) -> list[tuple[int, int, int]]:
    """Return each blink of one eye: first row, deepest row, last row."""
    deep = [(first, after) for first, after in _runs((openness < BLINK_BELOW) & ~gap)]
    joined: list[list[int]] = []
    for first, after in deep:
        if joined and openness[joined[-1][1] : first].max(initial=0.0) < OPENED_ABOVE:
            joined[-1][1] = after
        else:
            joined.append([first, after])
    runs = []
    for place, (first, after) in enumerate(joined):
        deepest = first + int(np.argmin(openness[first:after]))
        low = joined[place - 1][1] if place else 0
        high = joined[place + 1][0] if place + 1 < len(joined) else len(openness)
        while first > low and openness[first - 1] < ASIDE and openness[first - 1] >= openness[first] - 0.05:
            first -= 1
        while after < high and openness[after] < ASIDE and openness[after] >= openness[after - 1] - 0.05:
            after += 1
        runs.append((first, deepest, after - 1))
    return runs


def _runs(chosen: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs of True: first row, row after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(first), int(after)) for first, after in zip(edges[::2], edges[1::2])]

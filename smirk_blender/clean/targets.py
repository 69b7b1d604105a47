"""What the picture wants of lids and lips: its gaps, brought to the head's own size and openness.

An eye as open as this face usually has it is to be as open as the solve usually has it, and a shut one is to be shut on
the mesh. Lips that are open are to be as open as the solve usually has them where the picture shows so much.
"""

from dataclasses import dataclass

import numpy as np

from ..flame.measures import INNER_LIPS
from ..take import Take
from .events import LIPS_OPEN, find_blinks
from .picture import USUAL_SHUT, open_level, picture_gaps, seen_rows
from .profile import load_profile

SHUT_SIGMA_MM, OPEN_SIGMA_MM = 0.05, 1.0  # how exactly the gap between shut and open lips is to be met
# Lids, in openness from 0 shut to 1 as usual.
FOLLOWED, LEFT_ALONE = 0.65, 0.85  # the picture is followed below the first, the solve above the second
SHUT_OPENNESS, ALMOST_SHUT = 0.06, 0.2  # MediaPipe's noise in a shut eye; from where on no light is let through
SHUT_LIDS_MM = -0.2  # the target of shut ones: no light between them
MOST_SHUT = 0.25  # of the open gap: a blink that leaves more is no measure of a shut eye
BELIEVED_MM, BELIEVED_SHARE = 1.0, 0.1  # a solved gap between open lips is right by so much, plus its share
LEAST_SPREAD_MM = 1.0  # of what is seen of open lips: a still tells nothing of how the solve follows them
LEAST_RANGE = 0.1  # between an open eye and a shut one, of the open gap; an eye that shows less is not followed
LEAST_OPEN_FRAMES = 20  # with open lips, to tell how a solve opens them
# Lips, over the distance between the outer eye corners.
SHUT_LIPS, PARTED_LIPS = 0.006, 0.014  # shut up to the first; as far apart as in the picture from the second on


@dataclass(frozen=True)
class LidRange:
    """What the picture shows of open and shut eyes.

    Attributes:
        shut: (2,) what is left of the open gap in a shut eye, left then right.
    """

    shut: np.ndarray


def lids_of(take: Take) -> LidRange:
    """Return the range of a take's lids: its actor profile's, where it is cleaned with one; else by its own blinks.

    Raises:
        ProfileError: the profile cannot be read.
    """
    clean_up = take.clean_up
    if clean_up is not None and "profile" in (clean_up.identity.source, clean_up.neutral.source):
        if clean_up.identity.profile:
            return LidRange(load_profile(clean_up.identity.profile).lid_range[:, 1])
    return lid_range(take) if len(seen_rows(take)) else LidRange(np.full(2, USUAL_SHUT))


def lid_range(take: Take) -> LidRange:
    """Return the range of a take's lids, by its own blinks; where an eye has none that shut, the usual range."""
    gaps = picture_gaps(take).lids
    openness = gaps / open_level(gaps, float(take.fps))
    shut = np.full(2, USUAL_SHUT)
    for eye, side in enumerate(("L", "R")):
        rows = [blink.deepest for blink in find_blinks(take) if blink.eye in ("both", side)]
        left = openness[rows, eye][openness[rows, eye] < MOST_SHUT] if rows else []
        if len(left):
            shut[eye] = np.median(left)
    return LidRange(shut)


def lip_targets(gaps: np.ndarray, seen_mm: np.ndarray, solved_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the wanted gaps and their sigmas, both (K, G) millimetres.

    Args:
        gaps: (K, G) what the picture shows, over the distance between the outer eye corners.
        seen_mm: (K, G) the same at the head's size.
        solved_mm: (K, G) as solved.
    """
    mean = gaps[:, : len(INNER_LIPS)].mean(axis=1)
    parted = smoothstep(mean, SHUT_LIPS, PARTED_LIPS)[:, None]
    sigma = np.exp((1 - parted) * np.log(SHUT_SIGMA_MM) + parted * np.log(OPEN_SIGMA_MM))
    opened = mean > LIPS_OPEN
    away = _as_solves_open(seen_mm, solved_mm, opened) - solved_mm
    believed = BELIEVED_MM + BELIEVED_SHARE * np.abs(solved_mm)
    wanted = np.maximum(solved_mm + np.sign(away) * np.maximum(np.abs(away) - believed, 0.0), 0.0)
    return parted * wanted, np.broadcast_to(sigma, gaps.shape)


def _as_solves_open(seen_mm: np.ndarray, solved_mm: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """Return how far (K, G) the solve usually opens a mouth for what is seen: its own measure, without its slips."""
    if opened.sum() < LEAST_OPEN_FRAMES:
        return seen_mm
    wanted = np.empty_like(seen_mm)
    for place, (seen, solved) in enumerate(zip(seen_mm.T, solved_mm.T)):
        if np.ptp(seen[opened]) < LEAST_SPREAD_MM:
            wanted[:, place] = seen
            continue
        curve = np.polynomial.Polynomial.fit(seen[opened], solved[opened], 2)
        wanted[:, place] = curve(np.clip(seen, *curve.domain))
        small = seen < curve.domain[0]  # on towards none in a straight line
        wanted[small, place] = curve(curve.domain[0]) * seen[small] / max(curve.domain[0], LEAST_SPREAD_MM)
    return wanted


def relative_openness(take: Take, lids: LidRange) -> np.ndarray:
    """Return how open the picture's eyes are, (T, 2) left then right: 0 shut, 1 as usual; NaN without landmarks.

    A blink shuts: what it leaves open at its deepest is no gap. And it shuts both eyes at once, whichever of the two
    the landmarks follow better.
    """
    gaps = picture_gaps(take).lids
    openness = gaps / open_level(gaps, float(take.fps))
    shut = np.tile(lids.shut, (len(take), 1))
    blinks = [(blink, slice(blink.first, blink.last + 1)) for blink in find_blinks(take)]
    for blink, rows in blinks:
        for eye, side in enumerate(("L", "R")):
            if blink.eye in ("both", side):
                shut[rows, eye] = np.maximum(lids.shut[eye], openness[rows, eye].min())
    shut = np.minimum(shut, 1.0 - LEAST_RANGE)
    openness = (openness - shut) / (1.0 - shut)
    for blink, rows in blinks:
        if blink.eye == "both":
            other = openness[rows, ::-1]
            led = shutness(other)
            openness[rows] = np.minimum(openness[rows], led * other + (1.0 - led) * openness[rows])
    return openness


def shutness(openness: np.ndarray) -> np.ndarray:
    """Return 1 where an eye is shut, 0 where it is not, and what lies between in between."""
    return 1.0 - smoothstep(openness, SHUT_OPENNESS, ALMOST_SHUT)


def lid_targets(openness: np.ndarray, solved_mm: np.ndarray, fps: float) -> np.ndarray:
    """Return the wanted gaps (K, G), millimetres, of an eye that is so open (K,) and was solved as (K, G)."""
    usual = np.median(solved_mm[openness > LEFT_ALONE], axis=0) if (openness > LEFT_ALONE).any() else solved_mm.max(0)
    level = open_level(solved_mm.mean(axis=1, keepdims=True), fps) / max(usual.mean(), 1e-6)  # (K, 1)
    opened = np.clip((openness - SHUT_OPENNESS) / (1.0 - SHUT_OPENNESS), 0.0, None)[:, None]
    shut = shutness(openness)[:, None]
    alone = smoothstep(openness, FOLLOWED, LEFT_ALONE)[:, None]
    return alone * solved_mm + (1 - alone) * (opened * level * usual + shut * SHUT_LIDS_MM)


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low` to 1 above `high`, without a kink."""
    way = np.clip((values - low) / (high - low), 0.0, 1.0)
    return way * way * (3.0 - 2.0 * way)

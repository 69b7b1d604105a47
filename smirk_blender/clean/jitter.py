"""How much a face shakes where it should be still, in millimetres."""

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from ..flame import Head
from ..take import Take
from .groups import NUM_TURNS, group_channels
from .picture import open_level, picture_gaps, seen_rows
from .smooth import FEWEST_ROWS, shake

# How far a channel goes within the look of a still face, beside its noise.
STILL_RANGES = {"expression": 0.15, "jaw": 0.03, "lids": 0.15, "head": 0.02}  # the head's quaternions: half of radians
NOISE_RANGE = 2.0  # standard deviations of a channel's noise, by which its average may wander besides
# Likewise of what the picture shows, frame by frame: lids over their open gap, lips over the distance of eye corners.
STILL_PICTURE = {"lids": 0.15, "lips": 0.015}
PICTURE_NOISE_RANGE, MOST_NOISE = 5.0, 2.0  # standard deviations, and of the above: those are no averages
AVERAGE_S = 0.06  # seconds, standard deviation of the average in which movement is told from noise
LOOK_S = 0.3
CHUNK_VERTICES = 2_000_000  # at once


def still_rows(take: Take) -> np.ndarray:
    """Return (T,) bool, True where the actor holds face and head still, told from the parameters; never in a gap.

    A blink and a closure are seen in the picture, too: they last a few frames, and a solve may make little of them.
    Gaze does not count: eyes are never still, and move little of the mesh.
    """
    fps = float(take.fps)
    still = ~take.gap
    look = 2 * round(LOOK_S * fps / 2) + 1
    for group, reach in STILL_RANGES.items():
        channels = group_channels(take, group)[:, : NUM_TURNS if group == "head" else None]
        if not channels.shape[1] or len(take) < FEWEST_ROWS:
            continue
        averaged = gaussian_filter1d(channels, AVERAGE_S * fps, axis=0, mode="nearest")
        width = [filter1d(averaged, look, axis=0, mode="nearest") for filter1d in (maximum_filter1d, minimum_filter1d)]
        still &= np.all(width[0] - width[1] < reach + NOISE_RANGE * shake(channels), axis=1)
    rows = seen_rows(take)
    if len(rows) >= FEWEST_ROWS:
        gaps = picture_gaps(take)
        lids, lips = (gaps.lids / open_level(gaps.lids, fps))[rows], gaps.lips[rows].mean(axis=1, keepdims=True)
        for channels, reach in ((lids, STILL_PICTURE["lids"]), (lips, STILL_PICTURE["lips"])):
            width = maximum_filter1d(channels, look, axis=0, mode="nearest")
            width -= minimum_filter1d(channels, look, axis=0, mode="nearest")
            noise = np.minimum(PICTURE_NOISE_RANGE * shake(channels), MOST_NOISE * reach)
            still[rows] &= np.all(width < reach + noise, axis=1)
    return still


def jitter_mm(take: Take, head: Head, rows: np.ndarray) -> float:
    """Return the root mean square, over rows and vertices, of the mesh's second difference, millimetres.

    Args:
        head: the take's.
        rows: (T,) bool, as of `still_rows`; those count whose neighbours are among them. NaN where there are none.
    """
    middle = rows[1:-1] & rows[:-2] & rows[2:]
    total, count = 0.0, int(middle.sum())
    if not count:
        return float("nan")
    step = max(CHUNK_VERTICES // len(head.template), 3)
    for start in range(0, len(middle), step):
        chosen = middle[start : start + step]
        if chosen.any():
            vertices = head.vertices(**take.head_parameters(slice(start, start + len(chosen) + 2)))
            second = vertices[2:] - 2.0 * vertices[1:-1] + vertices[:-2]
            total += float((second[chosen] ** 2).sum())
    return 1000.0 * (total / count / len(head.template)) ** 0.5

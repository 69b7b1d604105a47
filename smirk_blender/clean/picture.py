"""What the picture says of lids and lips: how far apart its landmarks are, the head's own motion taken out."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import percentile_filter

from ..flame.measures import EYE_CORNERS_L, EYE_CORNERS_R, LIDS_L, LIDS_R, still_motion
from ..take import Take
from .contact import LIP_PAIRS

OPEN_PERCENTILE = 70.0  # of an eye's gaps over a take: what open is, for this face
NEARBY_S = 1.0  # seconds; a turned head shows its far eye narrower, so what open is is asked nearby, too
NEARBY_PERCENTILE = 75.0  # of those: two blinks take up less than the rest of it
LEAST_NEARBY = 0.7  # of the take's open gap: who keeps the eyes shut for long does not change what open is
USUAL_SHUT = 0.1  # of the open gap: what MediaPipe leaves of it in a shut eye
CHUNK_FRAMES = 4096


@dataclass(frozen=True)
class PictureGaps:
    """Vertical gaps over the distance between the outer eye corners; NaN in frames without landmarks.

    Attributes:
        lids: (T, 2) left then right, the mean of three places.
        lips: (T, 5), at contact.LIP_PAIRS.
    """

    lids: np.ndarray
    lips: np.ndarray


def picture_gaps(take: Take) -> PictureGaps:
    """Return what a take's landmarks say of its lids and lips."""
    lids, lips = np.full((len(take), 2), np.nan), np.full((len(take), len(LIP_PAIRS)), np.nan)
    rows = seen_rows(take)
    if not len(rows):
        return PictureGaps(lids, lips)
    rotation, scale, _ = still_motion(take.landmarks[rows])
    up, across = -scale[:, None] * rotation[:, 1], scale[:, None] * rotation[:, 0]  # pictures count downwards
    for start in range(0, len(rows), CHUNK_FRAMES):
        part = slice(start, start + CHUNK_FRAMES)
        points = take.landmarks[rows[part]].astype(np.float64)
        along = lambda axis, first, second: np.einsum(
            "tgk,tk->tg", points[:, list(first)] - points[:, list(second)], axis[part]
        )
        unit = np.abs(along(across, EYE_CORNERS_L[:1], EYE_CORNERS_R[:1]))
        lids[rows[part]] = np.stack([along(up, *zip(*pairs)).mean(axis=1) for pairs in (LIDS_L, LIDS_R)], -1) / unit
        lips[rows[part]] = along(up, *zip(*LIP_PAIRS)) / unit
    return PictureGaps(lids, lips)


def seen_rows(take: Take) -> np.ndarray:
    """Return the rows (K,) that show a face and have its landmarks."""
    return np.flatnonzero(~take.gap & np.isfinite(take.landmarks[:, EYE_CORNERS_L[0]]).all(axis=-1))


def open_level(gaps: np.ndarray, fps: float) -> np.ndarray:
    """Return what gap each eye had if it were open, (T, 2), from gaps of any unit (T, 2); NaN where those are."""
    level = np.full(gaps.shape, np.nan)
    for eye, gap in enumerate(gaps.T):
        rows = np.flatnonzero(np.isfinite(gap))
        if len(rows):
            usual = np.percentile(gap[rows], OPEN_PERCENTILE)
            size = 2 * round(NEARBY_S * fps / 2) + 1
            nearby = percentile_filter(gap[rows], NEARBY_PERCENTILE, size=min(size, 2 * len(rows) - 1), mode="nearest")
            level[rows, eye] = np.maximum(nearby, LEAST_NEARBY * usual)
    return level

"""Smoothing that keeps what was played: strong where the face is still, next to nothing in a blink.

A channel is taken apart into bands, from its frame-to-frame shake up to movements of half a second, by Gaussians of
doubling width that look as far ahead as back, so that nothing comes late. In each band noise has a size, read from the
take itself, and where the band holds no more than that it is taken out. Channels of a group tell on each other: what
many of them do at once is movement, and so is a quick change within a slow one.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..take import Take
from ..take.clean_up import GROUPS, Smoothing
from .groups import group_channels, shots, with_group_channels

# All found on the closed loops of tests/clean/test_smooth.py, with faces still and moving.
WIDEST_S = 0.65  # seconds, standard deviation of the widest Gaussian; stills longer than that gain nothing by more
FINEST_FRAMES = 1.0  # of the narrowest
REACH = 3.5  # standard deviations, where a Gaussian ends
STILL, MOVING = 4.0, 10.0  # a band's power over its noise's: below nothing of it is kept, above everything
POWER_WIDTH = 1.0  # over how long a power is taken, in widths of the band's Gaussian
SHARED = 0.2  # how much of the group's power above its noise counts as each channel's own
CARRIED = 0.4  # how far the thresholds sink for a change within a slower movement
LARGEST_POWER = 50.0  # of a channel, in the group's: one channel alone opens no other
COLOR = 2.0  # a band's noise is at most so many times what it would be of white noise; the rest is movement
USUAL = 0.5  # the strength at which the noise counts as large as it is
FEWEST_ROWS = 4  # fewer tell nothing of noise

# Channels that are kept or smoothed as one: a quaternion's four, both lids, both eyes.
POOLS = {"lids": (0, 0), "head": (0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 3), "gaze": (0, 0, 0, 0, 0, 0)}


def smoothed(take: Take, settings: Smoothing) -> Take:
    """Return the take smoothed, each group by its strength: 0 leaves it as it is to the last bit.

    Frames in a gap are smoothed like others, so that nothing jumps at its edges; nothing is smoothed across a cut.
    Args:
        take: its spikes mended, its gaps filled.
    """
    strengths = {group: getattr(settings, group) for group in GROUPS}
    if not settings.enabled or len(take) < FEWEST_ROWS or not any(strengths.values()):
        return take
    changed, rows = {}, shots(take)
    for group, strength in strengths.items():
        if strength:
            channels = group_channels(take, group)
            pools = np.array(POOLS.get(group, range(channels.shape[1])))
            how = {"fps": float(take.fps), "strength": strength}
            calm = [calmed(channels[shot], pools, seen=~take.gap[shot], **how) for shot in rows]
            changed[group] = np.concatenate(calm)
    if "lids" in changed:
        changed["lids"] = np.clip(changed["lids"], min(take.eyelid.min(), 0.0), max(take.eyelid.max(), 1.0))
    return with_group_channels(take, changed)


def calmed(
    channels: np.ndarray, pools: np.ndarray, *, seen: np.ndarray, fps: float, strength: float
) -> np.ndarray:
    """Return channels (T, C) without what is no more than noise.

    Args:
        pools: (C,) int from 0, channels of one number are kept or smoothed alike.
        seen: (T,) bool, the rows that tell of noise; what is filled has none.
        fps: frames per second.
        strength: 0 to 1.
    """
    if seen.sum() < FEWEST_ROWS:
        return channels
    level = np.median(channels, axis=0)
    rest = (channels - level).astype(np.float32)  # single precision would not do for pixels from the picture's edge
    noise_of = shake(rest[seen])
    noisy = noise_of > 0
    if not noisy.any():
        return channels
    widths = _widths(fps)
    bands = []
    for width in widths:
        calm = _averaged(rest, width)
        bands.append(rest - calm)
        rest = calm
    size = strength / USUAL
    kept: np.ndarray | float = 0.0
    for band, width, white in zip(bands[::-1], widths[::-1], _white_noise(widths)[::-1]):
        noise = size * np.clip(_spread(band[seen]), white * noise_of, COLOR * white * noise_of)
        kept = _share_kept(band, noise, pools, width, kept)
        rest = rest + kept[:, pools] * band
    return np.where(noisy, rest.astype(np.float64) + level, channels)


def _share_kept(
    band: np.ndarray, noise: np.ndarray, pools: np.ndarray, width: float, carried: np.ndarray | float
) -> np.ndarray:
    """Return how much of a band (T, C) is movement, (T, pools) 0 to 1; `carried` is the same of the band below."""
    members = (pools[:, None] == np.arange(pools.max() + 1)).astype(np.float32)  # (C, pools)
    noise_power = (noise**2) @ members
    power = (band**2) @ members / np.where(noise_power > 0, noise_power, np.inf)
    power = _averaged(power, POWER_WIDTH * width)
    power = power + SHARED * np.maximum(np.minimum(power, LARGEST_POWER).mean(axis=1, keepdims=True) - 1.0, 0.0)
    ease = 1.0 - CARRIED * carried
    return np.clip((power / ease - STILL) / (MOVING - STILL), 0.0, 1.0)


def _averaged(values: np.ndarray, width: float) -> np.ndarray:
    return gaussian_filter1d(values, width, axis=0, mode="reflect", truncate=REACH)


def _widths(fps: float) -> list[float]:
    widths = [FINEST_FRAMES]
    while 2.0 * widths[-1] <= WIDEST_S * fps:
        widths.append(2.0 * widths[-1])
    return widths


def _white_noise(widths: list[float]) -> list[float]:
    """Return the standard deviation of white noise of 1 in each band."""
    reach = int(np.ceil(REACH * sum(widths))) + 1
    rest = np.zeros((2 * reach + 1, 1))
    rest[reach] = 1.0
    sizes = []
    for width in widths:
        calm = _averaged(rest, width)
        sizes.append(float(np.linalg.norm(rest - calm)))
        rest = calm
    return sizes


def shake(channels: np.ndarray) -> np.ndarray:
    """Return (C,) the standard deviation of white noise, by third differences, in which smooth movement vanishes.

    Args:
        channels: (T, C), T at least FEWEST_ROWS.
    """
    return _spread(np.diff(channels, 3, axis=0)) / 20.0**0.5  # 1 + 9 + 9 + 1


def _spread(values: np.ndarray) -> np.ndarray:
    """Return (C,) the standard deviation about 0 of normal noise, unmoved by up to half of the rows being otherwise."""
    return np.median(np.abs(values), axis=0) / 0.6745

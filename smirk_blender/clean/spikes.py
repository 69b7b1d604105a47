"""Frames that are not to be believed: jumps that come and go at once, and frames of low confidence."""

import numpy as np

from ..take import Take
from ..take.clean_up import GROUPS, Spikes
from .events import find_blinks, find_closures
from .groups import NUM_TURNS, group_channels
from .picture import seen_rows
from .smooth import FEWEST_ROWS, shake

LONGEST_S = 0.14  # seconds; what lasts longer is somebody's face, or a gap
LONGEST_FRAMES = 6
SIDE_FRAMES = 2  # on each side of a spike, from which it is told where the channel would be without it
SHARP = 0.6  # how much of its height a spike gains and loses from one frame to the next; a plosive eases in and out
RETURN = 0.4  # how far from each other the sides may lie, in heights of the spike
BAD_GROUPS = 2  # jumping at once make the frame bad as a whole
LATE_FRAMES = 1  # by which the solved lips and the picture's may meet apart
COUNTED = ("expression", "jaw", "head")  # groups; lids and gaze jump together in every fast blink

# The first frames after none: landmarks are searched there, and followed from then on, which puts the head elsewhere.
START_STEP, START_TIMES = 3.0, 2.5  # a head's step away from such a frame: of its noise, and of the steps that follow
START_FRAMES = 3  # that follow

# The least noise of a channel that is assumed, so that no jump counts that nobody sees. Place is over the head's size.
LEAST_NOISE = {"expression": 0.03, "jaw": 0.005, "lids": 0.04, "head": 0.002, "gaze": 0.01}
# Groups that alone make a spike: lids or a jaw that jump are as likely a blink's or a plosive's.
ALONE = ("expression", "head", "gaze")
FEWEST_CHANNELS = {"expression": 4}  # that jump; a plosive presses the lips, a mistake distorts the face


def find_spikes(
    take: Take, settings: Spikes, played: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Return the spikes of each group, (T,) bool by the group's name.

    A spike is a jump of a group's channels away from both sides and back within a few frames, sharp at both ends and
    larger than `threshold` times their noise; it is none where the level stays (a cut, a saccade, a gesture), nor where
    it takes some frames to come and go (a blink, a plosive). A frame whose confidence is too low, or in which several
    groups jump, is one for all groups; but however fast, lids in a blink and lips in a closure are believed while the
    confidence is high enough. The first frame that shows a face, too, is one where the head steps away from it at once
    and then is calm. Frames in a gap are never spikes: they are filled anyway.
    Args:
        played: the take's `played_rows`, where they are known already.
    """
    if not settings.enabled:
        return {group: np.zeros(len(take), bool) for group in GROUPS}
    seen = np.flatnonzero(~take.gap)
    jumps = {group: np.zeros(len(take), bool) for group in GROUPS}
    started = np.zeros(len(take), bool)
    if len(seen) >= FEWEST_ROWS + 2 * SIDE_FRAMES:
        longest = int(min(max(LONGEST_S * float(take.fps), 1), LONGEST_FRAMES))
        for group in (*COUNTED, "gaze"):
            channels = _in_noise(take, group, seen)
            jumps[group][seen] = _jumps(channels, longest, settings.threshold, FEWEST_CHANNELS.get(group, 1))
            if group == "head":
                started[seen] = _bad_starts(channels, seen)
    blinking, closing = played_rows(take) if played is None else played
    for group in ("expression", "jaw"):  # unless the head jumps, too: then it is a mistake
        jumps[group] &= ~closing | jumps["head"]
    bad = np.sum([jumps[group] for group in COUNTED], axis=0) >= BAD_GROUPS
    bad |= started
    unsure = ~take.gap & (take.confidence < settings.least_confidence)
    spikes = {group: unsure | bad | (jumps[group] if group in ALONE else False) for group in GROUPS}
    spikes["lids"] &= ~blinking | unsure
    return spikes


def played_rows(take: Take) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of blinks and of lip closures, (T,) bool each; no closures in a take without landmarks."""
    blinking, closing = np.zeros((2, len(take)), bool)
    for blink in find_blinks(take):
        blinking[blink.first : blink.last + 1] = True
    for closure in find_closures(take) if len(seen_rows(take)) else ():
        closing[max(closure.first - LATE_FRAMES, 0) : closure.last + 1 + LATE_FRAMES] = True
    return blinking, closing


def _in_noise(take: Take, group: str, rows: np.ndarray) -> np.ndarray:
    """Return a group's channels in some rows, in units of their noise."""
    channels = group_channels(take, group)[rows]
    if group == "head":  # an origin of half a metre to the head's side, and half a turn, are 1
        scale = np.median(channels[:, NUM_TURNS])  # 0 in a take without a camera, whose head has no place
        channels[:, NUM_TURNS:] *= np.array([0.2, 2.0, 2.0]) / scale if scale > 0 else 0.0
    return channels / np.maximum(shake(channels), LEAST_NOISE[group])


def _bad_starts(channels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (K,) bool, the rows after a gap or at the take's start from which the head steps away, and then is calm.

    Args:
        channels: (K, C), the head's, whose noise is 1, in these rows of the take.
    """
    found = np.zeros(len(rows), bool)
    steps = np.linalg.norm(np.diff(channels, axis=0), axis=1)
    for start in np.flatnonzero(np.diff(rows, prepend=-2) > 1):
        after = steps[start + 1 : start + 1 + START_FRAMES]
        together = rows[min(start + 1 + START_FRAMES, len(rows) - 1)] - rows[start] == 1 + START_FRAMES
        found[start] = together and steps[start] > max(START_STEP, START_TIMES * after.max())
    return found


def _jumps(channels: np.ndarray, longest: int, threshold: float, fewest: int) -> np.ndarray:
    """Return (T,) bool, the frames of jumps of up to `longest` frames in channels (T, C) whose noise is 1.

    Args:
        fewest: channels that jump by more than the threshold each.
    """
    num_rows, num_channels = channels.shape
    found = np.zeros(num_rows, bool)
    height = threshold + (2.0 * num_channels) ** 0.5  # what all channels' noise comes to is no jump
    steps = np.linalg.norm(np.diff(channels, axis=0), axis=1)
    for length in range(1, longest + 1):
        first = np.arange(SIDE_FRAMES, num_rows - SIDE_FRAMES - length + 1)
        # Rows whose steps in and out are too small are most; the rest is worth a closer look.
        first = first[np.minimum(steps[first - 1], steps[first + length - 1]) > SHARP * height]
        before = np.median([channels[first - 1 - k] for k in range(SIDE_FRAMES)], axis=0)
        after = np.median([channels[first + length + k] for k in range(SIDE_FRAMES)], axis=0)
        apart = np.linalg.norm(after - before, axis=1)
        rows = first[:, None] + np.arange(length)
        away = channels[rows] - 0.5 * (before + after)[:, None]
        heights = np.linalg.norm(away, axis=2)  # (K, length)
        lowest = np.min(heights, axis=1)
        sharp = np.minimum(steps[first - 1], steps[first + length - 1]) > SHARP * heights.max(axis=1, initial=0.0)
        many = (np.abs(away).min(axis=1) > threshold).sum(axis=1) >= min(fewest, num_channels)
        spiky = (lowest > height) & sharp & many & (apart < RETURN * lowest)
        found[rows[spiky].ravel()] = True
    return found

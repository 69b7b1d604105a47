"""Which part of a take is played, and how fast."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ..errors import TakeError
from ..retarget.resample import WHOLE, resample_take, video_frames_of
from ..take import Take
from ..take.clean_up import Timing
from ..take.parts import part_of


def timed(take: Take, settings: Timing) -> Take:
    """Return a range of a take at another speed; the take itself, to the last bit, where neither is asked for.

    Its rate stays and its rows change: there are 1 / speed times as many, evenly spaced in time, each as
    `resample_take` has it between two of the take's; the last row is held for the last of them. What lies beside a gap
    is a gap. A row's `first_frame` and `time_s` are the range's first: from there on a take of another speed leaves its
    footage behind, and its `landmarks` and `camera` are no longer of the frames that they would be counted as.

    A range again is the same; a speed again is another.
    Args:
        take: T frames, at least one.
        settings: a range that reaches beyond the take ends with it.
    Raises:
        TakeError: the range has no frame of the take.
    """
    take = _range_of(take, settings)
    return take if settings.speed == 1.0 else sampled(take, settings.speed, fps=take.fps)


def sampled(take: Take, step: float, *, fps: Fraction) -> Take:
    """Return a take with a row every `step` frames of its video, each counted as a frame at `fps`.

    Args:
        take: T frames, at least one.
        step: video frames from one row to the next, above 0.
    Returns:
        As many rows as it takes until the last frame has been shown for a frame, which the last rows hold.
    """
    video_frames = video_frames_of(take, float(take.fps))
    first, length = video_frames[0], video_frames[-1] - video_frames[0] + 1
    count = max(1, int(np.ceil(length / step - WHOLE)))
    positions = np.minimum(first + step * np.arange(count), video_frames[-1])
    rows = np.interp(positions, video_frames, np.arange(len(take)))
    return replace(resample_take(take, rows, fps=fps), time_s=take.time_s[0] + np.arange(count) / float(fps))


def _range_of(take: Take, settings: Timing) -> Take:
    end = take.first_frame + len(take) - 1
    first = max(settings.first_frame, take.first_frame)
    last = end if settings.last_frame == -1 else min(settings.last_frame, end)
    if first > last:
        asked = f"{settings.first_frame} to {'its last' if settings.last_frame == -1 else settings.last_frame}"
        raise TakeError(
            f"Frames {asked} of {take.source.name} are none of this take, which has {take.first_frame} to {end}. "
            "Choose a first and a last frame within these"
        )
    if (first, last) == (take.first_frame, end):
        return take
    return part_of(take, slice(first - take.first_frame, last - take.first_frame + 1))

"""What a panel says of a take: its quality, and whether the resting face that was found is one."""

from collections.abc import Callable
from dataclasses import replace

from ..flame import Head
from ..take import CleanUp, Take
from ..take.clean_up import Timing
from .neutral import find_neutral, shows_rest
from .quality import quality

TOLD = 3  # lines on frames, gaps and confidence


def judged(
    take: Take, head: Head, clean_up: CleanUp | None, clean: Callable[[Take, Head, CleanUp], Take]
) -> tuple[tuple[str, ...], int | None, bool]:
    """Return what is found in a take: lines on its quality, but for what a list of takes tells; the video frame about
    which its resting face is; and whether it rests there.

    Args:
        take: as solved.
        head: the one that it was solved on.
        clean_up: how it is cleaned; None for not at all.
        clean: `chain.cleaned`, or what remembers what that returned.
    Returns:
        With no frame, and True, where the settings do not look for the resting face.
    """
    if clean_up is None:
        return tuple(quality(replace(take, clean_up=None), head).lines()[TOLD:]), None, True
    after = clean(take, head, replace(clean_up, timing=Timing()))
    lines = tuple(quality(replace(take, clean_up=clean_up), head, after).lines()[TOLD:])
    if clean_up.neutral.source != "auto":
        return lines, None, True
    rows = find_neutral(take, head)
    return lines, take.first_frame + (rows.start + rows.stop - 1) // 2, shows_rest(take, rows)

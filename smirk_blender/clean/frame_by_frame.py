"""A take as cleaned, but for its timing: every frame where it was, to be held against the take as solved."""

from dataclasses import replace

from ..flame import Head
from ..take import Take
from ..take.clean_up import Timing
from .chain import cleaned


def cleaned_frame_by_frame(take: Take, head: Head) -> Take | None:
    """Return a take as its clean-up wants it, with all its frames and at its own speed; None where it has none.

    Args:
        take: as solved.
        head: the one that it was solved on.
    """
    if take.clean_up is None:
        return None
    return cleaned(take, head, replace(take.clean_up, timing=Timing()))

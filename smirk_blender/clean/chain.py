"""All steps of the clean-up, in their order."""

from dataclasses import replace

from ..flame import Head
from ..take import CleanUp, Take
from ..take.take import OPTIONAL_ARRAYS
from .blend import blended
from .gains import gained
from .identity import locked
from .mend import mended
from .met import with_contacts_of
from .neutral import resting_face, without_neutral
from .profile import profile_for
from .smooth import smoothed
from .spikes import find_spikes, played_rows
from .timing import timed


def cleaned(take: Take, head: Head, clean_up: CleanUp | None = None) -> Take:
    """Return a take as its clean-up wants it, with nothing left to clean: cleaned again, it is the same.

    Gaps stay marked. What is only there to be cleaned by, such as every frame's own identity, is left out.
    Args:
        take: as solved.
        head: the one that it was solved on.
        clean_up: instead of the take's own; a take without one stays as it is.
    Raises:
        SmirkError: what the settings ask for is not there: a profile, a frame, a head with landmarks.
    """
    clean_up = clean_up or take.clean_up
    if clean_up is None:
        return take
    profile = profile_for(take, head, clean_up)
    take = blended(take, head, clean_up.refine)
    resting = resting_face(take, head, clean_up.neutral, profile) if take.gap.any() else None  # where it goes in gaps
    played = played_rows(take)
    take = mended(take, find_spikes(take, clean_up.spikes, played), clean_up.fill, resting)
    take = locked(take, head, clean_up.identity, profile)
    take = with_contacts_of(smoothed(take, clean_up.smoothing), take, head, clean_up.smoothing, played)
    take = without_neutral(take, head, clean_up.neutral, profile)
    take = gained(take, head, clean_up.gains)
    take = timed(take, clean_up.timing)
    return replace(take, clean_up=None, **dict.fromkeys(OPTIONAL_ARRAYS))

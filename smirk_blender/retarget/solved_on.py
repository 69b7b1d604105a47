"""Whether a take goes with a head: its numbers mean something on the head alone that it was solved on."""

from ..errors import TakeError
from ..flame import Head
from ..take import Take


def check_solved_on(take: Take, head: Head, advice: str = "Choose the head it was solved on") -> None:
    """Raise TakeError where a take was solved on another head; the advice says what to do about it."""
    if head.is_of(take.models):
        return
    other = take.models["head"]
    told = f"another {head.name} than this one" if other == head.name else f"{other}, not on {head.name}"
    raise TakeError(f"The take of {take.source.name} was solved on {told}. {advice}")

"""Options on the head that a take was solved on, and takes cleaned on it, for the commands that look at takes."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import NoPackageError, TakeError
from ..flame import BUILTIN_HEAD, Head, open_head
from ..take import Take

CLEANING_NEEDS = "scipy"


def add_head_options(add: Callable) -> None:
    solved_on = "the head that the take was solved on: the built-in one (usual), or a FLAME model"
    add("--head", default=BUILTIN_HEAD, metavar=f"{BUILTIN_HEAD}|FLAME.pkl", help=solved_on)
    add("--eyelids", metavar="DIR", help="the folder with SMIRK's eyelid shapes for a FLAME model")


def head_of(options: argparse.Namespace, take: Take) -> Head:
    """Return the head that the options name.

    Raises:
        SmirkError: it cannot be read, or the take was solved on another.
    """
    head = open_head(options.head, options.eyelids)
    _check_head(take, head)
    return head


def cleaned_as_it_says(take: Take, head: Head) -> Take:
    """Return a take cleaned as its settings say, on the head that it was solved on; without settings as it is.

    Raises:
        SmirkError: a setting does not fit the take, or this Python cannot clean.
    """
    if take.clean_up is None:
        return take
    with packages_for_cleaning():
        from ..clean.chain import cleaned  # with scipy
    _check_head(take, head)
    return cleaned(take, head)


def _check_head(take: Take, head: Head) -> None:
    if not head.is_of(take.models):
        other = take.models.get("head")
        raise TakeError(
            f"The take of {take.source.name} was solved on {other}, not on {head.name}. Name the head it was solved on"
        )


@contextmanager
def packages_for_cleaning() -> Iterator[None]:
    """While modules of the clean-up are imported: say what to do where this Python lacks what they need.

    Raises:
        NoPackageError: it does.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != CLEANING_NEEDS:
            raise
        raise NoPackageError(
            f"Takes are cleaned with SciPy, which {sys.executable} does not have. Use the add-on's full or landmarks "
            "zip, or a Python with SciPy; --raw does without cleaning"
        ) from error

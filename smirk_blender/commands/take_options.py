"""Options on the head that a take was solved on, and takes cleaned on it, for the commands that look at takes."""

import argparse
from collections.abc import Callable

from .. import api
from ..flame import BUILTIN_HEAD, Head, open_head
from ..retarget.solved_on import check_solved_on
from ..take import Take


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
    check_solved_on(take, head, "Name the head it was solved on with --head")
    return head


def cleaned_as_it_says(take: Take, head: Head) -> Take:
    """Return a take cleaned as its settings say, on the head that it was solved on; without settings as it is.

    Raises:
        SmirkError: a setting does not fit the take, or this Python cannot clean.
    """
    return take if take.clean_up is None else api.clean(take, head=head)

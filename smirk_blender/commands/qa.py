"""`smirk qa`: how good a take is, before and after its clean-up."""

import argparse
import json

from ..clean.needs import packages_for_cleaning
from ..take import load_take
from .console import say
from .take_options import add_head_options, head_of


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("qa", help="say how good a take is: gaps, spikes, jitter, blinks, lip contact")
    command.set_defaults(command=qa)
    add = command.add_argument
    add("take", metavar="TAKE.npz", help="the take; measured before and after, where its file says how it is cleaned")
    add("--json", action="store_true", help="print the figures for programs, with the frames of what was found")
    add_head_options(add)


def qa(options: argparse.Namespace) -> None:
    """Print the quality of a take.

    Raises:
        SmirkError: a file cannot be read, or this Python cannot clean.
    """
    take = load_take(options.take)
    head = head_of(options, take)
    with packages_for_cleaning():
        from ..clean.frame_by_frame import cleaned_frame_by_frame
        from ..clean.quality import quality
    found = quality(take, head, cleaned_frame_by_frame(take, head))
    say(json.dumps(found.facts(), indent=1) if options.json else "\n".join(found.lines()))

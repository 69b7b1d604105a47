"""`smirk join`: takes end to end."""

import argparse
from dataclasses import replace

from ..clean.join import joined
from ..take import CleanUp, load_take, save_take
from ..take.clean_up import Fill, Smoothing, Spikes
from .console import say
from .take_options import add_head_options, cleaned_as_it_says, head_of

# For takes that were cleaned each by itself: only whose face it is remains to be decided.
ONE_FACE = CleanUp(spikes=Spikes(enabled=False), fill=Fill(enabled=False), smoothing=Smoothing(enabled=False))


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("join", help="put takes of one head end to end, each cleaned as its file says")
    command.set_defaults(command=join)
    add = command.add_argument
    add("takes", nargs="+", metavar="TAKE.npz", help="the takes, in order; their rate becomes the first one's")
    add("--out", required=True, metavar="WHOLE.npz", help="the take to write")
    add("--blend", type=_seconds, default=0.0, metavar="SECONDS", help="how long the face takes over a seam (0)")
    add("--raw", action="store_true", help="join them as they were solved")
    add_head_options(add)


def join(options: argparse.Namespace) -> None:
    """Write a take of several; where they are of several identities, its settings give it one.

    Raises:
        SmirkError: a file cannot be read or written, or the takes do not go together.
    """
    takes = [load_take(path) for path in options.takes]
    if not options.raw:
        takes = [cleaned_as_it_says(take, head_of(options, take)) if take.clean_up else take for take in takes]
    whole = joined(takes, blend_s=options.blend)
    if whole.frame_shape is not None:
        whole = replace(whole, clean_up=CleanUp() if options.raw else ONE_FACE)
    save_take(whole, options.out)
    say(f"Saved {options.out}: {len(whole)} frames of {len(takes)} takes, {len(whole) / float(whole.fps):.2f} s")


def _seconds(text: str) -> float:
    seconds = float(text)  # argparse reports a ValueError
    if not 0.0 <= seconds <= 60.0:
        raise argparse.ArgumentTypeError(f"{text} is not a time of 0 to 60 seconds")
    return seconds

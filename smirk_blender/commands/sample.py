"""`smirk sample`: the sample clip, rendered from its animation."""

import argparse

from ..rig.sample_clip import render_sample_clip
from .console import quiet, say


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("sample", help="render the sample clip from its animation")
    command.set_defaults(command=sample)
    command.add_argument("--out", required=True, metavar="CLIP.mp4", help="the clip to write")


def sample(options: argparse.Namespace) -> None:
    """Render the sample clip.

    Raises:
        SmirkError: the file cannot be written.
    """
    with quiet():
        render_sample_clip(options.out)
    say(f"Rendered {options.out}")

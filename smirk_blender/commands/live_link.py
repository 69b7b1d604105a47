"""`smirk livelink`: takes as CSV files of Live Link Face, and such files as takes."""

import argparse
from fractions import Fraction
from pathlib import Path

from ..errors import TakeError
from ..retarget.arkit import NEVER_SEEN, POORLY_SEEN
from ..retarget.arkit_curves import take_of_curves
from ..retarget.arkit_solve import arkit_curves
from ..retarget.by_names import listed
from ..retarget.live_link import read_live_link, write_live_link
from ..take import load_take, save_take
from .console import say
from .take_options import add_head_options, cleaned_as_it_says, head_of

NTSC = Fraction(1000, 1001)
NTSC_DIGITS = 0.005  # frames per second, to which such rates are usually written out


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("livelink", help="turn takes into CSV files of Live Link Face, and those into takes")
    ways = command.add_subparsers(required=True, metavar="export|import")
    way = ways.add_parser("export", help="write a take, cleaned as its file says, as a CSV file")
    way.set_defaults(command=export_csv)
    way.add_argument("take", metavar="TAKE.npz", help="the take")
    way.add_argument("out", metavar="OUT.csv", help="the file to write")
    way.add_argument("--raw", action="store_true", help="write the take as it was solved")
    add_head_options(way.add_argument)
    way = ways.add_parser("import", help="make a take of the built-in head from a CSV file")
    way.set_defaults(command=import_csv)
    way.add_argument("csv", metavar="IN.csv", help="the file that the app saved")
    way.add_argument("out", metavar="OUT.take.npz", help="the take to write")
    way.add_argument("--fps", type=_rate, help="the true rate, such as 29.97 (what the timecodes tell)")
    unit = way.add_mutually_exclusive_group()
    unit.add_argument("--degrees", action="store_true", default=None, help="its angles are degrees (usual: by size)")
    unit.add_argument("--radians", dest="degrees", action="store_false", help="its angles are radians")


def export_csv(options: argparse.Namespace) -> None:
    """Write a take as a CSV file.

    Raises:
        SmirkError: a file cannot be read or written, or the take is of another head.
    """
    take = load_take(options.take)
    head = head_of(options, take)
    curves = arkit_curves(take if options.raw else cleaned_as_it_says(take, head), head)
    if not len(curves):
        raise TakeError(f"{options.take} has no frames to write. Choose another take")
    write_live_link(curves, options.out)
    say(f"Saved {options.out}: {len(curves)} frames at {_said(curves.fps)} frames per second")
    say(f"Always 0: {listed(list(NEVER_SEEN))}. Hardly told by footage: {listed(list(POORLY_SEEN))}")


def import_csv(options: argparse.Namespace) -> None:
    """Write a take of what a CSV file holds.

    Raises:
        SmirkError: a file cannot be read or written.
    """
    curves = read_live_link(options.csv, fps=options.fps, degrees=options.degrees)
    take = take_of_curves(curves, Path(options.csv).name)
    save_take(take, options.out)
    rate = f"{_said(take.fps)} frames per second" + ("" if options.fps else " by its timecodes (--fps says otherwise)")
    say(f"Saved {options.out}: {len(take)} frames at {rate}, {int(take.gap.sum())} of them without a face")
    if curves.missing:
        say(f"It has no column for {listed(list(curves.missing))}")


def _said(fps: Fraction) -> str:
    return f"{float(fps):.3f}".rstrip("0").rstrip(".")


def _rate(text: str) -> Fraction:
    """Return frames per second; 29.97 and the like stand for 30000/1001."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not a rate") from error
    if not 1 <= rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a rate of 1 to 1000 frames per second")
    ntsc = round(rate / NTSC) * NTSC
    return ntsc if rate.denominator != 1 and abs(rate - ntsc) < NTSC_DIGITS else rate

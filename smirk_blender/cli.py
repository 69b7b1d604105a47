"""The command line inside Blender: its commands are in `commands`.

    python -m smirk_blender.cli bake TAKE --head builtin --video CLIP --out NAME.blend
    python -m smirk_blender.cli clean TAKE --smooth lids=0.3 --neutral auto
    blender --command smirk doctor
"""

import argparse
import os
import sys

from .commands import bake, clean, doctor, join, live_link, qa, retarget, sample
from .errors import SmirkError

COMMANDS = (bake, clean, join, retarget, live_link, qa, sample, doctor)  # as `--help` lists them


def main(argv: list[str]) -> int:
    """Run one command; return the exit code: 0 done, 1 something is wrong outside the program, 2 wrong usage."""
    parser = _parser()
    try:
        options = parser.parse_args(argv)
        options.check_usage(parser, options)
    except SystemExit as leaving:  # argparse has printed help or what was wrong
        return int(leaving.code or 0)
    try:
        return options.command(options) or 0
    except SmirkError as error:
        print(error, file=sys.stderr, flush=True)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smirk", description="Facial capture in Blender")
    parser.set_defaults(check_usage=lambda parser, options: None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # Blender as a module may crash or hang while Python shuts down

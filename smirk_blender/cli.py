"""The command line inside Blender: its commands are in `commands`.

    python -m smirk_blender.cli bake TAKE --head builtin --video CLIP --out NAME.blend
    python -m smirk_blender.cli clean TAKE --smooth lids=0.3 --neutral auto
    blender --command smirk doctor
"""

import argparse
import io
import os
import sys

from .commands import (
    bake,
    batch,
    clean,
    clip,
    doctor,
    export,
    join,
    live_link,
    pose,
    preview,
    qa,
    retarget,
    sample,
    solve,
)
from .errors import SmirkError

# As `--help` lists them.
COMMANDS = (
    solve, clean, bake, retarget, export, preview, batch, clip, join, pose, live_link, qa, sample, doctor,
)


def main(argv: list[str]) -> int:
    """Run one command; return the exit code: 0 done, 1 something is wrong outside the program, 2 wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows knows few letters, and a clip may have any name
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    try:
        options = parser.parse_args(argv)
        options.check_usage(parser, options)
    except SystemExit as leaving:  # argparse has printed help or what was wrong
        return int(leaving.code or 0)
    options.parser = parser  # for commands that run others
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

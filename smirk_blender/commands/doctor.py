"""`smirk doctor`: what works here and what does not."""

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack

from ..capture.findings import line_of, report_json, report_text, summary
from ..errors import SmirkError
from .console import say

DOCTOR_OPTIONS = ("worker_python", "weights", "flame_model", "eyelid_folder", "landmark_model", "device")  # preferences


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("doctor", help="say what works here and what does not, for a bug report too")
    command.set_defaults(command=doctor)
    _add_options(command.add_argument)


def doctor(options: argparse.Namespace) -> int:
    """Say what works and what does not, for a user and for a bug report; return 1 where something does not.

    Raises:
        SmirkError: the report cannot be written.
    """
    from ..ui.doctor import examine  # the other commands do without the panels

    given = {name: getattr(options, name) for name in DOCTOR_OPTIONS if getattr(options, name) is not None}
    with ExitStack() as stack:
        try:  # at once: the check takes a while
            out = stack.enter_context(open(options.out, "w", encoding="utf-8")) if options.out else None
        except OSError as error:
            raise SmirkError(f"Cannot write {options.out}: {error.strerror or error}. Choose another folder") from error
        lines = []
        for line in examine(given):
            lines.append(line)
            if not options.json:
                say(line_of(line))
        say(report_json(lines) if options.json else f"\n{summary(lines)}")
        if out is not None:
            out.write(report_json(lines) if options.json else report_text(lines))
    return int(any(line.state == "bad" for line in lines))


def _add_options(add: Callable) -> None:
    """Add options named as DOCTOR_OPTIONS; what is left out is as in the add-on's preferences."""
    add("--python", dest="worker_python", metavar="PYTHON", help="the worker's Python")
    add("--weights", type=_full_path, metavar="SMIRK_em1.pt", help="SMIRK's checkpoint")
    add("--flame", dest="flame_model", type=_full_path, metavar="generic_model.pkl", help="a FLAME model")
    add("--eyelids", dest="eyelid_folder", type=_full_path, metavar="DIR", help="the folder with SMIRK's eyelids")
    model = "MediaPipe's landmark model"
    add("--landmark-model", type=_full_path, metavar="face_landmarker.task", help=model)
    add("--device", choices=("cuda", "mps", "cpu"), help="what SMIRK's encoder runs on")
    add("--json", action="store_true", help="print the report for programs")
    add("--out", metavar="FILE", help="write the report to a file besides")


def _full_path(text: str) -> str:
    return os.path.abspath(text)  # the worker runs elsewhere

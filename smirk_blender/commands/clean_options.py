"""What the command line says of a clean-up, as its settings."""

import argparse
import json
import os
import re
from collections.abc import Callable, Mapping

from ..take import CleanUp
from ..take.clean_up import GROUPS, REGIONS

Facts = dict[str, dict[str, object]]  # settings by step and name, as `CleanUp.facts` has them


def add_clean_options(add: Callable) -> None:
    """Add options by which `clean_up_of` changes settings."""
    several, setting = dict(action="append", default=[]), "any setting by its name, such as fill.beyond=hold"
    add("--set", type=_assignment, dest="settings", metavar="STEP.SETTING=VALUE", help=setting, **several)
    smooth = f"how strongly a group is smoothed, 0 to 1: {', '.join(GROUPS)}, or all"
    add("--smooth", type=_named(GROUPS), metavar="GROUP=STRENGTH", help=smooth, **several)
    gain = f"how much of a region's movement is kept, 0 to 4: {', '.join(REGIONS)}, or all"
    add("--gain", type=_named(REGIONS), metavar="REGION=GAIN", help=gain, **several)
    neutral = "the resting face that is taken out: found by itself, none, a frame, the mean of some, a profile's"
    add("--neutral", type=_neutral, metavar="auto|off|N|N-M|profile", help=neutral)
    profile = "an actor profile: its identity, its resting face and its gains, where no others are given"
    add("--profile", metavar="NAME.actor.json", help=profile)
    add("--first", type=_frame, metavar="N", help="the first frame of the video that is played")
    add("--last", type=_frame, metavar="N", help="the last one")
    add("--speed", type=float, metavar="X", help="how fast: 2 is twice as fast")


def clean_up_of(options: argparse.Namespace, before: CleanUp, profile_gains: Mapping[str, float] = {}) -> CleanUp:
    """Return settings as the options change them.

    Args:
        profile_gains: by region, those of the profile that the options name.
    Raises:
        ValueError: a step, a setting or a value that there is not.
    """
    facts = before.facts()
    facts["gains"] |= profile_gains
    for step, name, value in _changes(options):
        facts.setdefault(step, {})[name] = value
    return CleanUp.of(facts)


def settings_text(clean_up: CleanUp) -> str:
    """Return the settings that are not the usual ones, such as "gains.jaw 1.5, timing.speed 2"; or that all are."""
    usual, changed = CleanUp().facts(), []
    for step, values in clean_up.facts().items():
        for name, value in values.items():
            if value != usual[step][name]:
                changed.append(f"{step}.{name} {value:g}" if isinstance(value, float) else f"{step}.{name} {value}")
    return ", ".join(changed) or "the usual settings"


def _changes(options: argparse.Namespace) -> list[tuple[str, str, object]]:
    changes = list(options.settings)
    changes += [("smoothing", group, value) for named in options.smooth for group, value in named.items()]
    changes += [("gains", region, value) for named in options.gain for region, value in named.items()]
    neutral = options.neutral or ({"source": "profile"} if options.profile else {})
    changes += [("neutral", name, value) for name, value in neutral.items()]
    if options.profile:
        changes += [("identity", "source", "profile"), ("identity", "profile", os.path.abspath(options.profile))]
    timing = {"first_frame": options.first, "last_frame": options.last, "speed": options.speed}
    return changes + [("timing", name, value) for name, value in timing.items() if value is not None]


def _assignment(text: str) -> tuple[str, str, object]:
    found = re.fullmatch(r"(\w+)\.(\w+)=(.*)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not STEP.SETTING=VALUE")
    step, name, value = found.groups()
    try:
        return step, name, json.loads(value)
    except ValueError:  # a word
        return step, name, value


def _named(names: tuple[str, ...]) -> Callable[[str], dict[str, float]]:
    def parse(text: str) -> dict[str, float]:
        name, _, number = text.rpartition("=")
        if name not in (*names, "all"):
            raise argparse.ArgumentTypeError(f"{text} is not NAME=NUMBER; the names are {', '.join(names)}, all")
        return dict.fromkeys(names if name == "all" else (name,), float(number))

    parse.__name__ = "number"  # argparse says "invalid number value"
    return parse


def _neutral(text: str) -> dict[str, object]:
    if text in ("auto", "off", "profile"):
        return {"source": text}
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not auto, off, profile, a frame such as 12, or some such as 12-20")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise argparse.ArgumentTypeError(f"{text} ends before it starts")
    return {"source": "range", "first_frame": first, "last_frame": last}


def _frame(text: str) -> int:
    number = int(text)  # argparse reports a ValueError
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is no frame: they count from 0")
    return number

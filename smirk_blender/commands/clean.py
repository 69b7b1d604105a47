"""`smirk clean`: how a take is to be cleaned, written into its file; and what takes long to find for it."""

import argparse
from dataclasses import replace

from ..clean.needs import packages_for_cleaning
from ..clean.timing import timed
from ..take import CleanUp, Take, load_take, save_clean_up, save_take
from .clean_options import add_clean_options, clean_up_of, settings_text
from .console import say
from .take_options import add_head_options, head_of

FRAMES_A_LINE = 200  # of progress


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "clean",
        help="say how a take is to be cleaned",
        description="Change how a take is cleaned. What was solved stays in the file as it is. Without options, a take "
        "that has no settings yet gets the usual ones.",
    )
    command.set_defaults(command=clean, check_usage=_check_usage)
    add = command.add_argument
    add("take", metavar="TAKE.npz", help="the take")
    add("--out", metavar="OTHER.npz", help="leave that file alone, and write this one")
    add("--off", action="store_true", help="do not clean it: forget the settings")
    add("--defaults", action="store_true", help="start from the usual settings, not from the take's own")
    add("--refine", action="store_true", help="find where lips and lids are in the picture")
    profile = "make an actor profile of the take: identity, resting face, gains"
    add("--save-profile", metavar="NAME.actor.json", help=profile)
    add_clean_options(command.add_argument_group("settings").add_argument)
    add_head_options(command.add_argument_group("for --refine and --save-profile").add_argument)


def clean(options: argparse.Namespace) -> None:
    """Write the settings into the take's file, or into another with all of it.

    Raises:
        SmirkError: a file cannot be read or written, or the take has not what is asked of it.
    """
    take = load_take(options.take)
    before = CleanUp() if options.defaults or take.clean_up is None else take.clean_up
    clean_up = None if options.off else clean_up_of(options, before, profile_gains(options))
    said = "not cleaned"
    if clean_up is not None:
        num_frames = len(timed(take, clean_up.timing))
        said = f"{num_frames} frames are played, cleaned with {settings_text(clean_up)}"
    if options.refine:
        take = _refined(replace(take, clean_up=clean_up), options)  # the profile says what shut eyes look like
    if options.save_profile:
        _save_profile(take, clean_up or CleanUp(), options)
    if options.refine or options.out:
        save_take(replace(take, clean_up=clean_up), options.out or options.take)
    else:
        save_clean_up(options.take, clean_up)
    say(f"Saved {options.out or options.take}: {said}")


def profile_gains(options: argparse.Namespace) -> dict[str, float]:
    if not options.profile:
        return {}
    with packages_for_cleaning():
        from ..clean.profile import load_profile
    return load_profile(options.profile).gains


def _refined(take: Take, options: argparse.Namespace) -> Take:
    head = head_of(options, take)
    with packages_for_cleaning():
        from ..clean.refine import refine
    said = 0

    def show(num_frames: int) -> None:
        nonlocal said
        if num_frames >= said + FRAMES_A_LINE:
            say(f"Refined {num_frames} of {len(take)} frames")
            said = num_frames

    return refine(take, head, show)


def _save_profile(take: Take, clean_up: CleanUp, options: argparse.Namespace) -> None:
    head = head_of(options, take)
    with packages_for_cleaning():
        from ..clean.profile import profile_of, save_profile

        profile = profile_of(take, head, clean_up)  # imports more
    say(f"Saved {save_profile(profile, options.save_profile)}")


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage error where a setting cannot be what it is given, or is given beside --off."""
    try:
        settings = clean_up_of(options, CleanUp())
    except ValueError as error:
        parser.error(str(error))
    if options.off and (options.defaults or settings != CleanUp()):
        parser.error("--off forgets all settings, and takes none")

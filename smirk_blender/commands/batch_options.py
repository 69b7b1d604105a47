"""The options of `smirk batch`, and the job that they make."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace

from ..batch.claims import STALE_S
from ..batch.clips import VIDEO_PATTERNS, job_from
from ..batch.job import BUILTIN_HEAD, Clean, Job, schema, unusual
from ..take import CleanUp
from .clean import profile_gains
from .clean_options import add_clean_options, clean_up_of
from .solve import face_number, frame_range, image_rate
from .workers import MODEL_OPTIONS, add_model_options, add_python_option, model_settings

JOB_SUFFIX = ".json"
EXPORTS = tuple(schema()["properties"]["export"]["properties"]["formats"]["items"]["enum"])


def add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("sources", nargs="+", metavar="FOLDER|LIST|JOB.json", help="folders, videos, lists of a path a line; a job")
    add("--out", required=True, metavar="DIR", help="files go to DIR/NAME/ for each clip, the report to DIR")
    _add_clip_options(command.add_argument_group("which clips").add_argument)
    _add_run_options(command.add_argument_group("how they are done").add_argument)
    _add_output_options(command.add_argument_group("what is made of each").add_argument)
    solve = command.add_argument_group("solving; what is left out is as in the preferences").add_argument
    solve("--range", type=frame_range, metavar="N-M", help="frames of each video; N- goes to its end")
    sequences = "the rate of images: each numbered run of them in a folder is a clip, named without the number"
    solve("--image-fps", type=image_rate, metavar="FPS", help=sequences)
    solve("--face", type=face_number, metavar="N|all", help="whose take: 1 is who is seen most; or a take of everybody")
    add_model_options(solve)
    add_clean_options(command.add_argument_group("cleaning; the usual settings where left out").add_argument)


def job_of_options(options: argparse.Namespace) -> Job:
    """Return the job that the sources and the options make; of a job's file, options that are given take the place.

    Raises:
        SmirkError: a source that cannot be read.
    """
    job = job_from(options.sources, patterns=options.pattern, recursive=options.recursive)
    from_file = len(options.sources) == 1 and options.sources[0].lower().endswith(JOB_SUFFIX)
    solve = {name: getattr(options, name) for name in MODEL_OPTIONS if getattr(options, name)} if from_file else {}
    solve = {name: _full(name, value) for name, value in solve.items()} if from_file else model_settings(options)
    if options.range is not None:
        solve |= dict(zip(("first_frame", "last_frame"), options.range))
    if options.image_fps is not None:
        solve["image_fps"] = options.image_fps
    if options.face is not None:
        solve["face"] = options.face
    bake = {"template": os.path.abspath(options.template)} if options.template else {}
    bake |= {"head_object": options.on} if options.on else {}
    bake |= {"arguments": options.bake} if options.bake else {}
    bake |= {"enabled": False} if options.no_bake else {}
    retarget = {"character": os.path.abspath(options.retarget)} if options.retarget else {}
    retarget |= {"mesh": options.mesh} if options.mesh else {}
    retarget |= {"arguments": options.retarget_options} if options.retarget_options else {}
    export = {"formats": tuple(dict.fromkeys(job.export.formats + tuple(options.export)))}
    export |= {"arguments": options.export_options} if options.export_options else {}
    preview = {"enabled": False} if options.no_preview else {}
    preview |= {"sheet": True} if options.sheet else {}
    return replace(
        job,
        name=options.name or job.name,
        solve=replace(job.solve, **solve),
        clean=_clean_of(job, options),
        preview=replace(job.preview, **preview),
        bake=replace(job.bake, **bake),
        retarget=replace(job.retarget, **retarget),
        export=replace(job.export, **export),
        steps=job.steps + tuple(options.then),
    )


def _clean_of(job: Job, options: argparse.Namespace) -> Clean:
    before = CleanUp.of(job.clean.settings)
    after = clean_up_of(options, before, profile_gains(options))
    enabled = job.clean.enabled and not options.raw
    return Clean(enabled, job.clean.refine and not options.no_refine, unusual(after))


def _add_clip_options(add: Callable) -> None:
    pattern = f"files of the folders, such as '*_cam1.mov'; several times for several ({' '.join(VIDEO_PATTERNS)})"
    add("--pattern", action="append", default=[], metavar="PATTERN", help=pattern)
    add("--recursive", action="store_true", help="the folders below them too")
    name = "names by {stem} of the file, {parent} folder, {number:03} and {date} of the file ('{stem}')"
    add("--name", metavar="RULE", help=name)


def _add_run_options(add: Callable) -> None:
    add("--jobs", type=_count, metavar="N", help="clips at once; what memory and cores allow where left out")
    add("--resume", action="store_true", help="leave what is done already, known by its content and settings")
    add("--redo", action="store_true", help="do everything again")
    add("--fail-fast", action="store_true", help="start no more clips once one has failed")
    add("--dry-run", action="store_true", help="say what would be done, how many at once, and what memory it takes")
    plan = "do nothing, but write the commands that do it, a line each, or a job for Flamenco where FILE ends in .json"
    add("--plan", nargs="?", const="-", metavar="FILE", help=plan)
    add("--report-only", action="store_true", help="do nothing, but write the report on what is there")
    stale = f"after which another machine's process without a sign is taken to be dead ({STALE_S:g})"
    add("--stale", type=seconds, default=STALE_S, metavar="SECONDS", help=stale)
    add("--json", action="store_true", help="say how far it is for programs, a JSON object a line")
    add_python_option(add)


def _add_output_options(add: Callable) -> None:
    add("--template", metavar="HEAD.blend", help="bake onto the head in this file; a new head where left out")
    add("--on", default="", metavar="OBJECT", help="the head in the template; its only one where left out")
    more = dict(type=_words, metavar="'OPTIONS'")
    add("--bake", help="more for `smirk bake`, such as '--layout matched'", **more)
    add("--no-bake", action="store_true", help="no .blend")
    add("--retarget", metavar="CHARACTER.blend|.glb", help="put each take onto this character, too")
    add("--mesh", metavar="NAME", help="its mesh object with the shape keys, where the file has several")
    add("--retarget-options", help="more for `smirk retarget`, such as '--gain mouth=1.2'", **more)
    add("--export", action="append", default=[], choices=EXPORTS, help="another format; several times for several")
    add("--export-options", help="more for `smirk export`, such as '--head-motion neck'", **more)
    add("--no-preview", action="store_true", help="no preview video; its pictures are in the report")
    add("--sheet", action="store_true", help="a sheet of pictures and curves besides, which needs matplotlib")
    add("--raw", action="store_true", help="leave takes as they were solved: neither refined nor cleaned")
    add("--no-refine", action="store_true", help="clean them, but do not look for lips and lids in the picture")
    then = "a smirk command that follows, as in 'export {take} --out {folder}/{name}.csv'; several times for several"
    add("--then", type=_words, action="append", default=[], metavar="'COMMAND'", help=then)


def _count(text: str) -> int:
    number = int(text)  # argparse reports a ValueError
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of jobs")
    return number


def seconds(text: str) -> float:
    number = float(text)  # argparse reports a ValueError
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is no time in seconds")
    return number


def _words(text: str, *, windows: bool = sys.platform == "win32") -> tuple[str, ...]:
    """Return options that were given as one text, as a shell parts them; on Windows paths have backslashes."""
    parted = shlex.shlex(text, posix=True)
    parted.whitespace_split, parted.commenters = True, ""
    parted.escape = "" if windows else parted.escape
    try:
        return tuple(parted)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be parted ({error})") from error


def _full(name: str, value: object) -> object:
    is_path = name in ("head", "eyelids", "weights", "landmark_model") and value != BUILTIN_HEAD
    return os.path.abspath(value) if is_path else value

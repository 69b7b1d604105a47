"""What a job asks for, looked at before the first solve: a night is not to be lost to a file that was never there."""

import argparse
import os
import shutil
import sys

import bpy
from bpy.types import Object

from ..batch.clips import clips_text
from ..batch.job import BUILTIN_HEAD, PLAYED, Job
from ..errors import BatchError, HeadError, SmirkError
from ..flame import open_head
from ..rig.export import check_format
from ..rig.models import model_of
from ..rig.named_head import NAMED_MODEL
from . import retarget
from .clip_steps import FLAME_ONLY, is_played, of_character, step_words

MODEL_FILES = {"weights": "weights", "landmark_model": "landmark model"}
SHOWN = 3  # clips named in a message


def is_understood(job: Job, parser: argparse.ArgumentParser) -> bool:
    """Return whether the command line takes what follows a solve; what is wrong is printed."""
    words = step_words("folder", "name", "folder", job.clips[0], job)
    lines = [["bake", "x.npz", "--out", "x.blend", "--head", "x", *job.bake.arguments]] if job.bake.enabled else []
    if job.retarget.character:
        lines.append(_retarget_line(job))
    refused = [kind for kind in job.export.formats if kind in FLAME_ONLY and job.solve.head == BUILTIN_HEAD]
    if refused:
        print(f"{', '.join(refused)} is of FLAME models: name one with --head, or export csv", file=sys.stderr)
        return False
    for kind in job.export.formats:
        sources = ["x.blend" if is_played(kind, job) else "x.npz", *(["x.blend"] if of_character(kind, job) else [])]
        ending = ["--format", kind, "--out", f"x.{kind}", *job.export.arguments]
        lines += [["export", source, *ending] for source in sources]
    for step in job.steps:
        try:
            lines.append([part.format(**words) for part in step])
        except (KeyError, IndexError, ValueError) as error:
            print(f"The step {' '.join(step)} has a word {error}; they are {', '.join(words)}", file=sys.stderr)
            return False
    for line in lines:
        try:
            options = parser.parse_args(line)
            options.check_usage(parser, options)
        except SystemExit:
            return False
    return True


def check_job(job: Job, parser: argparse.ArgumentParser, python: str | None = None) -> None:
    """Open the files that every clip needs, in this Blender; what is in it is gone then.

    Args:
        python: the workers', where one was named.
    Raises:
        SmirkError: one that is missing or of no use, a range that ends before it starts, a format that this Blender
            cannot write.
    """
    if python and shutil.which(python) is None:
        raise SmirkError(f"No Python at {python}. Name another with --python")
    _check_ranges(job)
    solve, profile = job.solve, job.clean.profile
    for name, what in MODEL_FILES.items():
        path = getattr(solve, name)
        if path and not os.path.isfile(path):
            raise BatchError(f"No {what} at {path}. Check the path")
    if solve.head != BUILTIN_HEAD:
        open_head(solve.head, solve.eyelids)
    if job.clean.enabled and profile and not os.path.isfile(profile):
        raise BatchError(f"No actor profile at {profile}. Make one from a take, or choose another file")
    for kind in job.export.formats:
        if kind in PLAYED:
            check_format(kind)
    if job.retarget.character:
        retarget.check_character_file(parser.parse_args(_retarget_line(job)))
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


def check_heads(job: Job, head_object: Object) -> None:
    """See that takes fit the head of a template.

    Raises:
        HeadError: they are solved on another, or a model cannot be read.
    """
    head, model = open_head(job.solve.head, job.solve.eyelids), model_of(head_object)
    if model.name != NAMED_MODEL and not model.is_of(head.models()):
        raise HeadError(
            f"{head_object.name} in {job.bake.template} is of {model.name}, and clips are to be solved on {head.name}. "
            f"Leave out --head, or give --bake '--solved-on {job.solve.head}' to carry takes over"
        )


def _retarget_line(job: Job) -> list[str]:
    given, line = job.retarget, ["retarget", "x.npz", job.retarget.character, "--out", "x.blend"]
    line += ["--mesh", given.mesh] if given.mesh else []
    line += ["--profile", given.profile] if given.profile else []
    return [*line, *given.arguments]


def _check_ranges(job: Job) -> None:
    bad = []
    for clip in job.clips:
        solve = job.solve_of(clip)
        if solve.last_frame is not None and solve.last_frame < solve.first_frame:
            bad.append(f"{clip.name} {solve.first_frame}-{solve.last_frame}")
    if bad:
        more = f", and {clips_text(len(bad) - SHOWN)} more" if len(bad) > SHOWN else ""
        raise BatchError(f"Frames that end before they start: {', '.join(bad[:SHOWN])}{more}. Choose other ranges")

"""`smirk batch`: a folder of clips in; takes, heads and a report out."""

import argparse
import json
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import bpy

from ..batch.claims import Claims
from ..batch.clips import JOB_SUFFIX, clips_text, resolved
from ..batch.job import BUILTIN_HEAD, Clip, Job, load_job, save_job
from ..batch.key import Hashes, footage_files, step_keys
from ..batch.place import BEGUN, DONE, FAILED, Failure, Place, own_folder
from ..batch.plan import flamenco_job, plan_lines
from ..batch.predict import Scale, memory_mb, num_jobs
from ..batch.progress import Event, display, duration
from ..batch.report import clip_facts, write_report
from ..batch.run import Runner
from ..capture.machine import THREADS_VARIABLE, num_cores
from ..capture.memory import free_memory_mb
from ..errors import BatchError, HeadError, SmirkError
from ..rig.memory import EYELID_FOLDER, MODEL_PATH
from ..sequences import is_image
from .batch_checks import check_heads, check_job, is_understood
from .batch_options import add_options, job_of_options
from .clip import changed_text, version
from .console import quiet, say
from .stopping import STOPPED, stoppable
from .template import open_template

PACKAGE = Path(__file__).parents[1]
EXIT_CODES = "Exit codes: 0 all done; 1 some clips failed; 2 wrong usage; 130 stopped, to be gone on with by --resume."


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "batch",
        help="do a folder of clips, several at once",
        description="Solve, clean and bake a folder of clips, and report on them. Several batches, on several machines "
        "too, may share an output folder: each clip is done once.",
        epilog=EXIT_CODES,
    )
    command.set_defaults(command=batch, check_usage=_check_usage)
    add_options(command)


def batch(options: argparse.Namespace) -> int:
    """Do a job, or say what would be done; return the exit code.

    Raises:
        SmirkError: the job cannot be begun.
    """
    out = Path(options.out).absolute()
    job = _complete(job_of_options(options), out)
    if not is_understood(job, options.parser):
        return 2
    if not options.report_only:
        check_job(job, options.parser, None if options.plan else options.python)
    if options.dry_run:
        return _say_what_would_be(job, out, options)
    _make_folder(out)
    path = save_job(job, own_folder(out, f"job_{job.digest[:12]}.json"))
    job = load_job(path)  # as its clips' processes read it
    command_of = lambda name: clip_command(path, name, out, options.python)
    if options.plan:
        return _write_plan(job, path, out, options, [command_of(clip.name) for clip in job.clips])
    if options.report_only:
        return _report(job, out, time.monotonic(), options)
    if text := _not_fresh(job, out, options):
        print(text, file=sys.stderr, flush=True)
        return 2
    start = time.monotonic()
    shown = display(len(job.clips), as_json=options.json)
    at_once = min(options.jobs or _jobs_that_fit(job), len(job.clips))
    shown.say(f"{clips_text(len(job.clips))}, {at_once} at once")
    elsewhere = _Elsewhere(job, out, options.stale)
    runner = Runner(
        [clip.name for clip in job.clips],
        lambda name: [*command_of(name), "--json", "--skip-busy", "--watched", *elsewhere.options(name)],
        num_jobs=at_once,
        hear=shown.show,
        fail_fast=options.fail_fast,
        environment={THREADS_VARIABLE: str(max(1, num_cores() // at_once - (at_once == 1)))},
        look=elsewhere.look,
    )
    try:
        with stoppable():
            runner.run()
    except KeyboardInterrupt:
        elsewhere.note(runner.outcomes)
        shown.close()
        _report(job, out, start, options, exit_code=STOPPED)
        shown.say("Stopped. Go on with --resume")
        return STOPPED
    elsewhere.note(runner.outcomes)
    shown.close()
    return _report(job, out, start, options)


def clip_command(job_path: Path, name: str, out: Path, python: str | None = None) -> list[str]:
    """Return the command that does a clip, on this Blender."""
    if bpy.app.binary_path:
        program = [bpy.app.binary_path, "--background", "--command", "smirk"]
    else:
        program = [sys.executable, str(PACKAGE)]
    return [*program, "clip", str(job_path), name, "--out", str(out), *(["--python", python] if python else [])]


class _Elsewhere:
    """What others make of clips while this batch is at work."""

    def __init__(self, job: Job, out: Path, stale_s: float) -> None:
        self._job, self._out, self._hashes = job, out, Hashes(own_folder(out, "footage"))
        self._claims = Claims(own_folder(out, "claims"), stale_s=stale_s)
        failures = {clip.name: Place(out, clip.name).failure() for clip in job.clips}
        self._earlier = {name: failure.token for name, failure in failures.items() if failure}

    def options(self, name: str) -> list[str]:
        """Return what a clip's process is to know, which would watch a stale claim from the beginning otherwise."""
        stale = self._claims.stale(name)
        return ["--known-stale", stale] if stale else []

    def look(self, name: str) -> Event | None:
        """Return what `Runner` wants to know: a clip's end, that it is being worked on, or None."""
        holder = self._claims.holder(name)
        if holder:
            return Event(name, "waiting", text=f"{holder.text} is at work on it")
        place = Place(self._out, name)
        failure = place.failure()
        if failure and failure.token != self._earlier.get(name):
            return Event(name, "failed", failure.step, text=failure.text)
        if (place.folder / DONE).is_file():  # hashing footage takes its time
            keys = _keys(self._job, name, self._hashes)
            if keys and place.is_done(keys):
                return Event(name, "kept", text=changed_text(place))
        return None

    def note(self, outcomes: Mapping[str, Event]) -> None:
        """Note failures that clips' own processes could not, since they were killed: the report names them then."""
        for name, event in outcomes.items():
            place = Place(self._out, name)
            failure = place.failure()
            told = failure and failure.token != self._earlier.get(name)
            if event.state == "failed" and not told and not self._claims.holder(name):
                with suppress(OSError):  # the report, which goes to the same disk, says what is wrong with it
                    place.remove_left()
                    place.fail(Failure(event.step, event.text, "", secrets.token_hex(6)))


def _keys(job: Job, name: str, hashes: Hashes) -> dict[str, str] | None:
    try:
        return step_keys(job, job.clip(name), hashes, version())
    except SmirkError:  # its own process will say so
        return None


def _complete(job: Job, out: Path) -> Job:
    """Return a job with its clips by name; a template's model is what is solved on, where no other is named."""
    job = resolved(job, out)
    if job.bake.enabled and job.bake.template:
        head_object = open_template(job.bake.template, job.bake.head_object)
        if job.solve.head == BUILTIN_HEAD:
            path, eyelids = head_object.data.get(MODEL_PATH), head_object.data.get(EYELID_FOLDER, "")
            if path is None:
                raise HeadError(f"{head_object.name} does not know its model's file. Adopt it again, with the file")
            solver = job.solve.solver if path == BUILTIN_HEAD else None
            job = replace(job, solve=replace(job.solve, head=path, eyelids=eyelids or None, solver=solver))
        elif "--solved-on" not in job.bake.arguments:
            check_heads(job, head_object)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return job


def _not_fresh(job: Job, out: Path, options: argparse.Namespace) -> str:
    """Return what is wrong where there are results already, and nobody said what is to become of them; "" otherwise."""
    places = [Place(out, clip.name) for clip in job.clips]
    begun = [place for place in places if any((place.folder / name).is_file() for name in (DONE, BEGUN, FAILED))]
    if options.redo:
        claims = Claims(own_folder(out, "claims"))
        for place in begun:
            if not claims.holder(place.name):
                for name in (DONE, BEGUN, FAILED):
                    (place.folder / name).unlink(missing_ok=True)
    elif begun and not options.resume:
        return (
            f"{out} has results of {len(begun)} of the {len(places)} clips, such as {begun[0].name}. Give --resume to "
            "go on with them, --redo to do all again, or another --out"
        )
    return ""


def _say_what_would_be(job: Job, out: Path, options: argparse.Namespace) -> int:
    hashes = Hashes(own_folder(out, "footage") if out.is_dir() else None)
    most_mb, states = 0.0, Counter()
    for clip in job.clips:
        scale = _scale_of(job, clip)
        place, state = Place(out, clip.name), "to do"
        keys = _keys(job, clip.name, hashes) if (place.folder / DONE).is_file() else None
        if keys and place.is_done(keys):
            state = "done"
        elif place.failure():
            state = "failed before"
        states[state] += 1
        known = "cannot be read" if os.path.isfile(clip.video) else "is not there"
        if scale:
            known = f"{scale.num_frames} frames of {scale.width_px} x {scale.height_px}"
        needs_mb = memory_mb(scale or Scale())
        most_mb = max(most_mb, needs_mb)
        say(f"{clip.name}: {state}, {known}, {needs_mb:.0f} MB, {clip.video}")
    free_mb, cores = free_memory_mb(), num_cores()
    at_once = min(options.jobs or num_jobs(most_mb, free_mb=free_mb, num_cores=cores), len(job.clips))
    free = f"{free_mb:.0f} MB free, " if free_mb else ""
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    say(f"{clips_text(len(job.clips))}: {counts}")
    say(f"{at_once} at once: {most_mb:.0f} MB each at most, {free}{cores} cores")
    return 0


def _jobs_that_fit(job: Job) -> int:
    most_mb = max(memory_mb(_scale_of(job, clip) or Scale()) for clip in job.clips)
    return num_jobs(most_mb, free_mb=free_memory_mb(), num_cores=num_cores())


def _scale_of(job: Job, clip: Clip) -> Scale | None:
    """Return how large a clip is, as far as Blender can tell; None where it cannot read it."""
    try:
        files = footage_files(clip, job.solve_of(clip))
        with quiet(errors=True):
            shown = bpy.data.movieclips.load(clip.video)
    except (RuntimeError, SmirkError):
        return None
    num_frames, (width, height) = shown.frame_duration, shown.size
    if is_image(clip.video):
        num_frames = len(files)  # Blender takes all that are numbered like it for a sequence
    bpy.data.movieclips.remove(shown)
    if not (num_frames and width and height):
        return None
    smirk = job.solve.solver == "smirk" or job.solve.solver is None and bool(job.solve.weights)
    return Scale(num_frames, width, height, smirk=smirk)


def _write_plan(job: Job, path: Path, out: Path, options: argparse.Namespace, commands: Sequence[list[str]]) -> int:
    if options.plan.lower().endswith(".json"):
        text = flamenco_job(job, name=f"SMIRK {out.name}", job_path=str(path), out=str(out))
    else:
        text = "\n".join(plan_lines(commands))
    if options.plan == "-":
        say(text)
        return 0
    try:
        Path(options.plan).write_text(text + "\n", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        reason = error.strerror or error
        raise BatchError(f"Cannot write the plan {options.plan}: {reason}. Choose another folder") from error
    say(f"Saved {options.plan}: {clips_text(len(commands))}")
    return 0


def _report(job: Job, out: Path, start: float, options: argparse.Namespace, *, exit_code: int | None = None) -> int:
    """Write the reports, and say what came of it all; return the exit code, which is told where none is given."""
    hashes = Hashes(own_folder(out, "footage"))
    rows = [clip_facts(out, clip, _keys(job, clip.name, hashes)) for clip in job.clips]
    seconds = None if options.report_only else time.monotonic() - start
    path = write_report(out, job, rows, seconds=seconds)
    names = {state: [row["name"] for row in rows if row["state"] == state] for state in ("done", "failed", "open")}
    if exit_code is None:
        exit_code = int(bool(names["failed"] or names["open"]))
    if options.json:
        say(json.dumps({"event": "end", **names, "report": str(path), "exit_code": exit_code}))
        return exit_code
    others = "".join(f", {len(names[state])} {state}" for state in ("failed", "open") if names[state])
    took = f" in {duration(seconds)}" if seconds is not None else ""
    say(f"{len(names['done'])} of {clips_text(len(rows))} done{others}{took}")
    for row in rows:
        if row["state"] == "failed":
            say(f"{row['name']}: {'. '.join(filter(None, (row['error'], row['hint'])))}")
    say(f"Report: {path}")
    return exit_code


def _make_folder(out: Path) -> None:
    try:
        own_folder(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SmirkError(f"Cannot write to {out}: {error.strerror or error}. Choose another with --out") from error


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage error where options contradict each other."""
    if options.resume and options.redo:
        parser.error("--resume leaves what is done, --redo does it again: give one of them")
    if options.dry_run + bool(options.plan) + options.report_only > 1:
        parser.error("give one of --dry-run, --plan and --report-only")
    from_job = options.sources[0].lower().endswith(JOB_SUFFIX)
    if not from_job and options.on and not options.template:
        parser.error("--on is the head in a template: name that with --template")
    if not (options.retarget or from_job) and (options.mesh or options.retarget_options):
        parser.error("--mesh and --retarget-options need --retarget")
    if options.no_bake and (options.template or options.bake):
        parser.error("--no-bake takes no --template and no --bake")
    if len(options.sources) > 1 and any(source.lower().endswith(JOB_SUFFIX) for source in options.sources):
        parser.error("a job's file stands alone")
    if from_job and (options.pattern or options.recursive):
        parser.error("--pattern and --recursive are of folders; a job's file says its own")

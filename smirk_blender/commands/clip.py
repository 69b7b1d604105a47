"""`smirk clip`: one clip of a job, in a process of its own; what a batch starts, and what a render farm runs."""

import argparse
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from ..batch.claims import STALE_S, Claim, Claims, TakenOver, released
from ..batch.job import Job, load_job
from ..batch.key import Hashes, step_keys
from ..batch.place import Failure, Place, Record, own_folder
from ..batch.progress import Display, Event, display
from ..capture.solving import WorkerFailed
from ..errors import BatchError, SmirkError
from .batch_options import seconds
from .clip_steps import Work
from .stopping import STOPPED, output_to, stoppable
from .workers import add_python_option, worker_python

BUSY = 75  # exit code: another process is at work on it; EX_TEMPFAIL of BSD's sysexits
WAIT_S = 0.5
EXIT_CODES = "Exit codes: 0 done, or done before; 1 failed; 2 wrong usage; 130 stopped."


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "clip",
        help="do one clip of a job that `batch` has planned",
        description="Do one clip of a job: what is done already is left, what another process is at work on is waited "
        "for, and taken over if that dies. Processes on several machines may share the output folder.",
        epilog=EXIT_CODES,
    )
    command.set_defaults(command=clip)
    add = command.add_argument
    add("job", metavar="JOB.json", help="the job, as `smirk batch --plan` has written it")
    add("name", metavar="NAME", help="the clip's name in it")
    add("--out", required=True, metavar="DIR", help="its files go to DIR/NAME/")
    add("--json", action="store_true", help="say how far it is for programs, a JSON object a line")
    add("--skip-busy", action="store_true", help=f"end with exit code {BUSY} where another process is at work on it")
    stale = "after which a process without a sign is dead"
    add("--stale", type=seconds, default=STALE_S, metavar="SECONDS", help=stale)
    add("--known-stale", default="", metavar="CLAIM", help="a claim that the starter has watched so long already")
    carry_on = "end with exit code 0 where the clip is bad, too, which is for the report to say: a farm goes on then"
    add("--carry-on", action="store_true", help=carry_on)
    add("--watched", action="store_true", help="stop when standard input ends")
    add_python_option(add)


def clip(options: argparse.Namespace) -> int:
    """Do a clip; return the exit code.

    Raises:
        SmirkError: the job cannot be read, or the output folder cannot be written.
    """
    job = load_job(options.job)
    job.clip(options.name)
    place = Place(options.out, options.name)
    how = dict(stale_s=options.stale, known_stale=options.known_stale)
    claims = Claims(own_folder(options.out, "claims"), **how)
    with stoppable(watched=options.watched):
        shown = display(1, as_json=options.json)
        try:
            while True:
                claim = _taken(claims, place, shown, wait=not options.skip_busy)
                if claim is None:
                    return BUSY
                with suppress(TakenOver), released(claim):  # from there on it is another's, who is waited for
                    return _do_logged(job, place, claim, options)
        except KeyboardInterrupt:
            shown.show(Event(options.name, "stopped"))
            return STOPPED


def _do_logged(job: Job, place: Place, claim: Claim, options: argparse.Namespace) -> int:
    """Do a clip that is claimed; what is printed meanwhile goes to its log."""
    _make_folder(place.folder)
    with output_to(place.log_path) as stream:
        print(f"\n--- {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC, {options.name}", flush=True)
        return _Claimed(job, place, claim, display(1, as_json=options.json, stream=stream), options).do()


@dataclass
class _Claimed:
    """A clip that is ours to do; `shown` gets what is said of it."""

    job: Job
    place: Place
    claim: Claim
    shown: Display
    options: argparse.Namespace

    def do(self) -> int:
        """Do what is to be done of it; note it, say it, and return the exit code.

        Raises:
            TakenOver: another process has the clip now.
        """
        place, claim, step, keys = self.place, self.claim, "", {}
        try:
            keys = self._keys()
            missing = place.missing(keys)
            record = place.record()
            if not missing:
                if not place.is_done(keys):
                    place.finish(claim, record)
                self.shown.show(Event(place.name, "kept", text=changed_text(place)))
                return 0
            record.video = self.job.clip(place.name).video
            record.steps = {name: known for name, known in record.steps.items() if name in keys}
            self.shown.show(Event(place.name, "started", missing[0]))
            for step in missing:
                self._do_step(step, keys[step], record, done=step == missing[-1])
            self.shown.show(Event(place.name, "done", text=_said(record)))
            return 0
        except TakenOver:
            raise
        except SmirkError as error:
            text, hint = (error.args[0], error.hint) if isinstance(error, WorkerFailed) else (str(error), "")
        except Exception as error:
            traceback.print_exc()  # to the log
            text, hint = f"Stopped by an unexpected error: {type(error).__name__}: {error}", "The log has the details"
        if not claim.holds():  # it may have failed for that
            raise TakenOver(f"Another process has taken over {place.name}: this one stood still")
        try:
            place.fail(Failure(step, text, keys.get(step, ""), claim.token, hint))
        except OSError as error:
            hint = f"{hint}. This cannot be noted: {error}".removeprefix(". ")
        self.shown.show(Event(place.name, "failed", step, text=f"{text}. {hint}" if hint else text))
        return 0 if self.options.carry_on else 1

    def _keys(self) -> dict[str, str]:
        """Return what its steps are known by now: files may change meanwhile."""
        return step_keys(self.job, self.job.clip(self.place.name), self._hashes, version())

    @cached_property
    def _hashes(self) -> Hashes:
        return Hashes(own_folder(self.place.out, "footage"))

    def _do_step(self, step: str, key: str, record: Record, *, done: bool) -> None:
        """Do a step, and note it in the record; `done` says that it is the last one."""
        with self.place.work(self.claim) as folder:
            before = float(record.figures.get("memory_mb", 0.0))
            entry, python = self.job.clip(self.place.name), worker_python(self.options.python)
            parser = self.options.parser
            Work(self.job, entry, self.place, record, python, self._tell, parser, folder, before).do(step)
            with suppress(BatchError):  # a file that is gone by now was there when it was needed
                if self._keys()[step] != key:
                    changed = "The footage, or a file of the settings, was changed meanwhile"
                    raise SmirkError(f"{changed}. Go on with --resume")
            self.place.publish(self.claim, folder, record, step, key, done=done)

    def _tell(self, doing: str, fraction: float) -> None:
        self.claim.keep()
        self.shown.show(Event(self.place.name, "progress", doing, round(fraction, 3)))


def _taken(claims: Claims, place: Place, shown: Display, *, wait: bool) -> Claim | None:
    """Return a claim of ours; None where another is at work and is not to be waited for."""
    said = False
    while True:
        claim = claims.take(place.name)
        if claim is not None or not wait:
            return claim
        holder = claims.holder(place.name)
        if holder and not said:
            shown.show(Event(place.name, "waiting", text=f"{holder.text} is at work on it"))
            said = True
        time.sleep(WAIT_S)


def changed_text(place: Place) -> str:
    """Return a sentence on files that were changed after they were made; "" where none were."""
    changed = place.changed()
    return f"{', '.join(changed)} was changed since, and is left as it is" if changed else ""


def _said(record: Record) -> str:
    figures, num_warnings = record.figures, sum(map(len, record.warnings.values()))
    said = f"{figures['frames']} frames, {sum(figures['seconds'].values()):.0f} s"
    return said + (f", {num_warnings} warnings" if num_warnings else "")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SmirkError(f"Cannot write to {folder}: {error.strerror or error}. Choose another with --out") from error


def version() -> str:
    """Return the add-on's, which is part of what is done."""
    from ..ui.surroundings import addon_version  # with the panels' modules

    return addon_version()

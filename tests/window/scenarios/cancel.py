"""Solves that do not come to their end: cancelled by mouse, by key, at any moment; the worker or Blender killed."""

import os
import random
import signal
import time

import bpy

from .. import solving
from ..hands import Steps, Until
from ..report import Report
from ..user import User

NUM_CANCELS = 10
SEED = 4
EARLIEST_S = 0.2
MOST_CHARACTERS = 250  # of what the panel shows of an error
CANCEL_COLUMN = 0.7  # Finish Here lies left of it


def cancel_by_mouse(user: User, report: Report) -> Steps:
    """Half-way, a click on Cancel."""
    yield from solving.prepare(user, report)
    yield from user.click("smirk.solve")
    yield from solving.held_half_way()
    yield from user.look("solving")
    yield from user.look("solving_panel", 'UI')
    yield from user.find("smirk.cancel_task", columns=(CANCEL_COLUMN,), below="smirk.solve")
    yield from user.click("smirk.cancel_task", columns=(CANCEL_COLUMN,))
    solving.let_on()
    yield from note_cancelled(user, report)


def cancel_by_escape(user: User, report: Report) -> Steps:
    """Half-way, Esc with the mouse over the viewport."""
    yield from solving.prepare(user, report)
    yield from user.click("smirk.solve")
    yield from solving.held_half_way()
    yield from user.press("Escape")
    solving.let_on()
    yield from note_cancelled(user, report)


def note_cancelled(user: User, report: Report) -> Steps:
    """Note how the cancelled solve ends; the user has just cancelled it."""
    task = solving.running()
    report.check("it takes notice", task is None or task.cancelled)
    elapsed_s = yield from solving.seconds_until_gone()
    report.at_most("the worker goes", elapsed_s, solving.GONE_WITHIN_S, "s")
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("the panel says so", outcome.state == "cancelled", outcome.text)
    yield from check_kept(user, report, "what was solved is kept", 0)
    yield from user.look("cancelled")
    yield from user.look("cancelled_panel", 'UI')


def check_kept(user: User, report: Report, what: str, takes_before: int) -> Steps:
    """Note whether the frames so far are a take, and on the head."""
    takes, head = solving.scene(user).smirk.takes, solving.head(user)
    if len(takes) != takes_before + 1 or head is None or solving.action_of(head) is None:
        report.check(what, False, f"{len(takes) - takes_before} takes; {solving.outcome(user).text}")
        return
    num_frames, keyed = takes[-1].num_frames, solving.keyed_frames(solving.action_of(head))
    report.check(what, 0 < num_frames == len(keyed), f"{num_frames} frames, {len(keyed)} keyed")
    yield 0.0


def ten_cancels(user: User, report: Report) -> Steps:
    """Ten moments between the start and the worker's end, the frames so far kept every other time."""
    yield from solving.prepare(user, report)
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    started = time.perf_counter()
    solving.start(user)
    yield Until(solving.workers, "the worker")
    yield Until(lambda: not solving.workers(), "the worker's end", solving.SOLVE_LIMIT_S)
    whole_s = time.perf_counter() - started
    yield solving.until_over()
    moments, waits_s = random.Random(SEED), []
    for number in range(NUM_CANCELS):
        keep, moment_s = number % 2 == 0, moments.uniform(EARLIEST_S, whole_s)
        settings = solving.scene(user).smirk
        settings.keep_when_cancelled = keep
        what = f"{number + 1}: cancelled after {moment_s:.1f} of {whole_s:.1f} s, {'keeping' if keep else 'as before'}"
        before, num_takes = solving.scene_state(user), len(settings.takes)
        solving.start(user)
        yield moment_s
        if solving.running() is None or not solving.workers():
            report.check(what, True, "it had ended before")
            yield solving.until_over()
            continue
        with user.override('WINDOW'):
            bpy.ops.smirk.cancel_task()
        waits_s.append((yield from solving.seconds_until_gone()))
        yield solving.until_over()
        if keep and solving.outcome(user).changed:
            yield from check_kept(user, report, what, num_takes)
        else:
            changed = solving.differences(before, solving.scene_state(user))
            report.check(what, not changed, changed or solving.outcome(user).text)
        left = solving.parts_left()
        if left:
            report.check(f"{number + 1}: nothing stays in the cache", False, ", ".join(left))
    report.check("most were in time", len(waits_s) > NUM_CANCELS / 2, f"{len(waits_s)} of {NUM_CANCELS}")
    report.at_most("the longest until the worker was gone", max(waits_s), solving.GONE_WITHIN_S, "s")
    report.check("nothing stays in the cache", not solving.parts_left())
    report.check("no worker stays", not solving.workers())


def worker_killed(user: User, report: Report) -> Steps:
    """Half-way the system takes the worker away."""
    yield from solving.prepare(user, report)
    yield from user.click("smirk.solve")
    yield from solving.held_half_way()
    for pid in solving.workers():
        os.kill(pid, signal.SIGKILL)
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("it fails, and says why", outcome.state == "failed" and "SIGKILL" in outcome.text, outcome.text)
    report.check("it says so in a few words", len(outcome.text) < MOST_CHARACTERS, f"{len(outcome.text)} characters")
    yield from check_kept(user, report, "what was solved is kept", 0)
    yield from user.look("error_popup")
    yield from user.press("Escape")
    yield from user.look("error")
    yield from user.look("error_panel", 'UI')


def blender_killed(user: User, report: Report) -> Steps:
    """Half-way the system takes Blender away; `run` looks whether the worker goes."""
    yield from solving.prepare(user, report)
    solving.start(user)
    yield from solving.held_half_way()
    solving.let_on()
    report.check("a worker is at work", bool(solving.workers()))
    report.end_by_kill()

"""Whether the window stays alive while a solve runs."""

import time

import bpy
import numpy as np

from .. import solving
from ..hands import Steps
from ..pulse import Pulse
from ..report import Report
from ..user import User

MEDIAN_BAR_MS, LONGEST_BAR_MS = 50.0, 250.0  # issue 4's, for the gaps between two ticks
WORK_BAR_MS = 5.0  # issue 4's, for the add-on's own work in a tick
IDLE_S = 5.0
NUM_SOLVES = 3


def pulse_idle(user: User, report: Report) -> Steps:
    """What the machine itself does: a window in which nothing runs."""
    yield from solving.prepare(user, report)
    yield 3.0
    pulse = Pulse()
    pulse.start()
    yield IDLE_S
    note_gaps(report, pulse.stop())


def pulse_drawing(user: User, report: Report) -> Steps:
    """What drawing alone takes: the viewport with a head in it, drawn anew again and again, and nothing else."""
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    yield 3.0
    pulse = Pulse()
    pulse.start()
    until = time.perf_counter() + IDLE_S
    while time.perf_counter() < until:
        user.region('WINDOW').tag_redraw()
        user.region('UI').tag_redraw()
        yield 0.01
    gaps = pulse.stop()  # of the machine: no bar holds for them
    report.check("gaps between ticks", True, f"median {gaps['median_ms']:.3g}, longest {gaps['max_ms']:.3g} ms")


def pulse_during_solve(user: User, report: Report) -> Steps:
    """The actor is solved with the head moving along; three times, from the second on on the first one's head."""
    for _ in range(NUM_SOLVES):
        yield from solve_and_note(user, report, live=True)


def pulse_without_live(user: User, report: Report) -> Steps:
    """The actor is solved, and the head moves at the end only."""
    yield from solve_and_note(user, report, live=False)


def solve_and_note(user: User, report: Report, *, live: bool) -> Steps:
    yield from solving.prepare(user, report)
    solving.scene(user).smirk.live = live
    yield 3.0
    tasks = solving.addon("ui.tasks")
    tasks.tick_times_s.clear()
    pulse = Pulse()
    pulse.start()
    yield 0.5
    solving.start(user)
    yield solving.until_over()
    gaps, work_ms = pulse.stop(), 1000 * np.array(tasks.tick_times_s)
    outcome = solving.outcome(user)
    report.check("it ends well", outcome.state == "done", outcome.text)
    note_gaps(report, gaps)
    median, p99, longest = np.percentile(work_ms, (50, 99, 100))
    figure = f"median {median:.2f}, 99 % {p99:.2f}, longest {longest:.2f} ms of {len(work_ms)} ticks"
    report.check(f"the add-on's work in a tick is below {WORK_BAR_MS:g} ms", longest < WORK_BAR_MS, figure)


def note_gaps(report: Report, gaps: dict[str, float]) -> None:
    report.at_most("median gap between ticks", gaps["median_ms"], MEDIAN_BAR_MS, "ms")
    report.at_most("longest gap between ticks", gaps["max_ms"], LONGEST_BAR_MS, "ms")
    report.check("95 % of the gaps", True, f"below {gaps['p95_ms']:.3g} ms of {gaps['gaps']}")

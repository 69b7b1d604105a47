"""What takes long, in slices: one task after the other, a few milliseconds at a time, so that the window stays alive.

A task is a generator. It yields after every small piece of work, or `WAIT` where it has to wait for something outside.
An app timer runs it: unlike a modal operator, it goes on when its window is closed, and lets Blender save
automatically. Nothing here is kept in the .blend.
"""

import textwrap
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count
from typing import Literal

import bpy
from bpy.app.handlers import persistent

from ..errors import SmirkError
from ..rig.steps import aside

WAIT = object()  # yielded by a task that has nothing to do until the next tick
TICK_S = 0.05  # between two ticks while there are tasks
BUSY_TICK_S = 0.01  # likewise, where work was left undone
SOON_S = 0.1  # that a thread is waited for at every tick: many need less than the time between two ticks without work
SLICE_S = 0.003  # of work in a tick; a piece that has begun is ended
REDRAW_S = 0.3  # between two drawings of the sidebars while a task runs
# Where drawing a window takes long, it gets a share of the time only: a tick that comes late says how long.
LATE_S = 0.02
REST = 3.0  # times as long, until the next drawing that is ours
POPUP_CHARACTERS = 80  # a line, in a popup
MAX_TICK_TIMES = 10_000  # of the newest ticks, for the benchmark

Steps = Generator[object, None, None]


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        text: a sentence for the user.
        hint: what to do, where the text does not say.
        log_path: of the worker's log; "" where there is none.
        changed: whether the scene is not as before, so that there is something to undo.
        lacks: what was missing, as of a SmirkError, so that the panel can help.
    """

    state: Literal["done", "cancelled", "failed"]
    text: str
    hint: str = ""
    log_path: str = ""
    changed: bool = False
    lacks: str = ""


class Task:
    """Something long.

    Attributes:
        title: what it does, for the panel.
        number: its own, in this session.
        fraction: how much of it is done, 0 to 1; None where that is not known.
        text: what it is doing now.
        outcome: how it ended; None until then.
        cancelled: it was asked to stop.
        attended: somebody clicked for it, and is to see how it ends.
        log_path: of its worker's log; "" where it has none.
        can_finish_early: it can be ended with what there is so far, by `finish_early`.
        quiet: it follows what the user does elsewhere, who sees it there: the Solve panel, which would grow over the
            button under the mouse, shows neither it nor how it ended.
    """

    quiet = False

    def __init__(self, title: str, scene_name: str) -> None:
        self.title, self.number = title, next(_numbers)
        scene = bpy.data.scenes.get(scene_name)
        self._scene_name, self._scene_uid = scene_name, scene.session_uid if scene is not None else 0
        self.fraction: float | None = None
        self.text = "Waiting"
        self.outcome: Outcome | None = None
        self.log_path = ""
        self.cancelled = self.attended = False
        self.can_finish_early = self.finish_early = False

    @property
    def scene_name(self) -> str:
        """Its scene's name, which users may change meanwhile; the last one of a scene that was deleted."""
        scene = next((each for each in bpy.data.scenes if each.session_uid == self._scene_uid), None)
        if scene is not None:
            self._scene_name = scene.name
        return self._scene_name

    def steps(self) -> Steps:
        """Do the work, and set the outcome; a SmirkError that it raises is the outcome."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of everything; called once, however it ended."""

    def abandoned(self, why: str) -> None:
        """Blender is about to forget everything (another file, the add-on switched off): save what can be saved."""


_numbers = count(1)
_queue: deque[Task] = deque()
_running: Steps | None = None  # the first task's, once it has begun
_outcomes: dict[str, Outcome] = {}  # by scene name, of its last task
tick_times_s: deque[float] = deque(maxlen=MAX_TICK_TIMES)  # the add-on's own work in each tick


def start(task: Task, *, attended: bool = False) -> Task:
    """Put a task behind those that wait; return it."""
    task.attended = attended
    _queue.append(task)
    if not task.quiet:
        _outcomes.pop(task.scene_name, None)
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)
    return task


def tasks() -> tuple[Task, ...]:
    """Return what runs and what waits, in order."""
    return tuple(_queue)


def outcome_of(scene_name: str) -> Outcome | None:
    """Return how the scene's last task ended; None while one runs, or where there was none."""
    return _outcomes.get(scene_name)


def set_outcome(scene_name: str, outcome: Outcome) -> None:
    """Show an outcome where no task could be made."""
    _outcomes[scene_name] = outcome


def cancel(task: Task) -> None:
    """Ask a task to stop; one that waits is taken out of the queue."""
    task.cancelled = True
    if task in _queue and task is not _queue[0]:
        task.outcome = Outcome("cancelled", f"{task.title}: cancelled before it began")
        _end(task)


def abandon_all(why: str) -> None:
    """Stop everything at once, and let tasks save what they have."""
    for task in tuple(_queue):
        if task.outcome is None:
            task.outcome = Outcome("cancelled", f"{task.title}: {why}")
        try:
            task.abandoned(why)
        except Exception as error:  # the others are to save theirs
            traceback.print_exc()
            task.outcome = Outcome("failed", f"{task.title}: {why}, and nothing could be saved: {error}")
        task.attended = False
        _end(task)


def run_to_end(task: Task) -> Outcome:
    """Run a task and those before it without a window's timer: for scripts, and for Blender in background."""
    while task.outcome is None:
        _advance()
        time.sleep(0.0 if _busy else TICK_S)
    return task.outcome


def elsewhere(function: Callable, *arguments: object) -> Generator[object, None, object]:
    """Run a function that needs no Blender in a thread; return what it returns, raise what it raises."""
    work = aside(function, *arguments, threaded=True)
    until_s = time.monotonic() + SOON_S
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value
        yield None if time.monotonic() < until_s else WAIT


def unless_cancelled(task: Task, work: Generator[object, None, object]) -> Generator[object, None, object]:
    """Yield what some work yields; return what it returns, None where the task was cancelled meanwhile."""
    while True:
        try:
            yield next(work)
        except StopIteration as done:
            return done.value
        if task.cancelled:
            work.close()
            return None


def push_undo(message: str) -> None:
    """Make an undo step: there is no operator that would."""
    windows = bpy.context.window_manager.windows
    if len(windows):
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message=message)


_busy = False  # whether the last advance ended because its time was up
_due: float | None = None  # when the next tick should come; these are seconds of `time.perf_counter`
_rest_until = _redraw_at = 0.0


def may_draw() -> bool:
    """Return whether a task may change what every window has to draw again, though that can wait."""
    return time.perf_counter() >= _rest_until


def _tick() -> float | None:
    global _due, _rest_until, _redraw_at
    started = time.perf_counter()
    late_s = 0.0 if _due is None else started - _due
    if late_s > LATE_S:
        _rest_until = started + REST * late_s
    _advance()
    now = time.perf_counter()
    tick_times_s.append(now - started)
    is_shown = _queue and not _queue[0].quiet  # what becomes of another is seen when it ends
    if not (_queue and _redraw_at) or is_shown and now >= max(_redraw_at, _rest_until):
        _redraw_at = now + REDRAW_S
        redraw()
    if not _queue:
        _due = None
        return None
    pause_s = BUSY_TICK_S if _busy else TICK_S
    _due = time.perf_counter() + pause_s
    return pause_s


def _advance() -> None:
    """Work on the first task for a slice."""
    global _running, _busy
    _busy = False
    if not _queue:
        return
    task = _queue[0]
    until = time.perf_counter() + SLICE_S
    try:
        _running = _running or task.steps()
        while next(_running) is not WAIT:
            if time.perf_counter() >= until:
                _busy = True
                return
        return
    except StopIteration:
        assert task.outcome is not None, f"{task.title} ended without an outcome"
    except SmirkError as error:
        task.outcome = Outcome("failed", str(error), lacks=error.lacks)
    except Exception as error:  # a fault of ours: said, and the next task has its turn
        traceback.print_exc()
        task.quiet = False
        text = f"{task.title} stopped by an unexpected error: {type(error).__name__}: {error}"
        task.outcome = Outcome("failed", text, "The system console has the details")
    _end(task)


def _end(task: Task) -> None:
    global _running, _redraw_at
    _redraw_at = 0.0
    if _queue and task is _queue[0] and _running is not None:
        running, _running = _running, None
        running.close()
    _queue.remove(task)
    if not task.quiet:
        _outcomes[task.scene_name] = task.outcome
    try:
        task.close()
        if task.attended:
            _conclude(task)
    except Exception:  # said where faults of ours are; the tasks behind it have their turn
        traceback.print_exc()


def _conclude(task: Task) -> None:
    """Make an undo step of what an attended task did; show what went wrong where the panel may not be seen."""
    if task.outcome.changed:
        push_undo(task.title)
    windows = bpy.context.window_manager.windows
    if task.outcome.state == "failed" and len(windows) and not bpy.app.background:
        texts = (task.outcome.text, task.outcome.hint)
        lines = [line for text in texts for line in textwrap.wrap(text, POPUP_CHARACTERS)]
        draw = lambda menu, _: [menu.layout.label(text=line) for line in lines]
        with bpy.context.temp_override(window=windows[0]):
            bpy.context.window_manager.popup_menu(draw, title=task.title, icon='ERROR')


def redraw() -> None:
    """Draw every sidebar again, and say in the status bar what runs."""
    text = None
    if _queue:
        done = "" if _queue[0].fraction is None else f" {100 * _queue[0].fraction:.0f} %"
        text = f"{_queue[0].title}{done}   Esc: Cancel"
    for window in bpy.context.window_manager.windows:
        with bpy.context.temp_override(window=window):  # Blender crashes here where the last active one was closed
            window.workspace.status_text_set(text)
        for area in window.screen.areas:
            if area.type in {'VIEW_3D', 'SEQUENCE_EDITOR'}:
                for region in area.regions:
                    if region.type == 'UI':
                        region.tag_redraw()


@persistent
def _file_is_left(*_: object) -> None:
    _outcomes.clear()  # of this file's scenes; the next one's have the same names
    abandon_all("another file was opened")


def register() -> None:
    bpy.app.handlers.load_pre.append(_file_is_left)


def unregister() -> None:
    abandon_all("the add-on was switched off")
    bpy.app.handlers.load_pre.remove(_file_is_left)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    redraw()  # the status bar is Blender's again
    _outcomes.clear()
    tick_times_s.clear()

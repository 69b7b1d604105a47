"""Worker processes while Blender goes on: polled by one app timer; callbacks for each message and for the end."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import bpy

from ..capture.protocol import Failed, Message

TICK_S = 0.1  # between two looks at the workers


class Polled(Protocol):
    """What a job must have to be polled: `capture.job.Job` has it. `ended` is true once poll has returned the last."""

    ended: bool

    def poll(self) -> list[Message]: ...

    def ask_to_stop(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


@dataclass(eq=False)
class Running:
    """A job at work.

    Attributes:
        on_message: called with each message as it comes.
        on_end: called once, with its ending: `Done`, `Failed` or `Stopped`. Not called by `stop_all`.
    """

    job: Polled
    on_message: Callable[[Message], None]
    on_end: Callable[[Message], None]


_running: list[Running] = []


def start(job: Polled, on_message: Callable[[Message], None], on_end: Callable[[Message], None]) -> Running:
    """Poll a job from now on; it is closed at its end. A callback that raises ends its own job only.

    `on_message` gets every message, the ending too, before `on_end` does. To stop the job, ask the job itself.

    The callbacks run in Blender's main thread, between two redraws: they must be quick, and look up what they need by
    name, since files may be loaded and things deleted meanwhile. Without a window no timer ticks: see `finish_all`.
    """
    running = Running(job, on_message, on_end)
    _running.append(running)
    if not bpy.app.background and not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=TICK_S, persistent=True)
    return running


def tick() -> float | None:
    """Deliver what has come. Return the seconds until the next time, None if no job is left."""
    for running in tuple(_running):
        if running in _running:  # else a callback has called `stop_all`
            _poll(running)
    return TICK_S if _running else None


def are_running() -> bool:
    """Return whether any job has not ended yet."""
    return bool(_running)


def finish_all() -> None:
    """Wait until every job has ended: for scripts and Blender without a window."""
    while tick() is not None:
        time.sleep(TICK_S)


def stop_all() -> None:
    """End every job without its `on_end`, and the timer."""
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    stopping, _running[:] = tuple(_running), []
    for running in stopping:  # all are asked before any is waited for
        running.job.ask_to_stop()
    for running in stopping:
        running.job.close()


def redraw(*area_types: str) -> None:
    """Draw the areas of these types again, in every window."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in area_types:
                area.tag_redraw()


def _poll(running: Running) -> None:
    try:
        for message in running.job.poll():
            last = message
            running.on_message(message)
    except Exception as error:  # a callback's; it must take neither the timer nor the other jobs along
        traceback.print_exc()
        running.job.kill()
        _end(running, Failed(f"Stopped by an unexpected error: {type(error).__name__}: {error}"))
    else:
        if running.job.ended:
            _end(running, last)


def _end(running: Running, ending: Message) -> None:
    if running not in _running:  # a callback has called `stop_all`
        return
    _running.remove(running)
    running.job.close()
    try:
        running.on_end(ending)
    except Exception:  # likewise
        traceback.print_exc()

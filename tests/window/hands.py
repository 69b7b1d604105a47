"""A mouse, a keyboard and a camera outside Blender: xdotool moves and types, ImageMagick photographs the screen.

Everything here is a generator of steps (see `drive`), so that Blender lives on while another program works for us.
"""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PROGRAM_LIMIT_S = 20  # a screenshot takes 0.3 s; a machine under load some more
CLICK_DELAY_MS = 10  # between several clicks
POLL_S = 0.005  # between two looks at a program


class StepError(Exception):
    """A step of a scenario did not come off; the text says which."""


@dataclass(frozen=True)
class Until:
    """Wait for a condition: `what` is said if `limit_s` seconds pass without it."""

    condition: Callable[[], bool]
    what: str
    limit_s: float = 10.0
    poll_s: float = 0.02


Steps = Iterator[float | Until]  # seconds to wait, or what to wait for


def program(*command: object) -> Iterator[float | Until]:
    """Run a program; return what it printed, stripped. Raises: StepError, it failed."""
    words = [str(part) for part in command]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    yield Until(lambda: process.poll() is not None, f"the end of {' '.join(words)}", PROGRAM_LIMIT_S, POLL_S)
    printed = process.stdout.read().strip()
    process.stdout.close()
    if process.returncode:
        raise StepError(f"{' '.join(words)} failed ({process.returncode}): {printed}")
    return printed


def windows_of(pid: int) -> Iterator[float | Until]:
    """Return the X windows of a process, oldest first."""
    printed = yield from program("xdotool", "search", "--onlyvisible", "--pid", pid)
    return sorted(int(line) for line in printed.split())


def geometry(x_window: int) -> Iterator[float | Until]:
    """Return a window's left, top, width and height on the screen, in pixels."""
    printed = yield from program("xdotool", "getwindowgeometry", "--shell", x_window)
    values = dict(line.split("=") for line in printed.splitlines())
    return tuple(int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))


def place(x_window: int, left_px: int, top_px: int) -> Steps:
    yield from program("xdotool", "windowmove", "--sync", x_window, left_px, top_px)


def focus(x_window: int) -> Steps:
    yield from program("xdotool", "windowfocus", "--sync", x_window)


def move(left_px: int, top_px: int) -> Steps:
    yield from program("xdotool", "mousemove", left_px, top_px)


def click(button: int = 1, times: int = 1) -> Steps:
    """Press and let go: 1 left, 2 middle, 3 right, 4 wheel up, 5 wheel down."""
    yield from program("xdotool", "click", "--repeat", times, "--delay", CLICK_DELAY_MS, button)


def hold(button: int = 1) -> Steps:
    """Press a button of the mouse, and keep it down until `let_go`."""
    yield from program("xdotool", "mousedown", button)


def let_go(button: int = 1) -> Steps:
    yield from program("xdotool", "mouseup", button)


def key(name: str) -> Steps:
    """Press a key by its X name, with what is held beside it: Escape, ctrl+z."""
    yield from program("xdotool", "key", "--clearmodifiers", name)


def photograph(path: str, cut: tuple[int, int, int, int] | None = None) -> Steps:
    """Save the screen, or a part of it (left, top, width, height in pixels), as a picture."""
    yield from program("import", "-window", "root", path)
    if cut:
        left, top, width, height = cut
        yield from program("convert", path, "-crop", f"{width}x{height}+{left}+{top}", "+repage", path)

"""What build.py prints while it works, and at the end."""

from __future__ import annotations  # so that older Pythons get as far as the line that says what is wrong

import sys
import time
from pathlib import Path

SHOW_EVERY_S = 0.2  # between two progress lines on a terminal
PLAIN_EVERY_S = 5.0  # the same in a log


def say(text: str) -> None:
    print(text, flush=True)


class ProgressLine:
    """One line that is written over on a terminal; now and then a line in a log."""

    def __init__(self) -> None:
        self._every_s = SHOW_EVERY_S if sys.stdout.isatty() else PLAIN_EVERY_S
        self._last = time.perf_counter()
        self._open = False

    def update(self, stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if now - self._last < self._every_s and done != total:
            return
        self._last = now
        text = f"  {stage}: {done} of {total or '?'} frames"
        if sys.stdout.isatty():
            print(f"\r{text}   ", end="", flush=True)
            self._open = True
        else:
            say(text)

    def end(self) -> None:
        if self._open:
            print(flush=True)
            self._open = False


def print_table(solved: object, later_stages: dict[str, float], paths: tuple[Path, ...], elapsed_s: float) -> None:
    rows = [
        ("frames", f"{solved.num_frames}"),
        ("faces found", f"{solved.num_faces}"),
        *((f"{name}, frames per second", f"{fps:.1f}") for name, fps in solved.stage_fps.items()),
        ("whole solve, frames per second", f"{solved.fps:.1f}"),
        *((f"{name}, frames per second", f"{fps:.1f}") for name, fps in later_stages.items()),
        ("peak memory of the solve, MB", f"{solved.peak_memory_mb:.0f}"),
        ("seconds in all", f"{elapsed_s:.1f}"),
    ]
    width = max(len(label) for label, _ in rows)
    print()
    for label, value in rows:
        print(f"{label:<{width}}  {value:>8}")
    print("\nWritten:")
    for path in paths:
        print(f"  {path}  ({path.stat().st_size / 1e6:.1f} MB)")

"""Speed and memory of what is done to a take after its solve: `build.py bench [VIDEO] [--flame F]`.

Every figure comes from a process of its own, whose peak memory is given; the ratio is that of the take's own length to
the time taken.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from smirk_blender.flame import BUILTIN_HEAD, open_head
from smirk_blender.flame.head import Head
from smirk_blender.take import CleanUp, Take, load_take, save_take
from tests.builders import shaking_take

FPS = 30
SHORT, HOUR = 1000, 3600 * FPS  # frames
NUM_EXPRESSION = 50  # that move
SHAKE = 0.05  # standard deviation, of every expression
TOLERANCE_MM = 0.25
RUNS = 5  # of a short bake; the median counts
CLEAN = "clean and bake again"  # what the Clean-up panel does when a setting was changed
JOBS = ("clean", CLEAN, "bake", "load and bake", "fewer keys")
HOUR_JOBS = (CLEAN, "load and bake")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench_clean")
    parser.add_argument("--flame", default=BUILTIN_HEAD)
    parser.add_argument("--job", nargs=2, metavar=("JOB", "TAKE"), help="measure one thing in this process")
    options = parser.parse_args(argv)
    if options.job:
        measure(options.job[0], open_head(options.flame), Path(options.job[1]))
        return 0
    head = open_head(options.flame)
    print(f"{'after the solve, ' + head.name:<34}{'frames':>8}{'seconds':>9}{'real time':>11}{'MB':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for num_frames in (SHORT, HOUR):
            path = save_take(long_take(num_frames, head), Path(folder) / f"{num_frames}.take.npz", compress=False)
            for job in JOBS if num_frames == SHORT else HOUR_JOBS:
                command = [sys.executable, "-m", "tests.bench_clean", "--flame", options.flame, "--job", job, str(path)]
                said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
                seconds, memory_mb = map(float, said.split()[-2:])
                ratio = num_frames / FPS / seconds
                print(f"{job:<34}{num_frames:>8}{seconds:>9.2f}{ratio:>10.0f}x{memory_mb:>7.0f}", flush=True)
    return 0


def long_take(num_frames: int, head: Head) -> Take:
    """Return a take that moves and shakes, with NUM_EXPRESSION + 5 channels of the face."""
    take = shaking_take(num_frames, head, size=SHAKE)
    return replace(take, expression=take.expression[:, :NUM_EXPRESSION], expression_names=())


def measure(job: str, head: Head, path: Path) -> None:
    """Print how many seconds something takes, and this process's peak memory in MB; see JOBS.

    What is done again and again is done once before, since a first time opens what later ones keep.
    """
    from smirk_blender.capture.memory import peak_memory_mb
    from smirk_blender.clean.chain import cleaned
    from smirk_blender.rig import bake_take, build_head

    head_object = build_head(head)
    if job == "load and bake":
        seconds = timed(lambda: bake_take(head_object, head, load_take(path, landmarks=False)))
    elif job in ("clean", CLEAN):
        take = load_take(path, landmarks=str(HOUR) not in path.name)  # which the panel does not keep of an hour either
        action = bake_take(head_object, head, take)
        clean = lambda: cleaned(take, head, CleanUp())
        again = lambda: bake_take(head_object, head, clean(), identity="keep", action=action)
        repeated, runs = (clean if job == "clean" else again), (1 if len(take) == HOUR else RUNS)
        if runs > 1:
            repeated()
        seconds = float(np.median([timed(repeated) for _ in range(runs)]))
    else:
        take = load_take(path, landmarks=False)
        action = bake_take(head_object, head, take)
        tolerance_mm = TOLERANCE_MM if job == "fewer keys" else None
        again = lambda: bake_take(head_object, head, take, identity="keep", action=action, tolerance_mm=tolerance_mm)
        seconds = float(np.median([timed(again) for _ in range(RUNS if job == "bake" else 1)]))
    print(seconds, peak_memory_mb())


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # Blender as a module may crash or hang while Python shuts down

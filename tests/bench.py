"""Speed and memory of the solvers: `build.py bench [VIDEO] [--weights F] [--flame F]`.

Every figure comes from a worker process of its own. Memory is compared with a clip ten times as long.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import cv2

from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import Done, Failed

TIMES = 10  # how much longer the long clip is
RUNS = 3  # the median counts


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("video", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--flame")
    options = parser.parse_args(argv)
    solvers = {"landmarks, built-in head": {}}
    if options.flame:
        solvers["landmarks, FLAME"] = {"head": options.flame}
    if options.flame and options.weights:
        solvers["smirk, FLAME"] = {"head": options.flame, "weights": options.weights}
    with tempfile.TemporaryDirectory() as folder:
        long_video = repeat(options.video, Path(folder) / "long.mp4")
        print(f"{'solver':<26}{'fps':>8}{'stages, fps':>58}{'MB':>7}{'MB, x10':>9}{'ratio':>7}")
        for name, arguments in solvers.items():
            runs = sorted((solve(options.video, Path(folder), arguments) for _ in range(RUNS)), key=lambda done: done.fps)
            short, long = runs[RUNS // 2], solve(long_video, Path(folder), arguments)
            stages = ", ".join(f"{stage} {fps:.0f}" for stage, fps in short.stage_fps.items())
            ratio = long.peak_memory_mb / short.peak_memory_mb
            print(f"{name:<26}{short.fps:>8.1f}{stages:>58}{short.peak_memory_mb:>7.0f}{long.peak_memory_mb:>9.0f}{ratio:>7.2f}", flush=True)
            print(f"{'  ... ten times as long':<26}{long.fps:>8.1f}")
    return 0


def repeat(video: Path, out: Path) -> Path:
    """Write the video's frames TIMES over."""
    source = cv2.VideoCapture(str(video))
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(out), cv2.VideoWriter_fourcc(*"mp4v"), source.get(cv2.CAP_PROP_FPS), size)
    for _ in range(TIMES):
        source = cv2.VideoCapture(str(video))
        while (frame := source.read()[1]) is not None:
            writer.write(frame)
    writer.release()
    return out


def solve(video: Path, folder: Path, options: dict) -> Done:
    arguments = {"video_path": str(video), "take_path": str(folder / "bench.take.npz"), "options": options}
    job = Job(sys.executable, "capture.worker", arguments, folder / "worker.log")
    try:
        last = list(job.messages())[-1]
    finally:
        job.close()
    if isinstance(last, Failed):
        raise SystemExit(last.text)
    return last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

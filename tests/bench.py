"""Speed and memory of the solvers: `build.py bench [VIDEO] [--weights F] [--flame F]`.

Every figure comes from a worker process of its own. Speed is also given as a ratio to real time, memory as the ratio of a
clip ten times as long to the clip itself.
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
        video_fps = cv2.VideoCapture(str(options.video)).get(cv2.CAP_PROP_FPS)
        print(f"{'solver':<26}{'fps':>7}{'real time':>11}{'MB':>7}{'MB, x10':>9}{'ratio':>7}   stages, fps")
        for name, arguments in solvers.items():
            runs = sorted(
                (solve(options.video, Path(folder), arguments) for _ in range(RUNS)), key=lambda done: done.fps
            )
            short, long = runs[RUNS // 2], solve(long_video, Path(folder), arguments)
            stages = ", ".join(f"{stage} {fps:.0f}" for stage, fps in short.stage_fps.items())
            figures = f"{short.fps:>7.1f}{short.fps / video_fps:>10.2f}x{short.peak_memory_mb:>7.0f}{long.peak_memory_mb:>9.0f}"
            print(f"{name:<26}{figures}{long.peak_memory_mb / short.peak_memory_mb:>7.2f}   {stages}", flush=True)
            print(f"{'  ... ten times as long':<26}{long.fps:>7.1f}{long.fps / video_fps:>10.2f}x", flush=True)
    return 0


def repeat(video: Path, out: Path, times: int = TIMES) -> Path:
    """Write the video's frames some times over."""
    source = cv2.VideoCapture(str(video))
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(out), cv2.VideoWriter_fourcc(*"mp4v"), source.get(cv2.CAP_PROP_FPS), size)
    for _ in range(times):
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

"""A night in the small: 24 clips of all kinds, some of them bad, with one command; killed, resumed, timed.

    python -m tests.batch_night [--frames 24] [--jobs 2] [--only night|speed|memory]

Prints what came of it, and ends with 1 where that is not what it should be. Figures are of this machine.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import bpy
import cv2
import numpy as np

from smirk_blender.rig import compat
from tests.capture.videos import set_rotation
from tests.conftest import REPOSITORY

PROGRAM = [sys.executable, str(REPOSITORY / "smirk_blender"), "batch"]
ACTED, SAMPLE = REPOSITORY / "tests/clean/closed_loop.mp4", REPOSITORY / "smirk_blender/sample/sample.mp4"
RATES = {"23976": 24000 / 1001, "25": 25.0, "2997": 30000 / 1001, "50": 50.0}
SIZES = {"small": (160, 160), "sd": (640, 360), "hd": (1280, 720), "upright": (360, 640)}
BAD = ("no_face", "corrupt", "empty")
EXPORTS = ("csv", "livelink", "glb", "abc")
OWN_FILES = (".json", ".log")  # of a clip's folder, which hold times
ROW = ("state", "frames", "fps", "size", "gaps", "confidence", "solver", "error", "files", "warnings")  # of a report
AFTER_CLIP_S = 4.0
LIMIT_S = 3600.0
SPEED_BAR, MEMORY_BAR = 1.5, 0.25  # issue 8's


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="batch_night", description=__doc__)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=("night", "speed", "memory"))
    options = parser.parse_args(argv)
    parts = {"night": night, "speed": speed, "memory": memory}
    wanted = [part for name, part in parts.items() if options.only in (None, name)]
    with tempfile.TemporaryDirectory(prefix="smirk_night_") as folder:
        return max(part(Path(folder), options) for part in wanted)


def night(folder: Path, options: argparse.Namespace) -> int:
    """Do 24 clips twice, once with kills; return 0 where both are as they should be."""
    footage = make_footage(folder / "footage", options.frames)
    names = sorted(path.stem for path in footage.iterdir())
    exports = [part for kind in EXPORTS for part in ("--export", kind)]
    arguments = [footage, "--jobs", options.jobs, *exports, "--out"]
    started = time.perf_counter()
    code = finished([*arguments, folder / "whole"])
    print(f"{len(names)} clips in {time.perf_counter() - started:.0f} s, exit code {code}", flush=True)
    faults = [] if code == 1 else [f"exit code {code}, not 1"]
    faults += faults_of(folder / "whole", names)
    for kill, (who, end) in enumerate(KILLS.items()):
        before = done_in(folder / "broken")
        process = start([*arguments, folder / "broken", "--resume"])
        wanted = (kill + 1) * len(names) // (len(KILLS) + 2)
        until = time.monotonic() + LIMIT_S
        while len(done_in(folder / "broken")) < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        end(process, folder / "broken")
        process.wait(LIMIT_S)
        print(f"{who} killed with {len(done_in(folder / 'broken'))} done, {len(before)} before", flush=True)
    code = finished([*arguments, folder / "broken", "--resume"])
    faults += [] if code == 1 else [f"exit code {code} after the kills, not 1"]
    faults += faults_of(folder / "broken", names)
    faults += [f"left behind: {path}" for path in (folder / "broken").rglob("*.part")]
    faults += differences(folder / "whole", folder / "broken")
    print("\n".join(faults) or "all as it should be", flush=True)
    return int(bool(faults))


def kill_batch(process: subprocess.Popen, out: Path) -> None:
    process.kill()


def kill_all(process: subprocess.Popen, out: Path) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_clip_and_all(process: subprocess.Popen, out: Path) -> None:
    """Kill a clip's process, which the batch sees and goes on; everything some time later."""
    records = [json.loads(path.read_bytes() or b"{}") for path in (out / "_smirk" / "claims").iterdir()]
    held = [record["pid"] for record in records if record and "released" not in record]
    if held:
        with suppress(ProcessLookupError):
            os.kill(held[-1], signal.SIGKILL)
    time.sleep(AFTER_CLIP_S)
    kill_all(process, out)


KILLS = {"the batch": kill_batch, "all its processes": kill_all, "a clip's, and then all": kill_clip_and_all}


def differences(whole: Path, broken: Path) -> list[str]:
    """Return what differs in the results of two batches, and print how much is the same."""
    faults, same = [], Counter()
    found = lambda out: (path for path in out.glob("[!_]*/*") if path.suffix not in OWN_FILES)
    kept = lambda out: {path.relative_to(out) for path in found(out)}
    if kept(whole) != kept(broken):
        faults.append(f"other files after the kills: {sorted(map(str, kept(whole) ^ kept(broken)))}")
    for name in sorted(kept(whole) & kept(broken)):
        alike = CONTENTS.get(name.suffix, same_bytes)
        if alike(whole / name, broken / name):
            same[f"{name.suffix} {'by content' if name.suffix in CONTENTS else 'to the last byte'}"] += 1
        else:
            faults.append(f"{name} is another after the kills")
    print("the same after the kills: " + ", ".join(f"{count} {kind}" for kind, count in sorted(same.items())))
    told = [rows_of(out) for out in (whole, broken)]
    for one, other in zip(*told):
        others = [key for key in ROW if one.get(key) != other.get(key)]
        faults += [f"{one['name']}: its {key} is another in the report" for key in others]
    return faults


def same_bytes(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def same_cache(one: Path, other: Path) -> bool:
    """Compare vertices of every frame: an Alembic file holds its date, and lays samples out as they come."""
    first, second = map(cache_of, (one, other))
    return len(first) == len(second) > 0 and all(map(np.array_equal, first, second))


def cache_of(path: Path) -> list[np.ndarray]:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False, set_frame_range=True)
    scene, arrays = bpy.context.scene, []
    for scene_frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(scene_frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        meshes = [thing.evaluated_get(depsgraph).data for thing in bpy.data.objects if thing.type == "MESH"]
        arrays += map(vertices_of, meshes)
    return arrays


def vertices_of(mesh: bpy.types.Mesh) -> np.ndarray:
    co = np.zeros(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", co)
    return co


def same_pictures(one: Path, other: Path) -> bool:
    pictures = [frames_of(path, 10_000) for path in (one, other)]
    return len(pictures[0]) == len(pictures[1]) > 0 and all(map(np.array_equal, *pictures))


def same_scene(one: Path, other: Path) -> bool:
    (first, arrays), (second, others) = map(scene_of, (one, other))
    return bool(arrays) and first == second and all(map(np.array_equal, arrays, others))


def scene_of(path: Path) -> tuple[list, list[np.ndarray]]:
    """Return names, and the keys and vertices under them, of a .blend."""
    bpy.ops.wm.open_mainfile(filepath=str(path))
    render, names, arrays = bpy.context.scene.render, [], []
    for action in bpy.data.actions:
        for curve in compat.fcurves(action):
            names.append((action.name, curve.data_path, curve.array_index))
            arrays += compat.read_fcurve(curve)
    for mesh in bpy.data.meshes:
        names.append(mesh.name)
        arrays.append(vertices_of(mesh))
    return [*names, render.fps, render.fps_base, bpy.context.scene.frame_end], arrays


CONTENTS = {".mp4": same_pictures, ".blend": same_scene, ".abc": same_cache}  # others are the same to the last byte


def speed(folder: Path, options: argparse.Namespace) -> int:
    """Time two clips at once against one after the other."""
    footage = folder / "speed"
    footage.mkdir()
    for name in ("a", "b", "c", "d"):
        write(footage / f"{name}.mp4", frames_of(ACTED, 4 * options.frames), 25.0)
    seconds = {}
    for jobs in (2, 1):  # the first run finds cold caches
        started = time.perf_counter()
        finished([footage, "--out", folder / f"jobs{jobs}", "--jobs", jobs])
        seconds[jobs] = time.perf_counter() - started
    ratio = seconds[1] / seconds[2]
    told = f"one job {seconds[1]:.0f} s, two {seconds[2]:.0f} s"
    print(f"{told}: {ratio:.2f} times as fast (bar {SPEED_BAR})", flush=True)
    return int(ratio < SPEED_BAR)


def memory(folder: Path, options: argparse.Namespace) -> int:
    """Compare the memory that was told before with what was taken."""
    footage = folder / "memory"
    footage.mkdir()
    worst = 0.0
    clips = (("small", SIZES["small"], 24), ("hd", SIZES["hd"], 24), ("long", (256, 256), 500))
    for name, size_px, num_frames in clips:
        write(footage / f"{name}.mp4", [fitted(frame, size_px) for frame in frames_of(ACTED, num_frames)], 25.0)
    arguments = [footage, "--out", folder / "measured", "--jobs", 1]
    said = subprocess.run([*PROGRAM, *map(str, arguments), "--dry-run"], stdout=subprocess.PIPE, text=True).stdout
    finished(arguments)
    for row in rows_of(folder / "measured"):
        told = float(re.search(rf"^{row['name']}: .*? (\d+) MB", said, re.MULTILINE)[1])
        off = told / row["memory_mb"] - 1
        worst = max(worst, abs(off))
        print(f"{row['name']}: {told:.0f} MB told, {row['memory_mb']:.0f} MB taken, {100 * off:+.0f} %", flush=True)
    return int(worst > MEMORY_BAR)


def make_footage(folder: Path, num_frames: int) -> Path:
    """Write the 24 clips."""
    folder.mkdir()
    acted, sample = frames_of(ACTED, 400), frames_of(SAMPLE, 4 * num_frames)
    for number, first in enumerate((0, 80, 160, 240, 300, 360)):
        write(folder / f"cut_{number}.mp4", acted[first : first + num_frames], 25.0)
    for name, fps in RATES.items():
        write(folder / f"rate_{name}.mp4", sample[:num_frames], fps)
    for name, size_px in SIZES.items():
        write(folder / f"size_{name}.mp4", [fitted(frame, size_px) for frame in sample[:num_frames]], 25.0)
    for degrees in (90, 180, 270):
        turned = [np.rot90(frame, degrees // 90) for frame in acted[:num_frames]]  # against the metadata's turn
        set_rotation(write(folder / f"rotated_{degrees}.mp4", turned, 25.0), degrees)
    write(folder / "no_sound.mp4", sample[num_frames : 2 * num_frames], 25.0)
    shutil.copyfile(SAMPLE, folder / "whole_sample.mp4")
    pairs = zip(acted[:num_frames], acted[100 : 100 + num_frames])
    write(folder / "two_faces.mp4", [np.hstack([left, right]) for left, right in pairs], 25.0)
    write(folder / "gap.mp4", [*acted[:8], *(np.zeros_like(acted[0]) for _ in range(8)), *acted[16:num_frames]], 25.0)
    noise = np.random.default_rng(0)
    write(folder / "no_face.mp4", list(noise.integers(0, 255, (num_frames, 128, 128, 3), np.uint8)), 25.0)
    (folder / "corrupt.mp4").write_bytes((folder / "cut_0.mp4").read_bytes()[:2000])
    (folder / "empty.mp4").write_bytes(b"")
    assert len(list(folder.iterdir())) == 24
    return folder


def frames_of(path: Path, num_frames: int) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    return [capture.read()[1] for _ in range(min(num_frames, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))))]


def fitted(frame: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Return a frame in a picture of another size, black where it has nothing."""
    scale = min(size_px[0] / frame.shape[1], size_px[1] / frame.shape[0])
    small = cv2.resize(frame, (round(frame.shape[1] * scale), round(frame.shape[0] * scale)))
    picture = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    top, left = (size_px[1] - small.shape[0]) // 2, (size_px[0] - small.shape[1]) // 2
    picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture


def write(path: Path, frames: Sequence[np.ndarray], fps: float) -> Path:
    size_px = frames[0].shape[1], frames[0].shape[0]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, size_px)
    for frame in frames:
        writer.write(np.ascontiguousarray(frame))
    writer.release()
    return path


def start(arguments: Sequence[object]) -> subprocess.Popen:
    return subprocess.Popen([*PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL, start_new_session=True)


def finished(arguments: Sequence[object]) -> int:
    return start(arguments).wait(LIMIT_S)


def done_in(out: Path) -> set[str]:
    return {path.parent.name for path in out.glob("*/done.json")}


def rows_of(out: Path) -> list[dict]:
    return json.loads((out / "report.json").read_text("utf-8"))["rows"]


def faults_of(out: Path, names: Sequence[str]) -> list[str]:
    """Return what is wrong with a report of the 24 clips."""
    rows = {row["name"]: row for row in rows_of(out)}
    bad = {name: row.get("error", "no reason") for name, row in rows.items() if row["state"] != "done"}
    faults = [] if sorted(rows) == list(names) else [f"{out.name}: the report is on {sorted(rows)}"]
    faults += [] if set(bad) == set(BAD) else [f"{out.name}: the bad ones are {bad}, not {BAD}"]
    faults += [f"{name} is named as {error}" for name, error in bad.items() if f"{name}.mp4" not in error]
    for name, rate in RATES.items():
        fps = rows[f"rate_{name}"].get("fps")
        faults += [] if fps is not None and abs(fps - rate) < 1e-3 else [f"rate_{name}: {fps} fps"]
    for name, size_px in SIZES.items():
        size = rows[f"size_{name}"].get("size")
        faults += [] if size == list(size_px) else [f"size_{name}: {size} pixels"]
    return faults


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

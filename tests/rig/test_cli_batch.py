"""`smirk batch` and `smirk clip` as processes: all done once, whatever is killed."""

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec

import bpy
import pytest

import smirk_blender
from smirk_blender.cli import main
from smirk_blender.flame import builtin_head
from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.retarget.live_link import read_live_link
from smirk_blender.rig import build_head
from smirk_blender.rig.memory import is_head
from smirk_blender.rig.models import remember_model
from smirk_blender.take import load_take, save_take
from tests.batch.flamenco import compiled
from tests.batch.made_up_worker import solved
from tests.conftest import REPOSITORY
from tests.jobs import LIMIT_S, posix
from tests.rig.characters import add_character
from tests.rig.nights import CLIP, GOOD, LINES, noted
from tests.rig.scenes import go_to

PROGRAM = [sys.executable, str(REPOSITORY / "smirk_blender")]
WORKER = os.environ.get("SMIRK_WORKER_PYTHON", sys.executable)  # of the main environment, where this is another


def start(*arguments, **options) -> subprocess.Popen:
    if bpy.app.binary_path:
        pytest.skip("here bpy is inside Blender; only the bpy module runs as a program")
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def finished(process: subprocess.Popen) -> tuple[int, str]:
    printed, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, printed


def wait_until(true) -> None:
    until = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < until, "never"
        time.sleep(0.02)


def done_in(out) -> set[str]:
    return {path.parent.name for path in out.glob("*/done.json")}


@posix
def test_a_batch_that_is_killed_three_times_ends_as_one_that_was_not(night):
    folder, arguments, ledger = night
    broken = folder / "broken"
    for killed in range(3):
        ledger.write_text("")
        before = done_in(broken)
        process = start("batch", *arguments, "--out", broken, "--jobs", "2", "--resume")
        wait_until(lambda: done_in(broken) - before if killed else noted(ledger).total() > 0)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=LIMIT_S)
        assert not any(noted(ledger)[f"begin {name}"] for name in before), "done again"
    before = done_in(broken)
    ledger.write_text("")
    code, printed = finished(start("batch", *arguments, "--out", broken, "--jobs", "2", "--resume"))
    assert code == 1 and not any(noted(ledger)[f"begin {name}"] for name in before), printed
    assert "4 of 5 clips done" in printed
    for name in GOOD:
        alone = save_take(solved(f"{name}.mp4", LINES[name]), folder / "alone.take.npz")
        assert (broken / name / f"{name}.take.npz").read_bytes() == alone.read_bytes()
    rows = json.loads((broken / "report.json").read_text("utf-8"))["rows"]
    assert [row["name"] for row in rows if row["state"] == "failed"] == ["nobody"]
    assert rows[-1]["error"] == "No face in nobody.mp4" and rows[-1]["hint"] == "Choose another clip"
    assert not list(broken.glob("*.part")) and not list(broken.rglob("*.part"))


@posix
def test_a_plan_s_commands_twice_at_once_with_one_killed_do_each_clip_once(night):
    folder, arguments, ledger = night
    out, plan = folder / "out", folder / "plan.txt"
    assert finished(start("batch", *arguments, "--out", out, "--pattern", "line_[123].mp4", "--plan", plan))[0] == 0
    lines = [shlex.split(line) for line in plan.read_text("utf-8").splitlines()]
    assert len(lines) == 3 and noted(ledger) == Counter()
    twice = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for line in lines * 2]
    claim = out / "_smirk" / "claims" / "line_2.1"
    wait_until(lambda: noted(ledger)["begin line_2"])
    holder = json.loads(claim.read_bytes())["pid"]
    os.kill(holder, signal.SIGKILL)
    next(process for process in twice if process.pid == holder).wait(LIMIT_S)  # as a starter would: else it seems alive
    codes = {process.pid: (process.communicate(timeout=LIMIT_S), process.returncode)[1] for process in twice}
    assert codes.pop(holder) == -signal.SIGKILL and set(codes.values()) == {0}
    times = {"line_1": 1, "line_2": 2, "line_3": 1}
    assert {name: noted(ledger)[f"begin {name}"] for name in times} == times
    assert {name: noted(ledger)[f"end {name}"] for name in times} == dict.fromkeys(times, 1)
    assert done_in(out) == set(times) and not list(out.glob("*.part"))
    written = {path: path.stat().st_mtime_ns for path in out.glob("line_*/*.npz")}
    assert [finished(subprocess.Popen(line, stdout=subprocess.PIPE, text=True))[0] for line in lines[:1]] == [0]
    assert {path: path.stat().st_mtime_ns for path in written} == written and noted(ledger)["begin line_1"] == 1
    assert main(["batch", *arguments, "--out", str(out), "--pattern", "line_[123].mp4", "--report-only"]) == 0


@posix
def test_the_tasks_that_flamenco_makes_of_a_plan_do_the_clips_and_report(night):
    if not shutil.which("node"):
        pytest.skip("no node to run JavaScript with")
    folder, arguments, ledger = night
    out, plan = folder / "out", folder / "night.json"
    footage = ["--pattern", "line_[13].mp4", "--pattern", "nobody.mp4"]
    assert finished(start("batch", *arguments, "--out", out, *footage, "--plan", plan))[0] == 0
    told = json.loads(plan.read_text("utf-8"))
    told["settings"]["python"] = arguments[arguments.index("--python") + 1]
    _, (*tasks, report) = compiled(told)
    commands = [task["commands"][0]["parameters"] for task in (*tasks, report)]
    assert {command["exe"] for command in commands} == {"{blender}"}
    assert {tuple(command["args"][:3]) for command in commands} == {("--background", "--command", "smirk")}
    codes = [finished(start(*command["args"][3:]))[0] for command in commands]
    assert codes == [0, 0, 0, 1]  # a bad clip is for the report to say: a manager would cancel the others
    rows = json.loads((out / "report.json").read_text("utf-8"))["rows"]
    assert {row["name"]: row["state"] for row in rows} == {"line_1": "done", "line_3": "done", "nobody": "failed"}


@posix
def test_a_clip_of_a_machine_that_died_is_taken_over(night):
    folder, arguments, ledger = night
    claims = folder / "out" / "_smirk" / "claims"
    claims.mkdir(parents=True)
    (claims / "line_1.1").write_text('{"machine": "another", "host": "box", "pid": 7, "beat": 3}')
    given = ["batch", *arguments, "--out", folder / "out", "--pattern", "line_[13].mp4", "--stale", "1"]
    code, printed = finished(start(*given))
    assert code == 0 and "line_1: waiting: process 7 on box is at work on it" in printed, printed
    assert noted(ledger) == Counter(f"{word} line_{number}" for number in (1, 3) for word in ("begin", "end"))


@posix
def test_a_machine_that_slept_finds_its_clip_done_by_another_and_writes_nothing(night):
    folder, arguments, ledger = night
    given = ["batch", *arguments, "--out", folder / "out", "--pattern", "line_2.mp4", "--resume", "--stale", "1"]
    asleep = start(*given, start_new_session=True)
    wait_until(lambda: noted(ledger)["begin line_2"])
    os.killpg(asleep.pid, signal.SIGSTOP)
    try:
        code, printed = finished(start(*given))
        assert code == 0 and "line_2: waiting: " in printed and "line_2: done" in printed, printed
        files = [path for path in (folder / "out" / "line_2").iterdir() if path.suffix != ".log"]
        written = {path: path.stat().st_mtime_ns for path in files}
    finally:
        os.killpg(asleep.pid, signal.SIGCONT)
    code, printed = finished(asleep)
    assert code == 0 and "line_2: done before" in printed, printed
    assert {path: path.stat().st_mtime_ns for path in files} == written and len(written) == 2
    assert noted(ledger)["begin line_2"] == 2 and not list((folder / "out").glob("*.part"))


@posix
def test_a_clip_whose_process_is_killed_every_time_is_named_in_the_report(night):
    folder, arguments, ledger = night
    process = start("batch", *arguments, "--out", folder / "out", "--pattern", "line_[12].mp4", "--jobs", "1")
    for generation in (1, 2):
        wait_until(lambda: noted(ledger)["begin line_1"] == generation)
        os.kill(json.loads((folder / "out" / "_smirk" / "claims" / f"line_1.{generation}").read_bytes())["pid"], 9)
    code, printed = finished(process)
    assert code == 1 and "line_1: waiting: Its process was ended by SIGKILL" in printed, printed
    rows = {row["name"]: row for row in json.loads((folder / "out" / "report.json").read_text("utf-8"))["rows"]}
    assert rows["line_1"]["state"] == "failed" and "A system out of memory does that" in rows["line_1"]["error"]
    assert rows["line_2"]["state"] == "done" and not list((folder / "out").rglob("*.part"))


@posix
def test_footage_that_is_replaced_while_it_is_solved_is_solved_again(night):
    folder, arguments, ledger = night
    given = ["batch", *arguments, "--out", folder / "out", "--pattern", "line_2.mp4", "--resume"]
    process = start(*given)
    wait_until(lambda: noted(ledger)["begin line_2"])
    (folder / "footage" / "line_2.mp4").write_text("frames 5")
    code, printed = finished(process)
    assert code == 1 and "The footage, or a file of the settings, was changed meanwhile" in printed, printed
    assert not list((folder / "out" / "line_2").glob("*.npz"))
    assert finished(start(*given))[0] == 0 and len(load_take(folder / "out" / "line_2" / "line_2.take.npz")) == 5


@posix
def test_an_interrupted_batch_stops_in_order_and_leaves_nothing_half(night):
    folder, arguments, ledger = night
    process = start("batch", *arguments, "--out", folder / "out", "--pattern", "line_2.mp4", "--json")
    wait_until(lambda: noted(ledger)["begin line_2"])
    process.send_signal(signal.SIGINT)
    code, printed = finished(process)
    events = [json.loads(line) for line in printed.splitlines()]
    assert code == 130 and {"clip": "line_2", "state": "stopped"}.items() <= events[-3].items(), printed
    assert events[-2]["open"] == ["line_2"] and events[-2]["event"] == "end" and events[-2]["exit_code"] == 130
    assert {path.name for path in (folder / "out").glob("line_2*")} == {"line_2"}
    assert [path.name for path in (folder / "out" / "line_2").iterdir()] == ["line_2.log"]


def test_settings_that_change_between_runs_leave_nothing_of_the_earlier_ones(night):
    folder, arguments, ledger = night
    arguments.remove("--raw")
    given = ["batch", *arguments, "--pattern", "line_1.mp4", "--no-refine", "--out", str(folder / "out"), "--resume"]
    take_path = folder / "out" / "line_1" / "line_1.take.npz"
    assert main([*given, "--smooth", "jaw=0.4"]) == 0 and load_take(take_path).clean_up.smoothing.jaw == 0.4
    assert main(given) == 0 and load_take(take_path).clean_up.smoothing.jaw != 0.4
    take = load_take(take_path)
    refined = {f"refined_{name}": getattr(take, name) for name in ("expression", "jaw_pose", "eyelid")}
    save_take(replace(take, **refined), take_path)  # as a job that refines leaves it
    assert main([*given, "--raw"]) == 0
    alone = save_take(solved("line_1.mp4", LINES["line_1"]), folder / "alone.take.npz")
    assert take_path.read_bytes() == alone.read_bytes() and noted(ledger)["begin line_1"] == 1


def test_clips_of_any_name_are_said_where_output_knows_few_letters(night):
    if bpy.app.binary_path:
        pytest.skip("here bpy is inside Blender; only the bpy module runs as a program")
    folder, arguments, _ = night
    (folder / "footage" / "Zoë 日本.mp4").write_text("frames 3")
    given = ["batch", *arguments, "--out", folder / "out", "--pattern", "Zo*"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [*PROGRAM, *map(str, given)]
    process = subprocess.run(command, env=environment, capture_output=True, timeout=LIMIT_S)
    assert process.returncode == 0, process.stderr.decode()
    assert rb"Zo\xeb \u65e5\u672c: done (1 of 1)" in process.stdout


def has_worker() -> bool:
    script = "import cv2, mediapipe, scipy"
    if WORKER == sys.executable:
        return all(find_spec(name) for name in ("cv2", "mediapipe", "scipy"))
    return not subprocess.run([WORKER, "-c", script], capture_output=True).returncode


def test_a_clip_is_solved_cleaned_baked_onto_the_head_of_a_template_retargeted_and_exported(tmp_path, capfd):
    if not has_worker():
        pytest.skip("no Python with the worker's packages; name one in SMIRK_WORKER_PYTHON")
    (tmp_path / "footage").mkdir()
    (tmp_path / "footage" / "good.mp4").write_bytes(CLIP.read_bytes())
    (tmp_path / "footage" / "corrupt.mp4").write_bytes(CLIP.read_bytes()[:3000])
    head_object = build_head(builtin_head(), name="Hero")
    remember_model(head_object, "builtin")
    hero = add_character("Face", ARKIT_NAMES)
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "face.glb"))
    bpy.data.objects.remove(hero)
    bpy.context.scene.render.resolution_x = 1234
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hero.blend"))
    out = tmp_path / "out"
    asked = ["--range", "0-11", "--template", str(tmp_path / "hero.blend"), "--python", WORKER, "--smooth", "jaw=0.3"]
    asked += ["--retarget", str(tmp_path / "face.glb"), "--mesh", "Face", "--export", "csv", "--export", "livelink"]
    asked += ["--export", "glb"]
    follows = ["--then", "bake {take} --raw --head builtin --out '{folder}/{name} raw.blend'"]
    assert main(["batch", str(tmp_path / "footage"), "--out", str(out), *asked, *follows]) == 1
    printed = capfd.readouterr().out
    assert "1 of 2 clips done" in printed, printed
    folder = out / "good"
    made = {"good.take.npz", "good.blend", "good_preview.mp4", "good_thumbnail.jpg", "good.log", "done.json"}
    made |= {"good raw.blend", "good_face.blend", "good.csv", "good_livelink.csv", "good.glb", "good_face.glb"}
    assert {path.name for path in folder.iterdir()} == made
    rows = {row["name"]: row for row in json.loads((out / "report.json").read_text("utf-8"))["rows"]}
    assert rows["corrupt"]["state"] == "failed" and "not a video that can be decoded" in rows["corrupt"]["error"]
    assert (rows["good"]["frames"], rows["good"]["fps"], rows["good"]["size"]) == (12, 25.0, [256, 256])
    take = load_take(folder / "good.take.npz")
    assert len(take) == 12 and take.refined_eyelid is not None and take.clean_up.smoothing.jaw == 0.3
    bpy.ops.wm.open_mainfile(filepath=str(folder / "good.blend"))
    (head_object,) = [thing for thing in bpy.data.objects if is_head(thing)]
    scene = bpy.context.scene
    assert (head_object.name, scene.frame_end, scene.render.fps, scene.render.resolution_x) == ("Hero", 12, 25, 1234)
    assert head_object.data.shape_keys.animation_data.action.name == "good"
    with open(folder / "good.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and len(read_live_link(folder / "good_livelink.csv", fps=Fraction(25))) == 12
    bpy.ops.wm.open_mainfile(filepath=str(folder / "good_face.blend"))
    face = bpy.data.objects["Face"]
    assert face.data.shape_keys.animation_data.action.name == "good on Face"
    assert tuple(face.data.shape_keys.animation_data.action.frame_range) == (1, 12)
    go_to(bpy.context.scene, 12)
    played = {key.name: key.value for key in face.data.shape_keys.key_blocks}
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = 25
    bpy.ops.import_scene.gltf(filepath=str(folder / "good_face.glb"))
    go_to(bpy.context.scene, 11)  # a GLB starts at 0
    (face,) = [thing for thing in bpy.data.objects if thing.type == 'MESH' and thing.data.shape_keys]
    again = {key.name: key.value for key in face.data.shape_keys.key_blocks}
    assert again == pytest.approx(played, abs=1e-6) and max(played.values()) > 0.01


def test_the_folder_runs_as_a_program():
    code, printed = finished(start("qa"))
    assert code == 2 and "usage: smirk qa" in printed and smirk_blender.__name__ == "smirk_blender"

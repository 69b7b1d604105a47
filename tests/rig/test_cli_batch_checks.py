"""What `smirk batch` says before any work: what it would do, and what cannot work."""

import json
from collections import Counter
from types import SimpleNamespace

import bpy
import pytest

from smirk_blender.cli import main
from smirk_blender.commands.batch_options import _words
from smirk_blender.flame import builtin_head
from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.rig import build_head, export
from smirk_blender.rig.models import remember_model
from tests.rig.characters import add_character
from tests.rig.nights import CLIP, noted


def test_results_of_before_need_a_word(night, capfd):
    folder, arguments, _ = night
    (folder / "out" / "line_1").mkdir(parents=True)
    (folder / "out" / "line_1" / "failed.json").write_text("{}")
    assert main(["batch", *arguments, "--out", str(folder / "out")]) == 2
    assert "--resume to go on with them, --redo to do all again" in capfd.readouterr().err


def test_what_would_be_done_is_said_with_its_memory(night, capfd):
    folder, arguments, ledger = night
    (folder / "footage" / "real.mp4").write_bytes(CLIP.read_bytes())
    assert main(["batch", *arguments, "--out", str(folder / "out"), "--dry-run", "--jobs", "3"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 8 and lines[0].startswith("line_1: to do, cannot be read, ")
    assert "real: to do, 560 frames of 256 x 256, " in lines[-3]
    assert lines[-2] == "6 clips: 6 to do" and lines[-1].startswith("3 at once: ")
    assert not (folder / "out").exists() and noted(ledger) == Counter()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--then", "exprt {take}"], "invalid choice: 'exprt'"),
        (["--then", "qa {tak}"], "a word 'tak'; they are take, blend, video"),
        (["--resume", "--redo"], "give one of them"),
        (["--template", "x.blend", "--no-bake"], "--no-bake takes no --template"),
        (["--jobs", "0"], "no number of jobs"),
        (["--export", "avatars"], "invalid choice: 'avatars'"),
        (["--export", "csv", "--export-options=--heads x"], "unrecognized arguments: --heads"),
        (["--mesh", "Face"], "--mesh and --retarget-options need --retarget"),
        (["--face", "0"], "no face: they count from 1"),
        (["--bake", "--layout 'matched"], "cannot be parted (No closing quotation)"),
        (["--export", "obj", "--export", "csv", "--export-options=--frame 3"], "--frame is of obj and ply"),
        (["--on", "Head"], "name that with --template"),
        (["--stale", "0"], "no time in seconds"),
        (["--gain", "ears=1"], "the names are eyes"),
    ],
)
def test_wrong_usage_is_said_before_any_work(night, capfd, given, said):
    folder, arguments, ledger = night
    assert main(["batch", *arguments, "--out", str(folder / "out"), *given]) == 2
    assert said in capfd.readouterr().err and not (folder / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--template", "gone.blend", "--bake=--layout matched"], "No file at "),
        (["--retarget", "gone.glb"], "No file at "),
        (["--retarget", "face.glb", "--mesh", "Teeth"], "has no object Teeth. Its meshes are Face"),
        (["--retarget", "face.glb", "--retarget-options=--profile x.json"], "No retarget profile at x.json"),
        (["--weights", "gone.pt"], "No weights at "),
        (["--landmark-model", "gone.task"], "No landmark model at "),
        (["--head", "gone.pkl"], "No head model at "),
        (["--python", "/none/python"], "No Python at /none/python"),
        (["--export", "usd"], "was built without USD"),
    ],
)
def test_files_that_every_clip_needs_are_missed_before_any_work(night, monkeypatch, capfd, given, said):
    folder, arguments, ledger = night
    monkeypatch.chdir(folder)
    without = SimpleNamespace(app=SimpleNamespace(build_options=SimpleNamespace(usd=False)), types=bpy.types)
    monkeypatch.setattr(export, "bpy", without)
    add_character("Face", ARKIT_NAMES)
    bpy.ops.export_scene.gltf(filepath=str(folder / "face.glb"))
    shape = [part for part in arguments if part != "--no-bake"]
    assert main(["batch", *shape, "--out", str(folder / "out"), *given]) == 1
    assert said in capfd.readouterr().err and not (folder / "out").exists() and noted(ledger) == Counter()


def test_a_template_of_another_model_than_clips_are_solved_on_is_refused_before_any_work(night, capfd):
    folder, arguments, _ = night
    remember_model(build_head(builtin_head(), name="Hero"), "builtin")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "hero.blend"))
    shape = [part for part in arguments if part != "--no-bake"] + ["--template", str(folder / "hero.blend")]
    assert main(["batch", *shape, "--out", str(folder / "out")]) == 1
    said = capfd.readouterr().err
    assert "Hero in " in said and "is of Built-in, and clips are to be solved on tiny 0" in said
    carried = [*shape, "--bake", f"--solved-on '{folder / 'head.npz'}'"]
    assert main(["batch", *carried, "--out", str(folder / "out"), "--dry-run"]) == 0


def test_what_a_job_s_file_asks_for_is_missed_before_any_work(night, capfd):
    folder, arguments, _ = night
    job = {"format_version": 1, "clips": [{"video": "footage/line_1.mp4", "first_frame": 8, "last_frame": 3}]}
    for changes, said in (
        ({}, "Frames that end before they start: line_1 8-3"),
        ({"clips": [], "folders": [{"path": "footage"}], "clean": {"settings": {"identity": {"profile": "x.json"}}}},
         "No actor profile at "),
    ):
        (folder / "job.json").write_text(json.dumps(job | changes))
        assert main(["batch", str(folder / "job.json"), "--out", str(folder / "out")]) == 1
        assert said in capfd.readouterr().err and not (folder / "out").exists()
    assert main(["batch", str(folder / "job.json"), "--recursive", "--out", str(folder / "out")]) == 2
    assert "are of folders" in capfd.readouterr().err


def test_exports_of_meshes_alone_take_their_options(night, capfd):
    folder, arguments, _ = night
    given = ["--export", "obj", "--export-options=--frame 3", "--dry-run"]
    assert main(["batch", *arguments, "--out", str(folder / "out"), *given]) == 0


def test_options_in_quotes_are_parted_as_shells_do():
    assert _words("qa '{take} 1' --head a\\ b", windows=False) == ("qa", "{take} 1", "--head", "a b")
    assert _words(r"--profile C:\faces\x.json '--b c'", windows=True) == ("--profile", r"C:\faces\x.json", "--b c")


def test_help_says_the_exit_codes(capfd):
    for command in ("batch", "clip"):
        assert main([command, "--help"]) == 0
        assert "Exit codes: 0 " in capfd.readouterr().out

"""`smirk export`."""

import csv
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.cli import main
from smirk_blender.flame import save_head
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.movie import set_fps
from smirk_blender.rig.retarget_actions import bake_retargeted
from smirk_blender.take import CleanUp, save_take
from smirk_blender.take.clean_up import Timing
from tests.builders import make_take, tiny_head
from tests.rig.characters import add_character
from tests.rig.reimport import BAR_M, FIRST, greatest_error_m, need, shown_points
from tests.rig.retargeting import SCENE_FRAMES, retargeted
from tests.rig.scenes import flame_vertices

FPS = Fraction(25)


@pytest.fixture
def head(tmp_path):
    head = tiny_head()
    save_head(head, tmp_path / "head.npz")
    return head


@pytest.fixture
def take(head, tmp_path):
    take = make_take(6, head, fps=FPS)
    save_take(take, tmp_path / "face.take.npz")
    return take


@pytest.fixture
def smirk(tmp_path, capfd):
    """Export with a command on files of this test, by their names; return what it printed."""

    def run(source, *options, code=0):
        out = options.index("--out") + 1
        is_path = lambda place, text: place == out or text == "head.npz"
        given = [str(tmp_path / text) if is_path(place, text) else text for place, text in enumerate(options)]
        assert main(["export", str(tmp_path / source), *given]) == code, capfd.readouterr().err
        printed = capfd.readouterr()
        return printed.err if code else printed.out

    return run


def test_a_take_becomes_what_the_suffix_says(smirk, take, tmp_path):
    assert smirk("face.take.npz", "--out", "new/face.npz") == f"Wrote {tmp_path / 'new' / 'face.npz'}\n"
    with np.load(tmp_path / "new" / "face.npz") as found:
        np.testing.assert_array_equal(found["jaw_params"], take.jaw_pose)
    smirk("face.take.npz", "--out", "tracked_flame_params_0.npz", "--format", "vhap", "--head-motion", "off")
    with np.load(tmp_path / "tracked_flame_params_0.npz") as found:
        np.testing.assert_array_equal(found["jaw_pose"], take.jaw_pose)
        assert not np.any(found["rotation"])
    assert smirk("face.take.npz", "--out", "avatar", "--format", "avatars").endswith("npz and 6 more\n")
    assert len(list((tmp_path / "avatar" / "flame_param").iterdir())) == 6
    smirk("face.take.npz", "--out", "face.csv")
    with open(tmp_path / "face.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == list("012345")


def test_a_frame_becomes_a_mesh(smirk, take, tmp_path):
    smirk("face.take.npz", "--head", "head.npz", "--out", "face.obj", "--frame", "2")
    assert (tmp_path / "face.obj").read_text().count("\nv ") == 50
    smirk("face.take.npz", "--head", "head.npz", "--out", "all.ply")
    assert len(list(tmp_path.glob("all_*.ply"))) == 6
    said = smirk("face.take.npz", "--head", "head.npz", "--out", "face.obj", "--frame", "9", code=1)
    assert "no frame 9. Choose one from 0 to 5" in said


@pytest.mark.parametrize("kind", ["glb", "fbx", "abc", "usdc"])
def test_a_take_plays_in_other_programs(smirk, head, take, tmp_path, kind):
    need(kind)
    smirk("face.take.npz", "--head", "head.npz", "--out", f"face.{kind}")
    assert greatest_error_m(tmp_path / f"face.{kind}", flame_vertices(head, take), FPS, 1) < BAR_M


def test_a_take_is_exported_as_its_file_says_that_it_is_cleaned_or_raw(smirk, head, tmp_path):
    pytest.importorskip("scipy", reason="takes are cleaned with SciPy, which this Python does not have")
    take = make_take(6, head, fps=FPS, clean_up=CleanUp(timing=Timing(1, 4)))
    save_take(take, tmp_path / "face.take.npz")
    frames = {}
    for name, options in (("cleaned", ("--head", "head.npz")), ("raw", ("--raw",))):
        smirk("face.take.npz", *options, "--out", f"{name}.csv")
        with open(tmp_path / f"{name}.csv", newline="") as file:
            frames[name] = [row["frame"] for row in csv.DictReader(file)]
    assert frames == {"cleaned": list("1234"), "raw": list("012345")}


def test_a_head_in_a_blend_is_exported_as_it_plays(smirk, head, take, tmp_path):
    head_object = build_head(head)
    bake_take(head_object, head, take, scene_frame_start=FIRST)
    set_fps(bpy.context.scene, FPS)
    expected = shown_points(head_object, 6)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    smirk("face.blend", "--out", "face.fbx")
    assert greatest_error_m(tmp_path / "face.fbx", expected, FPS) < BAR_M
    build_head(head, name="Other")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    build_head(head, name="Other")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "two.blend"))
    assert "It has Head, Other. Name one with --object" in smirk("two.blend", "--out", "x.fbx", code=1)
    smirk("two.blend", "--out", "two.fbx", "--object", "Head")
    assert "No file at" in smirk("none.blend", "--out", "x.fbx", code=1)


def test_a_character_in_a_blend_is_exported_as_it_plays(smirk, tmp_path):
    face = add_character("Hero")
    bake_retargeted(face, retargeted(), SCENE_FRAMES, action_name="a on Hero")
    set_fps(bpy.context.scene, FPS)
    expected = shown_points(face, len(SCENE_FRAMES), int(SCENE_FRAMES[0]))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hero.blend"))
    smirk("hero.blend", "--out", "hero.glb")
    assert greatest_error_m(tmp_path / "hero.glb", expected, FPS) < BAR_M
    assert "It has Hero. Name one" in smirk("hero.blend", "--out", "x.fbx", "--object", "Other", code=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["face.take.npz", "--out", "face.mp4"], "name it with --video"),
        (["face.take.npz", "--out", "face.dae"], "no format ends in .dae"),
        (["face.take.npz", "--out", "face.obj", "--format", "ply"], "needs --out to end in .ply"),
        (["face.blend", "--out", "face.csv"], "csv is of a take"),
        (["face.take.npz", "--out", "face.glb", "--frames", "1", "2"], "are of a .blend"),
        (["face.take.npz", "--out", "face.glb", "--frame", "1"], "--frame is of obj and ply"),
    ],
)
def test_what_contradicts_itself_is_wrong_usage(smirk, options, said):
    assert said in smirk(*options, code=2)

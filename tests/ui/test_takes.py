"""The list of takes, and what becomes of their files."""

from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest

from smirk_blender.take import load_take, save_take
from smirk_blender.ui import preferences
from smirk_blender.ui.takes import add_take, new_take_path
from tests.builders import make_take, tiny_head

NUM_FRAMES = 6


@pytest.fixture
def take_file(tmp_path):
    """A take with two frames without a face, of another rate than the scene's."""
    gap = np.arange(NUM_FRAMES) >= NUM_FRAMES - 2
    confidence = np.where(gap, 0.0, [0.9, 0.7, 0.9, 0.7, 0.0, 0.0])
    take = make_take(NUM_FRAMES, tiny_head(), fps=Fraction(30000, 1001), gap=gap, confidence=confidence)
    return str(save_take(take, tmp_path / "line [3] *.take.npz"))


@pytest.fixture
def blend(tmp_path):
    """Save the .blend in the test's folder."""
    path = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def settings():
    return bpy.context.scene.smirk


def listed():
    return [bpy.path.abspath(item.path) for item in settings().takes]


def test_an_opened_take_says_what_is_in_it(take_file):
    assert bpy.ops.smirk.open_take(filepath=take_file) == {'FINISHED'}
    (item,) = settings().takes
    assert (item.name, item.path, settings().take_index) == ("line [3] *", take_file, 0)
    assert (item.num_frames, item.num_gaps, item.solver, item.head) == (NUM_FRAMES, 2, "made up", "tiny 0")
    assert item.confidence == pytest.approx(0.8, abs=1e-6) and item.fps == pytest.approx(30000 / 1001, rel=1e-6)


def test_a_take_without_any_face_has_no_confidence(tmp_path):
    path = save_take(make_take(2, gap=[True, True]), tmp_path / "empty.take.npz")
    bpy.ops.smirk.open_take(filepath=str(path))
    assert (settings().takes[0].num_gaps, settings().takes[0].confidence) == (2, 0.0)


def test_a_file_is_listed_once_however_its_path_is_written(take_file, blend, tmp_path):
    (tmp_path / "sub").mkdir()
    add_take(bpy.context.scene, take_file, load_take(take_file), "{}")
    bpy.ops.smirk.open_take(filepath=str(save_take(make_take(3), tmp_path / "other.take.npz")))
    for path in (take_file, f"//{Path(take_file).name}", str(tmp_path / "sub" / ".." / Path(take_file).name)):
        settings().take_index = 1
        add_take(bpy.context.scene, path, load_take(take_file))
        assert listed() == [take_file, str(tmp_path / "other.take.npz")] and settings().take_index == 0
    assert settings().takes[0].footage == "{}"  # what it was solved from is not forgotten


def test_a_take_listed_before_the_blend_was_saved_beside_it_is_listed_once(take_file, tmp_path):
    bpy.ops.smirk.open_take(filepath=take_file)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.smirk.open_take(filepath=take_file)
    assert len(settings().takes) == 1 and settings().takes[0].path == f"//{Path(take_file).name}"


def test_takes_beside_a_saved_blend_are_found_where_both_have_moved(take_file, blend, tmp_path):
    bpy.ops.smirk.open_take(filepath=take_file)
    bpy.ops.wm.save_mainfile()
    folder = tmp_path / "moved"
    folder.mkdir()
    for path in (blend, Path(take_file)):
        path.rename(folder / path.name)
    bpy.ops.wm.open_mainfile(filepath=str(folder / blend.name))
    assert listed() == [str(folder / Path(take_file).name)]
    assert len(load_take(listed()[0])) == NUM_FRAMES


@pytest.mark.parametrize("is_saved", [False, True], ids=["unsaved blend", "saved beside"])
def test_a_saved_copy_takes_the_place_of_its_original_in_the_list(take_file, tmp_path, is_saved):
    if is_saved:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    add_take(bpy.context.scene, take_file, load_take(take_file), "{}")
    copy = tmp_path / "copy"
    assert bpy.ops.smirk.save_take_as(filepath=str(copy)) == {'FINISHED'}
    assert listed() == [f"{copy}.take.npz"] and settings().takes[0].name == "copy"
    assert settings().takes[0].footage == "{}"
    assert Path(listed()[0]).read_bytes() == Path(take_file).read_bytes()


def test_saving_over_another_take_of_the_list_leaves_one(take_file, tmp_path):
    other = str(save_take(make_take(3), tmp_path / "other.take.npz"))
    for path in (other, take_file):
        bpy.ops.smirk.open_take(filepath=path)
    bpy.ops.smirk.save_take_as(filepath=other)
    assert listed() == [other]
    assert (settings().active_take().num_frames, len(load_take(other))) == (NUM_FRAMES, NUM_FRAMES)


def test_saving_a_take_where_it_is_does_no_harm(take_file):
    bpy.ops.smirk.open_take(filepath=take_file)
    assert bpy.ops.smirk.save_take_as(filepath=take_file) == {'FINISHED'}
    assert listed() == [take_file] and len(load_take(take_file)) == NUM_FRAMES


def test_a_removed_take_keeps_its_file_and_the_next_one_is_active(take_file, tmp_path):
    paths = [take_file, *(str(save_take(make_take(3), tmp_path / f"{name}.take.npz")) for name in "ab")]
    for path in paths:
        bpy.ops.smirk.open_take(filepath=path)
    for index, left in ((2, paths[:2]), (0, paths[1:2]), (0, [])):
        settings().take_index = index
        bpy.ops.smirk.remove_take()
        assert listed() == left and settings().take_index == max(0, len(left) - 1)
    assert all(Path(path).is_file() for path in paths)
    assert settings().active_take() is None and not bpy.ops.smirk.remove_take.poll()


def test_what_is_no_take_is_refused_and_not_listed(tmp_path, take_file):
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "other.npz", a=1)
    for name in ("bad.npz", "other.npz", "none.npz"):
        with pytest.raises(RuntimeError, match=name):
            bpy.ops.smirk.open_take(filepath=str(tmp_path / name))
    assert not settings().takes
    bpy.ops.smirk.open_take(filepath=take_file)
    with pytest.raises(RuntimeError, match="Cannot write the take .*nowhere"):
        bpy.ops.smirk.save_take_as(filepath=str(tmp_path / "nowhere" / "x.npz"))
    assert listed() == [take_file]
    Path(take_file).unlink()
    with pytest.raises(RuntimeError, match="No take at|cannot be read|Cannot"):
        bpy.ops.smirk.save_take_as(filepath=str(tmp_path / "x.npz"))
    assert listed() == [take_file] and not (tmp_path / "x.npz").exists()


@pytest.mark.parametrize("name", ["line", "line [a-z] *?", "Szene été"])
def test_a_new_take_never_overwrites(tmp_path, name):
    preferences.preferences().takes_folder = str(tmp_path / "takes")
    expected = [f"{name}.take.npz", f"{name}_02.take.npz", f"{name}_03.take.npz"]
    assert new_take_path(name) == tmp_path / "takes" / expected[0]
    (tmp_path / "takes").mkdir()
    (tmp_path / "takes" / "line b *.take.npz").touch()  # a pattern would match it
    (tmp_path / "takes" / f"{name}_face2.take.npz").touch()  # one of several faces that were solved together
    assert new_take_path(name).name == expected[1]
    (tmp_path / "takes" / expected[1]).touch()
    assert new_take_path(name).name == expected[2]


def test_new_takes_go_beside_a_saved_blend(blend):
    assert new_take_path("line") == blend.parent / "takes" / "line.take.npz"


@pytest.mark.parametrize("copy", [False, True], ids=["save as", "save a copy"])
def test_takes_are_found_from_wherever_the_blend_is_saved(take_file, blend, tmp_path, copy):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    bpy.ops.smirk.open_take(filepath=take_file)
    settings().footage_path = "//clip.mp4"
    other = outside / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(other), copy=copy)
    assert listed() == [take_file] and settings().takes[0].path.startswith("//") == copy
    bpy.ops.wm.open_mainfile(filepath=str(other))
    assert listed() == [take_file]
    assert bpy.path.abspath(settings().footage_path) == str(tmp_path / "clip.mp4")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "again.blend"))
    assert settings().takes[0].path == f"//{Path(take_file).name}"

"""Takes: their files, their gaps, their camera."""

import json
import os
import zipfile
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.errors import TakeError
from smirk_blender.take import Take, load_take, save_take
from smirk_blender.take.camera import camera_points_from_image, image_points
from smirk_blender.take.files import FACTS
from smirk_blender.take.fill import fill_gaps, gap_ranges
from smirk_blender.take.parts import join_parts, part_of
from smirk_blender.take.take import FORMAT_VERSION, FRAME_ARRAYS, are_no_landmarks
from tests.builders import make_take


def test_a_take_is_loaded_as_it_was_saved(tmp_path):
    take = make_take(5, fps=Fraction(30000, 1001), expression_names=("a", "b"), models={"head": "x"}, first_frame=7)
    save_take(take, tmp_path / "one.take.npz")
    loaded = load_take(tmp_path / "one.take.npz")
    for item in fields(Take):
        ours, theirs = getattr(loaded, item.name), getattr(take, item.name)
        if isinstance(theirs, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, err_msg=item.name)
            assert ours.dtype == theirs.dtype
        else:
            assert ours == theirs, item.name


def test_a_take_file_needs_no_pickle(tmp_path):
    save_take(make_take(3), tmp_path / "one.take.npz")
    with np.load(tmp_path / "one.take.npz", allow_pickle=False) as archive:
        assert archive["expression"].shape[0] == 3
        assert json.loads(str(archive[FACTS]))["format_version"] == FORMAT_VERSION


def test_saving_leaves_nothing_but_the_take_and_replaces_an_old_one(tmp_path):
    for num_frames in (3, 4):
        save_take(make_take(num_frames), tmp_path / "one.take.npz")
    assert os.listdir(tmp_path) == ["one.take.npz"]
    assert len(load_take(tmp_path / "one.take.npz")) == 4


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(TakeError, match="Cannot write the take .*one.take.npz.*Choose a folder"):
            save_take(make_take(3), folder / "one.take.npz")


def test_a_newer_take_asks_for_an_update(tmp_path):
    path = tmp_path / "one.take.npz"
    save_take(make_take(3), path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    facts = json.loads(str(arrays[FACTS])) | {"format_version": FORMAT_VERSION + 1}
    np.savez(path, **(arrays | {FACTS: np.array(json.dumps(facts))}))
    with pytest.raises(TakeError, match=f"newer version .format {FORMAT_VERSION + 1}.*Update"):
        load_take(path)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_take_is_refused(tmp_path, content):
    path = tmp_path / "one.take.npz"
    path.write_bytes(content)
    with pytest.raises(TakeError, match="is not a take, or is damaged"):
        load_take(path)


def test_a_take_cut_short_is_refused(tmp_path):
    path = tmp_path / "one.take.npz"
    save_take(make_take(3), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TakeError, match="damaged"):
        load_take(path)


def test_a_take_whose_bytes_are_damaged_is_refused(tmp_path):
    path = tmp_path / "one.take.npz"
    save_take(make_take(30), path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("expression.npy").header_offset
    content[start + 200 : start + 240] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(TakeError, match="damaged"):
        load_take(path)


def test_other_archives_and_missing_files_are_told_apart(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(TakeError, match="not a take: it has no facts_json"):
        load_take(tmp_path / "other.npz")
    with pytest.raises(TakeError, match="No take at"):
        load_take(tmp_path / "none.take.npz")


def test_arrays_that_disagree_are_refused():
    take = make_take(4)
    with pytest.raises(ValueError, match=r"eyelid has shape \(3, 2\)"):
        replace(take, eyelid=take.eyelid[:3])


@pytest.mark.parametrize("fps", ["1/0", "0", "-5", "fast"])
def test_a_take_with_an_impossible_rate_is_refused(tmp_path, fps):
    path = tmp_path / "one.take.npz"
    save_take(make_take(3), path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    facts = json.loads(str(arrays[FACTS])) | {"fps": fps}
    np.savez(path, **(arrays | {FACTS: np.array(json.dumps(facts))}))
    with pytest.raises(TakeError, match="is damaged"):
        load_take(path)


def test_gaps_are_filled_straight_and_held_at_the_ends():
    gap = np.array([True, False, True, True, False, True])
    filled = fill_gaps(np.float32([[0, 10], [3, 40]]), gap)
    np.testing.assert_allclose(filled, [[0, 10], [0, 10], [1, 20], [2, 30], [3, 40], [3, 40]])
    assert gap_ranges(gap) == [(0, 0), (2, 3), (5, 5)]
    assert gap_ranges(np.zeros(3, bool)) == []
    with pytest.raises(ValueError, match="1 rows for 2 frames"):
        fill_gaps(np.zeros((1, 2)), gap)


def test_the_cameras_way_to_the_picture_and_back_agree():
    rng = np.random.default_rng(0)
    vertices, camera = rng.normal(size=(2, 7, 3)) * 0.1, np.array([[8.0, 0.01, -0.02], [9.0, 0.0, 0.03]])
    transform = np.array([[[0.5, 0, -100], [0, 0.5, -50], [0, 0, 1]], [[0.7, 0, -80], [0, 0.7, -20], [0, 0, 1]]])
    pixels = image_points(vertices, camera, transform)
    back = camera_points_from_image(pixels * [1, 1, -1], transform)  # MediaPipe's depth runs the other way
    shifted = vertices[..., :2] + camera[:, None, 1:]
    np.testing.assert_allclose(back[..., :2], camera[:, :1, None] * shifted)
    np.testing.assert_allclose(back[..., 2], camera[:, :1] * vertices[..., 2])


def test_the_middle_of_the_head_lies_in_the_middle_of_the_crop():
    transform = np.array([[[223 / 446, 0, -50], [0, 223 / 446, -25], [0, 0, 1]]])
    at = image_points(np.zeros((1, 1, 3)), np.array([[8.0, 0, 0]]), transform)[0, 0, :2]
    np.testing.assert_allclose(at @ transform[0, :2, :2].T + transform[0, :2, 2], [112, 112])


def test_parts_know_their_frames_and_join_to_the_take_they_came_from():
    take = make_take(9, first_frame=20)
    parts = [part_of(take, slice(0, 4)), part_of(take, slice(4, 5)), part_of(take, slice(5, None))]
    assert [part.first_frame for part in parts] == [20, 24, 25]
    joined = join_parts(parts)
    assert joined.first_frame == 20
    for name in FRAME_ARRAYS:
        np.testing.assert_array_equal(getattr(joined, name), getattr(take, name), err_msg=name)


def test_parts_that_do_not_follow_on_each_other_are_not_joined():
    take = make_take(9)
    with pytest.raises(ValueError, match="do not follow"):
        join_parts([part_of(take, slice(0, 4)), part_of(take, slice(5, 9))])
    with pytest.raises(ValueError, match="no parts"):
        join_parts([])


def test_a_take_is_read_without_its_landmarks(tmp_path):
    take = make_take(20)
    path = save_take(take, tmp_path / "one.take.npz")
    bare = load_take(path, landmarks=False)
    for name, array in take.frame_arrays().items():
        if name != "landmarks":
            np.testing.assert_array_equal(getattr(bare, name), array)
    assert bare.landmarks.shape == take.landmarks.shape and np.isnan(bare.landmarks).all()
    assert are_no_landmarks(bare.landmarks[3:7]) and not are_no_landmarks(take.landmarks)

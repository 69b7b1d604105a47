"""What the panel knows of the chosen footage, and when it opens files."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest

from smirk_blender.errors import VideoError
from smirk_blender.rig import compat
from smirk_blender.rig.movie import set_fps
from smirk_blender.rig.strips import file_footage
from smirk_blender.ui import footage
from smirk_blender.ui.footage import ChosenFootage, faces_key, known_footage, read_footage
from tests.builders import make_take
from tests.rig.scenes import write_code_movie

NUM_FRAMES, FPS = 8, Fraction(30000, 1001)
HANDLES = (("left_handle_offset", "frame_offset_start"), ("right_handle_offset", "frame_offset_end"))


@pytest.fixture(scope="module")
def code_folder(tmp_path_factory):
    """A folder with codes.mp4, and codes_000.png to codes_007.png, of 64 by 48 pixels."""
    folder = tmp_path_factory.mktemp("codes")
    write_code_movie(folder / "codes.mp4", NUM_FRAMES, FPS)
    return folder


def settings():
    return bpy.context.scene.smirk


def choose(path, *, sequence=False):
    settings().footage_kind, settings().footage_path, settings().footage_is_sequence = 'FILE', str(path), sequence


def add_strip(path, start=10):
    """Add a movie strip of 2 frames cut off at the left and 1 at the right, and choose it."""
    scene = bpy.context.scene
    strip = compat.sequencer_strips(scene).new_movie("face", str(path), 1, start)
    for names, frames in zip(HANDLES, (2, 1)):
        setattr(strip, next(name for name in names if hasattr(strip, name)), frames)
    scene.sequence_editor.active_strip = strip
    settings().footage_kind = 'STRIP'
    return strip


def facts(found):
    return found.kind, found.num_frames, found.width_px, found.height_px, found.first_frame, found.last_frame


def test_a_movie_is_read_with_its_true_rate(code_folder):
    choose(code_folder / "codes.mp4")
    found = read_footage(bpy.context)
    assert facts(found.footage) == ("movie", NUM_FRAMES, 64, 48, 0, NUM_FRAMES - 1)
    assert found.footage.fps == pytest.approx(float(FPS), rel=1e-6)
    assert found.options() == {"first_frame": 0, "last_frame": None}  # to its end, as the worker counts
    assert footage._described(found.footage) == "64 × 48, 29.97 fps, 8 frames, 0.3 s"


def test_pictures_have_the_rate_that_the_scene_has_now(code_folder):
    choose(code_folder / "codes_003.png")
    assert facts(read_footage(bpy.context).footage) == ("image", 1, 64, 48, 0, 0)
    choose(code_folder / "codes_003.png", sequence=True)
    assert read_footage(bpy.context).options()["image_fps"] == 24.0
    set_fps(bpy.context.scene, FPS)
    found = read_footage(bpy.context)
    assert facts(found.footage) == ("sequence", NUM_FRAMES - 3, 64, 48, 0, NUM_FRAMES - 4)
    pictures = [str(code_folder / f"codes_{number:03d}.png") for number in range(3, NUM_FRAMES)]
    assert found.options()["images"] == pictures
    assert found.options()["image_fps"] == pytest.approx(float(FPS), rel=1e-9)


def test_the_file_button_knows_pictures_from_movies(code_folder):
    for name, options, is_sequence in (
        ("codes_002.png", {}, True),
        ("codes_002.png", {"sequence": False}, False),
        ("codes.mp4", {}, False),
    ):
        settings().footage_kind = 'CLIP'
        assert bpy.ops.smirk.choose_footage(filepath=str(code_folder / name), **options) == {'FINISHED'}
        assert (settings().footage_kind, settings().footage_is_sequence) == ('FILE', is_sequence)


def test_a_movie_clip_is_read_where_it_starts(code_folder):
    clip = bpy.data.movieclips.load(str(code_folder / "codes.mp4"))
    clip.frame_start, clip.frame_offset = 20, 3
    settings().footage_kind, settings().footage_clip = 'CLIP', clip
    found = read_footage(bpy.context).footage
    assert facts(found) == ("movie", NUM_FRAMES, 64, 48, 0, NUM_FRAMES - 1)
    assert (found.frame_map.start, found.frame_map.step) == (17.0, 1.0)


def test_a_strip_is_read_with_its_trims_and_its_place(code_folder):
    strip = add_strip(code_folder / "codes.mp4")
    found = read_footage(bpy.context)
    assert facts(found.footage) == ("movie", NUM_FRAMES, 64, 48, 2, NUM_FRAMES - 2)
    assert (found.footage.frame_map.start, found.footage.frame_map.step) == (10.0, 1.0)
    assert (found.strip_name, found.scene_name) == ("face", "Scene")
    assert found.find_strip() == (strip, bpy.context.scene)
    for gone in ({"scene_name": "none"}, {"strip_name": "none"}):
        assert replace(found, **gone).find_strip() is None


def test_what_is_wrong_with_a_strip_is_said_until_it_is_mended(code_folder):
    strip = add_strip(code_folder / "codes.mp4")
    faults = (("use_reverse_frames", True, False, "plays backwards"), ("strobe", 2.0, 1.0, "Set Strobe to 1"))
    for name, bad, good, text in faults:
        setattr(strip, name, bad)
        with pytest.raises(VideoError, match=text):
            read_footage(bpy.context)
        setattr(strip, name, good)
        assert read_footage(bpy.context).footage.num_frames == NUM_FRAMES


@pytest.mark.parametrize("kind, text", [("meta", "group is a meta strip"), ("scene", "group shows no file")])
def test_a_strip_of_another_kind_is_refused(kind, text):
    strips = compat.sequencer_strips(bpy.context.scene)
    add = {"meta": strips.new_meta, "scene": lambda *place: strips.new_scene(place[0], bpy.context.scene, *place[1:])}
    bpy.context.scene.sequence_editor.active_strip = add[kind]("group", 2, 1)
    settings().footage_kind = 'STRIP'
    assert known_footage(bpy.context) is None
    footage._read_wanted()
    assert text in known_footage(bpy.context)
    with pytest.raises(RuntimeError, match=text):
        bpy.ops.smirk.solve()


@pytest.mark.parametrize("kind", ['FILE', 'CLIP', 'STRIP'])
def test_a_missing_file_is_named_until_it_is_there_again(code_folder, tmp_path, kind):
    path = tmp_path / "codes.mp4"
    path.write_bytes((code_folder / "codes.mp4").read_bytes())
    choose(path)
    if kind == 'CLIP':
        settings().footage_kind, settings().footage_clip = 'CLIP', bpy.data.movieclips.load(str(path))
    elif kind == 'STRIP':
        add_strip(path)
    moved = path.rename(tmp_path / "moved.mp4")
    for _ in range(2):
        with pytest.raises(VideoError, match=f"No file at {path}"):
            read_footage(bpy.context)
    moved.rename(path)
    assert read_footage(bpy.context).footage.num_frames == NUM_FRAMES


def test_a_relative_path_is_one_from_the_blend(code_folder, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / "clip.mp4").write_bytes((code_folder / "codes.mp4").read_bytes())
    for kind in ('FILE', 'STRIP'):
        choose("//clip.mp4")
        if kind == 'STRIP':
            add_strip(tmp_path / "first" / "clip.mp4")
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "first" / "scene.blend"))
        if kind == 'STRIP':
            bpy.ops.file.make_paths_relative()
            assert bpy.context.scene.sequence_editor.active_strip.filepath == "//clip.mp4"
            bpy.ops.wm.save_mainfile()
        assert read_footage(bpy.context).footage.path == tmp_path / "first" / "clip.mp4"
        copy = tmp_path / "second" / "scene.blend"
        copy.write_bytes((tmp_path / "first" / "scene.blend").read_bytes())
        bpy.ops.wm.open_mainfile(filepath=str(copy))
        with pytest.raises(VideoError, match=f"No file at {tmp_path / 'second' / 'clip.mp4'}"):
            read_footage(bpy.context)


def test_drawing_opens_nothing_and_the_timer_reads_what_was_drawn(code_folder, monkeypatch):
    choose(code_folder / "codes.mp4")
    with monkeypatch.context() as patch:
        for name in ("file_footage", "clip_footage", "strip_footage"):
            patch.setattr(footage, name, lambda *_, **__: pytest.fail("a file was opened"))
        assert known_footage(bpy.context) is None and known_footage(bpy.context) is None
    assert bpy.app.timers.is_registered(footage._read_wanted) and not bpy.data.movieclips
    footage._read_wanted()
    assert known_footage(bpy.context).footage.num_frames == NUM_FRAMES and not footage._wanted
    assert not bpy.data.movieclips
    choose(code_folder / "none.mp4")
    known_footage(bpy.context)
    footage._read_wanted()
    assert "No file at" in known_footage(bpy.context)
    choose("")
    assert known_footage(bpy.context) is None and not footage._wanted


def test_what_is_remembered_of_footage_is_what_it_was(code_folder):
    choose(code_folder / "codes_000.png", sequence=True)
    pictures = read_footage(bpy.context)
    add_strip(code_folder / "codes.mp4")
    strip = read_footage(bpy.context)
    for chosen in (pictures, strip):
        assert ChosenFootage.from_text(chosen.to_text()) == chosen
    assert isinstance(ChosenFootage.from_text(pictures.to_text()).footage.images[0], Path)
    assert ChosenFootage.from_text("") is None


def test_a_take_lies_where_its_footage_does(code_folder):
    scene, take = bpy.context.scene, make_take(6, fps=FPS, first_frame=2, time_s=np.arange(2, 8) / float(FPS))
    whole = ChosenFootage(file_footage(code_folder / "codes.mp4"))
    found = whole.frame_map(scene, take, 100)  # 24 frames per second
    step = 24 / float(FPS)
    np.testing.assert_allclose((found.start, found.step), (100 - 2 * step, step), rtol=1e-9)  # scene frames
    set_fps(scene, FPS)
    assert (whole.frame_map(scene, take, 100).start, whole.frame_map(scene, take, 100).step) == (98.0, 1.0)
    strip = add_strip(code_folder / "codes.mp4", start=50)
    chosen = read_footage(bpy.context)
    compat.sequencer_strips(scene).remove(strip)
    assert chosen.frame_map(scene, take, 100).start == 50.0  # where it was


def test_trims_leave_the_faces_known(code_folder):
    strip = add_strip(code_folder / "codes.mp4")
    before, key = faces_key(bpy.context), footage.chosen_key(bpy.context)
    name = next(name for name in HANDLES[0] if hasattr(strip, name))
    setattr(strip, name, 4)
    assert faces_key(bpy.context) == before and footage.chosen_key(bpy.context) != key
    strip.name = "other"
    assert faces_key(bpy.context) != before

"""What strips show, against the pictures that Blender's sequencer renders."""

from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.errors import VideoError
from smirk_blender.flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from smirk_blender.rig import bake_take, build_head, compat
from smirk_blender.rig.movie import encode_movie, set_fps
from smirk_blender.rig.strips import (
    active_strip,
    clip_footage,
    file_footage,
    numbered_images,
    place_take,
    scene_fps,
    strip_footage,
    strip_scene,
)
from smirk_blender.take.parts import part_of
from tests.builders import make_take, tiny_head
from tests.rig.scenes import CODE_STEP, go_to, sequencer_grey, write_code_movie

NUM_FRAMES = 30
NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)
# The names of 5.2, and before.
HANDLES = {"left": ("left_handle_offset", "frame_offset_start"), "right": ("right_handle_offset", "frame_offset_end")}
TRIMS = {
    "first": ("content_trim_start", "animation_offset_start"),
    "last": ("content_trim_end", "animation_offset_end"),
}


@pytest.fixture(scope="module")
def code_folder(tmp_path_factory):
    """A folder with codes_000.png to codes_029.png, of 64 by 48 pixels."""
    folder = tmp_path_factory.mktemp("codes")
    write_code_movie(folder / "codes.mp4", NUM_FRAMES, NTSC)
    return folder


@pytest.fixture
def code_movie(code_folder):
    """A function that returns a movie of a rate, whose frame k is grey, CODE_STEP * k."""

    def movie(fps):
        path = code_folder / f"codes_at_{fps.numerator}_{fps.denominator}.mp4"
        return path if path.is_file() else encode_movie(code_folder / "codes_silent.mp4", path, fps=fps)

    return movie


def set_up(fps):
    scene = bpy.context.scene
    set_fps(scene, Fraction(fps))
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    scene.view_settings.view_transform = 'Standard'
    return scene


def add_strip(scene, movie, *, as_user=False, start=10):
    """Add a movie strip: of one scene frame a video frame, or as the user does it, at the movie's own speed."""
    strips = compat.sequencer_strips(scene)
    if not as_user:
        return strips.new_movie("face", str(movie), 1, start)
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = 'SEQUENCE_EDITOR'
    compat.show_in_sequencers(scene)
    options = dict(filepath=str(movie), frame_start=start, channel=1, sound=False, use_framerate=False)
    if "set_view_transform" in bpy.ops.sequencer.movie_strip_add.get_rna_type().properties:
        options["set_view_transform"] = False
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.sequencer.movie_strip_add(**options)
    return next(iter(compat.sequencer_strips(scene)))


def set_named(strip, table, **values):
    for name, value in values.items():
        new, old = table[name]
        setattr(strip, new if hasattr(strip, new) else old, value)


def visible_frames(strip):
    timing = compat.strip_timing(strip)
    return range(int(timing.left), int(timing.right))


def shown_frame(scene, scene_frame, folder):
    return sequencer_grey(scene, scene_frame, folder) / CODE_STEP


def assert_maps_as_shown(scene, strip, folder, *, every=4):
    footage = strip_footage(strip, scene)
    frames = visible_frames(strip)
    chosen = sorted({*frames[::every], frames[-1]})
    for scene_frame in chosen:
        position = (scene_frame - footage.frame_map.start) / footage.frame_map.step
        shown = round(shown_frame(scene, scene_frame, folder))
        clamped = min(max(position, 0), NUM_FRAMES - 1)
        assert abs(clamped - shown) < 1, f"scene frame {scene_frame}: video frame {position:.2f}, shown {shown}"
    assert footage.first_frame == round(shown_frame(scene, frames[0], folder))
    assert footage.last_frame == round(shown_frame(scene, frames[-1], folder))
    return footage


@pytest.mark.parametrize("as_user", [False, True], ids=["one to one", "at its speed"])
@pytest.mark.parametrize("cut", ["whole", "handles", "trims", "both", "extended"])
def test_a_strip_shows_the_frames_that_it_is_read_to_show(code_movie, tmp_path, as_user, cut):
    scene = set_up(24)
    strip = add_strip(scene, code_movie(NTSC), as_user=as_user)
    if cut in ("trims", "both"):
        set_named(strip, TRIMS, first=5, last=3)
    if cut in ("handles", "both"):
        set_named(strip, HANDLES, left=4, right=2)
    if cut == "extended":
        set_named(strip, HANDLES, left=-3, right=-2)
    footage = assert_maps_as_shown(scene, strip, tmp_path)
    assert (footage.kind, footage.num_frames, footage.width_px, footage.height_px) == ("movie", NUM_FRAMES, 64, 48)
    assert footage.fps == pytest.approx(30000 / 1001, rel=1e-6)
    assert footage.frame_map.step == pytest.approx(24 * 1001 / 30000 if as_user else 1.0, rel=1e-6)
    assert footage.path == code_movie(NTSC) and footage.images == ()
    assert not bpy.data.movieclips


def interpolated(take, position):
    """Return a take's jaw rotation matrix and its expression at a fractional row."""
    before = int(min(np.floor(position), len(take) - 1))
    after, weight = min(before + 1, len(take) - 1), position - before
    expression = (1 - weight) * take.expression[before] + weight * take.expression[after]
    start, end = matrices_from_axis_angle(take.jaw_pose[[before, after]])
    turn = matrices_from_axis_angle(weight * axis_angle_from_matrices(start.T @ end))
    return start @ turn, expression


@pytest.mark.parametrize("video_fps", [FILM, Fraction(25), NTSC, Fraction(30), Fraction(60000, 1001)], ids=float)
@pytest.mark.parametrize("scene_rate", [24, 25, 30])
@pytest.mark.parametrize("as_user", [False, True], ids=["one to one", "at its speed"])
def test_a_resampled_head_is_in_step_with_the_strip(code_movie, video_fps, scene_rate, as_user):
    scene, head = set_up(scene_rate), tiny_head()
    strip = add_strip(scene, code_movie(video_fps), as_user=as_user, start=101)
    set_named(strip, HANDLES, left=3, right=2)
    footage = strip_footage(strip, scene)
    take = part_of(make_take(NUM_FRAMES, head, fps=video_fps), slice(footage.first_frame, footage.last_frame + 1))
    timed, start = place_take(scene, take, timing="resample", find_strip=lambda: (strip, scene))
    assert scene_fps(scene) == scene_rate and timed.fps == scene_rate
    frames = visible_frames(strip)
    assert start - 1 <= frames[0] <= start + 1 and frames[-1] <= start + len(timed) - 1
    head_object = build_head(head)
    bake_take(head_object, head, timed, scene_frame_start=start)
    key_blocks = head_object.data.shape_keys.key_blocks
    step = float(scene_rate / video_fps) if as_user else 1.0
    for scene_frame in frames:
        position = (scene_frame - 101) / step - footage.first_frame
        jaw, expression = interpolated(take, min(max(position, 0), len(take) - 1))
        row = min(max(scene_frame - start, 0), len(timed) - 1)
        np.testing.assert_allclose(timed.expression[row], expression, atol=2e-6)
        np.testing.assert_allclose(matrices_from_axis_angle(timed.jaw_pose[row]), jaw, atol=1e-6)
        go_to(scene, scene_frame)
        played = [key_blocks[name].value for name in head.expression_names]
        np.testing.assert_allclose(played, expression, atol=2e-6)


def test_reading_a_strip_changes_nothing(code_movie):
    for scene_rate in (24, 30):
        scene = set_up(scene_rate)
        strip = add_strip(scene, code_movie(NTSC), as_user=True)
        set_named(strip, HANDLES, left=3, right=2)
        before = compat.strip_timing(strip)
        strip_footage(strip, scene)
        assert compat.strip_timing(strip) == before and scene_fps(scene) == scene_rate
        compat.sequencer_strips(scene).remove(strip)


def test_setting_the_rate_reads_the_strip_again(code_movie):
    scene, head = set_up(24), tiny_head()
    strip = add_strip(scene, code_movie(NTSC), as_user=True)
    take = part_of(make_take(NUM_FRAMES, head, fps=NTSC), slice(4, 20))
    assert strip_footage(strip, scene).frame_map.step == pytest.approx(0.8008, rel=1e-5)
    timed, start = place_take(scene, take, timing="set", find_strip=lambda: (strip, scene))
    assert scene_fps(scene) == NTSC
    assert (timed, start) == (take, 14)


def test_a_long_strip_at_its_own_speed_drifts_nowhere(code_folder, tmp_path):
    pictures = bpy.data.scenes.new("long")
    strip = compat.sequencer_strips(pictures).new_image("codes", str(code_folder / "codes_000.png"), 1, 1)
    for video_frame in range(1, 900):
        strip.elements.append(f"codes_{video_frame % NUM_FRAMES:03d}.png")
    setattr(strip, "duration" if hasattr(strip, "duration") else "frame_final_duration", 900)
    pictures.view_settings.view_transform = 'Standard'
    pictures.render.resolution_x, pictures.render.resolution_y = 64, 48
    pictures.frame_start, pictures.frame_end = 1, 900
    compat.set_movie_output(pictures)
    pictures.render.ffmpeg.format, pictures.render.ffmpeg.codec = 'MPEG4', 'H264'
    pictures.render.use_file_extension, pictures.render.filepath = False, str(tmp_path / "silent.mp4")
    bpy.ops.render.render(animation=True, scene=pictures.name)
    movie = encode_movie(tmp_path / "silent.mp4", tmp_path / "long.mp4", fps=NTSC)
    scene = set_up(24)
    strip = add_strip(scene, movie, as_user=True)
    footage = strip_footage(strip, scene)
    assert footage.frame_map.step == pytest.approx(0.8008, rel=1e-6)
    for scene_frame in (10, 300, 500, 715, 729):
        position = (scene_frame - 10) / footage.frame_map.step
        shown = round(shown_frame(scene, scene_frame, tmp_path))
        nearest = round(position)
        assert shown == nearest % NUM_FRAMES


def test_image_strips_and_single_images_are_footage(code_folder, tmp_path):
    scene = set_up(24)
    strips = compat.sequencer_strips(scene)
    strip = strips.new_image("pictures", str(code_folder / "codes_003.png"), 1, 7)
    for number in range(4, 20):
        strip.elements.append(f"codes_{number:03d}.png")
    setattr(strip, "duration" if hasattr(strip, "duration") else "frame_final_duration", 17)
    set_named(strip, HANDLES, left=2, right=5)
    footage = strip_footage(strip, scene)
    assert (footage.kind, footage.num_frames, footage.fps) == ("sequence", 17, 0)
    assert [path.name for path in footage.images[:2]] == ["codes_003.png", "codes_004.png"]
    assert (footage.first_frame, footage.last_frame, footage.frame_map.start, footage.frame_map.step) == (2, 11, 7, 1)
    for scene_frame in (9, 18):
        shown = 3 + scene_frame - footage.frame_map.start
        assert shown_frame(scene, scene_frame, tmp_path) == pytest.approx(shown, abs=0.4)
    still = strips.new_image("still", str(code_folder / "codes_008.png"), 2, 40)
    setattr(still, "duration" if hasattr(still, "duration") else "frame_final_duration", 25)
    footage = strip_footage(still, scene)
    assert (footage.kind, footage.num_frames, footage.first_frame, footage.last_frame) == ("image", 1, 0, 0)
    assert footage.frame_map.start == 40


def test_clips_and_files_are_footage(code_folder, code_movie):
    movie = code_movie(NTSC)
    clip = bpy.data.movieclips.load(str(movie))
    clip.frame_start, clip.frame_offset = 21, 4
    footage = clip_footage(clip)
    assert (footage.frame_map.start, footage.frame_map.step, footage.last_frame) == (17, 1, NUM_FRAMES - 1)
    sequence = bpy.data.movieclips.load(str(code_folder / "codes_010.png"))
    assert clip_footage(sequence).images[0].name == "codes_010.png" and clip_footage(sequence).num_frames == 20
    assert file_footage(movie) == replace(footage, name=movie.name, frame_map=None)
    whole = file_footage(code_folder / "codes_010.png", sequence=True)
    assert (whole.kind, len(whole.images), whole.images[0].name) == ("sequence", NUM_FRAMES - 10, "codes_010.png")
    one = file_footage(code_folder / "codes_010.png")
    assert (one.kind, one.num_frames, one.width_px, one.height_px) == ("image", 1, 64, 48)


def test_a_sequence_with_a_hole_is_refused(tmp_path):
    for number in (1, 2, 4, 6):
        (tmp_path / f"line.{number:04d}.png").touch()
    (tmp_path / "line.txt").touch()
    (tmp_path / "other.0003.png").touch()
    with pytest.raises(VideoError, match="no number 3 \\(2 missing\\)"):
        numbered_images(tmp_path / "line.0002.png")
    assert numbered_images(tmp_path / "other.0003.png") == (tmp_path / "other.0003.png",)
    assert numbered_images(tmp_path / "plain.png") == (tmp_path / "plain.png",)


def reverse(scene, strip):
    strip.use_reverse_frames = True


def strobe(scene, strip):
    strip.strobe = 3


def add_speed_effect(scene, strip):
    parameters = compat.sequencer_strips(scene).bl_rna.functions["new_effect"].parameters
    first = "input1" if "input1" in parameters else "seq1"
    length = {"length": 20} if "length" in parameters else {"frame_end": 30}
    strips = compat.sequencer_strips(scene)
    strips.new_effect(name="Faster", type='SPEED', channel=2, frame_start=10, **length, **{first: strip})


def trim_away(scene, strip):
    set_named(strip, TRIMS, first=20, last=10)


def lose_file(scene, strip):
    strip.filepath = "/nowhere/gone.mp4"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (reverse, "The strip .* plays backwards. Switch"),
        (strobe, "leaves frames out. Set Strobe to 1"),
        (add_speed_effect, "speed changed by Faster. Delete"),
        (trim_away, "shows nothing of .*mp4. Reset its trims"),
        (lose_file, "No file at .*gone.mp4. Find it again"),
    ],
)
def test_strips_that_cannot_be_followed_are_refused(code_movie, spoil, message):
    scene = set_up(24)
    strip = add_strip(scene, code_movie(NTSC))
    spoil(scene, strip)
    with pytest.raises(VideoError, match=message):
        strip_footage(strip, scene)


def test_other_strips_are_refused():
    scene = set_up(24)
    with pytest.raises(VideoError, match="No strip is selected"):
        strip_footage(active_strip(bpy.context), scene)
    strips = compat.sequencer_strips(scene)
    with pytest.raises(VideoError, match="Packed is a meta strip. Open it"):
        strip_footage(strips.new_meta("Packed", 1, 1), scene)
    other = strips.new_scene("Scene", bpy.data.scenes.new("Other"), 2, 1)
    with pytest.raises(VideoError, match="shows no file. Select a movie or image strip"):
        strip_footage(other, scene)


def test_the_active_strip_is_the_sequencers(code_movie):
    scene = bpy.data.scenes.new("Edit") if hasattr(bpy.types.WorkSpace, "sequencer_scene") else bpy.context.scene
    strip = add_strip(scene, code_movie(NTSC))
    compat.show_in_sequencers(scene)
    scene.sequence_editor.active_strip = strip
    assert strip_scene(bpy.context) == scene and active_strip(bpy.context) == strip


def test_scenes_of_different_rates_are_refused(code_movie):
    scene, other = set_up(24), bpy.data.scenes.new("Edit")
    other.render.fps = 30
    strip = add_strip(other, code_movie(NTSC))
    take = make_take(NUM_FRAMES, fps=NTSC)
    with pytest.raises(VideoError, match="the scene Edit of 30 frames per second, the head in Scene of 24"):
        place_take(scene, take, timing="resample", find_strip=lambda: (strip, other))
    assert place_take(scene, take, timing="set", find_strip=lambda: (strip, other))[1] == 10
    assert scene_fps(other) == scene_fps(scene) == NTSC

"""Footage and stage: the video beside the head, in time with it."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from smirk_blender.commands.blend_files import save_blend
from smirk_blender.errors import VideoError
from smirk_blender.retarget.resample import FrameMap
from smirk_blender.rig import bake_take, build_head, compat
from smirk_blender.rig.actions import scene_frames_of
from smirk_blender.rig.footage import add_footage, make_footage_paths_relative, match_take, show_footage
from smirk_blender.rig.stage import set_stage
from smirk_blender.rig.strips import file_footage
from smirk_blender.take import Source
from smirk_blender.take.parts import part_of
from tests.builders import make_take, tiny_head
from tests.rig.scenes import CODE_STEP, played_vertices, sequencer_grey, strip_range, write_code_movie, write_tone

FPS = Fraction(30000, 1001)


def take_of(num_frames, head=None, *, width_px=64, height_px=48, **replacements):
    return make_take(
        num_frames, head, fps=FPS, source=Source("codes.mp4", 1, "0" * 64, width_px, height_px), **replacements
    )


def footage_strips(scene):
    return {strip.type: strip for strip in compat.sequencer_strips(scene)}


def test_the_scene_shows_video_frame_k_k_frames_after_the_start(empty_scene, tmp_path):
    movie = write_code_movie(tmp_path / "codes.mp4", 12, FPS)
    add_footage(empty_scene, movie, take_of(12), scene_frame_start=5)
    strip = footage_strips(empty_scene)['MOVIE']
    assert strip_range(strip) == (5, 12)
    for video_frame in (0, 4, 11):
        grey = sequencer_grey(empty_scene, 5 + video_frame, tmp_path)
        assert grey == pytest.approx(CODE_STEP * video_frame, abs=3)  # levels of 255
    background = empty_scene.camera.data.background_images[0]
    assert (background.clip.frame_start, background.clip.frame_duration) == (5, 12)


def test_rate_range_size_and_playback_are_the_takes(empty_scene, tmp_path):
    movie = write_code_movie(tmp_path / "codes.mp4", 4, FPS)
    add_footage(empty_scene, movie, take_of(4, width_px=640, height_px=360), scene_frame_start=11)
    render = empty_scene.render
    assert render.fps / render.fps_base == pytest.approx(30000 / 1001, rel=1e-7)
    assert (empty_scene.frame_start, empty_scene.frame_end, empty_scene.frame_current) == (11, 14, 11)
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (640, 360, 100)
    assert not render.use_sequencer
    assert empty_scene.sync_mode == 'FRAME_DROP'


def test_sound_is_a_strip_below_the_pictures(empty_scene, tmp_path):
    if not compat.has_sound():
        movie = write_code_movie(tmp_path / "codes.mp4", 4, FPS)
        assert "no sound" in add_footage(empty_scene, movie, take_of(4))[0]
        return
    tone = write_tone(tmp_path / "tone.wav", seconds=1)
    movie = write_code_movie(tmp_path / "codes.mp4", 30, FPS, sound_path=tone)
    assert add_footage(empty_scene, movie, take_of(30)) == []
    strips = footage_strips(empty_scene)
    assert (strips['SOUND'].channel, strips['MOVIE'].channel) == (1, 2)
    assert strip_range(strips['SOUND']) == pytest.approx((1, 30), abs=1)  # scene frames
    assert empty_scene.sync_mode == 'AUDIO_SYNC'


def test_silent_footage_has_no_sound_strip(empty_scene, tmp_path):
    add_footage(empty_scene, write_code_movie(tmp_path / "codes.mp4", 3, FPS), take_of(3))
    assert footage_strips(empty_scene).keys() == {'MOVIE'}
    assert not bpy.data.sounds


@pytest.mark.parametrize("size_px", [(1280, 720), (720, 1280), (500, 500)])
def test_the_footage_fills_the_left_half_and_the_head_stays_in_the_right(empty_scene, tmp_path, size_px):
    movie = write_code_movie(tmp_path / "codes.mp4", 10, FPS)
    head = tiny_head(skinning_weights=np.tile(np.float32([1, 0, 0, 0, 0]), (50, 1)))
    turn = np.linspace(-0.5, 1.2, 10)[:, None] * [0.5, 1, 0.3]
    take = take_of(10, head, width_px=size_px[0], height_px=size_px[1], head_pose=turn)
    head_object = build_head(head)
    bake_take(head_object, head, take)
    add_footage(empty_scene, movie, take)
    played = played_vertices(head_object, 1 + np.arange(10)).reshape(-1, 3)
    seen = np.array([world_to_camera_view(empty_scene, empty_scene.camera, Vector(point)) for point in played])
    assert seen[:, 0].min() > 0.5 and seen[:, 0].max() < 1
    assert seen[:, 1].min() > 0 and seen[:, 1].max() < 1
    assert np.ptp(seen[:, 0]) > 0.3 or np.ptp(seen[:, 1]) > 0.6  # as large as its half allows
    camera = empty_scene.camera.data
    background = camera.background_images[0]
    assert camera.show_background_images and background.source == 'MOVIE_CLIP'
    assert (background.scale, *background.offset) == (0.5, -0.25, 0)


def test_a_scene_that_has_a_camera_keeps_it(empty_scene, tmp_path):
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    empty_scene.collection.objects.link(camera)
    empty_scene.camera = camera
    add_footage(empty_scene, write_code_movie(tmp_path / "codes.mp4", 3, FPS), take_of(3))
    assert empty_scene.camera == camera and list(empty_scene.objects) == [camera]
    assert len(camera.data.background_images) == 1


def test_viewports_open_on_the_camera(empty_scene, tmp_path):
    add_footage(empty_scene, write_code_movie(tmp_path / "codes.mp4", 3, FPS), take_of(3))
    areas = [area for screen in bpy.data.screens for area in screen.areas if area.type == 'VIEW_3D']
    spaces = [area.spaces.active for area in areas]
    assert spaces
    assert {(space.region_3d.view_perspective, space.shading.type) for space in spaces} == {('CAMERA', 'SOLID')}


@pytest.mark.parametrize(("size_px", "zoom"), [((1280, 720), 24), ((400, 400), 0), ((720, 1280), 0)])
def test_a_picture_that_is_not_wide_fits_the_viewports_height(empty_scene, tmp_path, size_px, zoom):
    movie = write_code_movie(tmp_path / "codes.mp4", 3, FPS)
    add_footage(empty_scene, movie, take_of(3, width_px=size_px[0], height_px=size_px[1]))
    areas = [area for screen in bpy.data.screens for area in screen.areas if area.type == 'VIEW_3D']
    assert {area.spaces.active.region_3d.view_camera_zoom for area in areas} == {zoom}


def test_without_footage_the_head_stands_in_the_middle(empty_scene):
    head_object = build_head(tiny_head())
    set_stage(empty_scene, beside_footage=False)
    points = played_vertices(head_object, np.ones(1))[0]
    seen = np.array([world_to_camera_view(empty_scene, empty_scene.camera, Vector(point)) for point in points])[:, :2]
    np.testing.assert_allclose((seen.min(axis=0) + seen.max(axis=0)) / 2, 0.5, atol=1e-4)  # of the picture
    assert seen.min() > 0 and seen.max() < 1


@pytest.mark.parametrize("engine", ['BLENDER_WORKBENCH', 'CYCLES'])
def test_the_camera_renders_the_head_to_the_right(empty_scene, tmp_path, engine):
    movie = write_code_movie(tmp_path / "codes.mp4", 3, FPS)
    head = tiny_head()
    take = take_of(3, head, width_px=96, height_px=64)
    bake_take(build_head(head), head, take)
    add_footage(empty_scene, movie, take)
    empty_scene.render.engine = engine
    if engine == 'CYCLES':
        empty_scene.cycles.samples = 4
    empty_scene.render.filepath = str(tmp_path / "still.png")
    empty_scene.render.image_settings.file_format = 'PNG'
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(str(tmp_path / "still.png"))
    pixels = np.empty(96 * 64 * 4, np.float32)
    picture.pixels.foreach_get(pixels)
    grey = pixels.reshape(64, 96, 4)[..., :3].mean(axis=-1)
    left, head_middle = grey[:, :48], grey[24:40, 64:80]
    assert np.ptp(left) < 0.05  # nothing but the world
    assert head_middle.mean() > left.mean() + 0.1
    assert 0.2 < head_middle.mean() < 0.9


def test_footage_beside_the_blend_is_found_after_both_have_moved(empty_scene, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "clips").mkdir(parents=True)
    movie = write_code_movie(before / "clips" / "codes.mp4", 3, FPS)
    bpy.ops.wm.save_as_mainfile(filepath=str(before / "scene.blend"))
    add_footage(bpy.context.scene, movie, take_of(3))
    bpy.ops.wm.save_mainfile()
    before.rename(after)
    bpy.ops.wm.open_mainfile(filepath=str(after / "scene.blend"))
    assert bpy.data.movieclips[0].filepath == "//clips/codes.mp4"
    assert footage_strips(bpy.context.scene)['MOVIE'].filepath == "//clips/codes.mp4"
    assert bpy.data.movieclips[0].frame_duration == 3
    grey = sequencer_grey(bpy.context.scene, 3, tmp_path)
    assert grey == pytest.approx(2 * CODE_STEP, abs=3)  # levels of 255


def test_footage_elsewhere_keeps_its_whole_path(empty_scene, tmp_path):
    movie = write_code_movie(tmp_path / "codes.mp4", 3, FPS)
    (tmp_path / "scenes").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scenes" / "scene.blend"))
    add_footage(bpy.context.scene, movie, take_of(3))
    assert bpy.data.movieclips[0].filepath == str(movie)


def test_another_video_than_the_takes_is_warned_of(empty_scene, tmp_path):
    warnings = add_footage(empty_scene, write_code_movie(tmp_path / "codes.mp4", 3, FPS), take_of(5))
    assert warnings[0] == "codes.mp4 has 3 frames, the take 5. Check that it is the take's video"


def test_a_take_of_a_part_of_the_video_has_its_own_frame_at_the_start(empty_scene, tmp_path):
    movie = write_code_movie(tmp_path / "codes.mp4", 20, FPS)
    head = tiny_head()
    take = part_of(take_of(20, head), slice(7, 15))
    bake_take(build_head(head), head, take, scene_frame_start=3)
    warnings = add_footage(empty_scene, movie, take, scene_frame_start=3)
    assert not warnings or not compat.has_sound()
    assert (empty_scene.frame_start, empty_scene.frame_end) == (3, 10)
    for scene_frame in (3, 10):
        grey = sequencer_grey(empty_scene, scene_frame, tmp_path)
        assert grey == pytest.approx(CODE_STEP * (7 + scene_frame - 3), abs=3)  # levels of 255
    assert empty_scene.camera.data.background_images[0].clip.frame_start == 3 - 7
    np.testing.assert_array_equal(scene_frames_of(take, 3), np.arange(3, 11))


def shown_scene(scene):
    render = scene.render
    playing = (scene.frame_start, scene.frame_end, scene.frame_current, scene.sync_mode, render.use_sequencer)
    return (render.fps, render.fps_base, render.resolution_x, render.resolution_y, *playing)


def test_footage_that_is_shown_changes_nothing_else_and_comes_once(empty_scene, tmp_path):
    movie = write_code_movie(tmp_path / "codes.mp4", 12, FPS)
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    empty_scene.collection.objects.link(camera)
    before = shown_scene(empty_scene)
    footage = replace(file_footage(movie), frame_map=FrameMap(-4.0, 1.0, float(FPS)))
    for _ in range(2):
        sentences = show_footage(empty_scene, footage, camera=camera, beside=True)
        assert not sentences or not compat.has_sound()
    assert shown_scene(empty_scene) == before
    (strip,) = compat.sequencer_strips(empty_scene)
    assert strip_range(strip) == (-4, 12)
    (background,) = camera.data.background_images
    assert (background.clip.frame_start, background.scale) == (-4, 0.5)


def test_an_image_sequence_is_shown_where_its_frames_lie(empty_scene, tmp_path):
    write_code_movie(tmp_path / "codes.mp4", 9, FPS)
    empty_scene.render.resolution_x, empty_scene.render.resolution_y = 64, 48
    empty_scene.view_settings.view_transform = 'Standard'
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    footage = replace(file_footage(tmp_path / "codes_000.png", sequence=True), frame_map=FrameMap(21.0, 1.0))
    assert show_footage(empty_scene, footage, camera=camera) == []
    assert sequencer_grey(empty_scene, 26, tmp_path) == pytest.approx(5 * CODE_STEP, abs=3)  # levels of 255
    clip = camera.data.background_images[0].clip
    assert (clip.source, clip.frame_start, clip.frame_duration) == ('SEQUENCE', 21, 9)
    show_footage(empty_scene, footage)
    assert len(compat.sequencer_strips(empty_scene)) == 1
    still = replace(file_footage(tmp_path / "codes_007.png"), frame_map=FrameMap(21.0, 1.0))
    other = bpy.data.scenes.new("Other")
    show_footage(other, still)
    (strip,) = compat.sequencer_strips(other)
    assert strip_range(strip) == (21, 230)  # to the scene's end


def test_footage_out_of_step_with_the_scene_is_said_to_be(empty_scene, tmp_path):
    movie = write_code_movie(tmp_path / "codes.mp4", 12, FPS)
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    footage = replace(file_footage(movie), frame_map=FrameMap(1.0, 24 / float(FPS), float(FPS)))
    no_strip, no_background = show_footage(empty_scene, footage, camera=camera)
    assert "Add it in the Sequencer" in no_strip and "at frame 1" in no_strip
    assert "out of step" in no_background and "Give the scene the footage's rate" in no_background
    assert not camera.data.background_images


def test_errors_name_the_file_and_leave_the_scene_alone(empty_scene, tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    for name, message in (("none.mp4", "No video at .*none.mp4"), ("text.mp4", "cannot read the video .*text.mp4")):
        with pytest.raises(VideoError, match=message):
            add_footage(empty_scene, tmp_path / name, take_of(3))
    assert not bpy.data.movieclips and not empty_scene.objects and empty_scene.render.fps == 24


def test_a_variable_rate_ends_where_its_last_frame_stands(empty_scene):
    time_s = np.array([0, 1, 2, 5, 8, 9]) / 25
    match_take(empty_scene, make_take(6, fps=Fraction(25), time_s=time_s), scene_frame_start=3)
    assert (empty_scene.frame_start, empty_scene.frame_end) == (3, 12)


def test_a_take_of_a_sequence_has_all_of_its_images_in_a_strip_and_behind_the_head(empty_scene, tmp_path):
    write_code_movie(tmp_path / "codes.mp4", 12, FPS)
    part = take_of(4, first_frame=3, time_s=np.arange(3, 7) / float(FPS))
    assert add_footage(empty_scene, tmp_path / "codes_002.png", part, scene_frame_start=5) == []
    (strip,) = compat.sequencer_strips(empty_scene)
    assert strip.type == 'IMAGE' and strip_range(strip) == (2, 10)  # image 2, the sequence's first, is 3 frames earlier
    assert sequencer_grey(empty_scene, 5, tmp_path) == pytest.approx(5 * CODE_STEP, abs=3)  # levels of 255
    (background,) = empty_scene.camera.data.background_images
    assert (background.clip.source, background.clip.frame_start) == ('SEQUENCE', 2)
    assert Path(background.clip.filepath).name == "codes_002.png"
    assert empty_scene.render.fps / empty_scene.render.fps_base == pytest.approx(float(FPS), rel=1e-6)
    (warning,) = add_footage(bpy.data.scenes.new("Long"), tmp_path / "codes_002.png", take_of(11))
    assert "codes_002.png has 10 frames, the take 11" in warning


def test_a_take_of_one_image_has_that_alone_whatever_lies_beside_it(empty_scene, tmp_path):
    write_code_movie(tmp_path / "codes.mp4", 12, FPS)
    assert add_footage(empty_scene, tmp_path / "codes_007.png", take_of(1)) == []
    (strip,) = compat.sequencer_strips(empty_scene)
    assert strip.type == 'IMAGE' and [element.filename for element in strip.elements] == ["codes_007.png"]
    assert strip_range(strip) == (1, 1)
    (background,) = empty_scene.camera.data.background_images
    assert (background.source, background.image.source) == ('IMAGE', 'FILE') and not bpy.data.movieclips
    assert background.image.pixels[0] * 255 == pytest.approx(7 * CODE_STEP, abs=1)  # levels
    show_footage(empty_scene, replace(file_footage(tmp_path / "codes_007.png"), frame_map=FrameMap(1.0, 1.0)),
                 camera=empty_scene.camera)
    assert len(empty_scene.camera.data.background_images) == 1


def test_images_below_the_blend_are_found_from_there(empty_scene, tmp_path):
    (tmp_path / "shots").mkdir()
    write_code_movie(tmp_path / "shots" / "codes.mp4", 3, FPS)
    add_footage(empty_scene, tmp_path / "shots" / "codes_000.png", take_of(3))
    add_footage(bpy.data.scenes.new("Still"), tmp_path / "shots" / "codes_001.png", take_of(1))
    assert not make_footage_paths_relative(tmp_path)
    save_blend(tmp_path / "shot.blend")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    strips = [strip for scene in bpy.data.scenes for strip in compat.all_strips(scene)]
    assert {strip.directory for strip in strips} == {"//shots/"}
    (clip,) = bpy.data.movieclips
    assert (clip.filepath, clip.source, clip.frame_duration) == ("//shots/codes_000.png", 'SEQUENCE', 3)
    assert "//shots/codes_001.png" in {image.filepath for image in bpy.data.images}


def test_a_take_of_several_frames_is_not_of_an_image_without_a_number(empty_scene, tmp_path):
    write_code_movie(tmp_path / "codes.mp4", 1, FPS)
    (tmp_path / "codes_000.png").rename(tmp_path / "poster.png")
    with pytest.raises(VideoError, match="poster.png has no number at the end"):
        add_footage(empty_scene, tmp_path / "poster.png", take_of(3))
    assert not bpy.data.movieclips and not empty_scene.objects

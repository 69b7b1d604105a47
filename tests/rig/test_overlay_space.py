"""Where Blender shows a pixel of the footage; the window itself is looked at by the window tests."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from smirk_blender.rig import compat
from smirk_blender.rig.overlay_lines import MeshLines, landmark_lines
from smirk_blender.rig.overlay_space import (
    ShownMedia,
    in_region,
    place_in_view2d,
    places_in_camera_view,
    places_in_preview,
)
from smirk_blender.rig.stage import FOOTAGE_OFFSET, FOOTAGE_SCALE
from smirk_blender.take.camera import image_points
from tests.builders import make_take

DOT_PX, PICTURE_PX = (20.5, 12.5), (64, 48)  # the middle of a pixel, from the left and upper edge


def write_dot(path: Path) -> Path:
    """Write a dark picture of PICTURE_PX with 3 by 3 white pixels around DOT_PX."""
    pixels = np.zeros((PICTURE_PX[1], PICTURE_PX[0], 4), np.float32)
    pixels[..., 3] = 1.0
    x, y = int(DOT_PX[0]), int(DOT_PX[1])
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 1.0
    picture = bpy.data.images.new("dot", *PICTURE_PX)
    picture.pixels.foreach_set(pixels[::-1].ravel())
    picture.filepath_raw, picture.file_format = str(path), 'PNG'
    picture.save()
    bpy.data.images.remove(picture)
    return path


@pytest.fixture
def dot_file(empty_scene, tmp_path):
    return write_dot(tmp_path / "dot.png")


def rendered_dot(scene, folder: Path) -> np.ndarray:
    """Return where the scene's sequencer renders the white pixels, from the lower left corner, pixels."""
    scene.render.use_sequencer = True
    scene.render.image_settings.file_format = 'PNG'
    scene.render.filepath = str(folder / "rendered.png")
    compat.set_view_transform(scene, 'Standard')
    bpy.ops.render.render(write_still=True, scene=scene.name)
    picture = bpy.data.images.load(scene.render.filepath)
    width, height = picture.size
    pixels = np.empty(4 * width * height, np.float32)
    picture.pixels.foreach_get(pixels)
    bpy.data.images.remove(picture)
    light = pixels.reshape(height, width, 4)[..., :3].mean(axis=-1)
    rows, columns = np.mgrid[:height, :width] + 0.5
    return np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scale_x": 2.0, "scale_y": 1.5},
        {"offset_x": 14, "offset_y": -9},
        {"scale_x": 2.0, "scale_y": 2.0, "rotation": 0.4, "offset_x": 5},
        {"use_flip_x": True, "offset_x": 14, "rotation": 0.3},
        {"use_flip_y": True, "offset_y": 10},
        {"rotation": 0.5, "origin": (0.2, 0.7)},
    ],
    ids=str,
)
def test_the_preview_shows_a_strips_pixel_where_rendering_does(empty_scene, tmp_path, dot_file, changes):
    scene = empty_scene
    scene.render.resolution_x, scene.render.resolution_y = 160, 120
    strip = compat.sequencer_strips(scene).new_image("dot", str(dot_file), 1, scene.frame_current)
    for name, value in changes.items():
        setattr(strip if "flip" in name else strip.transform, name, value)
    view = np.array([[1.0, 0.0, 80.0], [0.0, 1.0, 60.0]])  # one pixel a pixel
    (place,) = places_in_preview(scene, ShownMedia("dot.png"), PICTURE_PX, view)
    expected = rendered_dot(scene, tmp_path)
    np.testing.assert_allclose(in_region(np.array([DOT_PX]), PICTURE_PX, place)[0], expected, atol=0.6)  # pixels


def test_strips_that_do_not_show_the_footage_have_no_place(empty_scene, dot_file):
    strips = compat.sequencer_strips(empty_scene)
    shown = strips.new_image("dot", str(dot_file), 1, 1)
    places = lambda name="dot.png": places_in_preview(empty_scene, ShownMedia(name), PICTURE_PX, np.eye(3)[:2])
    empty_scene.frame_set(1)
    assert len(places()) == 1 and not places("other.png")
    empty_scene.frame_set(2)
    assert not places()
    empty_scene.frame_set(1)
    shown.mute = True
    assert not places()


def camera_with_background(scene, path: Path, **changes):
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.show_background_images = True
    background = camera.data.background_images.new()
    background.image = bpy.data.images.load(str(path))
    background.frame_method = 'FIT'
    for name, value in changes.items():
        setattr(background, name, value)
    return camera


def window_matrix(camera, width_px: int, height_px: int) -> np.ndarray:
    """Return the projection of a viewport that the camera's picture fills."""
    return np.array(camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=width_px, y=height_px))


@pytest.mark.parametrize("projection", ['ORTHO', 'PERSP'])
@pytest.mark.parametrize("size_px", [(640, 480), (480, 640)])
def test_a_background_that_fills_the_picture_has_its_pixels_where_the_picture_has_them(
    empty_scene, dot_file, projection, size_px
):
    width_px, height_px = size_px
    empty_scene.render.resolution_x, empty_scene.render.resolution_y = size_px
    camera = camera_with_background(empty_scene, dot_file)
    camera.data.type = projection
    matrix = window_matrix(camera, *size_px)
    (place,) = places_in_camera_view(empty_scene, camera, ShownMedia("dot.png"), matrix, size_px)
    scale = min(width_px / PICTURE_PX[0], height_px / PICTURE_PX[1])
    left = (width_px - scale * PICTURE_PX[0]) / 2
    upper = height_px - (height_px - scale * PICTURE_PX[1]) / 2
    expected = (left + scale * DOT_PX[0], upper - scale * DOT_PX[1])
    np.testing.assert_allclose(in_region(np.array([DOT_PX]), PICTURE_PX, place)[0], expected, atol=0.01)  # pixels


def test_beside_the_head_the_footage_fills_the_left_half(empty_scene, dot_file):
    empty_scene.render.resolution_x, empty_scene.render.resolution_y = 640, 480
    camera = camera_with_background(empty_scene, dot_file, scale=FOOTAGE_SCALE, offset=FOOTAGE_OFFSET)
    camera.data.type = 'ORTHO'
    camera.data.ortho_scale = 3.7
    matrix = window_matrix(camera, 640, 480)
    (place,) = places_in_camera_view(empty_scene, camera, ShownMedia("dot.png"), matrix, (640, 480))
    corners = in_region(np.array([[0, 0], PICTURE_PX]), PICTURE_PX, place)
    np.testing.assert_allclose(corners, [[0, 360], [320, 120]], atol=0.01)  # pixels


def test_backgrounds_that_are_hidden_or_others_have_no_place(empty_scene, dot_file):
    camera = camera_with_background(empty_scene, dot_file)
    places = lambda name: places_in_camera_view(empty_scene, camera, ShownMedia(name), np.eye(4), (640, 480))
    assert len(places("dot.png")) == 1 and not places("other.png")
    camera.data.background_images[0].show_background_image = False
    assert not places("dot.png")


def test_an_editors_view_gives_its_pictures_place():
    place = place_in_view2d((-0.5, -0.25), (1.5, 0.75), (800, 400))
    np.testing.assert_allclose(in_region(np.array([[0, 48], [64, 0]]), PICTURE_PX, place), [[200, 100], [600, 500]])


def test_footage_is_known_by_its_path_or_else_by_its_name(tmp_path):
    video, other = str(tmp_path / "a" / "clip.mp4"), str(tmp_path / "b" / "clip.mp4")
    assert ShownMedia("clip.mp4").is_at(other) and not ShownMedia("clip.mp4").is_at("")
    assert ShownMedia("clip.mp4", video).is_at(video) and not ShownMedia("clip.mp4", video).is_at(other)
    pictures = [str(tmp_path / "shot" / f"shot_{number:04d}.png") for number in (1, 2)]
    for given in (pictures[0], str(tmp_path / "shot")):
        assert all(ShownMedia("shot", given).is_at(path) for path in pictures)
    assert not ShownMedia("shot", pictures[0]).is_at(video)


def test_the_mesh_lies_where_the_takes_camera_sees_the_head(any_head):
    take = make_take(6, any_head)
    mesh = MeshLines(take, any_head)
    everything = image_points(any_head.vertices(**take.head_parameters()), take.camera, take.crop_transform)[..., :2]
    for row in (0, 5):
        points_px = mesh.at(row).points_px
        nearest = min(
            np.abs(everything[row] - point).max(axis=1).min() for point in points_px[:: max(1, len(points_px) // 20)]
        )
        assert nearest < 1e-3  # pixels
        assert mesh.at(row) is mesh.at(row)


def test_landmarks_are_drawn_at_their_pixels_with_lines_between_them():
    take = make_take(3)
    lines = landmark_lines(take, 1)
    np.testing.assert_array_equal(lines.points_px, take.landmarks[1, :, :2])
    assert len(lines.dots) == 478 and lines.edges.max() < 478

"""Heads before cameras that stand still: the arithmetic, without Blender."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.errors import TakeError
from smirk_blender.flame import builtin_head
from smirk_blender.flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from smirk_blender.retarget.focal import estimate_focal
from smirk_blender.retarget.view import CHUNK_FRAMES, DEFAULT_FOCAL_MM, orthographic_view, perspective_view
from smirk_blender.take import Source
from smirk_blender.take.camera import image_points, picture_scale
from tests.builders import make_take, tiny_head

SIZE_PX = np.array([1280, 720])
SOURCE = Source("shot.mp4", 1, "0" * 64, *SIZE_PX.tolist())


def shot_take(num_frames, head, **replacements):
    """A take whose face, some 400 pixels wide, wanders and turns in a picture of 1280 by 720."""
    time = np.linspace(0, 3, num_frames)
    crop_transform = np.tile(np.eye(3), (num_frames, 1, 1))
    crop_transform[:, 0, 0] = crop_transform[:, 1, 1] = 223 / (560 + 60 * np.sin(2 * time))
    corner_px = np.column_stack([380 + 300 * np.sin(time), 80 + 40 * np.cos(3 * time)])
    crop_transform[:, :2, 2] = -corner_px * crop_transform[:, :1, 0]
    parts = dict(camera=np.tile([9.0, 0.01, -0.02], (num_frames, 1)), crop_transform=crop_transform, source=SOURCE)
    return make_take(num_frames, head, **(parts | replacements))


def perspective_px(vertices, view):
    """Return what a view's perspective camera sees, (T, V, 2) pixels from the picture's left and upper edge."""
    points = vertices + view.translation[:, None] - view.camera_location
    focal_px = view.focal_mm / 36 * SIZE_PX.max()
    return points[..., :2] / -points[..., 2:] * focal_px * [1, -1] + SIZE_PX / 2


def filmed(take, head, focal_mm, *, noise_px=1.0):
    """Return the take with landmarks as a perspective camera would have filmed its head, measured with some noise."""
    view = perspective_view(take, head, focal_mm=focal_mm)
    points = head.landmarks.points(head.vertices(**view.take.head_parameters()))
    landmarks = np.zeros_like(take.landmarks)
    noise = np.random.default_rng(0).normal(size=(*points.shape[:2], 2)) * noise_px
    landmarks[:, head.landmarks.indices, :2] = perspective_px(points, view) + noise
    return replace(take, landmarks=landmarks)


@pytest.fixture(scope="module")
def acted():
    """The built-in head, which has landmarks, and a take that a face could do."""
    head = builtin_head()
    rng = np.random.default_rng(1)
    take = shot_take(40, head, shape=rng.normal(size=head.num_shape))
    smaller = dict(expression=0.1 * take.expression, jaw_pose=np.abs(take.jaw_pose) * [1, 0, 0], neck_pose=0 * take.neck_pose)
    return replace(take, **{name: values.astype(np.float32) for name, values in smaller.items()}), head


def test_the_pictures_scale_is_that_of_its_points():
    take = shot_take(7, tiny_head())
    points = np.random.default_rng(0).normal(size=(7, 5, 3)) * 0.1
    scale, origin_px = picture_scale(take.camera, take.crop_transform)
    ours = origin_px[:, None] + scale[:, None, None] * points[..., :2] * [1, -1]
    np.testing.assert_allclose(ours, image_points(points, take.camera, take.crop_transform)[..., :2], atol=1e-9)  # pixels


def test_an_orthographic_view_shows_what_the_takes_camera_saw():
    head = tiny_head()
    take = shot_take(30, head)
    view = orthographic_view(take)
    assert view.take is take and view.focal_mm is None
    points = head.vertices(**take.head_parameters()) + view.translation[:, None] - view.camera_location
    seen = points[..., :2] / view.picture_m[:, None, None] * SIZE_PX.max() * [1, -1] + SIZE_PX / 2
    expected = image_points(head.vertices(**take.head_parameters()), take.camera, take.crop_transform)[..., :2]
    np.testing.assert_allclose(seen, expected, atol=1e-3)  # pixels
    assert not view.translation[:, 2].any() and points[..., 2].max() < -1.5  # metres before the camera


@pytest.mark.parametrize("focal_mm", [24.0, 50.0, 135.0])
def test_a_perspective_view_lays_the_landmarks_on_the_picture(acted, focal_mm):
    take, head = acted
    view = perspective_view(take, head, focal_mm=focal_mm)
    expected = image_points(head.vertices(**take.head_parameters()), take.camera, take.crop_transform)[..., :2]
    ours = perspective_px(head.vertices(**view.take.head_parameters()), view)
    distance = np.linalg.norm(head.landmarks.points(ours) - head.landmarks.points(expected), axis=-1)
    assert np.median(distance) < 100 / focal_mm  # pixels; perspective fades with the focal length
    # Nothing moves it nearer: no small shift or turn of one frame, in any direction.
    for name, step in (("translation", 1e-3), ("head_pose", 3e-3)):
        for axis in range(3):
            for sign in (-1, 1):
                moved = sign * step * np.eye(3, dtype=np.float32)[axis]
                other = view
                if name == "translation":
                    other = replace(view, translation=view.translation + moved)
                else:
                    turn = matrices_from_axis_angle(moved) @ matrices_from_axis_angle(view.take.head_pose)
                    other = replace(view, take=replace(view.take, head_pose=axis_angle_from_matrices(turn).astype(np.float32)))
                theirs = perspective_px(head.vertices(**other.take.head_parameters()), other)
                farther = np.linalg.norm(head.landmarks.points(theirs) - head.landmarks.points(expected), axis=-1)
                assert ((farther**2).mean(axis=1) > (distance**2).mean(axis=1)).all(), (name, axis, sign)


def test_a_head_at_the_pictures_side_is_turned_by_the_angle_of_its_ray():
    head = tiny_head()
    take = shot_take(3, head, head_pose=np.zeros((3, 3)))
    take.crop_transform[:, :2, 2] = -np.array([[-280, 80], [360, 80], [1000, 80]]) * take.crop_transform[:, :1, 0]
    view = perspective_view(take, head, focal_mm=36.0)
    angle = np.arctan((-view.camera_location + view.translation)[:, 0] / (view.camera_location - view.translation)[:, 2])
    assert np.abs(angle[[0, 2]]).min() > 0.4  # radians: it is far at the side
    np.testing.assert_allclose(view.take.head_pose[:, 1], -angle, atol=0.1)
    np.testing.assert_allclose(view.take.head_pose[:, 0], 0, atol=0.1)


def test_a_longer_lens_comes_to_the_orthographic_view():
    head = tiny_head()
    take = shot_take(9, head)
    view = perspective_view(take, head, focal_mm=20000)
    np.testing.assert_allclose(view.take.head_pose, take.head_pose, atol=2e-3)  # radians
    expected = image_points(head.vertices(**take.head_parameters()), take.camera, take.crop_transform)[..., :2]
    np.testing.assert_allclose(perspective_px(head.vertices(**view.take.head_parameters()), view), expected, atol=0.1)


def test_long_takes_are_worked_out_in_parts_that_agree():
    head = tiny_head()
    take = shot_take(CHUNK_FRAMES + 9, head)
    view = perspective_view(take, head, focal_mm=50)
    assert np.abs(np.diff(view.translation, axis=0)).max() < 0.05  # metres from frame to frame; no jump between parts


@pytest.mark.parametrize("focal_mm", [24.0, 35.0, 50.0, 70.0])
def test_a_known_lens_is_found_from_the_landmarks_of_a_known_head(acted, focal_mm, figure):
    take, head = acted
    estimated_mm = estimate_focal(filmed(take, head, focal_mm), head)
    figure("estimated", estimated_mm, "mm")
    assert estimated_mm == pytest.approx(focal_mm, rel=0.05)
    view = perspective_view(filmed(take, head, focal_mm), head)
    assert (view.focal_mm, view.focal_estimated) == (estimated_mm, True)


def test_footage_that_does_not_tell_its_lens_gets_the_usual_one(acted):
    take, head = acted
    landmarks = np.zeros_like(take.landmarks)
    flat = image_points(head.vertices(**take.head_parameters()), take.camera, take.crop_transform)
    landmarks[:, head.landmarks.indices] = head.landmarks.points(flat)
    noisy = filmed(take, head, 50.0, noise_px=40.0)
    unseen = replace(take, gap=np.ones(len(take), bool))
    for name, told_nothing in {"flat": replace(take, landmarks=landmarks), "noisy": noisy, "unseen": unseen}.items():
        view = perspective_view(told_nothing, head)
        assert (view.focal_mm, view.focal_estimated) == (DEFAULT_FOCAL_MM, False), name
    blind = replace(head, landmarks=None)
    assert estimate_focal(filmed(take, head, 50.0), blind) is None


def test_frames_without_a_face_do_not_disturb_the_estimate(acted):
    take, head = acted
    gap = np.arange(len(take)) % 3 == 0
    seen = filmed(take, head, 35.0)
    seen.landmarks[gap] = np.nan
    assert estimate_focal(replace(seen, gap=gap), head) == pytest.approx(35.0, rel=0.05)  # mm


def test_a_head_that_was_fitted_without_perspective_does_not_tell_the_lens(acted):
    fit = pytest.importorskip("smirk_blender.flame.fit", reason="no scipy to fit a head with")
    from smirk_blender.take.camera import camera_points_from_image

    take, head = acted
    seen = filmed(take, head, 35.0)
    found = fit.LandmarkFitter(head).fit(camera_points_from_image(seen.landmarks, seen.crop_transform))
    parts = {name: getattr(found, name) for name in ("shape", "expression", "eyelid", "jaw_pose", "head_pose", "eye_pose", "camera")}
    assert estimate_focal(replace(seen, **parts), head) is None


def test_cameras_that_show_nothing_are_refused():
    head = tiny_head()
    for camera in ([0, 0, 0], [-5, 0, 0], [np.nan, 0, 0], [5, np.inf, 0]):
        take = shot_take(3, head)
        take.camera[1] = camera
        for make in (lambda: orthographic_view(take), lambda: perspective_view(take, head, focal_mm=50)):
            with pytest.raises(TakeError, match="shot.mp4 has no camera that shows its head"):
                make()
    with pytest.raises(TakeError, match="no frames"):
        orthographic_view(shot_take(0, head))
    with pytest.raises(TakeError, match="2 mm the camera would be inside the head of shot.mp4"):
        perspective_view(shot_take(3, head), head, focal_mm=2.0)

"""The matched camera: through Blender's own, the baked head lies where the take saw it."""

from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from smirk_blender.errors import HeadError, TakeError
from smirk_blender.flame import builtin_head, load_head
from smirk_blender.retarget.view import DEFAULT_FOCAL_MM, orthographic_view, perspective_view
from smirk_blender.rig import bake_in_shot, build_head, compat
from smirk_blender.rig.actions import scene_frames_of
from smirk_blender.rig.adopt import adopt_head
from smirk_blender.rig.footage import add_footage
from smirk_blender.take import Source, load_take
from smirk_blender.take.camera import image_points
from tests.builders import make_take, tiny_head
from tests.rig.foreign import foreign_head, give_bones, turned
from tests.rig.scenes import actions_content, evaluated_points, go_to, seen_points, write_code_movie

BAR_PX = 0.5  # at 1280 x 720, of every landmark at every frame
EXACT_PX = 0.02  # what single floats leave of nothing
WIDE, TALL, SQUARE = (1280, 720), (720, 1280), (900, 900)


def wild_take(head, size_px=WIDE, *, num_frames=12, seed=0, **replacements):
    """A take whose camera and crop jump all over the picture, and from far to near, from one frame to the next."""
    rng = np.random.default_rng(seed)
    face_px = rng.uniform(0.2, 0.8, num_frames) * min(size_px)  # the crop's side
    corner_px = rng.uniform(0, 1, (num_frames, 2)) * (np.array(size_px) - face_px[:, None])
    crop_transform = np.tile(np.eye(3), (num_frames, 1, 1))
    crop_transform[:, 0, 0] = crop_transform[:, 1, 1] = 223 / face_px
    crop_transform[:, :2, 2] = -corner_px * (223 / face_px)[:, None]
    camera = np.column_stack([rng.uniform(6, 11, num_frames), rng.uniform(-0.04, 0.04, (num_frames, 2))])
    source = Source("wild.mp4", 1, "0" * 64, *size_px)
    return make_take(
        num_frames, head, seed=seed, camera=camera, crop_transform=crop_transform, source=source, **replacements
    )


def expected_px(head, take):
    """Return what the take's own camera sees of the posed head, (T, V, 2) pixels."""
    vertices = head.vertices(**take.head_parameters()).astype(np.float64)
    return image_points(vertices, take.camera.astype(np.float64), take.crop_transform)[..., :2]


def shown_px(scene, camera, head_object, take, scene_frame_start=1):
    """Return what Blender's camera sees of the baked head, (T, V, 2) pixels."""
    shown = []
    for scene_frame in scene_frames_of(take, scene_frame_start):
        go_to(scene, scene_frame)
        shown.append(seen_points(scene, camera, evaluated_points(head_object)))
    return np.array(shown)


def distance_px(ours, theirs):
    return np.linalg.norm(ours - theirs, axis=-1)


@pytest.fixture(scope="session", params=["flame", "built-in"])
def actor(request, shared_folder, tmp_path_factory):
    """The landmark solver's take of actor_a.mp4, and the head that it was solved on."""
    for package in ("mediapipe", "cv2", "scipy"):
        pytest.importorskip(package, reason=f"no {package} beside this Blender: actor_a.mp4 cannot be solved")
    from smirk_blender.capture import SolveOptions, solve_video

    path = tmp_path_factory.mktemp("actor") / "actor.take.npz"
    model = str(shared_folder / "flame" / "generic_model.pkl") if request.param == "flame" else "builtin"
    for _ in solve_video(shared_folder / "footage" / "actor_a.mp4", path, SolveOptions(head=model)):
        pass
    return load_take(path), load_head(model) if request.param == "flame" else builtin_head()


# --- orthographic


@pytest.mark.parametrize("size_px", [WIDE, TALL, SQUARE])
def test_every_vertex_lies_where_the_take_saw_it(empty_scene, size_px):
    head = tiny_head()
    head_object, take = build_head(head), wild_take(head, size_px)
    _, camera, _ = bake_in_shot(empty_scene, head_object, head, take)
    assert (empty_scene.render.resolution_x, empty_scene.render.resolution_y) == size_px
    distance = distance_px(shown_px(empty_scene, camera, head_object, take), expected_px(head, take))
    assert distance.max() < EXACT_PX
    # ... and by Blender's other function for it.
    point, (x, y) = evaluated_points(head_object)[7], expected_px(head, take)[-1, 7]
    evaluated = camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
    seen = world_to_camera_view(empty_scene, evaluated, Vector(point))
    assert (seen.x * size_px[0], (1 - seen.y) * size_px[1]) == pytest.approx((x, y), abs=EXACT_PX)


def test_the_actors_landmarks_lie_where_the_take_saw_them(empty_scene, actor, figure):
    take, head = actor
    head_object = build_head(head)
    _, camera, _ = bake_in_shot(empty_scene, head_object, head, take)
    assert (empty_scene.render.resolution_x, empty_scene.render.resolution_y) == WIDE
    shown = head.landmarks.points(shown_px(empty_scene, camera, head_object, take))
    distance = distance_px(shown, head.landmarks.points(expected_px(head, take)))
    assert distance.shape == (99, len(head.landmarks))
    figure("median distance from the take's landmarks", np.median(distance), "px")
    figure("greatest distance from the take's landmarks", distance.max(), "px")
    measured = distance_px(shown, take.landmarks[:, head.landmarks.indices, :2])
    figure("median distance from the measured landmarks", np.median(measured), "px")
    assert distance.max() < BAR_PX


@pytest.mark.parametrize("projection", ['ORTHO', 'PERSP'])
def test_a_head_that_was_moved_turned_and_scaled_is_matched_where_it_is(empty_scene, projection):
    head = tiny_head()
    still, moved, take = build_head(head), build_head(head), wild_take(head)
    _, camera, _ = bake_in_shot(empty_scene, still, head, take, projection=projection, focal_mm=35)
    expected = shown_px(empty_scene, camera, still, take)
    parent = bpy.data.objects.new("Set", None)
    empty_scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler, parent.scale = (40, -3, 2), (0.3, -0.2, 2.0), (2.5, 2.5, 2.5)
    moved.parent.parent = parent
    moved.parent.location, moved.parent.rotation_euler = (-3, 1, 0.5), (-1.0, 0.4, 0.1)
    moved.parent.scale = (4, 4, 4)
    _, other_camera, _ = bake_in_shot(empty_scene, moved, head, take, projection=projection, focal_mm=35)
    assert np.linalg.norm(evaluated_points(moved).mean(axis=0)) > 20  # metres: it is elsewhere
    shown = shown_px(empty_scene, other_camera, moved, take)
    assert distance_px(shown, expected).max() < 0.1  # px, 40 m from the origin, where single floats are coarser
    # Neither disturbs the other.
    assert distance_px(shown_px(empty_scene, camera, still, take), expected).max() < EXACT_PX


def test_two_heads_keep_their_cameras_and_actions(empty_scene):
    head = tiny_head()
    heads, takes = [build_head(head), build_head(head)], [wild_take(head, seed=1), wild_take(head, seed=2)]
    heads[1].parent.location.x = 0.5
    matched = [bake_in_shot(empty_scene, *pair, take) for pair, take in zip([(thing, head) for thing in heads], takes)]
    assert empty_scene.camera == matched[1].camera
    for thing, take, (_, camera, _) in zip(heads, takes, matched):
        assert distance_px(shown_px(empty_scene, camera, thing, take), expected_px(head, take)).max() < EXACT_PX


def test_a_shot_that_is_made_anew_keeps_its_camera_until_that_is_deleted(empty_scene):
    head = tiny_head()
    head_object = build_head(head)
    action, camera, _ = bake_in_shot(empty_scene, head_object, head, wild_take(head))
    take = wild_take(head, seed=1)
    again = bake_in_shot(empty_scene, head_object, head, take, action=action, camera=camera)
    assert (again.action, again.camera) == (action, camera)
    assert distance_px(shown_px(empty_scene, camera, head_object, take), expected_px(head, take)).max() < EXACT_PX
    empty_scene.collection.objects.unlink(camera)  # what deleting does, while a list of takes still knows it
    another = bake_in_shot(empty_scene, head_object, head, take, action=action, camera=camera).camera
    assert another != camera and empty_scene.objects[another.name] == empty_scene.camera == another


@pytest.mark.parametrize("kind", ["adopted", "adopted with bones", "without armature"])
def test_heads_of_every_kind_are_matched(empty_scene, kind):
    head = tiny_head()
    if kind == "without armature":
        head_object = build_head(head, armature=False)
    else:
        head_object = foreign_head(head, turned(100.0))
        if kind == "adopted with bones":
            give_bones(head_object, head, turned(100.0))
        adopt_head(head_object, head)
    mover = bpy.data.objects.new("Mover", None)
    empty_scene.collection.objects.link(mover)
    mover.location, mover.rotation_euler, mover.scale = (1, 2, 3), (0.5, 0.2, 0.9), (0.02,) * 3
    (head_object.parent or head_object).parent = mover
    still = dict(expression=np.zeros((12, head.num_expression)), eyelid=np.zeros((12, 2)), neck_pose=np.zeros((12, 3)))
    take = wild_take(head, **still, jaw_pose=np.zeros((12, 3)), eye_pose=np.zeros((12, 6)))  # exact on keys alone, too
    _, camera, _ = bake_in_shot(empty_scene, head_object, head, take)
    distance = distance_px(shown_px(empty_scene, camera, head_object, take), expected_px(head, take))
    assert distance.max() < 0.1  # px


@pytest.mark.parametrize("scale", [(1, 1, 1.5), (-1, 1, 1), (-1, -1, -1), (0, 0, 0)])
def test_a_head_that_no_camera_can_match_is_refused_before_it_is_baked(empty_scene, scale):
    head = tiny_head()
    head_object = build_head(head)
    head_object.parent.scale = scale
    with pytest.raises(HeadError, match="is (mirrored|scaled unevenly)"):
        bake_in_shot(empty_scene, head_object, head, wild_take(head))
    assert not bpy.data.actions and not bpy.data.cameras


def test_a_take_of_another_head_is_refused_before_anything_is_made(empty_scene):
    head = tiny_head()
    head_object = build_head(head)
    for take, message in ((make_take(2), "another head"), (wild_take(head, jaw_pose=np.full((12, 3), np.nan)), "jaw_pose")):
        for projection in ('ORTHO', 'PERSP'):
            with pytest.raises(TakeError, match=message):
                bake_in_shot(empty_scene, head_object, head, take, projection=projection)
    assert not bpy.data.actions and not bpy.data.cameras


def test_footage_of_varying_rate_is_matched_at_its_own_times(empty_scene):
    head = tiny_head()
    take = wild_take(head, num_frames=5, fps=Fraction(25), time_s=[0.0, 0.04, 0.1, 0.12, 0.2])
    head_object = build_head(head)
    _, camera, _ = bake_in_shot(empty_scene, head_object, head, take, scene_frame_start=7)
    assert (empty_scene.frame_start, empty_scene.frame_end) == (7, 12)
    assert scene_frames_of(take, 7)[2] == 9.5
    shown = shown_px(empty_scene, camera, head_object, take, 7)
    assert distance_px(shown, expected_px(head, take)).max() < EXACT_PX


def test_the_zoom_is_keyed_on_the_camera_and_only_where_it_changes(empty_scene):
    head = tiny_head()
    head_object, take = build_head(head), wild_take(head)
    _, camera, view = bake_in_shot(empty_scene, head_object, head, take)
    action = camera.data.animation_data.action
    keyed = actions_content(action)
    assert action.name == "wild camera" and list(keyed) == [("ortho_scale", 0)]
    np.testing.assert_allclose(keyed["ortho_scale", 0], np.column_stack([1 + np.arange(12), view.picture_m]), rtol=1e-6)
    assert camera.animation_data is None
    steady = replace(take, camera=take.camera[[0] * 12], crop_transform=take.crop_transform[[0] * 12])
    _, camera, view = bake_in_shot(empty_scene, head_object, head, steady)
    assert camera.data.animation_data is None
    assert camera.data.ortho_scale == pytest.approx(view.picture_m[0])  # metres
    assert distance_px(shown_px(empty_scene, camera, head_object, steady), expected_px(head, steady)).max() < EXACT_PX


def test_the_head_stays_about_its_rest_place(empty_scene):
    head = tiny_head()
    view = orthographic_view(wild_take(head))
    np.testing.assert_allclose(np.median(view.translation, axis=0), 0, atol=1e-12)  # metres
    view = perspective_view(wild_take(head), head, focal_mm=50)
    np.testing.assert_allclose(np.median(view.translation, axis=0), 0, atol=1e-12)


def test_a_saved_file_opens_with_the_head_on_the_actor(empty_scene, tmp_path):
    head = tiny_head()
    take = wild_take(head)
    bake_in_shot(empty_scene, build_head(head), head, take)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"), compress=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    scene = bpy.context.scene
    shown = shown_px(scene, scene.camera, bpy.data.objects["Head"], take)
    assert distance_px(shown, expected_px(head, take)).max() < EXACT_PX


# --- perspective


@pytest.mark.parametrize("size_px", [WIDE, TALL])
@pytest.mark.parametrize("focal_mm", [24.0, 85.0])
def test_the_perspective_camera_shows_what_was_worked_out(empty_scene, size_px, focal_mm):
    head = tiny_head()
    head_object, take = build_head(head), wild_take(head, size_px)
    _, camera, view = bake_in_shot(empty_scene, head_object, head, take, projection='PERSP', focal_mm=focal_mm)
    assert (camera.data.type, camera.data.lens, camera.data.animation_data) == ('PERSP', focal_mm, None)
    posed = head.vertices(**view.take.head_parameters()) + view.translation[:, None] - view.camera_location
    focal_px = focal_mm / 36 * max(size_px)
    ours = posed[..., :2] / -posed[..., 2:] * focal_px * [1, -1] + np.array(size_px) / 2
    assert distance_px(shown_px(empty_scene, camera, head_object, take), ours).max() < EXACT_PX
    # It is laid on the take's own picture, as far as perspective allows.
    distance = distance_px(ours, expected_px(head, take))
    face_px = np.ptp(expected_px(head, take), axis=1).max(axis=1)
    assert (np.median(distance, axis=1) / face_px).max() < 2.0 / focal_mm


@pytest.mark.parametrize("focal_mm", [None, 28.0, 85.0])
def test_the_actor_before_a_perspective_camera(empty_scene, actor, figure, focal_mm):
    take, head = actor
    head_object = build_head(head)
    _, camera, view = bake_in_shot(empty_scene, head_object, head, take, projection='PERSP', focal_mm=focal_mm)
    assert not view.focal_estimated and view.focal_mm == (focal_mm or DEFAULT_FOCAL_MM)
    shown = head.landmarks.points(shown_px(empty_scene, camera, head_object, take))
    distance = distance_px(shown, head.landmarks.points(expected_px(head, take)))
    figure(f"{view.focal_mm:.0f} mm: median distance from the take's landmarks", np.median(distance), "px")
    figure(f"{view.focal_mm:.0f} mm: greatest distance from the take's landmarks", distance.max(), "px")
    measured = distance_px(shown, take.landmarks[:, head.landmarks.indices, :2])
    figure(f"{view.focal_mm:.0f} mm: median distance from the measured landmarks", np.median(measured), "px")
    assert np.median(distance) < 100 / view.focal_mm  # px; perspective fades with the focal length
    assert np.median(measured) < 8


# --- footage and pixels


def test_footage_fills_the_matched_picture_behind_the_head(empty_scene, tmp_path):
    head = tiny_head()
    take = wild_take(head, (64, 48))
    _, camera, _ = bake_in_shot(empty_scene, build_head(head), head, take, scene_frame_start=3)
    add_footage(
        empty_scene,
        write_code_movie(tmp_path / "codes.mp4", 12, take.fps),
        take,
        scene_frame_start=3,
        matched_camera=camera,
    )
    assert sorted(thing.type for thing in empty_scene.objects) == ['ARMATURE', 'CAMERA', 'MESH']  # no second camera
    assert empty_scene.camera == camera and camera.data.show_background_images
    (background,) = camera.data.background_images
    assert (background.scale, *background.offset, background.alpha) == (1, 0, 0, 1)
    assert (background.display_depth, background.frame_method, background.source) == ('BACK', 'FIT', 'MOVIE_CLIP')
    assert (background.clip.frame_start, *background.clip.size) == (3, 64, 48)


@pytest.mark.parametrize("size_px", [(320, 180), (180, 320)])
@pytest.mark.parametrize("projection", ['ORTHO', 'PERSP'])
def test_markers_are_rendered_in_the_pixels_where_they_should_be(empty_scene, tmp_path, projection, size_px, figure):
    head, video_frame = tiny_head(), 4
    head_object, take = build_head(head), wild_take(head, size_px)
    _, camera, _ = bake_in_shot(empty_scene, head_object, head, take, projection=projection, focal_mm=50)
    empty_scene.frame_set(1 + video_frame)
    points = evaluated_points(head_object)
    seen = seen_points(empty_scene, camera, points)
    if projection == 'ORTHO':
        seen = expected_px(head, take)[video_frame]
    head_object.hide_render = True
    inside = np.flatnonzero(((seen > 8) & (seen < np.array(size_px) - 8)).all(axis=1))
    chosen = inside[np.argsort(seen[inside, 1])[[0, len(inside) // 2, -1]]]
    metres_per_px = np.linalg.norm(points[chosen[0]] - points[chosen[2]]) / np.linalg.norm(seen[chosen[0]] - seen[chosen[2]])
    for vertex, color in zip(chosen, np.eye(3)):
        add_glowing_ball(points[vertex], 3 * metres_per_px, color)
    picture = rendered(empty_scene, tmp_path)
    rows, columns = np.indices(picture.shape[:2]) + 0.5  # a pixel's middle
    for channel, vertex in enumerate(chosen):
        weight = picture[..., channel]
        assert weight.sum() > 10  # pixels
        center = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
        error_px = np.linalg.norm(center - seen[vertex])
        figure("marker off by", error_px, "px")
        assert error_px < 0.1


def add_glowing_ball(location, radius, color):
    bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, location=location, segments=32, ring_count=16)
    material = bpy.data.materials.new("glow")
    tree = compat.node_tree(material)
    tree.nodes.clear()
    emission, output = tree.nodes.new('ShaderNodeEmission'), tree.nodes.new('ShaderNodeOutputMaterial')
    emission.inputs["Color"].default_value = (*color, 1)
    tree.links.new(emission.outputs[0], output.inputs[0])
    bpy.context.object.data.materials.append(material)


def rendered(scene, folder):
    """Return the picture, (H, W, 3) linear, upper row first. By Cycles: Workbench moves edges by up to half a pixel."""
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = 'CYCLES', 32, False
    scene.render.filepath, scene.render.image_settings.file_format = str(folder / "markers.exr"), 'OPEN_EXR'
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = np.empty(4 * image.size[0] * image.size[1], np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(image.size[1], image.size[0], 4)[::-1, :, :3]

"""Baking with fewer keys: what Blender shows stays within the tolerance at every frame."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.flame import builtin_head, load_head
from smirk_blender.retarget.selection import ALL_PARTS, EXPRESSION, HEAD, JAW
from smirk_blender.rig import bake_take, build_head, compat, keep_lids_off_eyeballs, worn_head
from smirk_blender.rig.actions import scene_frames_of
from smirk_blender.rig.eyelid_order import set_eyelid_order
from smirk_blender.rig.key_sheet import key_figures_of
from smirk_blender.rig.lid_corrective import lid_key_values
from smirk_blender.rig.memory import LID_KEYS, names
from smirk_blender.sample import sample_take
from smirk_blender.take.parts import part_of
from tests.builders import make_take, tiny_head
from tests.rig.scenes import actions_content, bound_actions, flame_vertices, go_to

TOLERANCE_MM = 0.25
MOST_KEYS = 0.35  # of those of a key on every frame
ROUNDING_MM = 2e-3  # what Blender's single precision adds, at most
NUM_FRAMES = 60
REST = {"jaw_pose": 3, "eyelid": 2, "head_pose": 3, "neck_pose": 3, "eye_pose": 6}  # columns of what is to stand still


def world_vertices(head_object, scene_frames):
    """Return the mesh that Blender shows at these scene frames, (T, V, 3), metres in the world."""
    played = np.empty((len(scene_frames), len(head_object.data.vertices), 3), np.float32)
    for row, scene_frame in zip(played, scene_frames):
        go_to(bpy.context.scene, scene_frame)
        evaluated = head_object.evaluated_get(bpy.context.evaluated_depsgraph_get())
        evaluated.data.vertices.foreach_get("co", row.reshape(-1))
        matrix = np.array(evaluated.matrix_world)
        row[:] = row @ matrix[:3, :3].T + matrix[:3, 3]
    return played


def check(head_object, head, take, figure=None, **options):
    """Bake with few keys, then with all; return the figures, and how far apart the two are in Blender, mm."""
    scene_frames = scene_frames_of(take, 1)
    action = bake_take(head_object, head, take, tolerance_mm=TOLERANCE_MM, **options)
    figures = key_figures_of(action)
    few = world_vertices(head_object, scene_frames)
    num_keys = sum(len(keys) for keys in actions_content(*{action, *bound_or_own(head_object)}).values())
    dense = bake_take(head_object, head, take, **options)
    assert key_figures_of(dense) is None
    error_mm = 1e3 * float(np.linalg.norm(few - world_vertices(head_object, scene_frames), axis=-1).max())
    assert figures.after <= num_keys < figures.before
    return figures, error_mm


def bound_or_own(head_object):
    owners = [head_object.data.shape_keys, head_object.parent or head_object]
    return [thing.animation_data.action for thing in owners if thing.animation_data and thing.animation_data.action]


def assert_within(figures, error_mm, most_mm=TOLERANCE_MM):
    assert error_mm <= most_mm
    assert abs(figures.error_mm - error_mm) < ROUNDING_MM
    assert figures.tolerance_mm == TOLERANCE_MM


def still_behind(take, first):
    """Return a take that stands still from a frame on."""
    names = ("expression", "jaw_pose", "eyelid", "head_pose", "neck_pose", "eye_pose")
    rows = np.minimum(np.arange(len(take)), first)
    return replace(take, **{name: getattr(take, name)[rows] for name in names})


@pytest.mark.parametrize("rig", ["bones", "no armature", "clear lids", "lids after posing", "pose keys driven"])
def test_every_vertex_of_every_frame_stays_within_the_tolerance(rig):
    head = tiny_head()
    take = make_take(NUM_FRAMES, head)
    options = {"no armature": dict(armature=False), "clear lids": dict(clear_lids=True)}.get(rig, {})
    head_object = build_head(head, **options, pose_keys="driven" if rig == "pose keys driven" else "keyed")
    if rig == "lids after posing":
        set_eyelid_order(head_object, "after")
    figures, error_mm = check(head_object, head, take)
    if rig == "pose keys driven":  # they follow the bones' errors, which the figure does not know
        assert error_mm <= TOLERANCE_MM
    else:
        assert_within(figures, error_mm)
    assert error_mm > 0.5 * TOLERANCE_MM


@pytest.mark.parametrize("mode", ['QUATERNION', 'AXIS_ANGLE', 'XYZ', 'ZYX'])
def test_bones_may_turn_in_any_mode(mode):
    head = tiny_head()
    head_object = build_head(head)
    for bone in head_object.parent.pose.bones:
        bone.rotation_mode = mode
    assert_within(*check(head_object, head, make_take(NUM_FRAMES, head)))


@pytest.mark.parametrize("parts", [{EXPRESSION}, {JAW}, {HEAD, EXPRESSION}])
def test_parts_of_a_face_get_fewer_keys_alone(parts):
    head = tiny_head()
    assert_within(*check(build_head(head), head, make_take(NUM_FRAMES, head), parts=parts))


@pytest.mark.parametrize("identity", ["basis", "keep"])
def test_the_tolerance_is_of_the_face_that_the_head_wears(identity):
    head = tiny_head()
    take = make_take(NUM_FRAMES, head)
    take = replace(take, shape=4 * take.shape)
    assert_within(*check(build_head(head), head, take, identity=identity))


def test_footage_of_varying_rate_has_keys_on_fractions():
    head = tiny_head()
    steps_s = np.random.default_rng(0).uniform(0.5, 1.5, NUM_FRAMES) / 30
    take = make_take(NUM_FRAMES, head, time_s=np.cumsum(steps_s))
    assert np.any(scene_frames_of(take, 1) % 1)
    assert_within(*check(build_head(head), head, take))


def test_a_translation_is_within_the_tolerance_too():
    head = tiny_head()
    translation = 0.1 * np.cumsum(np.random.default_rng(0).normal(size=(NUM_FRAMES, 3)), axis=0)
    assert_within(*check(build_head(head), head, make_take(NUM_FRAMES, head), translation=translation))


def test_the_tolerance_is_in_millimetres_of_a_real_face_however_large_the_head_is():
    head = tiny_head()
    head_object = build_head(head, armature=False)
    head_object.scale = (20.0,) * 3
    figures, error_mm = check(head_object, head, make_take(NUM_FRAMES, head))
    assert_within(figures, error_mm / 20)


def test_what_stands_still_has_one_key_and_a_face_that_stops_few():
    head = tiny_head()
    take = make_take(NUM_FRAMES, head, neck_pose=np.zeros((NUM_FRAMES, 3)))
    head_object = build_head(head)
    bake_take(head_object, head, take, tolerance_mm=TOLERANCE_MM)
    content = actions_content(*bound_actions(head_object))
    assert all(len(keys) == 1 for (path, _), keys in content.items() if '"neck"' in path and "rotation" in path)
    assert all(len(keys) == 1 for (path, _), keys in content.items() if "pose_neck" in path)
    action = bake_take(head_object, head, still_behind(take, 5), tolerance_mm=TOLERANCE_MM)
    assert key_figures_of(action).after < 0.2 * key_figures_of(action).before


def test_keys_that_keep_lids_off_the_eyeballs_follow_lids_with_few_keys():
    head = builtin_head()
    num_frames = 25
    shut = np.tile(np.sin(np.linspace(0, np.pi, num_frames))[:, None], 2)
    still = {name: np.zeros((num_frames, size)) for name, size in REST.items()} | {"eyelid": shut}
    take = make_take(num_frames, head, **still, expression=np.zeros((num_frames, head.num_expression)))
    head_object = build_head(head)
    bake_take(head_object, head, take, tolerance_mm=TOLERANCE_MM)
    assert keep_lids_off_eyeballs(head_object, head, worn_head(head_object, head).template)
    curves = {fcurve.data_path: fcurve for fcurve in compat.fcurves(bound_actions(head_object)[0])}
    for name, expected in zip(names(head_object, LID_KEYS), lid_key_values(take.eyelid).T, strict=True):
        fcurve = curves[head_object.data.shape_keys.key_blocks[name].path_from_id("value")]
        played = [fcurve.evaluate(scene_frame) for scene_frame in 1 + np.arange(num_frames)]
        np.testing.assert_allclose(played, expected, atol=0.05)  # of a lid's way


def test_an_action_goes_from_all_keys_to_few_and_back():
    head = tiny_head()
    head_object, take = build_head(head), make_take(NUM_FRAMES, head)
    action = bake_take(head_object, head, take)
    before = actions_content(*bound_actions(head_object))
    played = world_vertices(head_object, 1 + np.arange(NUM_FRAMES))
    bake_take(head_object, head, take, identity="keep", action=action, tolerance_mm=TOLERANCE_MM)
    assert key_figures_of(action).after < key_figures_of(action).before
    few_mm = 1e3 * np.linalg.norm(world_vertices(head_object, 1 + np.arange(NUM_FRAMES)) - played, axis=-1)
    assert 0.1 < few_mm.max() <= TOLERANCE_MM
    bake_take(head_object, head, take, identity="keep", action=action)
    assert key_figures_of(action) is None
    after = actions_content(*bound_actions(head_object))
    assert after.keys() == before.keys()
    for channel, keys in before.items():
        np.testing.assert_array_equal(after[channel], keys)
    interpolations = {key.interpolation for fcurve in compat.fcurves(action) for key in fcurve.keyframe_points}
    assert interpolations == {'LINEAR'}
    np.testing.assert_allclose(world_vertices(head_object, 1 + np.arange(NUM_FRAMES)), played, atol=1e-7)  # metres


def test_curves_do_not_leave_the_face_between_frames():
    head = tiny_head()
    head_object = build_head(head)
    num_frames = 4 * NUM_FRAMES + 1
    cycles, start = np.random.default_rng(0).uniform([0.001, 0], [0.008, 6], (head.num_expression, 2)).T
    moves = np.sin(2 * np.pi * cycles * np.arange(num_frames)[:, None] + start)
    still = {name: np.zeros((num_frames, size)) for name, size in REST.items()}
    truth = make_take(num_frames, head, expression=moves, **still)
    every_fourth = part_of(truth, slice(None, None, 4))
    assert scene_frames_of(every_fourth, 1)[1] == 5
    bake_take(head_object, head, every_fourth, tolerance_mm=TOLERANCE_MM)
    played = world_vertices(head_object, 1 + np.arange(num_frames))
    apart_mm = 1e3 * np.linalg.norm(played - flame_vertices(head, truth), axis=-1)
    assert apart_mm.max() < 1.2 * TOLERANCE_MM


@pytest.mark.parametrize("tolerance_mm", [-0.1, np.nan, np.inf])
def test_a_tolerance_is_a_distance(tolerance_mm):
    head = tiny_head()
    head_object = build_head(head)
    with pytest.raises(ValueError, match="tolerance"):
        bake_take(head_object, head, make_take(3, head), tolerance_mm=tolerance_mm)
    assert not bpy.data.actions


@pytest.mark.parametrize("num_frames", [1, 2])
def test_the_shortest_takes_bake(num_frames):
    head = tiny_head()
    action = bake_take(build_head(head), head, make_take(num_frames, head), tolerance_mm=TOLERANCE_MM)
    assert key_figures_of(action).error_mm <= TOLERANCE_MM


def test_all_parts_are_what_a_bake_with_few_keys_keys():
    head = tiny_head()
    head_object, take = build_head(head), make_take(NUM_FRAMES, head)
    paths = []
    for tolerance_mm in (None, 0.0, TOLERANCE_MM):
        bake_take(head_object, head, take, parts=ALL_PARTS, tolerance_mm=tolerance_mm)
        paths.append(actions_content(*bound_actions(head_object)).keys())
    assert paths[0] == paths[1] == paths[2]


@pytest.mark.parametrize("which", ["the sample clip", "a made-up take on FLAME"])
def test_at_most_a_third_of_the_keys_remain(which, request, figure):
    if which == "the sample clip":
        head = builtin_head()
        take = sample_take(head)
    else:
        folder = request.getfixturevalue("shared_folder") / "flame"
        head = load_head(folder / "generic_model.pkl", folder)
        take = make_take(100, head)
        take.expression[:, 50:] = 0
    figures, error_mm = check(build_head(head), head, take)
    figure(f"{which}: of {figures.before} keys remain", 100 * figures.after / figures.before, "%")
    figure(f"{which}: greatest error in Blender", error_mm, "mm")
    assert_within(figures, error_mm)
    assert figures.after <= MOST_KEYS * figures.before

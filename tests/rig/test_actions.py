"""Baking takes as actions."""

from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError, TakeError
from smirk_blender.flame.head import JOINT_NAMES
from smirk_blender.rig import bake_take, build_head, compat
from smirk_blender.rig.actions import scene_frames_of
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.identity import IDENTITY_REMAINDER
from tests.builders import make_take, tiny_head
from tests.rig.scenes import (
    actions_content,
    bind,
    bound_actions,
    flame_vertices,
    make_active,
    played_vertices,
    selected_objects,
)

BAR_M = 1e-5  # metres, of every vertex at every frame


def moving_take(head, num_frames=20, **replacements):
    """A take that moves everything at once, one expression far beyond Blender's greatest slider."""
    take = make_take(num_frames, head, **replacements)
    take.expression[num_frames // 3, 3] = 14.0
    return take


def assert_plays(head_object, head, take, scene_frame_start=1):
    scene_frames = scene_frame_start + np.arange(len(take))
    error_m = np.abs(played_vertices(head_object, scene_frames) - flame_vertices(head, take)).max()
    assert error_m < BAR_M
    return error_m


def test_the_baked_head_is_what_flame_computes_at_every_frame(any_head):
    take = moving_take(any_head)
    head_object = build_head(any_head)
    bake_take(head_object, any_head, take)
    error_m = assert_plays(head_object, any_head, take)
    print(f"\n{any_head.name} on Blender {bpy.app.version_string}: greatest error {error_m:.1e} m")


@pytest.mark.parametrize("num_shape", [0, 3, 14])
def test_identity_without_keys_of_its_own_becomes_one_more_key(num_shape):
    head = tiny_head(num_shape=14)
    take = moving_take(head, shape=np.linspace(-4, 4, 14))
    head_object = build_head(head, num_shape=num_shape)
    bake_take(head_object, head, take)
    assert (IDENTITY_REMAINDER in head_object.data.shape_keys.key_blocks) == (num_shape < 14)
    assert_plays(head_object, head, take)


@pytest.mark.parametrize("greatest", [9.99, 10.01, 14.0, -35.0, 200.0])
def test_no_coefficient_is_too_great(greatest):
    head = tiny_head()
    take = make_take(5, head)
    take.expression[2, 1] = take.shape[4] = greatest
    take.eyelid[1, 0] = 1.7
    head_object = build_head(head)
    bake_take(head_object, head, take)
    assert_plays(head_object, head, take)


def test_baking_again_makes_a_second_action_and_leaves_the_first_as_it_was():
    head = tiny_head()
    head_object = build_head(head)
    first_take, second_take = make_take(8, head, seed=1), make_take(12, head, seed=2)
    bake_take(head_object, head, first_take)
    first = bound_actions(head_object)
    before = actions_content(*first)
    bake_take(head_object, head, second_take, scene_frame_start=5)
    second = bound_actions(head_object)
    assert not set(first) & set(second)
    after = actions_content(*first)
    assert before.keys() == after.keys()
    for channel, keys in before.items():
        np.testing.assert_array_equal(after[channel], keys)
    assert_plays(head_object, head, second_take, 5)
    bind(head_object, first)
    assert_plays(head_object, head, replace(first_take, shape=second_take.shape))


def test_an_earlier_action_plays_on_after_a_take_with_greater_values():
    head = tiny_head()
    head_object = build_head(head)
    first_take = moving_take(head, seed=1)
    bake_take(head_object, head, first_take)
    first = bound_actions(head_object)
    second_take = replace(moving_take(head, seed=2), shape=first_take.shape)
    second_take.expression[9, 3] = 90.0
    bake_take(head_object, head, second_take)
    assert_plays(head_object, head, second_take)
    bind(head_object, first)
    assert_plays(head_object, head, first_take)


def test_a_translation_moves_the_whole_posed_head():
    head = tiny_head()
    head_object, take = build_head(head), moving_take(head)
    translation = np.random.default_rng(0).normal(size=(len(take), 3))  # metres, FLAME axes
    bake_take(head_object, head, take, translation=translation)
    expected = flame_vertices(head, take) + to_blender(translation)[:, None]
    error_m = np.abs(played_vertices(head_object, 1 + np.arange(len(take))) - expected).max()
    assert error_m < BAR_M


def test_another_head_keeps_its_actions_when_values_grow():
    head = tiny_head()
    other_object, head_object = build_head(head), build_head(head)
    take = make_take(5, head)
    bake_take(other_object, head, take)
    bake_take(head_object, head, moving_take(head))
    assert_plays(other_object, head, take)


def test_a_plain_identity_comes_back_after_a_strange_one():
    head = tiny_head()
    head_object = build_head(head)
    bake_take(head_object, head, make_take(3, head, shape=np.full(14, 5.0)))
    take = make_take(3, head, shape=np.zeros(2))
    bake_take(head_object, head, take)
    assert_plays(head_object, head, take)


def test_a_take_with_fewer_directions_leaves_the_others_at_zero():
    head = tiny_head()
    head_object = build_head(head)
    bake_take(head_object, head, make_take(4, head, seed=1))
    take = make_take(4, head)
    take = replace(take, expression=take.expression[:, :5], expression_names=take.expression_names[:5])
    bake_take(head_object, head, take)
    assert_plays(head_object, head, take)


def test_a_head_without_eyelids_takes_a_take_with_them():
    head = tiny_head(eyelid_directions=None)
    head_object = build_head(head)
    take = make_take(4, head)
    bake_take(head_object, head, take)
    assert_plays(head_object, head, take)


def test_frames_without_a_face_are_keyed_like_the_others():
    head = tiny_head()
    gap = np.isin(np.arange(10), [0, 4, 5, 6])
    take = make_take(10, head, gap=gap)
    take.landmarks[gap] = np.nan
    head_object = build_head(head)
    bake_take(head_object, head, take)
    keyed = actions_content(*bound_actions(head_object))
    assert {len(keys) for keys in keyed.values()} == {10}
    assert_plays(head_object, head, take)


def test_keys_are_linear_grouped_and_on_whole_frames():
    head = tiny_head()
    head_object = build_head(head)
    bake_take(head_object, head, make_take(6, head, fps=Fraction(30000, 1001)), scene_frame_start=101)
    groups = set()
    for action in set(bound_actions(head_object)):
        for fcurve in compat.fcurves(action):
            assert {key.interpolation for key in fcurve.keyframe_points} == {'LINEAR'}
            assert [key.co[0] for key in fcurve.keyframe_points] == [101, 102, 103, 104, 105, 106]
            groups.add(fcurve.group.name)
    assert groups == {"Expression", "Eyelids", "Pose", *JOINT_NAMES}


def test_the_action_is_named_after_the_footage_and_is_one_where_blender_has_slots():
    head = tiny_head()
    head_object = build_head(head)
    action = bake_take(head_object, head, make_take(3, head))
    assert action.name == "made_up"
    if compat.has_slots():
        assert bound_actions(head_object) == [action, action]
        assert sorted(slot.target_id_type for slot in action.slots) == ['KEY', 'OBJECT']
    else:
        assert [bound.name for bound in bound_actions(head_object)] == ["made_up", "made_up.rig"]
    assert bake_take(head_object, head, make_take(3, head), action_name="Line 3").name == "Line 3"


def test_joints_that_stand_still_have_one_location_key_at_zero():
    head = tiny_head()
    still = replace(head, expression_directions=np.zeros_like(head.expression_directions))
    take = make_take(4, head)
    for model, num_keys in ((head, 4), (still, 1)):
        head_object = build_head(model)
        bake_take(head_object, model, take)
        content = actions_content(*bound_actions(head_object))
        located = {path.split('"')[1]: keys for (path, _), keys in content.items() if path.endswith("location")}
        assert located.keys() == set(JOINT_NAMES)
        assert {len(keys) for keys in located.values()} == {num_keys}
        assert num_keys > 1 or not any(keys[:, 1].any() for keys in located.values())


def test_a_still_take_is_where_it_was_after_one_that_moved():
    head = tiny_head(expression_directions=np.zeros((50, 3, 8), np.float32))
    head_object, still = build_head(head), make_take(6, head)
    bake_take(head_object, head, still)
    first = bound_actions(head_object)
    bake_take(head_object, head, still, translation=np.full((6, 3), 0.05))
    bpy.context.scene.frame_set(4)
    bind(head_object, first)
    assert_plays(head_object, head, still)


def test_quaternions_do_not_flip_between_frames():
    head = tiny_head()
    angles = np.linspace(0, 3 * np.pi, 40)
    head_object = build_head(head)
    bake_take(head_object, head, make_take(40, head, head_pose=np.outer(angles, [0, 1, 0])))
    keyed = actions_content(*bound_actions(head_object))
    quaternions = np.stack([keyed['pose.bones["root"].rotation_quaternion', index][:, 1] for index in range(4)], -1)
    assert (np.sum(quaternions[1:] * quaternions[:-1], axis=1) > 0.9).all()


def test_footage_of_varying_rate_lands_where_its_timestamps_say():
    time_s = np.array([0.0, 0.04, 0.1, 0.12, 0.2])
    take = make_take(5, tiny_head(), fps=Fraction(25), time_s=time_s)
    np.testing.assert_allclose(scene_frames_of(take, 1), [1, 2, 3.5, 4, 6], atol=1e-9)  # frames
    head = tiny_head()
    head_object = build_head(head)
    bake_take(head_object, head, take)
    error_m = np.abs(played_vertices(head_object, scene_frames_of(take, 1)) - flame_vertices(head, take)).max()
    assert error_m < BAR_M


def test_timestamps_that_almost_keep_the_rate_land_on_whole_frames():
    noise_s = 2e-5 * np.sin(np.arange(200))
    take = make_take(200, tiny_head(), fps=Fraction(30000, 1001), time_s=np.arange(200) * 1001 / 30000 + noise_s)
    np.testing.assert_array_equal(scene_frames_of(take, 7), 7 + np.arange(200))


def test_timestamps_that_do_not_rise_are_not_believed():
    take = make_take(4, tiny_head(), time_s=[0, 0, 0.1, 0.05])
    np.testing.assert_array_equal(scene_frames_of(take, 1), [1, 2, 3, 4])


@pytest.mark.parametrize("hide", ["nothing", "viewport", "eye", "collection"])
def test_baking_leaves_mode_selection_and_what_is_hidden_alone(empty_scene, hide):
    head = tiny_head()
    collection = bpy.data.collections.new("Heads")
    empty_scene.collection.children.link(collection)
    head_object, other = build_head(head, collection=collection), build_head(tiny_head(1))
    armature = head_object.parent
    layer = bpy.context.view_layer.layer_collection.children["Heads"]
    armature.hide_viewport = hide == "viewport"
    armature.hide_set(hide == "eye")
    layer.exclude = hide == "collection"
    other.parent.select_set(True)
    make_active(other.parent, 'POSE')
    take = make_take(3, head)
    bake_take(head_object, head, take)
    assert (bpy.context.view_layer.objects.active, other.parent.mode) == (other.parent, 'POSE')
    assert selected_objects() == [other.parent]
    assert (armature.hide_viewport, layer.exclude) == (hide == "viewport", hide == "collection")
    layer.exclude = False
    assert armature.hide_get() == (hide == "eye")
    assert list(armature.users_collection) == [collection]
    assert_plays(head_object, head, take)


def test_a_saved_file_opens_with_the_action_bound_and_playing(tmp_path):
    head = tiny_head()
    take = moving_take(head)
    head_object = build_head(head)
    bake_take(head_object, head, make_take(3, head, seed=5), action_name="Earlier")
    bake_take(head_object, head, take)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "baked.blend"), compress=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "baked.blend"))
    assert "Earlier" in bpy.data.actions
    assert_plays(bpy.data.objects["Head"], head, take)


def test_errors_say_what_to_do():
    head = tiny_head()
    head_object = build_head(head)
    ball = bpy.data.objects.new("Ball", bpy.data.meshes.new("Ball"))
    with pytest.raises(HeadError, match="not a SMIRK head"):
        bake_take(ball, head, make_take(2, head))
    with pytest.raises(HeadError, match="made from the model tiny 0, not tiny 1"):
        bake_take(head_object, tiny_head(1), make_take(2, head))
    with pytest.raises(TakeError, match="solved for another head"):
        bake_take(head_object, head, make_take(2))
    with pytest.raises(TakeError, match="solved for another head"):
        bake_take(head_object, head, make_take(2, head, expression_names=("smile",)))
    with pytest.raises(TakeError, match="no frames"):
        bake_take(head_object, head, make_take(0, head))
    with pytest.raises(TakeError, match="no numbers in jaw_pose"):
        bake_take(head_object, head, make_take(2, head, jaw_pose=np.full((2, 3), np.nan)))
    make_active(head_object, 'EDIT')
    with pytest.raises(HeadError, match="Edit Mode"):
        bake_take(head_object, head, make_take(2, head))
    make_active(head_object, 'OBJECT')
    head_object.shape_key_remove(head_object.data.shape_keys.key_blocks["eyelid_L"])
    with pytest.raises(HeadError, match="lost its shape key eyelid_L"):
        bake_take(head_object, head, make_take(2, head))
    assert not bpy.data.actions

"""What keeps a head from playing is said before anything is changed; and what people made beside ours stays theirs."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.rig import bake_in_shot, bake_take, build_head, compat
from smirk_blender.rig.adopt import adopt_head
from smirk_blender.rig.drivers import drive_pose_keys
from smirk_blender.rig.identity import IDENTITY_REMAINDER, apply_identity, update_joints
from tests.builders import make_take, tiny_head
from tests.rig.foreign import foreign_head, foreign_mesh
from tests.rig.scenes import actions_content, bind, bound_actions, flame_vertices, make_active, played_vertices

BAR_M = 1e-5  # metres, of every vertex at every frame


def wild_take(head, **replacements):
    take = make_take(12, head, **replacements)
    take.expression[4, 3] = 17.0  # beyond Blender's greatest slider
    return take


def greatest_error(head_object, head, take):
    return np.abs(played_vertices(head_object, 1 + np.arange(len(take))) - flame_vertices(head, take)).max()


def mute(head_object):
    head_object.data.shape_keys.key_blocks["expression_002"].mute = True


def mask(head_object):
    head_object.vertex_groups.new(name="Half")
    head_object.data.shape_keys.key_blocks["expression_002"].vertex_group = "Half"


def drive(head_object):
    head_object.data.shape_keys.key_blocks["expression_002"].driver_add("value")


def absolute(head_object):
    head_object.data.shape_keys.use_relative = False


def pin(head_object):
    head_object.show_only_shape_key = True


def rest(head_object):
    head_object.parent.data.pose_position = 'REST'


def hide_modifier(head_object):
    head_object.modifiers[0].show_viewport = False


def no_deform(head_object):
    head_object.parent.data.bones["jaw"].use_deform = False


def no_inheritance(head_object):
    head_object.parent.data.bones["jaw"].use_inherit_rotation = False


def constrain(head_object):
    head_object.parent.pose.bones["jaw"].constraints.new('LIMIT_ROTATION')


def rename_key(head_object):
    head_object.data.shape_keys.key_blocks["expression_002"].name = "Smile"


def rename_bone(head_object):
    head_object.parent.data.bones["jaw"].name = "Chin"


def edit(head_object):
    make_active(head_object, 'EDIT')


def tweak(head_object):
    animation = head_object.data.shape_keys.animation_data_create()
    action = bpy.data.actions.new("Mine")
    compat.use_action(head_object.data.shape_keys, action)
    strip = animation.nla_tracks.new().strips.new("Mine", 1, action)
    animation.action = None
    strip.select = True
    animation.use_tweak_mode = True


CONDITIONS = {
    mute: "expression_002 is muted",
    mask: "expression_002 acts on a vertex group",
    drive: "expression_002 is one of the model's, but a driver holds it",
    absolute: "shape keys are absolute",
    pin: "shows one shape key alone",
    rest: "is in Rest Position",
    hide_modifier: "modifier Armature is hidden",
    no_deform: "bone jaw does not deform",
    no_inheritance: "bone jaw does not deform, or does not inherit",
    constrain: "bone jaw is held by a constraint",
    rename_key: "has lost its shape key expression_002. Undo that, or adopt",
    rename_bone: "has lost its bone jaw",
    edit: "Edit Mode",
    tweak: "Tweak Mode",
}


@pytest.mark.parametrize("act", ["bake", "update joints", "apply identity", "drive pose keys"])
@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.__name__)
def test_a_head_that_cannot_play_is_refused_and_left_alone(condition, act):
    head = tiny_head()
    head_object = build_head(head)
    condition(head_object)
    acts = {
        "bake": lambda: bake_take(head_object, head, make_take(3, head)),
        "update joints": lambda: update_joints(head_object, head),
        "apply identity": lambda: apply_identity(head_object, head),
        "drive pose keys": lambda: drive_pose_keys(head_object),
    }
    num_actions = len(bpy.data.actions)
    with pytest.raises(HeadError, match=CONDITIONS[condition]):
        acts[act]()
    assert len(bpy.data.actions) == num_actions
    assert all(key_block.value == 0 for key_block in head_object.data.shape_keys.key_blocks[1:])


@pytest.mark.parametrize("condition", [rest, hide_modifier, no_deform, no_inheritance, constrain])
def test_a_rig_that_cannot_play_is_not_adopted(condition):
    head = tiny_head()
    head_object = build_head(head)
    for name in list(head_object.data.keys()):
        del head_object.data[name]  # as if it came from elsewhere
    condition(head_object)
    with pytest.raises(HeadError, match=CONDITIONS[condition]):
        adopt_head(head_object, head)
    assert not head_object.data.keys()


def test_a_scaled_bone_is_set_right_by_a_bake():
    head = tiny_head()
    head_object = build_head(head)
    head_object.parent.pose.bones["jaw"].scale = (1, 2, 1)
    take = make_take(4, head)
    bake_take(head_object, head, take)
    assert greatest_error(head_object, head, take) < BAR_M


def test_another_model_of_the_same_name_is_refused():
    head, other = replace(tiny_head(0), name="generic", sha256="a"), replace(tiny_head(1), name="generic", sha256="b")
    head_object = build_head(head)
    with pytest.raises(HeadError, match="made from the model another generic than this one"):
        bake_take(head_object, other, make_take(3, other))
    renamed = replace(head, name="renamed")
    bake_take(head_object, renamed, make_take(3, renamed))


def test_what_comes_too_late_to_be_right_is_said_first():
    head = tiny_head()
    head_object = build_head(head)
    with pytest.raises(ValueError, match="translation of shape"):
        bake_take(head_object, head, make_take(3, head), translation=np.zeros((4, 3)))
    ball = bpy.data.objects.new("Ball", bpy.data.meshes.new("Ball"))
    with pytest.raises(HeadError, match="not a SMIRK head"):
        bake_in_shot(bpy.context.scene, ball, head, make_take(3, head))
    assert not bpy.data.actions and not bpy.data.cameras


@pytest.mark.parametrize("scale", [0.0, np.nan, 1e-12, 1e9])
def test_a_mesh_without_a_heads_size_is_refused(scale):
    head = tiny_head()
    thing = foreign_mesh(head.template * scale, head.triangles)
    with pytest.raises(HeadError, match="has no size"):
        adopt_head(thing, head)


# --- what is not ours


def test_an_action_made_by_hand_plays_as_before_after_a_take_with_greater_values():
    head = tiny_head()
    head_object = build_head(head)
    key_block = head_object.data.shape_keys.key_blocks["expression_003"]
    for value, scene_frame in ((0, 1), (3, 12)):
        key_block.value = value
        key_block.keyframe_insert("value", frame=scene_frame)
    mine = head_object.data.shape_keys.animation_data.action
    before, content = played_vertices(head_object, 1 + np.arange(12)), actions_content(mine)
    bake_take(head_object, head, wild_take(head, shape=np.zeros(14)))
    assert all(np.array_equal(keys, content[channel]) for channel, keys in actions_content(mine).items())
    for other in head_object.data.shape_keys.key_blocks[1:]:
        other.value = 0
    for bone in head_object.parent.pose.bones:
        bone.rotation_quaternion, bone.location = (1, 0, 0, 0), (0, 0, 0)
    head_object.parent.animation_data_clear()
    compat.use_action(head_object.data.shape_keys, mine)
    np.testing.assert_allclose(played_vertices(head_object, 1 + np.arange(12)), before, atol=1e-6)


def test_a_baked_action_edited_by_hand_stays_as_edited():
    head = tiny_head()
    head_object = build_head(head)
    first = make_take(12, head, seed=1)
    bake_take(head_object, head, first)
    actions = bound_actions(head_object)
    for fcurve in compat.fcurves(actions[0]):
        for point in fcurve.keyframe_points:
            point.interpolation = 'BEZIER'
            point.handle_left_type = point.handle_right_type = 'FREE'
            point.handle_right = (point.co[0] + 0.3, point.co[1] + 0.7)
    frames = 1 + np.arange(45) / 4
    before = played_vertices(head_object, frames)
    bake_take(head_object, head, wild_take(head, seed=2, shape=first.shape))
    bind(head_object, actions)
    np.testing.assert_allclose(played_vertices(head_object, frames), before, atol=1e-6)


@pytest.mark.parametrize("linked", [False, True], ids=["Shift D", "Alt D"])
def test_a_duplicate_and_its_original_both_play_their_takes(linked):
    head = tiny_head()
    head_object = build_head(head)
    take = make_take(12, head, seed=1)
    bake_take(head_object, head, take)
    for thing in (head_object, head_object.parent):
        thing.select_set(True)
    bpy.context.view_layer.objects.active = head_object
    bpy.ops.object.duplicate(linked=linked)
    copy = next(thing for thing in bpy.context.selected_objects if thing.type == 'MESH')
    assert (copy.data == head_object.data) == linked
    other = wild_take(head, seed=2, shape=take.shape)
    bake_take(copy, head, other)
    assert greatest_error(copy, head, other) < BAR_M
    if linked:  # one set of shape keys plays one take
        bake_take(head_object, head, take)
    assert greatest_error(head_object, head, take) < BAR_M


def test_a_first_key_that_cannot_reach_is_no_trouble():
    head = tiny_head()
    thing = foreign_head(head, factor_of=lambda number: 0.1)
    adopt_head(thing, head)
    take = make_take(6, head, shape=np.zeros(1))
    take.expression[3, 0] = 1.5
    bake_take(thing, head, take)
    played = played_vertices(thing, 1 + np.arange(6))
    assert np.abs(played - head.vertices(**take.head_parameters())).max() < BAR_M


def test_a_renamed_remainder_is_missed_rather_than_doubled():
    head = tiny_head()
    head_object = build_head(head, num_shape=2)
    bake_take(head_object, head, make_take(3, head))
    head_object.data.shape_keys.key_blocks[IDENTITY_REMAINDER].name = "Face"
    with pytest.raises(HeadError, match="has lost its shape key identity_remainder"):
        bake_take(head_object, head, make_take(3, head))


def test_drivers_follow_bones_that_were_turned_since():
    head = tiny_head()
    head_object = build_head(head, pose_keys="driven")
    make_active(head_object.parent, 'EDIT')
    head_object.parent.data.edit_bones["jaw"].roll += 0.7
    make_active(head_object.parent, 'OBJECT')
    take = make_take(5, head)
    bake_take(head_object, head, take)
    assert greatest_error(head_object, head, take) < BAR_M


# --- adopting again


def test_a_head_with_wide_keys_is_adopted_again():
    head = tiny_head()
    head_object = build_head(head)
    take = wild_take(head)
    bake_take(head_object, head, take)
    adopt_head(head_object, head)
    bake_take(head_object, head, take)
    assert greatest_error(head_object, head, take) < BAR_M


def test_a_lost_correction_is_forgotten_and_a_head_without_bones_is_not_given_any():
    head = tiny_head()
    head_object = build_head(head, armature=False)
    take = make_take(6, head)
    bake_take(head_object, head, take)
    with pytest.raises(HeadError, match="is a SMIRK head already"):
        adopt_head(head_object, head)


def test_a_lost_wide_key_is_forgotten_by_adopting_again():
    head = tiny_head()
    head_object = build_head(head)
    bake_take(head_object, head, wild_take(head))
    head_object.shape_key_remove(head_object.data.shape_keys.key_blocks["expression_003"])  # held at 0 by now
    with pytest.raises(HeadError, match="lost its shape key expression_003"):
        bake_take(head_object, head, make_take(3, head))
    adopt_head(head_object, head)
    take = wild_take(head)
    bake_take(head_object, head, take)
    assert greatest_error(head_object, head, take) < BAR_M

"""A head is put back as it stood, and taken away without a trace."""

import bpy
import numpy as np
import pytest

from smirk_blender.rig import bake_take, build_head, compat
from smirk_blender.rig.eyelid_order import set_eyelid_order
from smirk_blender.rig.standing import name_of, put_back, remove_head, standing_of
from tests.builders import make_take, tiny_head
from tests.rig.scenes import actions_content, played_vertices
from tests.ui.content import COLLECTIONS, scene_content

NUM_FRAMES = 5
SCENE_FRAMES = 1 + np.arange(NUM_FRAMES)


@pytest.fixture(params=[True, False], ids=["armature", "shape keys alone"])
def head_object(request):
    return build_head(tiny_head(), armature=request.param, num_expression=4)


def pose(head_object):
    """Turn and shape a head by hand, keys and bones."""
    key = head_object.data.shape_keys.key_blocks["expression_001"]
    key.slider_max, key.value = 3.0, 2.5
    head_object.data["note"] = "by hand"
    for thing in head_object.parent.pose.bones if head_object.parent else [head_object]:
        thing.rotation_mode = 'XYZ'
        thing.rotation_euler, thing.location, thing.scale = (0.1, 0.2, 0.3), (0.01, 0.02, 0.03), (1.0, 1.1, 1.2)


def numbers(head_object):
    """Return everything by which a head stands as it does."""
    keys = [(key.name, key.value, key.slider_min, key.slider_max) for key in head_object.data.shape_keys.key_blocks]
    things = head_object.parent.pose.bones if head_object.parent else [head_object]
    turned = [
        (thing.rotation_mode, *thing.rotation_euler, *thing.rotation_quaternion, *thing.location, *thing.scale)
        for thing in things
    ]
    memory = {key: str(getattr(value, "to_dict", getattr(value, "to_list", lambda: value))()) for key, value in
              head_object.data.items()}
    return keys, turned, memory, bound(head_object)


def bound(head_object):
    """Return the actions and slots that play, of the keys and of what turns the head."""
    things = (head_object.data.shape_keys, head_object.parent or head_object)
    playing = [thing.animation_data and thing.animation_data.action for thing in things]
    return [(action.name, compat.slot_of(thing)) if action else None for action, thing in zip(playing, things)]


def test_a_posed_head_stands_again_as_it_was_posed(head_object):
    pose(head_object)
    before, standing = numbers(head_object), standing_of(head_object)
    bake_take(head_object, tiny_head(), make_take(NUM_FRAMES, tiny_head()))
    head_object.data["later"] = 1
    bpy.context.scene.frame_set(3)
    assert numbers(head_object) != before
    assert put_back(standing) == head_object
    assert head_object.data["later"] == 1  # not ours
    del head_object.data["later"]
    assert numbers(head_object) == before
    bpy.context.scene.frame_set(4)
    assert numbers(head_object) == before  # nothing plays on it


def test_a_head_plays_its_earlier_actions_again(head_object):
    head = tiny_head()
    bake_take(head_object, head, make_take(NUM_FRAMES, head))
    first = numbers(head_object)
    played, standing = played_vertices(head_object, SCENE_FRAMES), standing_of(head_object)
    assert all(bound(head_object))
    bake_take(head_object, head, make_take(NUM_FRAMES, head, seed=1), action_name="second", identity="keep")
    assert bound(head_object) != first[3]
    put_back(standing)
    assert bound(head_object) == first[3]
    assert np.abs(played_vertices(head_object, SCENE_FRAMES) - played).max() < 1e-6  # metres


def test_keys_added_since_are_gone_and_earlier_ones_keep_their_curves(head_object):
    head = tiny_head()
    names, standing = head_object.data.shape_keys.key_blocks.keys(), standing_of(head_object)
    bake_take(head_object, head, make_take(NUM_FRAMES, head))
    content = actions_content(*bpy.data.actions)
    assert len(head_object.data.shape_keys.key_blocks) > len(names)
    put_back(standing)
    assert head_object.data.shape_keys.key_blocks.keys() == names
    assert actions_content(*bpy.data.actions).keys() == content.keys()


def test_a_renamed_head_is_found_and_a_deleted_one_is_not(head_object):
    standing, name = standing_of(head_object), name_of(head_object)
    head_object.data.shape_keys.key_blocks["expression_000"].value = 0.5
    head_object.name = "Anna"
    other = build_head(tiny_head(), name=name.object_name)  # has its name now
    assert name.find() == head_object and put_back(standing) == head_object
    assert head_object.data.shape_keys.key_blocks["expression_000"].value == 0
    remove_head(head_object)
    assert name.find() is None and put_back(standing) is None and name_of(other).find() == other


def test_an_action_that_was_deleted_is_played_no_more(head_object):
    bake_take(head_object, tiny_head(), make_take(NUM_FRAMES, tiny_head()))
    standing = standing_of(head_object)
    bpy.data.batch_remove(bpy.data.actions)
    put_back(standing)
    assert bound(head_object) == [None, None]


@pytest.mark.parametrize("lids", ["before", "after"])
def test_a_removed_head_leaves_nothing(lids):
    before = scene_content()
    head_object = build_head(tiny_head())
    set_eyelid_order(head_object, lids)
    remove_head(head_object)
    left = {kind: [item.name for item in getattr(bpy.data, kind)] for kind in COLLECTIONS}
    assert not any(left.values()), left
    assert scene_content() == before


def test_what_others_use_of_a_removed_head_stays(head_object):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    material = head_object.data.materials[0]
    cube.data.materials.append(material)
    remove_head(head_object)
    assert list(bpy.data.objects) == [cube] and list(bpy.data.materials) == [material]

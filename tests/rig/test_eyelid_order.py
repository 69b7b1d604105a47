"""Eyelids before and after posing: the same head, the same actions, switched."""

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.flame import load_head
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.eyelid_order import eyelid_order, set_eyelid_order
from smirk_blender.rig.memory import EYELID_KEYS
from smirk_blender.rig.shape_keys import make_room
from tests.builders import make_take, tiny_head
from tests.rig.scenes import actions_content, bind, bound_actions, make_active, played_vertices

BAR_M = 1e-5  # metres, of every vertex at every frame


def flame_vertices(head, take, order):
    return to_blender(head.vertices(**take.head_parameters(), eyelid_order=order))


def played(head_object, take):
    return played_vertices(head_object, 1 + np.arange(len(take)))


def assert_plays(head_object, head, take, order):
    error_m = np.abs(played(head_object, take) - flame_vertices(head, take, order)).max()
    assert error_m < BAR_M
    return error_m


def baked_head(head, take):
    head_object = build_head(head)
    bake_take(head_object, head, take)
    return head_object


def state(head_object):
    """Everything that choosing an order may touch."""
    return {
        "modifiers": [(modifier.name, modifier.type) for modifier in head_object.modifiers],
        "attributes": head_object.data.attributes.keys(),
        "node groups": bpy.data.node_groups.keys(),
        "animation": head_object.animation_data is not None,
        "muted": [key.name for key in head_object.data.shape_keys.key_blocks if key.mute],
        "properties": sorted(head_object.keys()),
    }


def test_either_order_is_flames_and_needs_no_second_bake(any_head, figure):
    take = make_take(8, any_head)  # root, neck and jaw roll by half a radian
    apart = flame_vertices(any_head, take, "after") - flame_vertices(any_head, take, "before")
    assert np.abs(apart).max() > 100 * BAR_M
    head_object = baked_head(any_head, take)
    keyed = actions_content(*bound_actions(head_object))
    for order in ("before", "after", "before", "after"):
        set_eyelid_order(head_object, order)
        assert eyelid_order(head_object) == order
        error_m = assert_plays(head_object, any_head, take, order)
        figure(f"{any_head.name}, greatest error {order} posing", 1e3 * error_m, "mm")
    for channel, keys in actions_content(*bound_actions(head_object)).items():
        np.testing.assert_array_equal(keyed[channel], keys)


def test_a_head_with_lids_after_posing_is_the_authors(shared_folder, figure):
    head = load_head(shared_folder / "flame" / "generic_model.pkl")
    with np.load(shared_folder / "reference" / "flame_expected.npz") as archive:
        expected = {name: archive[name] for name in archive.files}
    head_object = build_head(head)
    set_eyelid_order(head_object, "after")
    apart_m, error_m = [], []
    for row in range(len(expected["vertices"])):
        names = {"expression": "expression", "head_pose": "pose", "jaw_pose": "jaw", "eyelid": "eyelid"}
        names |= {"neck_pose": "neck_pose", "eye_pose": "eye_pose"}
        parameters = {name: expected[f"{theirs}_params"][row : row + 1] for name, theirs in names.items()}
        take = make_take(1, head, shape=expected["shape_params"][row], expression_names=(), **parameters)
        bake_take(head_object, head, take)
        error_m.append(np.abs(played(head_object, take) - to_blender(expected["vertices"][row])).max())
        apart = flame_vertices(head, take, "after") - flame_vertices(head, take, "before")
        apart_m.append(np.linalg.norm(apart, axis=-1).max())
    figure("greatest error against the authors", 1e3 * max(error_m), "mm")
    figure("lids before and after posing are apart by at most", 1e3 * max(apart_m), "mm")
    assert max(error_m) < BAR_M < max(apart_m)


def test_going_back_leaves_nothing_behind():
    head = tiny_head()
    take = make_take(4, head)
    head_object = baked_head(head, take)
    before, vertices = state(head_object), played(head_object, take)
    set_eyelid_order(head_object, "after")
    assert {name for name, value in state(head_object).items() if value == before[name]} == {"properties"}
    set_eyelid_order(head_object, "before")
    assert state(head_object) == before
    np.testing.assert_array_equal(played(head_object, take), vertices)


def test_setting_an_order_twice_is_setting_it_once():
    head = tiny_head()
    take = make_take(4, head)
    head_object = baked_head(head, take)
    for order in ("before", "after"):
        set_eyelid_order(head_object, order)
        once = state(head_object)
        set_eyelid_order(head_object, order)
        assert state(head_object) == once
        assert_plays(head_object, head, take, order)


def test_a_later_bake_with_lids_beyond_every_slider_plays_in_either_order():
    head = tiny_head()
    head_object = baked_head(head, make_take(6, head))
    first = bound_actions(head_object)
    set_eyelid_order(head_object, "after")
    take = make_take(6, head, seed=2)
    take.eyelid[3] = 35.0, -1.5
    first_take = make_take(6, head, shape=take.shape)
    bake_take(head_object, head, take)
    assert_plays(head_object, head, take, "after")
    second = bound_actions(head_object)
    bind(head_object, first)
    assert_plays(head_object, head, first_take, "after")
    set_eyelid_order(head_object, "before")
    assert_plays(head_object, head, first_take, "before")
    bind(head_object, second)
    assert_plays(head_object, head, take, "before")
    set_eyelid_order(head_object, "after")  # the keys hold several times their directions now
    assert_plays(head_object, head, take, "after")


def test_a_key_that_is_scaled_for_room_shows_the_same_lid_at_once():
    head = tiny_head()
    take = make_take(4, head)
    head_object = baked_head(head, take)
    set_eyelid_order(head_object, "after")
    assert_plays(head_object, head, take, "after")
    for greatest in (15.0, 70.0):
        make_room(head_object, EYELID_KEYS, 0, np.array([greatest]))
        assert_plays(head_object, head, take, "after")


def test_a_lid_that_is_moved_by_hand_follows_the_slider():
    head = tiny_head()
    head_object = build_head(head)
    set_eyelid_order(head_object, "after")
    head_object.data.shape_keys.key_blocks["eyelid_R"].value = 0.75
    expected = to_blender(head.vertices(eyelid=[[0, 0.75]])[0])
    np.testing.assert_allclose(played_vertices(head_object, np.ones(1))[0], expected, atol=BAR_M)  # metres


def test_the_order_is_kept_in_a_file(tmp_path):
    head = tiny_head()
    take = make_take(5, head)
    head_object = baked_head(head, take)
    set_eyelid_order(head_object, "after")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "head.blend"), use_scripts=False)
    head_object = bpy.data.objects["Head"]
    assert eyelid_order(head_object) == "after"
    assert_plays(head_object, head, take, "after")
    later = make_take(5, head, seed=3)
    later.eyelid[2, 0] = 22.0
    bake_take(head_object, head, later)
    assert_plays(head_object, head, later, "after")
    set_eyelid_order(head_object, "before")
    assert_plays(head_object, head, later, "before")


def test_drivers_need_neither_python_nor_trust():
    head_object = build_head(tiny_head())
    set_eyelid_order(head_object, "after")
    drivers = [fcurve.driver for fcurve in head_object.animation_data.drivers]
    assert [driver.is_simple_expression and driver.is_valid for driver in drivers] == [True, True]


def test_the_lids_come_straight_after_the_armature_among_a_users_modifiers():
    head = tiny_head()
    take = make_take(4, head)
    head_object = baked_head(head, take)
    head_object.modifiers.new("Mine", 'NODES')
    head_object.modifiers.new("Later", 'SUBSURF').show_viewport = False
    head_object.modifiers.new("First", 'SUBSURF').show_viewport = False
    head_object.modifiers.move(3, 0)
    set_eyelid_order(head_object, "after")
    assert head_object.modifiers.keys() == ["First", "Armature", "Eyelids After Posing", "Mine", "Later"]
    assert_plays(head_object, head, take, "after")
    set_eyelid_order(head_object, "before")
    assert head_object.modifiers.keys() == ["First", "Armature", "Mine", "Later"]


def test_two_heads_share_the_nodes_and_keep_their_own_order():
    heads = [tiny_head(0), tiny_head(1)]
    takes = [make_take(4, head, seed=seed) for seed, head in enumerate(heads)]
    head_objects = [baked_head(head, take) for head, take in zip(heads, takes)]
    for head_object in head_objects:
        set_eyelid_order(head_object, "after")
    assert len(bpy.data.node_groups) == 1
    set_eyelid_order(head_objects[0], "before")
    assert [eyelid_order(head_object) for head_object in head_objects] == ["before", "after"]
    for head_object, head, take in zip(head_objects, heads, takes):
        assert_plays(head_object, head, take, eyelid_order(head_object))


@pytest.mark.parametrize("order", ["before", "after"])
def test_what_was_deleted_by_hand_is_put_right_by_choosing_again(order):
    head = tiny_head()
    take = make_take(4, head)
    head_object = baked_head(head, take)
    clean = state(head_object)
    set_eyelid_order(head_object, "after")
    head_object.modifiers.remove(head_object.modifiers["Eyelids After Posing"])
    assert eyelid_order(head_object) == "before"
    set_eyelid_order(head_object, order)
    assert_plays(head_object, head, take, order)
    set_eyelid_order(head_object, "before")
    assert {**state(head_object), "node groups": []} == clean


def test_what_cannot_be_is_said_and_changes_nothing():
    head_object = build_head(tiny_head(), name="Anna")
    with pytest.raises(ValueError, match="not 'never'"):
        set_eyelid_order(head_object, "never")
    with pytest.raises(HeadError, match="not a SMIRK head"):
        set_eyelid_order(head_object.parent, "after")
    with pytest.raises(HeadError, match="has no eyelid shapes. Put SMIRK's"):
        set_eyelid_order(build_head(tiny_head(eyelid_directions=None)), "after")
    make_active(head_object, 'EDIT')
    with pytest.raises(HeadError, match="Anna is in Edit Mode"):
        set_eyelid_order(head_object, "after")
    make_active(head_object, 'OBJECT')
    head_object.modifiers.remove(head_object.modifiers["Armature"])
    before = state(head_object)
    with pytest.raises(HeadError, match="Anna has no armature"):
        set_eyelid_order(head_object, "after")
    assert state(head_object) == before
    head_object.shape_key_remove(head_object.data.shape_keys.key_blocks["eyelid_L"])
    with pytest.raises(HeadError, match="lost its shape key eyelid_L"):
        set_eyelid_order(head_object, "before")

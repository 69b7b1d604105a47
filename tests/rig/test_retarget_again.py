"""Takes retargeted again, to other characters, and taken away."""

import bpy
import numpy as np
import pytest

from smirk_blender.retarget.character import Retargeted
from smirk_blender.rig import compat
from smirk_blender.rig.retarget_actions import bake_retargeted, remove_retargeted, retargeted_action, retargeted_actions
from tests.rig.characters import KEY_NAMES, add_character, add_rig
from tests.rig.retargeting import (
    FRAMES,
    MODES,
    SCENE_FRAMES,
    jaw_curves,
    key_by_hand,
    retargeted,
    shown_bone,
    shown_weights,
)
from tests.rig.scenes import actions_content


@pytest.mark.parametrize("first", MODES)
@pytest.mark.parametrize("second", MODES)
def test_retargeting_again_takes_the_place_of_its_own_earlier_action(first, second):
    face = add_character()
    rig = add_rig(face)
    own = key_by_hand(face)
    bake = lambda take, mode: bake_retargeted(face, take, SCENE_FRAMES, action_name="line", take_id="sha", mode=mode)
    other = bake_retargeted(face, retargeted(5), SCENE_FRAMES, action_name="other", mode="strip")
    kept = actions_content(other)
    earlier = bake(retargeted(1, bones=[jaw_curves()]), first)
    again = retargeted(2, key_names=KEY_NAMES[:2])
    num_actions = len(bpy.data.actions)
    assert bake(again, second) == earlier == retargeted_action(face, "sha")
    assert len(bpy.data.actions) == num_actions
    content = actions_content(earlier)
    assert {path for path, _ in content} == {f'key_blocks["{name}"].value' for name in KEY_NAMES[:2]}
    assert actions_content(other).keys() == kept.keys()
    np.testing.assert_array_equal(actions_content(own)['key_blocks["jawOpen"].value', 0][:, 0], [1, 8, 20])
    below = retargeted(5).weights[:, :2] if second == "additive" else 0
    np.testing.assert_allclose(shown_weights(face)[:, :2], np.clip(again.weights + below, 0, 1), atol=1e-6)
    np.testing.assert_allclose(shown_bone(rig), np.tile(np.eye(4), (FRAMES, 1, 1)), atol=1e-6)  # not moved any more
    remove_retargeted(face, earlier)
    remove_retargeted(face, other)
    assert face.data.shape_keys.animation_data.action == own
    assert len(face.data.shape_keys.animation_data.nla_tracks) == 0


def test_what_was_keyed_besides_in_its_action_stays():
    face = add_character()
    rig = add_rig(face)
    take = retargeted(bones=[jaw_curves()])
    bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    rig.pose.bones["head"].keyframe_insert("location", frame=3)
    bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    assert ('pose.bones["head"].location', 0) in actions_content(rig.animation_data.action)


def test_a_strip_that_was_moved_stays_there_and_reaches_over_a_longer_take():
    face = add_character()
    bake_retargeted(face, retargeted(), SCENE_FRAMES, action_name="line", mode="strip")
    (track,) = face.data.shape_keys.animation_data.nla_tracks
    strip = track.strips[0]
    strip.frame_start, strip.frame_end = 105, 105 + FRAMES - 1
    strip.frame_start, strip.frame_end = 105, 105 + FRAMES - 1
    longer = retargeted(1)
    weights = np.concatenate([longer.weights, longer.weights])
    take = Retargeted(longer.key_names, weights, (), np.zeros(2 * FRAMES, np.float32))
    bake_retargeted(face, take, 5.0 + np.arange(2 * FRAMES), action_name="line", mode="strip")
    (track,) = face.data.shape_keys.animation_data.nla_tracks
    shown = shown_weights(face, 105.0 + np.arange(2 * FRAMES))
    np.testing.assert_allclose(shown, weights, atol=1e-6)


def test_takes_removed_in_any_order_leave_the_user_s_action():
    face = add_character()
    own = key_by_hand(face)
    first = bake_retargeted(face, retargeted(1), SCENE_FRAMES, action_name="one")
    second = bake_retargeted(face, retargeted(2), SCENE_FRAMES, action_name="two")
    assert set(retargeted_actions(face)) == {first, second}
    remove_retargeted(face, first)
    assert face.data.shape_keys.animation_data.action == second
    remove_retargeted(face, second)
    assert face.data.shape_keys.animation_data.action == own


def test_a_copy_of_a_character_gets_an_action_of_its_own():
    face, other = add_character(), add_character("Other")
    action = bake_retargeted(face, retargeted(1), SCENE_FRAMES, action_name="line")
    theirs = bake_retargeted(other, retargeted(2), SCENE_FRAMES, action_name="line")
    assert theirs != action
    np.testing.assert_allclose(shown_weights(face), retargeted(1).weights, atol=1e-6)
    np.testing.assert_allclose(shown_weights(other), retargeted(2).weights, atol=1e-6)


def test_a_renamed_character_and_a_copy_of_it_keep_to_their_own_actions():
    face = add_character()
    bake = lambda thing, seed: bake_retargeted(thing, retargeted(seed), SCENE_FRAMES, action_name="line")
    action = bake(face, 1)
    copy = face.copy()  # as Shift D does, with its mesh and its action
    copy.data = face.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    compat.use_action(copy.data.shape_keys, action.copy())
    theirs = copy.data.shape_keys.animation_data.action
    assert bake(copy, 2) == theirs and bake(face, 3) == action
    np.testing.assert_allclose(shown_weights(face), retargeted(3).weights, atol=1e-6)
    np.testing.assert_allclose(shown_weights(copy), retargeted(2).weights, atol=1e-6)
    face.name = "Renamed"
    assert bake(face, 4) == action


def test_what_was_posed_since_stays_when_a_take_is_removed():
    face = add_character()
    rig = add_rig(face)
    action = bake_retargeted(face, retargeted(bones=[jaw_curves(place=False)]), SCENE_FRAMES, action_name="line")
    rig.pose.bones["jaw"].scale = (2, 2, 2)
    remove_retargeted(face, action)
    assert tuple(rig.pose.bones["jaw"].scale) == (2, 2, 2)

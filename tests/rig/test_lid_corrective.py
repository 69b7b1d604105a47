"""Keys that keep shut lids off the eyeballs."""

import numpy as np
import pytest

from smirk_blender.flame import builtin_head, load_head
from smirk_blender.flame.eyelids import corrective_offsets, lid_corrective, lid_penetration
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.eyelid_order import set_eyelid_order
from smirk_blender.rig.identity import worn_head
from smirk_blender.rig.lid_corrective import LID_KEY_NAMES, keep_lids_off_eyeballs, let_lids_cut
from tests.builders import make_take
from tests.rig.scenes import bind, bound_actions, flame_vertices, played_vertices

BAR_M = 1e-5  # metres, of every vertex at every frame
CUT_M = 5e-5  # metres; lids that cut less deep do not show
SCENE_FRAMES = 1 + np.arange(11)


@pytest.fixture(scope="module")
def head(shared_folder):
    return load_head(shared_folder / "flame" / "generic_model.pkl", shared_folder / "flame")


def shutting_take(head, shape):
    """A face at rest whose lids go from open to shut."""
    still = {name: np.zeros((11, columns)) for name, columns in (("head_pose", 3), ("neck_pose", 3), ("jaw_pose", 3))}
    lids = np.repeat(np.linspace(0, 1, 11)[:, None], 2, axis=1)
    nothing = dict(expression=np.zeros((11, 50)), eye_pose=np.zeros((11, 6)))
    return make_take(11, head, eyelid=lids, shape=shape, **nothing, **still)


@pytest.mark.parametrize("shape", [np.zeros(300), 2.0 * (np.arange(300) == 9)])
def test_shut_lids_do_not_cut_the_eyeballs(head, shape, figure):
    head_object = build_head(head, clear_lids=True)
    take = shutting_take(head, shape)
    bake_take(head_object, head, take)
    corrective = lid_corrective(head, shape)
    figure("without", 1000 * lid_penetration(head, take.eyelid, shape=shape).max(), "mm deep")
    after_m = lid_penetration(head, take.eyelid, shape=shape, corrective=corrective).max()
    figure("with", 1000 * after_m, "mm deep")
    assert after_m < CUT_M
    expected = flame_vertices(head, take) + to_blender(corrective_offsets(corrective, take.eyelid))
    assert np.abs(played_vertices(head_object, SCENE_FRAMES) - expected).max() < BAR_M


def test_the_keys_are_an_addition_that_can_be_taken_away(head):
    head_object = build_head(head)
    assert not set(LID_KEY_NAMES) & set(head_object.data.shape_keys.key_blocks.keys())
    take = shutting_take(head, np.zeros(300))
    bake_take(head_object, head, take)
    assert keep_lids_off_eyeballs(head_object, head, worn_head(head_object, head).template)
    corrective = lid_corrective(head)
    expected = flame_vertices(head, take)
    corrected = expected + to_blender(corrective_offsets(corrective, take.eyelid))
    assert np.abs(corrected - expected).max() > 1e-3  # metres
    assert np.abs(played_vertices(head_object, SCENE_FRAMES) - corrected).max() < BAR_M  # the earlier action, too
    let_lids_cut(head_object)
    assert np.abs(played_vertices(head_object, SCENE_FRAMES) - expected).max() < BAR_M


def test_an_action_from_before_a_wide_lid_key_is_corrected_too(head):
    head_object = build_head(head)
    take = shutting_take(head, np.zeros(300))
    bake_take(head_object, head, take)
    first = bound_actions(head_object)
    wild = shutting_take(head, np.zeros(300))
    wild.eyelid[5] = 12.0  # beyond Blender's greatest slider
    bake_take(head_object, head, wild)
    keep_lids_off_eyeballs(head_object, head, worn_head(head_object, head).template)
    bind(head_object, first)
    corrected = flame_vertices(head, take) + to_blender(corrective_offsets(lid_corrective(head), take.eyelid))
    assert np.abs(played_vertices(head_object, SCENE_FRAMES) - corrected).max() < BAR_M


def test_lids_after_posing_are_the_authors_without_an_addition(head):
    head_object = build_head(head, clear_lids=True)
    take = make_take(11, head, shape=np.zeros(300))
    take.expression[:, 50:] = 0
    bake_take(head_object, head, take)
    set_eyelid_order(head_object, "after")
    expected = to_blender(head.vertices(**take.head_parameters(), eyelid_order="after"))
    assert np.abs(played_vertices(head_object, SCENE_FRAMES) - expected).max() < BAR_M
    set_eyelid_order(head_object, "before")
    assert np.abs(played_vertices(head_object, SCENE_FRAMES) - flame_vertices(head, take)).max() > 1e-4


def test_the_built_in_head_needs_none():
    head_object = build_head(builtin_head(), clear_lids=True)
    assert not set(LID_KEY_NAMES) & set(head_object.data.shape_keys.key_blocks.keys())

"""Retargeted takes on characters of other files."""

import bpy
import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.retarget.character import Retargeted
from smirk_blender.rig.overrides import reconnect_keys
from smirk_blender.rig.retarget_actions import bake_retargeted, notes_of, remove_retargeted, retargeted_action
from smirk_blender.ui import reconnect
from tests.rig.characters import KEY_NAMES
from tests.rig.libraries import link_character, overridden, override_character, reopen, save_library
from tests.rig.retargeting import MODES, SCENE_FRAMES, expected_bone, jaw_curves, retargeted, shown_bone, shown_weights


@pytest.mark.parametrize("fully", [False, True], ids=["system", "editable"])
@pytest.mark.parametrize("mode", MODES)
def test_an_overridden_character_plays_the_take_also_after_reopening(mode, fully, tmp_path):
    face = override_character(save_library(tmp_path / "library.blend"), fully=fully)
    take, curves = retargeted(), jaw_curves()
    take = Retargeted(take.key_names, take.weights, (curves,), take.missed)
    action = bake_retargeted(face, take, SCENE_FRAMES, action_name="line", mode=mode)
    assert any("got a library override" in note for note in notes_of(action))
    for _ in range(2):
        np.testing.assert_allclose(shown_weights(overridden('MESH')), take.weights, atol=1e-6)
        np.testing.assert_allclose(shown_bone(overridden('ARMATURE')), expected_bone(curves), atol=1e-5)
        reopen(tmp_path / "scene.blend")
    face = overridden('MESH')
    remove_retargeted(face, retargeted_action(face, "line"))
    reopen(tmp_path / "scene.blend")
    np.testing.assert_allclose(shown_weights(overridden('MESH')), 0, atol=1e-7)


def test_an_overridden_character_plays_the_take_after_its_file_was_changed(tmp_path):
    save_library(tmp_path / "library.blend")
    face, take = override_character(tmp_path / "library.blend"), retargeted()
    bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "library.blend"))
    hat = bpy.data.objects.new("Hat", None)
    bpy.data.collections["Character"].objects.link(hat)
    hat.parent = bpy.data.objects["Face"]
    bpy.data.objects["Face"].shape_key_add(name="new", from_mix=False)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert overridden('MESH').data.library is not None  # for the hat Blender makes the overrides anew, but the mesh's
    reconnect.register()
    try:
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    finally:
        reconnect.unregister()
    assert "new" in overridden('MESH').data.shape_keys.key_blocks
    np.testing.assert_allclose(shown_weights(overridden('MESH'))[:, : len(KEY_NAMES)], take.weights, atol=1e-6)
    reopen(tmp_path / "scene.blend")
    assert reconnect_keys() == []
    np.testing.assert_allclose(shown_weights(overridden('MESH'))[:, : len(KEY_NAMES)], take.weights, atol=1e-6)


def test_a_linked_character_is_refused_and_says_how(tmp_path):
    face = link_character(save_library(tmp_path / "library.blend"))
    with pytest.raises(RetargetError, match="Face is linked from .*library.blend.*Library Override > Make"):
        bake_retargeted(face, retargeted(), SCENE_FRAMES, action_name="line")
    assert len(bpy.data.actions) == 0

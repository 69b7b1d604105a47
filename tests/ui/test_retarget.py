"""Retargeting from the panel and from scripts: what the character gets, what is kept with it, and what is said."""

import json
import os
import sys
from fractions import Fraction
from importlib.util import find_spec

import bpy
import numpy as np
import pytest

from smirk_blender.errors import SmirkError
from smirk_blender.flame import builtin_head
from smirk_blender.retarget.onto import retargeted
from smirk_blender.retarget.profile import KeySettings, RetargetProfile, Route
from smirk_blender.rig import is_head
from smirk_blender.rig.face_view import face_view
from smirk_blender.rig.recipient import recipient_of
from smirk_blender.rig.retarget_actions import retargeted_action
from smirk_blender.rig.retarget_memory import keep_profile, profile_of
from smirk_blender.take import load_take, save_take
from smirk_blender.ui import tasks
from smirk_blender.ui.preferences import preferences
from smirk_blender.ui.retarget_settings import _arkit_names, _bone_names, _may_be_chosen
from tests.builders import make_take
from tests.rig.characters import add_character, add_rig
from tests.rig.libraries import link_character, save_library
from tests.rig.retargeting import key_by_hand, shown_bone, shown_weights
from tests.ui.fake_layout import drawn_text

WORKER = os.environ.get("SMIRK_WORKER_PYTHON", sys.executable)  # of the main environment, where this is another
NUM_FRAMES = 12
SCENE_FRAMES = 1 + np.arange(NUM_FRAMES)


@pytest.fixture
def take_file(tmp_path):
    head, fps = builtin_head(), Fraction(24)  # a fresh scene's
    still = make_take(NUM_FRAMES, head, fps=fps)
    take = make_take(NUM_FRAMES, head, fps=fps, expression=0.3 * still.expression)
    return str(save_take(take, tmp_path / "line.take.npz"))


def settings():
    return bpy.context.scene.smirk.retarget


def choose(face, by='names'):
    settings().character = face
    if settings().by != by:
        settings().by = by
    return face


def open_take(take_file):
    bpy.ops.smirk.open_take(filepath=take_file)
    bpy.context.scene.smirk.active_take().clean_up.enabled = False


def expected(face, take):
    head, profile = builtin_head(), profile_of(face)
    return retargeted(take, head, recipient_of(face, head, profile), profile)


def shown_by_name(face, names):
    columns = [face.data.shape_keys.key_blocks.find(name) - 1 for name in names]
    return shown_weights(face, SCENE_FRAMES)[:, columns]


def test_a_character_plays_what_the_take_is_on_it(take_file):
    face = choose(add_character())
    open_take(take_file)
    assert bpy.ops.smirk.retarget_take() == {'FINISHED'}
    wanted = expected(face, load_take(take_file))
    before = shown_by_name(face, wanted.key_names)
    assert np.ptp(wanted.weights, axis=0).max() > 0.01
    np.testing.assert_allclose(before, wanted.weights, atol=1e-6)
    assert face.data.shape_keys.animation_data.action == retargeted_action(face, "line")
    settings().keys["mouthSmileLeft"].gain = 0.0
    bpy.ops.smirk.retarget_take()
    now = shown_by_name(face, wanted.key_names)
    smile = wanted.key_names.index("mouthSmileLeft")
    np.testing.assert_allclose(now[:, smile], 0.0, atol=1e-6)
    np.testing.assert_allclose(np.delete(now, smile, axis=1), np.delete(before, smile, axis=1), atol=1e-6)
    assert len(bpy.data.actions) == 1


def test_a_take_is_cleaned_before(take_file):
    pytest.importorskip("scipy", reason="no SciPy beside this Blender, which cleaning needs")
    from smirk_blender.clean.chain import cleaned

    face = choose(add_character())
    open_take(take_file)
    clean_up = bpy.context.scene.smirk.active_take().clean_up
    clean_up.enabled, clean_up.smoothing_enabled, clean_up.smoothing_expression = True, True, 1.0
    bpy.ops.smirk.retarget_take()
    take = load_take(take_file)
    wanted = expected(face, cleaned(take, builtin_head(), clean_up.wanted()))
    assert np.abs(wanted.weights - expected(face, take).weights).max() > 0.01
    np.testing.assert_allclose(shown_by_name(face, wanted.key_names), wanted.weights, atol=1e-6)


def test_a_head_whose_model_is_gone_is_in_nobodys_way(take_file, tmp_path):
    bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    lost = next(thing for thing in bpy.context.scene.objects if is_head(thing))
    lost.data["smirk_model_path"] = str(tmp_path / "gone.pkl")
    face = choose(add_character())
    open_take(take_file)
    assert bpy.ops.smirk.retarget_take() == {'FINISHED'}
    assert retargeted_action(face, "line") is not None


def test_a_scene_that_is_deleted_meanwhile_is_named(take_file):
    from smirk_blender.ui.retarget_task import RetargetTask

    face = choose(add_character())
    open_take(take_file)
    scene, name = bpy.context.scene, bpy.context.scene.name
    steps = RetargetTask(scene, take_file, face).steps()
    next(steps)
    bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(scene)
    with pytest.raises(SmirkError, match=f"scene {name} was deleted meanwhile"):
        list(steps)


def test_a_strip_is_written_where_one_is_asked_for(take_file):
    face = choose(add_character())
    own = key_by_hand(face)
    open_take(take_file)
    settings().write_as = 'strip'
    bpy.ops.smirk.retarget_take()
    assert face.data.shape_keys.animation_data.action != retargeted_action(face, "line")
    wanted = expected(face, load_take(take_file))
    np.testing.assert_allclose(shown_by_name(face, wanted.key_names), wanted.weights, atol=1e-6)
    assert own.name in bpy.data.actions


def test_two_characters_keep_settings_of_their_own(tmp_path):
    first, second = choose(add_character("First")), add_character("Second")
    settings().smoothness, settings().gain_mouth = 0.25, 1.5
    settings().keys["jawOpen"].high = 0.75
    choose(second, 'auto')
    assert (settings().smoothness, settings().gain_mouth, settings().keys["jawOpen"].high) == (0.5, 1.0, 1.0)
    settings().jaw_to = 'off'
    keys = profile_of(first).keys | {"jawOpen": KeySettings(high=0.75)}
    wanted = RetargetProfile(by="names", smoothness=0.25, regions={"mouth": 1.5}, keys=keys)
    assert profile_of(first) == wanted and profile_of(second).jaw == Route("off")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert settings().character.name == "Second" and settings().jaw_to == 'off'
    assert profile_of(bpy.data.objects["First"]) == wanted
    settings().character = bpy.data.objects["First"]
    assert (settings().by, settings().jaw_to) == ('names', 'auto')
    shown = (settings().smoothness, settings().gain_mouth, settings().keys["jawOpen"].high)
    np.testing.assert_allclose(shown, (0.25, 1.5, 0.75), atol=1e-6)


def test_without_landmarks_geometry_says_what_to_press(take_file):
    choose(add_character(), 'geometry')
    open_take(take_file)
    text = drawn_text()
    assert "No landmarks on Face yet" in text and "smirk.find_landmarks" in text
    with pytest.raises(RuntimeError, match="Face has no landmarks.*Press Find Landmarks, or pick points"):
        bpy.ops.smirk.retarget_take()
    assert len(bpy.data.actions) == 0


def test_removing_gives_back_what_the_character_played(take_file):
    face = choose(add_character())
    own = key_by_hand(face)
    before = shown_weights(face, SCENE_FRAMES)
    open_take(take_file)
    bpy.ops.smirk.retarget_take()
    assert np.abs(shown_weights(face, SCENE_FRAMES) - before).max() > 0.01
    assert bpy.ops.smirk.remove_retargeted() == {'FINISHED'}
    assert face.data.shape_keys.animation_data.action == own and list(bpy.data.actions) == [own]
    np.testing.assert_allclose(shown_weights(face, SCENE_FRAMES), before, atol=1e-6)
    with pytest.raises(RuntimeError, match="was not retargeted onto Face"):
        bpy.ops.smirk.remove_retargeted()


def test_a_profile_goes_through_a_file_to_another_character(tmp_path):
    path = str(tmp_path / "face.retarget.json")
    choose(add_character("First"))
    settings().gain_brows, settings().keys["jawOpen"].stands_for = 2.0, "mouthClose"
    assert bpy.ops.smirk.save_retarget_profile(filepath=path) == {'FINISHED'}
    choose(add_character("Second"), 'auto')
    assert bpy.ops.smirk.load_retarget_profile(filepath=path) == {'FINISHED'}
    assert (settings().by, settings().gain_brows, settings().keys["jawOpen"].stands_for) == ('names', 2.0, "mouthClose")
    assert profile_of(bpy.data.objects["Second"]) == profile_of(bpy.data.objects["First"])
    (tmp_path / "face.retarget.json").write_text("{")
    with pytest.raises(RuntimeError, match="face.retarget.json"):
        bpy.ops.smirk.load_retarget_profile(filepath=path)
    assert settings().gain_brows == 2.0


def test_bones_are_chosen_by_their_names_alone(take_file):
    face = add_character(key_names=("jawOpen", "mouthSmileLeft"))
    rig = add_rig(face)
    choose(face)
    assert _bone_names(settings(), bpy.context, "e") == ["head", "eye.L"]
    settings().jaw_to, settings().jaw_bone = 'bone', "jaw"
    assert profile_of(face).jaw == Route("bone", "Rig", "jaw")
    settings().head_to, settings().head_bone = 'bone', "Somewhere/skull"
    assert profile_of(face).head == Route("bone", "Somewhere", "skull")
    settings().show(profile_of(face))
    assert (settings().jaw_bone, settings().head_bone) == ("jaw", "Somewhere/skull")
    settings().head_to = 'off'
    open_take(take_file)
    bpy.ops.smirk.retarget_take()
    turns = np.trace(shown_bone(rig)[:, :3, :3], axis1=1, axis2=2)
    assert np.ptp(np.arccos(np.clip((turns - 1) / 2, -1, 1))) > 0.01  # radians


def test_the_panel_says_whether_what_is_played_is_up_to_date(take_file):
    face = add_character(key_names=("jawOpen", "mouthSmileLeft", "browInnerUp"))
    assert "Choose the mesh of your character's face" in drawn_text()
    choose(face)
    open_take(take_file)
    assert "line is not on Face yet" in drawn_text()
    bpy.ops.smirk.retarget_take()
    text = drawn_text()
    assert "Plays line on Face" in text and "Settings were changed" not in text
    settings().gain_jaw = 0.5
    assert "Settings were changed since: press Retarget" in drawn_text()
    bpy.ops.smirk.retarget_take()
    assert "Settings were changed" not in drawn_text()
    key_by_hand(face)
    face.data.shape_keys.animation_data.action = other = bpy.data.actions.new("Other")
    assert f"Face plays {other.name}, not line on Face" in " ".join(drawn_text().split())


def test_notes_are_shown_once_and_of_the_take_that_is_active(take_file):
    face = choose(add_character())  # tongueOut moves nothing
    open_take(take_file)
    bpy.ops.smirk.retarget_take()
    bpy.ops.smirk.retarget_take()
    assert drawn_text().count("tongueOut of Face moves no") == 2  # once in the viewport, once in the Sequencer
    bpy.ops.smirk.remove_retargeted()
    assert "moves no" not in drawn_text() and face.name in drawn_text()


def test_what_became_of_the_character_is_said(take_file):
    face = choose(add_character())
    open_take(take_file)
    face.data.shape_keys.key_blocks["jawOpen"].name = "mandible"
    assert "Its shape keys are not as they were" in " ".join(drawn_text().split())
    assert bpy.ops.smirk.refresh_character() == {'FINISHED'}
    assert "mandible" in settings().keys and "not as they were" not in drawn_text()
    settings().keys["mandible"].stands_for = "jawOpen"
    bpy.ops.smirk.retarget_take()
    column = face.data.shape_keys.key_blocks.find("mandible") - 1
    assert np.ptp(shown_weights(face, SCENE_FRAMES)[:, column]) > 0.01
    bpy.data.objects.remove(face)
    assert not bpy.ops.smirk.retarget_take.poll()
    assert drawn_text()


def test_a_character_of_another_scene_is_not_meant():
    face = choose(add_character())
    bpy.context.scene.collection.objects.unlink(face)
    assert "Face is not in this scene" in drawn_text()
    assert not bpy.ops.smirk.retarget_take.poll()


def test_heads_and_what_is_no_mesh_cannot_be_chosen(head_object):
    assert not _may_be_chosen(settings(), head_object)
    assert not _may_be_chosen(settings(), head_object.parent)
    assert _may_be_chosen(settings(), add_character())


def test_settings_of_a_linked_character_say_how_to_keep_them(tmp_path):
    face = link_character(save_library(tmp_path / "library.blend"))
    bpy.context.scene.collection.objects.link(face)
    settings().character = face
    settings().gain_mouth = 1.5
    assert "Library Override > Make" in settings().trouble
    assert "Library Override" in " ".join(drawn_text().split())
    settings().character = add_character("Own")
    assert settings().trouble == ""


def test_a_damaged_profile_is_named_and_the_panel_lives():
    face = add_character()
    keep_profile(face, RetargetProfile(by="geometry"))
    face.smirk_retarget_profile = json.dumps({"by": 3})
    settings().character = face
    assert "The retarget profile of Face" in settings().trouble and settings().by == 'auto'
    assert drawn_text()


def test_a_search_offers_arkits_names():
    choose(add_character())
    item = settings().keys["jawOpen"]
    assert _arkit_names(item, bpy.context, "blink") == ["eyeBlinkLeft", "eyeBlinkRight"]
    assert len(_arkit_names(item, bpy.context, "")) == 52


def test_retargeting_is_one_step_of_undo(take_file):
    choose(add_character())
    open_take(take_file)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.smirk.retarget_take()
    bpy.ops.ed.undo_push(message="retargeted")
    bpy.ops.ed.undo()
    face = bpy.data.objects["Face"]
    assert len(bpy.data.actions) == 0 and retargeted_action(face, "line") is None
    assert settings().by == 'names' and profile_of(face).by == "names"
    bpy.ops.smirk.retarget_take()
    assert np.ptp(shown_weights(bpy.data.objects["Face"], SCENE_FRAMES)) > 0.01


def test_settings_start_nothing_where_no_window_shows_it(take_file):
    face = choose(add_character())
    open_take(take_file)
    bpy.ops.smirk.retarget_take()
    before = shown_weights(face, SCENE_FRAMES)
    settings().gain_mouth = 0.0
    assert tasks.tasks() == ()
    np.testing.assert_array_equal(shown_weights(face, SCENE_FRAMES), before)


def test_the_worker_finds_the_landmarks_that_a_retarget_by_geometry_needs(take_file, shared_folder):
    if WORKER == sys.executable and find_spec("mediapipe") is None:
        pytest.skip("no Python with MediaPipe; name one in SMIRK_WORKER_PYTHON")
    bpy.ops.import_scene.gltf(filepath=str(shared_folder / "rigs" / "facecap.glb"))
    meshes = [thing for thing in bpy.data.objects if thing.type == 'MESH']
    face = choose(next(thing for thing in meshes if thing.data.shape_keys is not None), 'geometry')
    preferences().worker_python = WORKER
    assert bpy.ops.smirk.find_landmarks() == {'FINISHED'}
    assert len(profile_of(face).landmarks) > 400
    assert "landmarks, found" in drawn_text() and "No landmarks" not in drawn_text()
    across, up, forward = np.array(face_view(face)[1].to_matrix()).T
    level_deg = np.degrees(np.arccos([across[0], up[2], -forward[1]]))  # the file's face looks along -Y
    assert level_deg.max() < 5.0, level_deg
    open_take(take_file)
    assert bpy.ops.smirk.retarget_take() == {'FINISHED'}
    assert np.ptp(shown_weights(face, SCENE_FRAMES), axis=0).max() > 0.05


def test_side_by_side_needs_a_window():
    choose(add_character())
    with pytest.raises(RuntimeError, match="Side by Side needs a window"):
        bpy.ops.smirk.show_side_by_side()

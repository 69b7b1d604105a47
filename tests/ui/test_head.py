"""The head's operators, as buttons call them."""

import bpy
import numpy as np
import pytest

import smirk_blender
from smirk_blender.flame import save_head
from smirk_blender.rig import is_head
from smirk_blender.rig.axes import to_blender
from smirk_blender.take import save_take
from tests.builders import make_take, tiny_head
from tests.rig.foreign import foreign_head
from tests.rig.scenes import flame_vertices, played_vertices
from tests.ui.content import scene_content

UNDO = True  # the operator is to leave an undo step, as from a button


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "tiny.npz"
    save_head(tiny_head(), path)
    return str(path)


@pytest.fixture
def take_file(tmp_path):
    path = tmp_path / "made_up.take.npz"
    save_take(make_take(6, tiny_head()), path)
    return str(path)


def assert_undone(act):
    """Undoing the step restores the scene exactly, and the step had changed something."""
    bpy.ops.ed.undo_push(message="before")
    before = scene_content()
    assert act() == {'FINISHED'}
    assert scene_content() != before
    bpy.ops.ed.undo()
    assert scene_content() == before


@pytest.mark.parametrize("options", [{}, {"pose_keys": 'driven'}, {"armature": False}, {"lids": 'after'}])
def test_undo_after_an_import_restores_the_scene(model_file, options):
    assert_undone(lambda: bpy.ops.smirk.import_flame('EXEC_DEFAULT', UNDO, filepath=model_file, **options))


def test_undo_after_adding_the_built_in_head_restores_the_scene():
    assert_undone(lambda: bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT', UNDO))


def test_undo_after_a_bake_restores_the_scene(model_file, take_file):
    bpy.ops.smirk.import_flame(filepath=model_file, num_shape=3, num_expression=4)
    assert_undone(lambda: bpy.ops.smirk.bake_take('EXEC_DEFAULT', UNDO, filepath=take_file))


def test_undo_after_a_second_bake_brings_the_first_back(model_file, take_file):
    bpy.ops.smirk.import_flame(filepath=model_file)
    bpy.ops.smirk.bake_take(filepath=take_file)
    assert_undone(lambda: bpy.ops.smirk.bake_take('EXEC_DEFAULT', UNDO, filepath=take_file, identity='basis'))


def test_undo_after_a_matched_bake_restores_the_scene(model_file, take_file):
    bpy.ops.smirk.import_flame(filepath=model_file)
    assert_undone(lambda: bpy.ops.smirk.bake_take('EXEC_DEFAULT', UNDO, filepath=take_file, shot='PERSP'))


def test_undo_after_adopting_restores_the_mesh(model_file):
    thing = foreign_head(tiny_head(), factor_of=lambda number: -0.5)
    bpy.context.view_layer.objects.active = thing
    assert_undone(lambda: bpy.ops.smirk.adopt_head('EXEC_DEFAULT', UNDO, filepath=model_file))


def test_a_take_is_baked_by_its_buttons(model_file, take_file):
    head = tiny_head()
    bpy.ops.smirk.import_flame(filepath=model_file)
    head_object = bpy.context.object
    assert is_head(head_object)
    bpy.ops.smirk.bake_take(filepath=take_file)
    error_m = np.abs(played_vertices(head_object, 1 + np.arange(6)) - flame_vertices(head, make_take(6, head))).max()
    assert error_m < 1e-5  # metres


def test_update_joints_and_apply_identity_by_their_buttons(model_file):
    head = tiny_head()
    bpy.ops.smirk.import_flame(filepath=model_file)
    head_object = bpy.context.object
    head_object.data.shape_keys.key_blocks[head.shape_names[0]].value = 2.0
    before = np.array(head_object.parent.data.bones["jaw"].head_local)
    bpy.ops.smirk.update_joints()
    assert np.abs(np.array(head_object.parent.data.bones["jaw"].head_local) - before).max() > 1e-5
    bpy.ops.smirk.apply_identity()
    assert head_object.data.shape_keys.key_blocks[head.shape_names[0]].value == 0


def test_errors_are_reported_and_change_nothing(tmp_path, model_file, take_file):
    before = scene_content()
    with pytest.raises(RuntimeError, match="No head model at|cannot be read"):
        bpy.ops.smirk.import_flame(filepath=str(tmp_path / "absent.pkl"))
    assert scene_content() == before
    with pytest.raises(RuntimeError, match="Select a SMIRK head"):
        bpy.ops.smirk.bake_take(filepath=take_file)
    bpy.ops.smirk.import_flame(filepath=model_file)
    save_head(tiny_head(1), model_file)
    with pytest.raises(RuntimeError, match="Head was made from the model tiny 0, not tiny 1"):
        bpy.ops.smirk.bake_take(filepath=take_file)


@pytest.mark.parametrize("lids", ['clear', 'exact', 'after'])
def test_eyelids_are_chosen_afterwards(model_file, take_file, lids):
    head = tiny_head()
    bpy.ops.smirk.import_flame(filepath=model_file)
    head_object = bpy.context.object
    bpy.ops.smirk.bake_take(filepath=take_file)
    bpy.ops.smirk.set_lids(lids='after')
    bpy.ops.smirk.set_lids(lids=lids)
    order = 'after' if lids == 'after' else 'before'
    expected = to_blender(head.vertices(**make_take(6, head).head_parameters(), eyelid_order=order))
    assert np.abs(played_vertices(head_object, 1 + np.arange(6)) - expected).max() < 1e-5  # metres


def test_what_does_not_go_together_is_refused_before_anything_is_made(model_file, take_file):
    for options in ({"pose_keys": 'driven'}, {"lids": 'after'}):
        with pytest.raises(RuntimeError, match="need an armature"):
            bpy.ops.smirk.import_flame(filepath=model_file, armature=False, **options)
    assert not bpy.data.objects
    bpy.ops.smirk.import_flame(filepath=model_file)
    with pytest.raises(RuntimeError, match="Set Head Motion to As Solved"):
        bpy.ops.smirk.bake_take(filepath=take_file, shot='ORTHO', head_motion='off')
    assert not bpy.data.actions
    thing = foreign_head(tiny_head(eyelid_directions=None))
    save_head(tiny_head(eyelid_directions=None), model_file)
    bpy.context.view_layer.objects.active = thing
    with pytest.raises(RuntimeError, match="has no eyelid keys"):
        bpy.ops.smirk.adopt_head(filepath=model_file, lids='after')
    assert not is_head(thing)


def test_registering_twice_over_leaves_nothing_behind():
    smirk_blender.unregister()
    assert not hasattr(bpy.types, "SMIRK_PT_head") and "bake_take" not in dir(bpy.ops.smirk)
    smirk_blender.register()
    assert "bake_take" in dir(bpy.ops.smirk)

"""Adding a head while the window lives on: in steps, and all or nothing."""

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.flame import save_head
from smirk_blender.rig import clearance, is_head
from smirk_blender.rig.drivers import pose_keys_are_driven
from smirk_blender.rig.eyelid_order import eyelid_order
from smirk_blender.rig.memory import LID_KEYS, has_armature, names
from smirk_blender.rig.models import MODEL_PATH
from smirk_blender.ui import tasks
from smirk_blender.ui.add_head import AddHeadTask, HeadRequest
from tests.builders import tiny_head
from tests.ui.content import scene_content

NUM_STEPS = 40  # of a build of which something is done to the scene


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "tiny.npz"
    save_head(tiny_head(), path)
    return str(path)


@pytest.fixture(autouse=True)
def no_tasks():
    yield
    tasks.abandon_all("the test is over")


def begin(model_file, num_steps=0, scene=None, **options):
    """Return a task that adds a head, advanced to the middle of the build."""
    task = AddHeadTask(scene or bpy.context.scene, HeadRequest(model_file, num_shape=6, num_expression=6, **options))
    work, before = task.steps(), len(bpy.data.meshes)
    while num_steps:
        next(work)
        num_steps -= len(bpy.data.meshes) != before  # not while it is prepared
    return task, work


def finish(task, work):
    for _ in work:
        pass
    return task.outcome


def heads():
    return [thing for thing in bpy.data.objects if is_head(thing)]


def box_of(thing):
    bpy.context.view_layer.update()
    return clearance.world_box(thing)


def test_an_added_head_is_active_and_selected_and_remembers_its_model(model_file):
    bpy.ops.mesh.primitive_cube_add(location=(5, 0, 0))
    task = tasks.start(AddHeadTask(bpy.context.scene, HeadRequest(model_file)))
    assert tasks.run_to_end(task) == tasks.Outcome("done", "Added Head", changed=True)
    (head_object,) = heads()
    assert bpy.context.view_layer.objects.active == head_object
    assert [thing for thing in bpy.context.view_layer.objects if thing.select_get()] == [head_object]
    assert head_object.data[MODEL_PATH] == model_file
    assert tuple(head_object.parent.location) == (0, 0, 0)


@pytest.mark.parametrize("num_steps", [1, 10, NUM_STEPS])
def test_a_cancelled_head_leaves_nothing(model_file, num_steps):
    bpy.ops.mesh.primitive_cube_add()
    before = scene_content()
    task, work = begin(model_file, num_steps)
    assert scene_content() != before
    task.cancelled = True
    assert finish(task, work) == tasks.Outcome("cancelled", "No head was added")
    assert scene_content() == before


def test_a_cancel_before_the_build_leaves_nothing(model_file):
    before = scene_content()
    task, work = begin(model_file)
    task.cancelled = True
    assert finish(task, work).state == "cancelled" and scene_content() == before


@pytest.mark.parametrize("armature", [True, False])
def test_a_new_head_stands_clear_of_what_is_there(model_file, armature):
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(1.4, 0, 0))  # where it would have gone
    bpy.ops.mesh.primitive_cube_add(size=8, location=(0, 20, 0))  # beside its way
    bpy.ops.mesh.primitive_cube_add(size=8)
    bpy.context.object.hide_set(True)
    cubes = [thing for thing in bpy.data.objects if not thing.hide_get()]
    for number in range(2):
        bpy.ops.smirk.import_flame(filepath=model_file, armature=armature)
        head_object = bpy.context.object
        low, high = box_of(head_object)
        for other in cubes:
            other_low, other_high = box_of(other)
            assert np.any(high < other_low) or np.any(low > other_high), other.name
        width = high[0] - low[0]
        expected = 1.9 if number == 0 else box_of(cubes[-1])[1][0]
        assert low[0] == pytest.approx(expected + clearance.GAP * width, abs=1e-5)  # metres
        cubes.append(head_object)


def test_a_head_goes_to_its_scene_though_another_is_shown(model_file):
    other = bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.context.window.scene = bpy.data.scenes["Scene"]
    assert finish(*begin(model_file, scene=other)).state == "done"
    (head_object,) = heads()
    assert head_object.name in other.objects and head_object.name not in bpy.data.scenes["Scene"].objects
    assert other.view_layers[0].objects.active == head_object
    bpy.context.window.scene = other
    assert box_of(head_object)[0][0] > box_of(cube)[1][0]  # clear of the cube


def test_a_head_goes_into_the_active_collection(model_file):
    collection = bpy.data.collections.new("Actors")
    bpy.context.scene.collection.children.link(collection)
    layer = bpy.context.view_layer.layer_collection.children["Actors"]
    bpy.context.view_layer.active_layer_collection = layer
    assert finish(*begin(model_file)).state == "done"
    (head_object,) = heads()
    assert head_object.name in collection.objects and head_object.parent.name in collection.objects


@pytest.mark.parametrize("change", ["exclude", "remove"])
def test_a_head_is_seen_though_its_collection_goes_meanwhile(model_file, change):
    collection = bpy.data.collections.new("Actors")
    bpy.context.scene.collection.children.link(collection)
    layer = bpy.context.view_layer.layer_collection.children["Actors"]
    bpy.context.view_layer.active_layer_collection = layer
    task, work = begin(model_file, NUM_STEPS)
    if change == "exclude":
        layer.exclude = True
    else:
        bpy.data.collections.remove(collection)
    assert finish(task, work).state == "done"
    assert bpy.context.view_layer.objects.active == heads()[0] and heads()[0].select_get()


@pytest.mark.parametrize("num_steps", [0, NUM_STEPS])
def test_a_scene_deleted_meanwhile_is_said_and_no_other_gets_the_head(model_file, num_steps):
    other = bpy.data.scenes.new("Other")
    task, work = begin(model_file, num_steps, scene=other)
    bpy.data.scenes.remove(other)
    with pytest.raises(HeadError, match="The scene Other was deleted before the head was added"):
        finish(task, work)
    assert not bpy.data.objects and not bpy.data.meshes and not bpy.data.armatures and not bpy.data.materials


def test_options_make_the_head_that_they_name(model_file):
    for options, driven, order, armature in (
        ({}, False, "before", True),
        ({"pose_keys": 'driven'}, True, "before", True),
        ({"lids": 'after'}, False, "after", True),
        ({"armature": False}, False, "before", False),
    ):
        assert finish(*begin(model_file, **options)).state == "done"
        head_object = bpy.context.object
        assert (has_armature(head_object), eyelid_order(head_object)) == (armature, order)
        assert not armature or pose_keys_are_driven(head_object) == driven


def test_lids_keep_off_eyeballs_unless_they_are_to_be_exact(shared_folder):
    folder = shared_folder / "flame"
    for lids, num_keys in (('clear', 4), ('exact', 0)):
        outcome = finish(*begin(str(folder / "generic_model.pkl"), lids=lids, eyelid_folder=str(folder)))
        assert outcome.state == "done" and len(names(bpy.context.object, LID_KEYS)) == num_keys


def test_what_cannot_be_read_leaves_the_scene_as_it_was(tmp_path, model_file):
    bpy.ops.mesh.primitive_cube_add()
    before = scene_content()
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    for request, text in (
        (HeadRequest(str(tmp_path / "bad.npz")), "bad.npz"),
        (HeadRequest(str(tmp_path / "none.pkl")), "none.pkl"),
        (HeadRequest(model_file, armature=False, lids='after'), "need an armature"),
    ):
        outcome = tasks.run_to_end(tasks.start(AddHeadTask(bpy.context.scene, request)))
        assert outcome.state == "failed" and text in outcome.text and not outcome.changed
    assert scene_content() == before

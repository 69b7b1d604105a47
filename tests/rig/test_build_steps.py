"""A head built in small steps, for a window that must not stand still."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.flame import builtin_head
from smirk_blender.flame.head import JOINT_NAMES
from smirk_blender.rig import build_head, is_head
from smirk_blender.rig import steps as rig_steps
from smirk_blender.rig.head_object import build_steps
from smirk_blender.rig.prepared_head import BATCH, CALL, prepare_head, weight_batches
from smirk_blender.rig.shape_keys import key_points
from smirk_blender.rig.steps import aside, wait_for_threads
from tests.builders import tiny_head


def everything() -> dict[str, list[str]]:
    """Return the names of all datablocks that a head is made of, and of what hangs in the scene."""
    kinds = ("objects", "meshes", "armatures", "materials", "shape_keys", "collections", "scenes")
    names = {kind: sorted(getattr(bpy.data, kind).keys()) for kind in kinds}
    return names | {"in the scene": sorted(bpy.context.scene.objects.keys())}


def steps_of(head):
    return build_steps(prepare_head(head))


def run(steps):
    """Return what is built, and how many pauses there were."""
    num_pauses = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value, num_pauses
        num_pauses += 1


def content(head_object):
    """Return all numbers of a head's mesh and its names."""
    mesh = head_object.data
    groups = [(vertex.index, member.group, member.weight) for vertex in mesh.vertices for member in vertex.groups]
    key_blocks = mesh.shape_keys.key_blocks
    keys = {key.name: (key_points(key).tobytes(), key.slider_min, key.slider_max) for key in key_blocks}
    remembered = {name: mesh[name] for name in mesh.keys() if name != "smirk_head_id"}
    remembered = {name: value.to_list() if hasattr(value, "to_list") else value for name, value in remembered.items()}
    remembered["smirk_key_factors"] = remembered["smirk_key_factors"].to_dict()
    polygons = [(tuple(polygon.vertices), polygon.use_smooth, polygon.material_index) for polygon in mesh.polygons]
    bones = [tuple(np.ravel(bone.matrix_local)) for bone in head_object.parent.data.bones]
    return groups, keys, remembered, polygons, head_object.vertex_groups.keys(), bones


def test_a_head_built_in_steps_is_the_one_built_at_once(empty_scene):
    head = tiny_head()
    at_once = content(build_head(head))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    head_object, num_pauses = run(steps_of(head))
    assert content(head_object) == at_once
    num_keys = len(head_object.data.shape_keys.key_blocks)
    assert num_pauses > num_keys + len(JOINT_NAMES)  # one for each, and some for the mesh


def test_nothing_of_a_head_is_in_the_scene_before_its_last_step(empty_scene):
    steps = steps_of(tiny_head())
    for _ in steps:
        assert not len(bpy.context.scene.objects)
    assert len(bpy.context.scene.objects) == 2


@pytest.mark.parametrize("num_steps", [1, 4, 9, 20, 50])
def test_a_head_given_up_leaves_nothing_behind(empty_scene, num_steps):
    other = build_head(tiny_head(1))
    before = everything()
    steps = steps_of(tiny_head())
    for _ in range(num_steps):
        next(steps)
    assert everything() != before
    steps.close()
    assert everything() == before and is_head(other)


def test_a_head_that_fails_leaves_nothing_behind(empty_scene):
    head, before = tiny_head(), everything()
    colors = np.zeros((3, 3), np.float32)  # of three vertices, where there are more
    with pytest.raises(RuntimeError):
        build_head(replace(head, surface=replace(head.surface, colors=colors)))
    assert everything() == before


def delete_mesh_object(head_object):
    bpy.data.objects.remove(head_object)


def delete_armature(head_object):
    bpy.data.armatures.remove(head_object.parent.data)


def delete_mesh(head_object):
    bpy.data.meshes.remove(head_object.data)


def open_a_new_file(head_object):
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))


@pytest.mark.parametrize("meddle", [delete_mesh_object, delete_armature, delete_mesh, open_a_new_file])
def test_a_head_that_is_deleted_meanwhile_says_so_and_leaves_nothing_behind(empty_scene, meddle):
    steps = steps_of(tiny_head())
    for _ in range(20):
        next(steps)
    meddle(bpy.data.objects["Head"])
    others = everything() if meddle is open_a_new_file else None
    with pytest.raises(HeadError, match="Head was deleted or undone while it was being built. Add it again"):
        next(steps)
    left = everything()
    assert left == others if others else not left["objects"] + left["meshes"] + left["armatures"]


def test_a_head_that_is_renamed_meanwhile_is_built_all_the_same(empty_scene):
    steps = steps_of(tiny_head())
    for _ in range(20):
        next(steps)
    bpy.data.objects["Head"].name, bpy.data.materials[0].name = "Anna", "Anna's Skin"
    head_object, _ = run(steps)
    assert head_object.name == "Anna" and is_head(head_object)


def test_a_head_undone_to_an_earlier_step_says_so(empty_scene):
    before = everything()
    steps = steps_of(tiny_head())
    for _ in range(20):
        next(steps)
    bpy.ops.ed.undo_push(message="Something else")
    for _ in range(10):
        next(steps)
    bpy.ops.ed.undo_push(message="Something more")
    bpy.ops.ed.undo()
    with pytest.raises(HeadError, match="undone while it was being built"):
        next(steps)
    assert everything() == before


def test_a_head_goes_into_a_collection_that_was_renamed_meanwhile_or_else_into_the_scene(empty_scene):
    for delete in (False, True):
        collection = bpy.data.collections.new("Heads")
        empty_scene.collection.children.link(collection)
        steps = build_steps(prepare_head(tiny_head()), collection=collection)
        next(steps)
        collection.name = "People"
        if delete:
            bpy.data.collections.remove(collection)
        head_object, _ = run(steps)
        expected = empty_scene.collection if delete else collection
        assert head_object.users_collection[:] == head_object.parent.users_collection[:] == (expected,)


def test_a_head_goes_into_the_scene_that_it_was_begun_for_whichever_is_shown_at_its_end(empty_scene):
    other = bpy.data.scenes.new("Other")
    steps = build_steps(prepare_head(tiny_head()), collection=other.collection)
    next(steps)
    other.name = "Another"
    head_object, _ = run(steps)
    assert set(other.collection.objects) == {head_object, head_object.parent} and not len(empty_scene.objects)


def test_a_whole_head_is_many_steps(empty_scene, figure):
    prepared = prepare_head(builtin_head())
    seconds = []
    for _ in range(3):
        steps, taken = build_steps(prepared), []
        while True:
            before = time.thread_time()
            try:
                next(steps)
            except StopIteration:
                break
            taken.append(time.thread_time() - before)
        seconds.append(taken)
    longest_s = np.median(seconds, axis=0).max()
    figure(f"longest of {len(taken)} steps", 1000 * longest_s, "ms of one core")
    (head_object,) = (thing for thing in bpy.data.objects if thing.name == "Head")
    num_parts = len(head_object.data.shape_keys.key_blocks) + len(head_object.vertex_groups)
    figure(f"steps for {num_parts} keys and groups", len(taken))
    assert num_parts > 50 and len(taken) >= num_parts  # as if each made one at most


def test_vertices_of_one_weight_go_together_in_batches_of_about_the_same_size():
    weights = np.concatenate([np.zeros(10), np.full(3 * BATCH, 0.25), np.linspace(0.3, 1, BATCH)]).astype(np.float32)
    batches = weight_batches(weights)
    assert max(sum(len(vertices) + CALL for vertices, _ in batch) for batch in batches) <= BATCH + CALL
    rebuilt = np.zeros(len(weights), np.float32)
    for vertices, weight in (pair for batch in batches for pair in batch):
        assert not rebuilt[vertices].any()
        rebuilt[vertices] = weight
    np.testing.assert_array_equal(rebuilt, weights)
    assert weight_batches(np.zeros(5)) == []


def test_making_a_head_ready_calls_nothing_of_blenders():
    code = """
import sys
from unittest.mock import MagicMock
mocks = [sys.modules.setdefault(name, MagicMock()) for name in ("bpy", "bpy.types", "mathutils")]
from smirk_blender.rig.prepared_head import prepare_head
from tests.builders import tiny_head
[mock.reset_mock() for mock in mocks]
assert len(prepare_head(tiny_head(), clear_lids=True).keys) == 4
assert not [mock.mock_calls for mock in mocks if mock.mock_calls]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=120)


def test_what_still_runs_in_threads_can_be_waited_for():
    begun, go_on, ended = Event(), Event(), []

    def work() -> None:
        begun.set()
        go_on.wait(60)
        ended.append(True)

    next(aside(work, threaded=True))  # and is asked about no more
    assert begun.wait(60) and not ended
    go_on.set()
    wait_for_threads()
    assert ended == [True]


@pytest.mark.parametrize(("background", "limit_s"), [(False, 2.0), (True, 30.0)])
def test_a_window_does_not_wait_long_for_threads(monkeypatch, background, limit_s):
    waited_s = []

    class Endless:
        def join(self, timeout_s):
            waited_s.append(timeout_s)

    app = SimpleNamespace(background=background)
    monkeypatch.setattr(rig_steps, "bpy", SimpleNamespace(app=app))
    monkeypatch.setattr(rig_steps, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(rig_steps, "_threads", {Endless()})
    wait_for_threads()
    assert waited_s == [limit_s]

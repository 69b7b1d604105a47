"""Baking in small steps, with a user between them; onto an action that grows; and of some parts of the face only."""

import time

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.retarget.selection import ALL_PARTS, EXPRESSION, EYELIDS, GAZE, HEAD, JAW, take_of_parts
from smirk_blender.rig import bake_take, build_head, compat
from smirk_blender.rig.actions import bake_steps
from smirk_blender.rig.memory import rig_action_of
from smirk_blender.rig.steps import aside, finish
from smirk_blender.take.parts import part_of
from tests.builders import make_take, tiny_head
from tests.rig.scenes import actions_content, bound_actions, flame_vertices, played_vertices

BAR_M = 1e-5  # metres, of every vertex at every frame
BODY_BAR_M = 3.1e-4  # metres; what a head posed by keys may differ from FLAME


def assert_plays(head_object, head, take, bar_m=BAR_M):
    played = played_vertices(head_object, 1 + np.arange(len(take)))
    assert np.abs(played - flame_vertices(head, take)).max() < bar_m


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("identity", ["keys", "basis", "keep"])
def test_steps_lead_to_what_the_whole_bake_does(threaded, identity):
    head = tiny_head()
    take = make_take(12, head)
    contents, played = [], []
    for in_steps in (True, False):
        head_object = build_head(head, clear_lids=True)
        if in_steps:
            finish(bake_steps(head_object, head, take, identity=identity, threaded=threaded))
        else:
            bake_take(head_object, head, take, identity=identity)
        contents.append(actions_content(*bound_actions(head_object)))
        played.append(played_vertices(head_object, 1 + np.arange(12)))
    assert contents[0].keys() == contents[1].keys()
    for channel, keys in contents[1].items():
        np.testing.assert_array_equal(contents[0][channel], keys)
    np.testing.assert_allclose(played[0], played[1], atol=1e-9)  # metres


def test_a_growing_action_is_the_same_one_and_plays_each_longer_take():
    head = tiny_head()
    head_object, take = build_head(head), make_take(30, head)
    take.expression[25, 3] = 90.0  # needs a wide key, which is not there from the start
    bake_take(head_object, head, part_of(take, slice(0, 1)))
    action, num_actions = bound_actions(head_object)[0], len(bpy.data.actions)
    for length in (2, 11, 24, 30):
        part = part_of(take, slice(0, length))
        assert bake_take(head_object, head, part, identity="keep", action=action) == action
        assert_plays(head_object, head, part)
    assert len(bpy.data.actions) == num_actions
    assert bound_actions(head_object) == [action, rig_action_of(action)]
    shorter = part_of(take, slice(0, 5))
    bake_take(head_object, head, shorter, identity="keep", action=action)
    assert {len(keys) for keys in actions_content(*bound_actions(head_object)).values()} == {1, 5}
    assert_plays(head_object, head, shorter)


def test_a_growing_action_of_a_head_without_an_armature_needs_no_corrections_until_the_end():
    head = tiny_head()
    head_object, take = build_head(head, armature=False), make_take(10, head)
    action = finish(bake_steps(head_object, head, part_of(take, slice(0, 4)), corrections=False))
    num_keys = len(head_object.data.shape_keys.key_blocks)
    finish(bake_steps(head_object, head, part_of(take, slice(0, 8)), identity="keep", action=action, corrections=False))
    assert len(head_object.data.shape_keys.key_blocks) == num_keys
    bake_take(head_object, head, take, identity="keep", action=action)
    rotated = head_object.matrix_world  # the object turns: its mesh is compared in the world
    played = []
    for scene_frame in range(1, 11):
        bpy.context.scene.frame_set(scene_frame)
        evaluated = head_object.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.array([rotated @ vertex.co for vertex in evaluated.data.vertices])
        played.append(points)
    assert np.linalg.norm(played - flame_vertices(head, take), axis=-1).max() < BODY_BAR_M


def test_an_action_of_another_head_is_refused():
    head = tiny_head()
    first, second, take = build_head(head), build_head(head), make_take(3, head)
    action = bake_take(first, head, take)
    with pytest.raises(ValueError, match="not baked onto"):
        bake_take(second, head, take, action=action)


def delete_head():
    bpy.data.objects.remove(bpy.data.objects["Head"])


def delete_head_by_hand():
    bpy.ops.object.select_all(action='DESELECT')
    bpy.data.objects["Head"].select_set(True)
    bpy.ops.object.delete()


def delete_rig():
    bpy.data.objects.remove(bpy.data.objects["Head Rig"])


def delete_actions():
    for action in list(bpy.data.actions):
        bpy.data.actions.remove(action)


def delete_key():
    head_object = bpy.data.objects["Head"]
    head_object.shape_key_remove(head_object.data.shape_keys.key_blocks["pose_eye_R_22"])


def open_another_file():
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


@pytest.mark.parametrize("armature", [True, False], ids=["armature", "keys"])
@pytest.mark.parametrize(
    "meddle", [delete_head, delete_head_by_hand, delete_rig, delete_actions, delete_key, open_another_file]
)
def test_what_is_deleted_at_any_step_ends_in_a_clear_message(meddle, armature):
    if meddle is delete_rig and not armature:
        pytest.skip("this head has no rig")
    head = tiny_head()
    take = make_take(3, head)
    num_steps = sum(1 for _ in bake_steps(build_head(head, armature=armature), head, take, threaded=False))
    assert num_steps > 60
    outcomes = set()
    for step in range(0, num_steps, 7):
        open_another_file()
        steps = bake_steps(build_head(head, armature=armature), head, take, threaded=False)
        for _ in range(step + 1):
            next(steps)
        meddle()
        try:
            finish(steps)
            outcomes.add("finished")
        except HeadError as error:
            outcomes.add("told")
            assert "again" in str(error)  # what to do
    assert "told" in outcomes
    assert meddle in (delete_actions, delete_key, delete_rig) or outcomes == {"told"}


def test_a_head_that_is_renamed_or_undone_to_between_steps_is_baked_on():
    head = tiny_head()
    head_object, take = build_head(head), make_take(6, head)
    bpy.ops.ed.undo_push(message="built")
    steps = bake_steps(head_object, head, take)
    for number, _ in enumerate(steps):
        if number == 40:
            bpy.ops.ed.undo_push(message="in between")
            bpy.data.objects["Head"].location.x = 1.0
            bpy.ops.ed.undo_push(message="moved")
            bpy.ops.ed.undo()
        if number == 60:
            bpy.data.objects["Head"].name = "Somebody"
    assert_plays(bpy.data.objects["Somebody"], head, take)


def test_work_aside_returns_what_it_returns_and_raises_what_it_raises():
    def fail():
        raise ZeroDivisionError("as asked")

    for threaded in (True, False):
        assert finish(aside(sum, (1, 2, 3), threaded=threaded)) == 6
        with pytest.raises(ZeroDivisionError, match="as asked"):
            finish(aside(fail, threaded=threaded))


@pytest.mark.parametrize("part", sorted(ALL_PARTS))
@pytest.mark.parametrize("armature", [True, False], ids=["armature", "keys"])
def test_one_part_alone_is_keyed_and_the_rest_is_free(part, armature):
    head = tiny_head()
    head_object, take = build_head(head, armature=armature, clear_lids=True), make_take(8, head)
    bake_take(head_object, head, take, parts={part})
    if armature:
        assert_plays(head_object, head, take_of_parts(take, {part}))
    rig = head_object.parent or head_object
    actions = {thing.animation_data.action for thing in (head_object.data.shape_keys, rig)}
    groups = {fcurve.group.name for action in actions for fcurve in compat.fcurves(action)}
    turning = {JAW: {"jaw"}, GAZE: {"eye_L", "eye_R"}, HEAD: {"root", "neck"}}
    turned = turning.get(part, set()) if armature else {"Object Transforms"} if part == HEAD else set()
    expected = {EXPRESSION: {"Expression"}, EYELIDS: {"Eyelids"}}.get(part, {"Pose"}) | turned
    assert groups - {"Corrections"} == expected
    assert not armature or "Corrections" not in groups


def test_parts_of_two_actions_do_not_touch_each_other():
    head = tiny_head()
    head_object, take = build_head(head), make_take(8, head)
    wide = make_take(8, head, seed=3)
    wide.expression[4, 2] = 40.0
    bake_take(head_object, head, wide)
    first = bake_take(head_object, head, take, parts={EXPRESSION, EYELIDS})
    second = bake_take(head_object, head, take, parts={JAW, GAZE, HEAD})
    content = [set(actions_content(*{action, rig_action_of(action)})) for action in (first, second)]
    assert content[0] and content[1] and not content[0] & content[1]
    with pytest.raises(ValueError, match="not \\['nose'\\]"):
        bake_take(head_object, head, take, parts={"nose"})


def test_a_bake_is_many_steps(any_head, figure):
    head_object, take = build_head(any_head, clear_lids=True), make_take(300, any_head)
    steps, times = bake_steps(head_object, any_head, take, threaded=False), []
    while True:
        start = time.perf_counter()
        try:
            next(steps)
        except StopIteration:
            break
        times.append(time.perf_counter() - start)
    figure("longest step", 1000 * max(times), "ms")
    figure("median step", 1000 * float(np.median(times)), "ms")
    num_curves = sum(1 for action in bpy.data.actions for _ in compat.fcurves(action))
    figure("steps for a channel", len(times) / num_curves)
    assert num_curves > 50 and len(times) >= num_curves  # as if each wrote one channel at most

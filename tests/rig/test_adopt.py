"""Adopting heads that other tools made."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.flame import load_head
from smirk_blender.flame.placement import Placement
from smirk_blender.rig import bake_take, build_head, is_head
from smirk_blender.rig.adopt import adopt_head
from smirk_blender.rig.drivers import pose_keys_are_driven
from smirk_blender.rig.eyelid_order import set_eyelid_order
from tests.builders import make_take, tiny_head
from tests.rig.foreign import THEIR_BONES, Y_UP, Z_UP, foreign_head, foreign_mesh, give_bones, greatest_error, turned
from tests.rig.scenes import actions_content, bind, bound_actions, make_active, played_vertices

BAR = 1e-5  # metres on the model's scale, of every vertex at every frame

HEADS = {
    "as FLAME's add-on has it": {},
    "Z up": dict(placement=Z_UP(1.0)),
    "times ten": dict(placement=Z_UP(10.0)),
    "in centimetres, Y up": dict(placement=Placement(np.eye(3), 100.0)),
    "in millimetres": dict(placement=Z_UP(1000.0)),
    "turned and moved": dict(placement=turned(1.0)),
    "mirrored": dict(placement=turned(10.0, mirror=True)),
    "renamed": dict(name_of=lambda kind, index: f"blend.{ord(kind[0]) * 7919 % 97 + index:03d}"),
    "negated": dict(factor_of=lambda number: -1.0),
    "halved": dict(factor_of=lambda number: 0.5),
    "of many scales": dict(factor_of=lambda number: (-1) ** number * (0.3 + number % 7)),
    "in another order": dict(order=np.random.default_rng(1).permutation(3 + 5 + 36)),
    "without keys": dict(keys=False),
    "with keys of its own": dict(extra=("Smile fix", "Ears")),
    "with eyelids, no pose": dict(eyelids=True, pose=False),
    "of another identity": dict(shape=np.linspace(-2, 2, 14)),
    "all at once": dict(
        placement=turned(100.0, 5), factor_of=lambda number: -0.5, extra=("X",), shape=np.linspace(2, -1, 14),
        order=np.random.default_rng(2).permutation(3 + 5 + 36 + 1), name_of=lambda kind, index: f"{index}{kind}",
    ),
}  # fmt: skip


def wild_take(head, **replacements):
    take = make_take(12, head, **replacements)
    take.expression[4, 3] = 17.0  # beyond Blender's greatest slider
    return take


@pytest.mark.parametrize("armature", ["no bones", "bones"])
@pytest.mark.parametrize("case", HEADS)
def test_a_take_on_an_adopted_head_is_what_flame_computes(case, armature):
    head = tiny_head()
    options = {"placement": Y_UP, **HEADS[case]}
    thing = foreign_head(head, **options)
    if armature == "bones":
        joints_of = replace(head, template=head.vertices(np.atleast_2d(options.get("shape", np.zeros(14))))[0])
        give_bones(thing, joints_of, options["placement"], between=True)
    adoption = adopt_head(thing, head)
    assert adoption.made_armature == (armature == "no bones")
    assert adoption.scale == pytest.approx(options["placement"].scale, rel=1e-5)
    assert adoption.left_alone == tuple(options.get("extra", ()))
    take = wild_take(head)
    bake_take(thing, head, take)
    assert greatest_error(thing, options["placement"], head, take) < BAR


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(placement=Placement(np.eye(3), 100.0), factor_of=lambda number: -0.5),
        dict(placement=turned(10.0), num_expression=50, num_shape=10, eyelids=True,
             order=np.random.default_rng(3).permutation(98)),
        dict(keys=False, shape=np.linspace(-1, 1, 300)),
    ],
)  # fmt: skip
def test_flames_own_net_is_adopted_as_exactly(options, shared_folder, figure):
    head = load_head(shared_folder / "flame" / "generic_model.pkl", shared_folder / "flame")
    placement = options.get("placement", Y_UP)
    thing = foreign_head(head, **options)
    adopt_head(thing, head)
    take = make_take(12, head)
    take.expression[:, 50:] = 0
    bake_take(thing, head, take)
    error_m = greatest_error(thing, placement, head, take)
    figure("greatest error", error_m, "m")
    assert error_m < BAR


def test_an_obj_from_another_tool_is_adopted(shared_folder, figure):
    head = load_head(shared_folder / "flame" / "generic_model.pkl", shared_folder / "flame")
    bpy.ops.wm.obj_import(filepath=str(shared_folder / "flame" / "head_template.obj"))
    thing = bpy.context.selected_objects[0]
    adoption = adopt_head(thing, head)
    figure("distance of head_template.obj from the model", 1000 * adoption.distance_m, "mm")
    assert not adoption.found and adoption.made_armature
    take = make_take(6, head, shape=np.zeros(1))
    take.expression[:, 50:] = 0
    points = np.array([vertex.co for vertex in thing.data.vertices])
    bake_take(thing, head, take)
    from smirk_blender.rig.memory import base_shape, placement_of

    placement, own = placement_of(thing), base_shape(thing, head.num_shape)
    face = placement.flame_points(points) - head.shape_directions @ own  # its own face on the take's identity
    expected = replace(head, template=face.astype(np.float32))
    assert greatest_error(thing, placement, expected, take) < BAR


def test_the_keys_of_others_keep_their_geometry_and_names():
    head = tiny_head()
    thing = foreign_head(head, factor_of=lambda number: -0.5, extra=("Ears",))
    stored = lambda: {
        key_block.name: np.array([point.co for point in key_block.data]) for key_block in thing.data.shape_keys.key_blocks
    }
    before = stored()
    adopt_head(thing, head)
    bake_take(thing, head, wild_take(head))
    after = stored()
    for name, points in before.items():
        np.testing.assert_array_equal(after[name], points)


def test_their_action_stays_in_the_file_and_plays_as_before(tmp_path):
    head = tiny_head()
    thing = foreign_head(head)
    rig = give_bones(thing, head, Y_UP)
    key_block = thing.data.shape_keys.key_blocks["Exp4"]
    key_block.slider_max = 10
    for value, scene_frame in ((0.5, 1), (8.0, 12)):
        key_block.value = value
        key_block.keyframe_insert("value", frame=scene_frame)
        rig.pose.bones["Jaw"].rotation_euler = (value / 10, 0, 0)
        rig.pose.bones["Jaw"].keyframe_insert("rotation_euler", frame=scene_frame)
    theirs = bound_actions(thing)
    played, content = played_vertices(thing, 1 + np.arange(12)), actions_content(*theirs)
    names = [action.name for action in theirs]
    adopt_head(thing, head)
    bake_take(thing, head, wild_take(head, shape=np.zeros(1)))
    thing_name = thing.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "foreign.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "foreign.blend"))
    thing = bpy.data.objects[thing_name]
    theirs = [bpy.data.actions[name] for name in names]
    for channel, keys in actions_content(*theirs).items():
        np.testing.assert_array_equal(keys, content[channel])
    for key_block in thing.data.shape_keys.key_blocks[1:]:
        key_block.value = 0
    for bone in thing.parent.pose.bones:
        bone.rotation_euler, bone.location = (0, 0, 0), (0, 0, 0)
    bind(thing, theirs)
    np.testing.assert_allclose(played_vertices(thing, 1 + np.arange(12)), played, atol=1e-6)


def test_earlier_bakes_play_after_a_key_of_theirs_could_not_reach():
    head = tiny_head()
    thing = foreign_head(head, factor_of=lambda number: 0.5)
    adopt_head(thing, head)
    first = make_take(12, head, seed=1)
    bake_take(thing, head, first)
    actions = [thing.data.shape_keys.animation_data.action, thing.children[0].animation_data.action]
    second = wild_take(head, seed=2, shape=first.shape)
    bake_take(thing, head, second)
    assert greatest_error(thing, Y_UP, head, second) < BAR
    from smirk_blender.rig import compat

    compat.use_action(thing.data.shape_keys, actions[0])
    compat.use_action(thing.children[0], actions[1])
    assert greatest_error(thing, Y_UP, head, first) < BAR


def test_driven_pose_keys_work_on_their_bones():
    head = tiny_head()
    thing = foreign_head(head, turned(10.0), factor_of=lambda number: -2.0)
    give_bones(thing, head, turned(10.0))
    adopt_head(thing, head, pose_keys="driven")
    assert pose_keys_are_driven(thing)
    take = wild_take(head)
    bake_take(thing, head, take)
    assert greatest_error(thing, turned(10.0), head, take) < BAR


@pytest.mark.parametrize("mode", ["QUATERNION", "ZXY", "AXIS_ANGLE"])
def test_their_rotation_mode_is_kept(mode):
    head = tiny_head()
    thing = foreign_head(head)
    rig = give_bones(thing, head, Y_UP, mode=mode)
    adopt_head(thing, head)
    take = wild_take(head)
    bake_take(thing, head, take)
    assert {rig.pose.bones[name].rotation_mode for name in THEIR_BONES} == {mode}
    assert greatest_error(thing, Y_UP, head, take) < BAR


def test_a_head_of_ours_that_lost_a_key_is_whole_again_after_adopting():
    head = tiny_head()
    head_object = build_head(head)
    key_blocks = head_object.data.shape_keys.key_blocks
    key_blocks[head.expression_names[1]].name = "My Smile"
    head_object.shape_key_remove(key_blocks[head.expression_names[2]])
    take = wild_take(head)
    with pytest.raises(HeadError, match="lost its shape key"):
        bake_take(head_object, head, take)
    adoption = adopt_head(head_object, head)
    assert adoption.added == (head.expression_names[2],) and "My Smile" in adoption.found
    bake_take(head_object, head, take)
    assert greatest_error(head_object, Z_UP(1.0), head, take) < BAR


def test_the_built_in_head_is_adopted_after_a_trip_through_an_obj(tmp_path):
    from smirk_blender.flame import builtin_head

    head = builtin_head()
    build_head(head, num_shape=0, num_expression=0)
    bpy.ops.wm.obj_export(filepath=str(tmp_path / "head.obj"), export_materials=False)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.obj_import(filepath=str(tmp_path / "head.obj"))
    thing = bpy.context.selected_objects[0]
    adoption = adopt_head(thing, head)
    assert adoption.distance_m < 5e-6  # metres; the file has six decimals
    take = make_take(4, head)
    bake_take(thing, head, take)
    assert greatest_error(thing, Y_UP, head, take) < BAR


# --- refusals


def assert_refused(thing, head, text):
    """The error says what to do, and nothing was changed."""
    count = lambda: (len(bpy.data.objects), len(bpy.data.armatures), len(thing.modifiers), len(thing.vertex_groups))
    keys = lambda: thing.data.shape_keys and thing.data.shape_keys.key_blocks.keys()
    before = count(), keys()
    with pytest.raises(HeadError, match=text):
        adopt_head(thing, head)
    assert (count(), keys()) == before and not is_head(thing)


def test_a_mesh_that_only_looks_like_the_model_is_refused():
    head = tiny_head()
    shuffled = np.random.default_rng(0).permutation(50)
    other_order = foreign_mesh(head.template[np.argsort(shuffled)], shuffled[head.triangles])
    assert_refused(other_order, head, "only looks like .* edges are not the model's")
    flipped = head.triangles.copy()
    flipped[0] = [0, 1, 30]
    assert_refused(foreign_mesh(head.template, flipped), head, "only looks like")
    fewer = foreign_mesh(head.template[:-1], head.triangles[~np.any(head.triangles == 49, axis=1)])
    assert_refused(fewer, head, "it has 49 vertices, the model 50")
    stretched = foreign_mesh(head.template * [1, 3, 1], head.triangles)
    assert_refused(stretched, head, "not its form")


def test_a_linked_head_is_refused(tmp_path):
    head = tiny_head()
    foreign_head(head)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, linked):
        linked.objects = ["Foreign"]
    bpy.context.scene.collection.objects.link(linked.objects[0])
    assert_refused(linked.objects[0], head, "linked from .*library.blend")
    overridden = linked.objects[0].override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    assert_refused(overridden, head, "linked from .*library.blend")


def test_a_linked_armature_is_refused(tmp_path):
    head = tiny_head()
    give_bones(foreign_head(head), head, Y_UP)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, linked):
        linked.objects = ["Their Rig"]
    thing = bpy.data.objects["Foreign"]
    thing.modifiers[0].object = linked.objects[0]
    assert_refused(thing, head, "linked from .*library.blend")


def test_a_linked_head_of_ours_is_not_baked_onto(tmp_path):
    head = tiny_head()
    build_head(head)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, linked):
        linked.objects = ["Head"]
    with pytest.raises(HeadError, match="linked from .*library.blend"):
        bake_take(linked.objects[0], head, make_take(3, head))


def test_an_armature_that_turns_otherwise_is_refused():
    head = tiny_head()
    thing = foreign_head(head)
    give_bones(thing, head, Y_UP)
    thing.vertex_groups["Jaw"].add((7,), 0.9, 'REPLACE')
    assert_refused(thing, head, "no bone's vertex group has the weights of FLAME's jaw")
    thing = foreign_head(head)
    rig = give_bones(thing, head, Y_UP)
    make_active(rig, 'EDIT')
    rig.data.edit_bones["left_eye"].parent = rig.data.edit_bones["Jaw"]
    make_active(rig, 'OBJECT')
    assert_refused(thing, head, "the bone left_eye hangs on Jaw")
    thing = foreign_head(head)
    give_bones(thing, head, Y_UP)
    thing.scale = (1, 2, 1)
    assert_refused(thing, head, "stretched against its armature")


@pytest.mark.parametrize("name", ["Pose12", 'a "quoted" \\ name'])
def test_a_driven_key_is_refused(name):
    head = tiny_head()
    thing = foreign_head(head)
    key_block = thing.data.shape_keys.key_blocks["Pose12"]
    key_block.name = name
    key_block.driver_add("value")
    assert_refused(thing, head, "a driver holds it")


def test_lids_after_posing_on_keys_that_could_not_reach():
    head = tiny_head()
    thing = foreign_head(head, eyelids=True, factor_of=lambda number: 0.05)
    adopt_head(thing, head)
    set_eyelid_order(thing, "after")
    take = make_take(6, head)
    bake_take(thing, head, take)
    expected = head.vertices(**take.head_parameters(), eyelid_order="after")
    assert np.abs(played_vertices(thing, 1 + np.arange(6)) - expected).max() < BAR


def test_edit_mode_and_other_things_are_refused():
    head = tiny_head()
    thing = foreign_head(head)
    make_active(thing, 'EDIT')
    assert_refused(thing, head, "Edit Mode")
    with pytest.raises(HeadError, match="Select a mesh"):
        adopt_head(None, head)

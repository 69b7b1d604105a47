"""FLAME rigs that are read by their names, without the model's file."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.flame.recognize import edges_of
from smirk_blender.rig import bake_take
from smirk_blender.rig.adopt import adopt_head
from smirk_blender.rig.named_head import head_of_mesh, net_digest
from tests.builders import make_take, tiny_head
from tests.rig.foreign import Y_UP, Z_UP, foreign_head, give_bones, greatest_error

BAR = 1e-5  # metres on the model's scale, of every vertex at every frame
LONG_WORDS = {"Shape": "betas", "Exp": "expression", "Pose": "posedirs"}
BY_NAME = {
    "as FLAME's add-on has it": {},
    "in centimetres": dict(placement=Z_UP(100.0)),
    "counted from 0": dict(name_of=lambda kind, index: f"{kind.lower()}_{index:03d}"),
    "in long words": dict(name_of=lambda kind, index: f"{LONG_WORDS[kind]}.{index + 1:02d}"),
    "in another order": dict(order=np.random.default_rng(1).permutation(3 + 5 + 36)),
}  # fmt: skip


def named_net(head):
    return net_digest(edges_of([head.triangles]))


def upright_head():
    """A made-up head whose joints lie as FLAME's do, for that is how its front is known."""
    head = tiny_head(num_shape=3, num_expression=5, eyelid_directions=None)
    joints = np.array([[0, -0.1, -0.02], [0, -0.08, -0.02], [0, -0.02, 0.0], [0.0315, 0.03, 0.03], [-0.0315, 0.03, 0.03]])
    conditions = np.column_stack([head.template, np.ones(50)])  # (V, 4)
    regressor = np.column_stack([joints, np.ones(5)]) @ np.linalg.pinv(conditions)
    return replace(head, joint_regressor=regressor)


@pytest.mark.parametrize("case", BY_NAME)
def test_a_named_rig_plays_a_take_without_the_models_file(case):
    head = upright_head()
    options = {"placement": Y_UP, **BY_NAME[case]}
    thing = foreign_head(head, **options)
    give_bones(thing, head, options["placement"])
    named = head_of_mesh(thing, net=named_net(head))
    adoption = adopt_head(thing, named)
    assert not adoption.added and not adoption.left_alone and adoption.scale == pytest.approx(options["placement"].scale)
    take = make_take(8, head, shape=np.zeros(1), expression_names=())
    bake_take(thing, named, take)
    # Which joints an expression moves is not in the rig: as far as it is known, none moves but with the skin near it.
    expected = replace(head, joint_regressor=named.joint_regressor)
    assert greatest_error(thing, options["placement"], expected, take) < BAR


def test_a_named_rig_is_the_same_model_however_often_it_is_read():
    head = upright_head()
    thing = foreign_head(head)
    give_bones(thing, head, Y_UP)
    thing.shape_key_remove(thing.data.shape_keys.key_blocks["Exp3"])  # a gap in the numbers
    first = head_of_mesh(thing, net=named_net(head))
    adopt_head(thing, first)
    for round_number in range(3):
        take = make_take(5, head, seed=round_number, expression_names=())
        bake_take(thing, head_of_mesh(thing), take, identity="basis" if round_number == 1 else "keys")
        again = head_of_mesh(thing)
        np.testing.assert_allclose(again.joint_template, first.joint_template, atol=1e-6)  # metres
        np.testing.assert_allclose(again.template, first.template, atol=1e-6)
        np.testing.assert_allclose(again.expression_directions, first.expression_directions, atol=1e-6)
        assert greatest_error(thing, Y_UP, replace(first, name=head.name), take) < 2 * BAR


def test_a_named_rig_without_its_parts_is_refused():
    head = upright_head()
    thing = foreign_head(head)
    with pytest.raises(HeadError, match="no armature"):
        head_of_mesh(thing, net=named_net(head))
    rig = give_bones(thing, head, Y_UP)
    with pytest.raises(HeadError, match="not connected as FLAME's are"):
        head_of_mesh(thing)
    rig.data.bones["Jaw"].name = "Chin"
    with pytest.raises(HeadError, match="no bone .* called like FLAME's jaw"):
        head_of_mesh(thing, net=named_net(head))
    bare = foreign_head(head, num_expression=0)
    give_bones(bare, head, Y_UP)
    with pytest.raises(HeadError, match="no shape keys called like Exp1"):
        head_of_mesh(bare, net=named_net(head))


def test_flames_net_is_known_without_its_file(shared_folder):
    bpy.ops.wm.obj_import(filepath=str(shared_folder / "flame" / "head_template.obj"))
    with pytest.raises(HeadError, match="no armature"):  # so far, and no farther, than its net
        head_of_mesh(bpy.context.selected_objects[0])

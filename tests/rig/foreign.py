"""Heads as other people's tools leave them: other units, axes, names, scales, orders, with keys and bones or without."""

from collections.abc import Sequence

import bpy
import numpy as np
from bpy.types import Object

from smirk_blender.flame.head import JOINT_PARENTS, Head
from smirk_blender.flame.placement import Placement
from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.rig.axes import BLENDER_FROM_FLAME
from smirk_blender.take import Take
from tests.rig.scenes import played_vertices

Z_UP = lambda scale: Placement(BLENDER_FROM_FLAME, scale)
Y_UP = Placement(np.eye(3))  # FLAME's own coordinates, as an OBJ has them
THEIR_BONES = ("global", "Neck", "Jaw", "left_eye", "right_eye")


def foreign_mesh(points: np.ndarray, polygons: np.ndarray, name: str = "Foreign") -> Object:
    """Return a mesh object with vertices (V, 3), in the scene."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], np.asarray(polygons).tolist())
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def foreign_head(
    head: Head,
    placement: Placement = Y_UP,
    *,
    shape: np.ndarray | None = None,
    num_shape: int = 3,
    num_expression: int = 5,
    pose: bool = True,
    eyelids: bool = False,
    name_of=lambda kind, index: f"{kind}{index + 1}",
    factor_of=lambda number: 1.0,
    order: Sequence[int] | None = None,
    extra: Sequence[str] = (),
    keys: bool = True,
) -> Object:
    """Return a head as FLAME's own add-on names its keys, unless told otherwise.

    Args:
        head: the model.
        placement: where it stands in the mesh.
        shape: identity in its Basis.
        num_shape, num_expression, pose, eyelids: which keys it has.
        name_of: from kind ("Shape", "Exp", "Pose", "Lid") and index.
        factor_of: how many times its direction the key of that number stores.
        order: of the keys.
        extra: names of further keys, which are nothing of FLAME's.
        keys: whether it has any key at all.
    """
    rest = head.template if shape is None else head.vertices(np.atleast_2d(shape))[0]
    thing = foreign_mesh(placement.points(rest), head.surface.polygons)
    if not keys:
        return thing
    thing.shape_key_add(name="Basis", from_mix=False)
    listed = [("Shape", index, head.shape_directions[..., index]) for index in range(num_shape)]
    listed += [("Exp", index, head.expression_directions[..., index]) for index in range(num_expression)]
    listed += [("Pose", index, head.pose_directions[..., index]) for index in range(36 if pose else 0)]
    listed += [("Lid", index, head.eyelid_directions[..., index]) for index in range(2 if eyelids else 0)]
    rng = np.random.default_rng(8)
    listed += [(name, None, 5e-3 * rng.normal(size=head.template.shape)) for name in extra]
    for number in range(len(listed)) if order is None else order:
        kind, index, direction = listed[number]
        factor = 1.0 if index is None else factor_of(number)
        key_block = thing.shape_key_add(name=kind if index is None else name_of(kind, index), from_mix=False)
        points = placement.points(rest) + factor * placement.offsets(direction)
        key_block.data.foreach_set("co", points.astype(np.float32).ravel())
        key_block.value = 0.0
    thing.data.update()
    return thing


def give_bones(thing: Object, head: Head, placement: Placement, *, mode: str = 'XYZ', between: bool = False) -> Object:
    """Give a foreign head an armature with bones of other names, directions and rotation mode; return its object.

    The mesh hangs on it, moved and turned as importers do. `between` puts a bone between neck and jaw.
    """
    rig = bpy.data.objects.new("Their Rig", bpy.data.armatures.new("Their Rig"))
    bpy.context.scene.collection.objects.link(rig)
    rig.location, rig.rotation_euler, rig.scale = (1, 2, 3), (0.3, 0.2, 0.1), (2, 2, 2)
    thing.parent = rig
    thing.location, thing.rotation_euler, thing.scale = (0.1, 0, 0), (0, 0, 0.4), (0.5, 0.5, 0.5)
    bpy.context.view_layer.update()
    inside = rig.matrix_world.inverted() @ thing.matrix_world
    joints = placement.then(np.array(inside)).points(head.joint_template)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode='EDIT')
    rng = np.random.default_rng(2)
    for name, parent, joint in zip(THEIR_BONES, JOINT_PARENTS, joints):
        bone = rig.data.edit_bones.new(name)
        bone.head = joint
        bone.tail = joint + rng.normal(size=3) * placement.scale * 0.05
        bone.roll = rng.uniform(-3, 3)
        if parent >= 0:
            bone.parent = rig.data.edit_bones[THEIR_BONES[parent]]
    if between:
        middle = rig.data.edit_bones.new("cheek")
        middle.head, middle.tail = joints[1], joints[2]
        middle.parent, rig.data.edit_bones["Jaw"].parent = rig.data.edit_bones["Neck"], middle
    bpy.ops.object.mode_set(mode='OBJECT')
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    for joint, name in enumerate(THEIR_BONES):
        group = thing.vertex_groups.new(name=name)
        for vertex, weight in enumerate(head.skinning_weights[:, joint].tolist()):
            group.add((vertex,), weight, 'REPLACE')
    thing.modifiers.new("Their Armature", 'ARMATURE').object = rig
    return rig


def turned(scale: float, seed: int = 0, *, mirror: bool = False) -> Placement:
    """Return a placement of that scale, turned and shifted at random."""
    rng = np.random.default_rng(seed)
    axes = matrices_from_axis_angle(rng.normal(size=3) * 2) * ([-1, 1, 1] if mirror else [1, 1, 1])
    return Placement(axes, scale, rng.normal(size=3) * scale)


def greatest_error(thing: Object, placement: Placement, head: Head, take: Take) -> float:
    """Return the greatest difference from FLAME at any frame, in metres on the model's scale."""
    played = played_vertices(thing, 1 + np.arange(len(take)))
    return np.abs(played - placement.points(head.vertices(**take.head_parameters()))).max() / placement.scale

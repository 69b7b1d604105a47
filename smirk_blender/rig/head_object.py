"""A FLAME head as Blender objects: a mesh with shape keys, and mostly an armature that turns it."""

import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Literal

import bpy
import numpy as np
from bpy.types import Collection, Object

from ..flame.head import JOINT_NAMES, Head
from ..flame.placement import Placement
from .armature import build_armature
from .axes import UPRIGHT
from .drivers import drive_pose_key
from .memory import (
    BASE_SHAPE,
    BONES,
    EYELID_KEYS,
    HEAD_ID,
    IDENTITY_KEYS,
    KEY_FACTORS,
    KEY_KINDS,
    LID_KEYS,
    MODEL_NAME,
    MODEL_SHA256,
    POSE_KEYS,
    SPARE_KEYS,
    names,
    remember_placement,
)
from .prepared_head import (
    NUM_EXPRESSION_KEYS,
    NUM_IDENTITY_KEYS,
    PreparedHead,
    prepare_head,
    wanted_directions,
    weight_batches,
)
from .shape_keys import add_key, add_keys
from .steps import finish
from .surface import surface_steps
from .unfinished import Known, Unfinished

PoseKeys = Literal["keyed", "driven"]
Step = Callable[[Object], None]  # does a little to the head's mesh object


def build_head(
    head: Head,
    *,
    name: str = "Head",
    num_shape: int = NUM_IDENTITY_KEYS,
    num_expression: int = NUM_EXPRESSION_KEYS,
    armature: bool = True,
    pose_keys: PoseKeys = "keyed",
    clear_lids: bool = False,
    collection: Collection | None = None,
) -> Object:
    """Return a new mesh object, child of a new armature object; neither is moved, turned or scaled.

    The mesh is in metres, Z up, the face looking along -Y. Shape keys: identity and expression
    directions, the eyelids, and the pose directions that move anything.
    Args:
        head: the model to build.
        name: of the mesh object; the armature adds "Rig".
        num_shape: how many identity directions get a key.
        num_expression: how many expression directions get a key.
        armature: whether bones turn jaw, eyes and neck; without, shape keys do, for game engines and other packages.
        pose_keys: "keyed": a bake keys them, and exports carry them; "driven": they follow the bones besides, so
            that a head posed by hand is FLAME's too.
        clear_lids: whether more keys keep shut lids off the eyeballs, which FLAME's do not.
        collection: where the objects go; the context's where left out.
    Raises:
        ValueError: driven pose keys without an armature.
    """
    prepared = prepare_head(
        head, num_shape=num_shape, num_expression=num_expression, armature=armature, clear_lids=clear_lids
    )
    return finish(build_steps(prepared, name=name, pose_keys=pose_keys, collection=collection))


def build_steps(
    prepared: PreparedHead,
    *,
    name: str = "Head",
    pose_keys: PoseKeys = "keyed",
    collection: Collection | None = None,
) -> Generator[None, None, Object]:
    """Build a head a few milliseconds at a time, and return it: `build_head` for a window that must not stand still.

    Nothing is in the scene before the last step. Given up, closed or failed, it leaves nothing behind.
    Args:
        prepared: from `prepare_head`, whose arguments are the rest of `build_head`'s.
        name, pose_keys, collection: as in `build_head`.
    Raises:
        ValueError: driven pose keys without an armature.
        HeadError: what there was of the head was deleted or undone meanwhile.
    """
    if pose_keys == "driven" and not prepared.armature:
        raise ValueError("without an armature there are no bones to drive pose keys")
    home = Known.by(collection or bpy.context.collection or bpy.context.scene.collection)
    head_object = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    unfinished = Unfinished(head_object)
    try:
        for step in _steps(prepared, name, pose_keys):
            head_object = unfinished.resume()
            step(head_object)
            unfinished.pause(head_object)
            yield
        head_object = unfinished.resume()
        unfinished.finish(head_object)
        _show(head_object, home.find() or bpy.context.scene.collection)
    except BaseException:  # GeneratorExit is one
        unfinished.remove()
        raise
    return head_object


def start_memory(head_object: Object, head: Head, placement: Placement, *, bones: Sequence[str]) -> None:
    """Make a mesh object with a Basis key a head that remembers no keys yet."""
    head_object.data[MODEL_NAME], head_object.data[MODEL_SHA256] = head.name, head.sha256
    head_object.data[HEAD_ID] = uuid.uuid4().hex
    remember_placement(head_object, placement)
    head_object.data[BONES] = list(bones)
    head_object.data[KEY_FACTORS] = {}
    for kind in (*KEY_KINDS, LID_KEYS, SPARE_KEYS, BASE_SHAPE):
        head_object.data[kind] = []


def add_missing_keys(head_object: Object, head: Head, *, identity: bool = True) -> list[str]:
    """Give every direction that the head should have a key one, where it has none; return the new names.

    These are the expression directions that its list has room for, those of identity likewise if
    `identity`, the eyelids and the pose directions that move anything.
    """
    made = []
    for wanted in wanted_directions(head, armature=len(head_object.data[BONES]) > 0):
        if wanted.kind == IDENTITY_KEYS and not identity:
            continue
        listed = names(head_object, wanted.kind)
        if wanted.kind in (EYELID_KEYS, POSE_KEYS):
            listed += [""] * (len(wanted.names) - len(listed))
        missing = [index for index, name in enumerate(listed) if not name and wanted.names[index]]
        if missing:
            new = add_keys(
                head_object,
                [wanted.names[index] for index in missing],
                wanted.offsets[..., missing],
                slider=wanted.slider,
            )
            made += new
            for index, name in zip(missing, new):
                listed[index] = name
        head_object.data[wanted.kind] = listed
    head_object.active_shape_key_index = 0
    return made


def add_vertex_groups(head_object: Object, weights: np.ndarray, group_names: Sequence[str]) -> list[str]:
    """Add a vertex group a joint, weights (V, 5); return the names that Blender gave them."""
    made = []
    for name, column in zip(group_names, weights.T):
        made.append(head_object.vertex_groups.new(name=name).name)
        for batch in weight_batches(column):
            _weigh(made[-1], batch, head_object)
    return made


def _steps(prepared: PreparedHead, name: str, pose_keys: PoseKeys) -> Iterator[Step]:
    """Yield what makes an object with an empty mesh a head, each to be called before the next is taken."""
    yield from surface_steps(prepared.head)
    if prepared.armature:
        yield partial(_add_armature, prepared.head, f"{name} Rig")
        for joint_name, batches in zip(JOINT_NAMES, prepared.weights):
            yield partial(_add_group, joint_name)
            for batch in batches:
                yield partial(_weigh, joint_name, batch)
    yield lambda head_object: head_object.shape_key_add(name="Basis", from_mix=False)
    for keys in prepared.keys:
        for key_name, points in zip(filter(None, keys.names), keys.points, strict=True):
            yield partial(add_key, name=key_name, points=points, slider=keys.slider)
    yield partial(_remember, prepared)
    if pose_keys == "driven":
        (pose_names,) = (keys.names for keys in prepared.keys if keys.kind == POSE_KEYS)
        for feature, pose_name in enumerate(pose_names):
            if pose_name:
                yield partial(drive_pose_key, feature=feature)


def _add_armature(head: Head, name: str, head_object: Object) -> None:
    head_object.parent = build_armature(head, name, None)
    head_object.modifiers.new("Armature", 'ARMATURE').object = head_object.parent


def _add_group(name: str, head_object: Object) -> None:
    head_object.vertex_groups.new(name=name)


def _weigh(group_name: str, batch: list[tuple[list[int], float]], head_object: Object) -> None:
    group = head_object.vertex_groups[group_name]
    for vertices, weight in batch:
        group.add(vertices, weight, 'REPLACE')


def _remember(prepared: PreparedHead, head_object: Object) -> None:
    """Let a head that has all its keys remember them."""
    mesh = head_object.data
    start_memory(head_object, prepared.head, UPRIGHT, bones=JOINT_NAMES if prepared.armature else ())
    made = iter(mesh.shape_keys.key_blocks.keys()[1:])  # Blender may have changed a name
    for keys in prepared.keys:
        mesh[keys.kind] = [name and next(made) for name in keys.names]
    head_object.active_shape_key_index = 0
    mesh.update()  # 4.2 does not see the keys' points otherwise


def _show(head_object: Object, collection: Collection) -> None:
    """Put a head and its armature into the scene."""
    collection.objects.link(head_object)
    if head_object.parent is not None:
        collection.objects.link(head_object.parent)

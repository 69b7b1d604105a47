"""When a head's eyelids are added: before posing, so that they turn with the head, or after it, as SMIRK's authors do.

A shape key always acts on the unposed head. For lids after posing, the eyelid keys are muted, and a Geometry Nodes
modifier behind the armature's adds the same offsets, stored as attributes of the mesh, times what the muted keys
play: their values stay animated, and simple drivers carry them over. Nothing is baked again.
"""

from typing import Literal

import bpy
import numpy as np
from bpy.types import Modifier, NodeTree, Object, ShapeKey

from ..errors import HeadError
from . import compat
from .checks import lids_come_after, refuse_linked
from .memory import EYELID_KEYS, LID_KEYS, NODES_TAG, is_head, key_chain, names
from .prepared_head import EYELID_NAMES
from .shape_keys import factor_of, key_offsets

MODIFIER_NAME = "Eyelids After Posing"
ATTRIBUTES = [f"smirk_{name}" for name in EYELID_NAMES]  # of the mesh: metres per unit of eyelid, Blender's axes


def eyelid_order(head_object: Object) -> Literal["before", "after"]:
    """Return whether a head's eyelids are added before or after posing; cheap enough for a panel."""
    return "after" if lids_come_after(head_object) else "before"


def set_eyelid_order(head_object: Object, order: Literal["before", "after"]) -> None:
    """Add a head's eyelids before or after posing, in every action that was baked onto it or will be.

    Args:
        head_object: from `build_head`.
        order: "before" turns the lids with the head; "after" adds them to the posed head in the object's
            axes, as SMIRK's authors do. Setting an order again repairs what was deleted by hand.
    Raises:
        HeadError: the object is not a head, or has no eyelids, or no armature to come after; or it is in Edit Mode.
        ValueError: another order.
    """
    if order not in ("before", "after"):
        raise ValueError(f"an eyelid order is 'before' or 'after', not {order!r}")
    keys = _checked_keys(head_object)
    if order == "after":
        _armature_index(head_object)  # raises before anything is changed
    _clear(head_object, keys)
    if order == "after":
        _add_after_posing(head_object, keys)


def _add_after_posing(head_object: Object, keys: list[ShapeKey]) -> None:
    mesh = head_object.data
    modifier = head_object.modifiers.new(MODIFIER_NAME, 'NODES')
    modifier.node_group = _eyelid_nodes()
    head_object.modifiers.move(len(head_object.modifiers) - 1, _armature_index(head_object) + 1)
    for key, attribute_name, socket in zip(keys, ATTRIBUTES, _value_sockets(modifier.node_group), strict=True):
        players = _players(head_object, key)
        offsets = key_offsets(key) / factor_of(head_object, key.name)
        attribute = mesh.attributes.new(attribute_name, 'FLOAT_VECTOR', 'POINT')
        attribute.data.foreach_set("vector", np.ascontiguousarray(offsets, np.float32).ravel())
        _drive(head_object, compat.nodes_input_path(modifier, socket), players)
        for player in players:
            player.mute = True
    _mute_lid_keys(head_object, True)
    mesh.update()


def _checked_keys(head_object: Object) -> list[ShapeKey]:
    if not is_head(head_object):
        raise HeadError("That object is not a SMIRK head. Select one, or build it first")
    refuse_linked(head_object)
    listed = [name for name in names(head_object, EYELID_KEYS) if name]
    if not listed:
        raise HeadError(
            f"{head_object.name} has no eyelid shapes. Put SMIRK's l_eyelid.npy and r_eyelid.npy beside its model, "
            "and build the head again"
        )
    key_blocks = head_object.data.shape_keys.key_blocks
    missing = [name for name in listed if name not in key_blocks]
    if missing:
        raise HeadError(f"{head_object.name} has lost its shape key {missing[0]}. Undo that, or build the head again")
    if head_object.mode == 'EDIT':
        raise HeadError(f"{head_object.name} is in Edit Mode, which hides changes. Leave it, then choose the order")
    return [key_blocks[name] for name in listed]


def _armature_index(head_object: Object) -> int:
    """Return where among the modifiers the armature's is."""
    for index, modifier in enumerate(head_object.modifiers):
        if modifier.type == 'ARMATURE':
            return index
    raise HeadError(
        f"{head_object.name} has no armature that poses it, so its eyelids cannot come after posing. "
        "Build the head with an armature, or leave the eyelids before posing"
    )


def _eyelid_modifiers(head_object: Object) -> list[Modifier]:
    nodes = [modifier for modifier in head_object.modifiers if modifier.type == 'NODES']
    return [modifier for modifier in nodes if modifier.node_group and NODES_TAG in modifier.node_group]


def _clear(head_object: Object, keys: list[ShapeKey]) -> None:
    """Take everything away again that "after" put there, as far as it is left."""
    for modifier in _eyelid_modifiers(head_object):
        nodes = modifier.node_group
        _remove_drivers(head_object, modifier.path_from_id())
        head_object.modifiers.remove(modifier)
        if nodes.users == 0:
            bpy.data.node_groups.remove(nodes)
    _remove_drivers(head_object, f'modifiers["{MODIFIER_NAME}"]')  # of a modifier that was deleted by hand
    attributes = head_object.data.attributes
    for name in ATTRIBUTES:
        if name in attributes:
            attributes.remove(attributes[name])
    for key in keys:
        for player in _players(head_object, key):
            player.mute = False
    _mute_lid_keys(head_object, False)
    head_object.data.update()


def _mute_lid_keys(head_object: Object, mute: bool) -> None:
    """Mute or unmute the keys that keep lids off the eyeballs: they belong to lids before posing."""
    key_blocks = head_object.data.shape_keys.key_blocks
    for name in names(head_object, LID_KEYS):
        if name in key_blocks:
            key_blocks[name].mute = mute


def _remove_drivers(head_object: Object, modifier_path: str) -> None:
    animation = head_object.animation_data
    if animation is None:
        return
    for fcurve in [driver for driver in animation.drivers if driver.data_path.startswith(modifier_path)]:
        animation.drivers.remove(fcurve)
    if animation.action is None and not animation.drivers and not animation.nla_tracks:
        head_object.animation_data_clear()


def _players(head_object: Object, key: ShapeKey) -> list[ShapeKey]:
    """Return the keys of one eyelid: the one that bakes key now, and those whose place it took."""
    key_blocks = head_object.data.shape_keys.key_blocks
    return [key_blocks[name] for name in key_chain(head_object, key.name) if name in key_blocks]


def _drive(head_object: Object, data_path: str, keys: list[ShapeKey]) -> None:
    """Let a property of the head be the coefficient that keys of one direction play: their values times their factors."""
    driver = head_object.driver_add(data_path).driver
    driver.type = 'SCRIPTED'
    terms = []
    for number, key in enumerate(keys):
        variable = driver.variables.new()
        variable.name = f"value{number}"
        target = variable.targets[0]
        target.id_type, target.id, target.data_path = 'KEY', key.id_data, key.path_from_id("value")
        terms.append(f"{factor_of(head_object, key.name):.9g}*{variable.name}")
    driver.expression = "+".join(terms)  # simple: Blender reckons it without Python, and without being trusted


def _value_sockets(nodes: NodeTree) -> list[str]:
    """Return the identifiers of the group's inputs for the eyelids, in EYELID_NAMES' order."""
    return [item.identifier for item in nodes.interface.items_tree if item.name in EYELID_NAMES]


def _eyelid_nodes() -> NodeTree:
    """Return the node group that adds both eyelids to a mesh; one serves every head of a file."""
    for nodes in bpy.data.node_groups:
        if NODES_TAG in nodes and nodes.library is None:
            return nodes
    nodes = bpy.data.node_groups.new(MODIFIER_NAME, 'GeometryNodeTree')
    nodes[NODES_TAG] = True
    nodes.interface.new_socket("Geometry", in_out='OUTPUT', socket_type='NodeSocketGeometry')
    nodes.interface.new_socket("Geometry", in_out='INPUT', socket_type='NodeSocketGeometry')
    for name in EYELID_NAMES:
        nodes.interface.new_socket(name, in_out='INPUT', socket_type='NodeSocketFloat')
    given, result = nodes.nodes.new("NodeGroupInput"), nodes.nodes.new("NodeGroupOutput")
    move = nodes.nodes.new("GeometryNodeSetPosition")
    sum_so_far = None
    for column, (name, attribute_name) in enumerate(zip(EYELID_NAMES, ATTRIBUTES)):
        offsets = nodes.nodes.new("GeometryNodeInputNamedAttribute")
        offsets.data_type = 'FLOAT_VECTOR'
        offsets.inputs["Name"].default_value = attribute_name
        scale_and_add = nodes.nodes.new("ShaderNodeVectorMath")
        scale_and_add.operation = 'MULTIPLY_ADD'
        nodes.links.new(offsets.outputs["Attribute"], scale_and_add.inputs[0])
        nodes.links.new(given.outputs[name], scale_and_add.inputs[1])
        if sum_so_far:
            nodes.links.new(sum_so_far, scale_and_add.inputs[2])
        sum_so_far = scale_and_add.outputs["Vector"]
        offsets.location, scale_and_add.location = (200 * column, 200), (200 * (column + 1), 0)
    nodes.links.new(given.outputs["Geometry"], move.inputs["Geometry"])
    nodes.links.new(sum_so_far, move.inputs["Offset"])
    nodes.links.new(move.outputs["Geometry"], result.inputs["Geometry"])
    move.location, result.location = (600, 0), (800, 0)
    return nodes

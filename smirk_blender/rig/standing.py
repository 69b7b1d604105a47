"""How a head stood, to be put back: for what is only shown on it for a while."""

from dataclasses import dataclass

import bpy
from bpy.types import ID, Object

from . import compat
from .memory import KEY_KINDS, LID_KEYS, NODES_TAG, REMAINDER_KEY, SPARE_KEYS, armature_of, has_armature, is_head, names

TRANSFORMS = ("location", "rotation_mode", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")
MEMORY_PREFIX = "smirk_"  # of every custom property in `memory`
KEY_LISTS = (*KEY_KINDS, LID_KEYS, SPARE_KEYS)
Numbers = tuple[object, ...]


@dataclass(frozen=True)
class HeadName:
    """Finds a head again, whatever became of Blender's references to it: undo makes them invalid.

    Attributes:
        object_name: when it was named.
        mesh_uid: Blender's number for its mesh, which no copy shares, and undo keeps.
    """

    object_name: str
    mesh_uid: int

    def find(self) -> Object | None:
        """Return the head's object, also where it was renamed; None where it was deleted."""
        named = bpy.data.objects.get((self.object_name, None))
        candidates = (named, *bpy.data.objects)
        return next((thing for thing in candidates if is_head(thing) and thing.data.session_uid == self.mesh_uid), None)


def name_of(head_object: Object) -> HeadName:
    return HeadName(head_object.name, head_object.data.session_uid)


@dataclass(frozen=True)
class Standing:
    """What a head played and how it was posed.

    Attributes:
        name: the head.
        memory: what it remembers, by custom property of its mesh.
        keys: by shape key, its value and its slider's range.
        transforms: by bone, or "" for the object itself, TRANSFORMS' values.
        playing: of the shape keys and of what turns the head, the action's name and its slot's; "" where there is none.
    """

    name: HeadName
    memory: dict[str, object]
    keys: dict[str, Numbers]
    transforms: dict[str, dict[str, object]]
    playing: tuple[tuple[str, str], ...]


def standing_of(head_object: Object) -> Standing:
    """Return how a head stands now."""
    return Standing(
        name_of(head_object),
        {key: _plain(head_object.data[key]) for key in _remembered(head_object)},
        {
            key.name: (key.value, key.slider_min, key.slider_max)
            for key in head_object.data.shape_keys.key_blocks
        },
        {name: {part: _plain(getattr(thing, part)) for part in TRANSFORMS} for name, thing in _turned(head_object)},
        tuple(_playing(datablock) for datablock in _animated(head_object)),
    )


def put_back(standing: Standing) -> Object | None:
    """Let a head stand as it did, without the keys that it has got since; return it, None where it was deleted.

    Actions that were deleted meanwhile are no longer played.
    """
    head_object = standing.name.find()
    if head_object is None:
        return None
    for datablock, (action_name, slot) in zip(_animated(head_object), standing.playing):
        _play(datablock, action_name, slot)
    ours = {name for kind in KEY_LISTS for name in names(head_object, kind)} | {head_object.data.get(REMAINDER_KEY)}
    for key in list(head_object.data.shape_keys.key_blocks):
        if key.name in standing.keys:
            value, key.slider_min, key.slider_max = standing.keys[key.name]
            key.value = value
        elif key.name in ours:  # the user's own stay
            head_object.shape_key_remove(key)
    for key in _remembered(head_object):
        if key not in standing.memory:
            del head_object.data[key]
    for key, value in standing.memory.items():
        head_object.data[key] = value
    for name, thing in _turned(head_object):
        for part, value in standing.transforms.get(name, {}).items():
            setattr(thing, part, value)
    head_object.data.update_tag()
    return head_object


def remove_head(head_object: Object) -> None:
    """Delete a head with its mesh, its materials and nodes that nobody else uses, and its armature."""
    mesh, shared = head_object.data, list(head_object.data.materials)
    groups = [modifier.node_group for modifier in head_object.modifiers if modifier.type == 'NODES']
    shared += [group for group in groups if group is not None and NODES_TAG in group]
    parts = [head_object, mesh]
    if has_armature(head_object):
        rig = armature_of(head_object)
        parts += [rig, rig.data]
    bpy.data.batch_remove(parts)
    bpy.data.batch_remove({datablock for datablock in shared if datablock is not None and not datablock.users})


def _remembered(head_object: Object) -> list[str]:
    """Return our own custom properties of a head's mesh; others' are none of our business."""
    return [key for key in head_object.data.keys() if key.startswith(MEMORY_PREFIX)]


def _animated(head_object: Object) -> tuple[ID, ID]:
    turned = armature_of(head_object) if has_armature(head_object) else head_object
    return head_object.data.shape_keys, turned


def _turned(head_object: Object) -> list[tuple[str, object]]:
    if not has_armature(head_object):
        return [("", head_object)]
    return [(bone.name, bone) for bone in armature_of(head_object).pose.bones]


def _playing(datablock: ID) -> tuple[str, str]:
    animation = datablock.animation_data
    if animation is None or animation.action is None:
        return "", ""
    return animation.action.name, compat.slot_of(datablock)


def _play(datablock: ID, action_name: str, slot: str) -> None:
    action = bpy.data.actions.get(action_name) if action_name else None
    if action is not None:
        compat.use_action(datablock, action, slot)
    elif datablock.animation_data is not None:
        datablock.animation_data.action = None


def _plain(value: object) -> object:
    """Return a property's value as plain Python, which outlives Blender's own."""
    for name in ("to_list", "to_dict", "to_tuple"):
        if hasattr(value, name):
            return getattr(value, name)()
    return tuple(value) if not isinstance(value, (str, int, float, bool)) else value

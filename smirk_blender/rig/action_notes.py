"""What an action that a take was retargeted to notes of the datablocks that it moves, and how they are known again.

They are noted by kind and name. Where one was renamed since, it is known by what it plays, and the notes go with it.
"""

import json

import bpy
from bpy.types import ID, Action, Object

from . import compat
from .overrides import local_or_linked

BEFORE = "smirk_retarget_before"  # JSON: by datablock, how what the take moves stood before, values by data path
CHANNELS = "smirk_retarget_channels"  # JSON: by datablock, the data path and index of what the take moves
LAYERS = "smirk_retarget_layers"  # JSON, by datablock: the slot of what was active, and the track it was pushed down to
PARTS = "smirk_retarget_parts"  # the actions of armatures and objects, where Blender has no slots
PART_OF = "smirk_retarget_part_of"  # of those and of the main one: what it moves
NOTES_BY_DATABLOCK = (BEFORE, CHANNELS, LAYERS)
OBJECT_KIND = "OBJECT "


def label_of(datablock: ID) -> str:
    """Return by what an action's notes know what it moves."""
    return f"{datablock.id_type} {datablock.name}"


def parts_of(main: Action) -> list[Action]:
    """Return the other actions that a take was retargeted to together with this one; none with slots."""
    return [part for part in main[PARTS].to_dict().values() if part is not None] if PARTS in main else []


def played_actions(datablock: ID) -> list[tuple[Action, object]]:
    """Return the actions that a datablock plays, with their slots for it: the bound one, then the strips from above."""
    animation = datablock.animation_data
    if animation is None:
        return []
    played = [(animation.action, compat.own_slot(datablock, animation.action))] if animation.action else []
    for track in reversed(animation.nla_tracks):
        if not track.mute:
            strips = [strip for strip in track.strips if strip.action is not None and not strip.mute]
            played += [(strip.action, getattr(strip, "action_slot", None)) for strip in strips]
    return played


def follow_renames() -> None:
    """Let the notes of retargeted actions have the names that objects have now."""
    for main in bpy.data.actions:
        if CHANNELS in main and main.library is None:
            for label in json.loads(main[CHANNELS]):
                is_object, name = label.startswith(OBJECT_KIND), label.removeprefix(OBJECT_KIND)
                if is_object and local_or_linked(bpy.data.objects, name) is None:
                    _follow_rename(main, name)


def _follow_rename(main: Action, name: str) -> None:
    """Let notes of an object of a name that there is no more be those of what plays them."""
    actions = [main, *parts_of(main)]
    for thing in bpy.data.objects:
        for action, slot in played_actions(thing):
            if action in actions and name == _noted_name(action, slot):
                _rename(actions, OBJECT_KIND + name, thing)
                if slot is not None:
                    slot.name_display = thing.name
                return


def _noted_name(action: Action, slot: object) -> str:
    return slot.name_display if slot is not None else action.get(PART_OF, "").removeprefix(OBJECT_KIND)


def _rename(actions: list[Action], label: str, thing: Object) -> None:
    for action in actions:
        for kind in NOTES_BY_DATABLOCK:
            noted = json.loads(action.get(kind, "{}"))
            if label in noted:
                noted[label_of(thing)] = noted.pop(label)
                action[kind] = json.dumps(noted)
        if action.get(PART_OF) == label:
            action[PART_OF] = label_of(thing)

"""A retargeted take on a character: an action of its own, played alone, over the user's animation or added to it."""

import json
from collections.abc import Collection

import bpy
import numpy as np
from bpy.types import ID, Action, Key, Object

from ..errors import RetargetError
from ..retarget.character import Retargeted
from . import compat
from .action_notes import BEFORE, CHANNELS, PART_OF, PARTS, follow_renames, label_of, parts_of, played_actions
from .character import armature_of_character, check_character
from .nla import KeyFrames
from .overrides import local_or_linked
from .rest import Values, stood_before
from .retarget_channels import Channel, Player, channels_of, note_before, players_of, put_back_values
from .retarget_layers import MODES, Mode, hand_on_below, play_over, renew_own_strips, stop_playing

# Of an action that a take was retargeted to.
CHARACTER = "smirk_retarget_character"  # the name of the mesh object
TAKE = "smirk_retarget_take"  # by which the take is known again
MODE = "smirk_retarget_mode"
NOTES = "smirk_retarget_notes"  # JSON: what a user should know


def bake_retargeted(
    mesh_object: Object,
    retargeted: Retargeted,
    scene_frames: np.ndarray,
    *,
    action_name: str,
    take_id: str = "",
    mode: Mode = "action",
    replaces: Action | None = None,
    others: Collection[Object] = (),
) -> Action:
    """Write a retargeted take to an action of its own, and let the character play it; return the action.

    The user's own actions are not changed. The same take on the same character goes into the action that it went to
    before: what that held of the take is replaced, what else was keyed in it stays. Where an action animates one kind
    of datablock only (4.2, 4.3), armatures and objects get others, called like the first with ".Rig".
    Args:
        mesh_object: the character's, which may be a library override.
        retargeted: T frames.
        scene_frames: (T,) rising.
        action_name: of a new action.
        take_id: by which the take is known again; the action's name where left out.
        mode: "action": it is the active action, and what was active waits; "strip": a strip over all that the character
            plays; "additive": a strip that adds to it. There an unanimated pose or value counts as the user's too.
        replaces: the earlier action, where it is not the one that `retargeted_action` finds.
        others: mesh objects whose keys of the same names move alike: teeth, lashes.
    Raises:
        RetargetError: a key or a bone is gone, or the character is linked without an override, or its strips are being
            tweaked.
        ValueError: another mode, or frames that are not as many as the take's.
    """
    if mode not in MODES:
        raise ValueError(f"a mode is one of {', '.join(MODES)}, not {mode!r}")
    scene_frames = np.asarray(scene_frames, np.float64)
    if len(scene_frames) != len(retargeted.weights) or not len(scene_frames):
        raise ValueError(f"{len(scene_frames)} scene frames for {len(retargeted.weights)} of the take's")
    check_character(mesh_object)
    follow_renames()
    players, notes = players_of(mesh_object, retargeted, others)
    notes = [*retargeted.notes, *notes]
    if not players:
        raise RetargetError(
            f"The take moves no shape key and no bone of {mesh_object.name}. Change its retarget profile"
        )
    take_id = take_id or action_name
    main = replaces or retargeted_action(mesh_object, take_id)
    if main is None:
        main = _new_action(action_name, mesh_object, take_id, players[0])
    elif (main[MODE] == "action") != (mode == "action"):
        for player in players:
            stop_playing(player.datablock, _part(main, player.datablock))
    for player in players:
        note_before(player, [main, *parts_of(main)])
    moved = json.loads(main.get(CHANNELS, "{}"))
    for label in set(moved) - {label_of(player.datablock) for player in players}:  # what the take moves no longer
        _drop(mesh_object, main, label, moved.pop(label))
    made = []
    for row, player in enumerate(players):
        channels, its_notes = channels_of(player, retargeted, added=mode == "additive", is_first=row == 0)
        notes += its_notes
        made.append(channels if row == 0 or not isinstance(player.datablock, Key) else made[0])
    before = _write_all(main, players, made, scene_frames, moved)
    for player, channels, old in zip(players, made, before, strict=True):
        datablock, action = player.datablock, _part(main, player.datablock)
        slot = _slot(main, players, player)
        now = compat.key_range(action, slot) or (scene_frames[0], scene_frames[-1])
        _remember_before(action, player)
        renew_own_strips(datablock, action, old, now)
        paths = {channel.data_path for channel in channels}
        put_back_values(datablock, _no_longer(player, moved, paths))
        play_over(datablock, action, slot, mode, moves=paths, key_frames=now)
        moved[label_of(datablock)] = [[channel.data_path, channel.index] for channel in channels]
    main[CHANNELS], main[MODE], main[NOTES] = json.dumps(moved), mode, json.dumps(notes)
    return main


def retargeted_action(mesh_object: Object, take_id: str) -> Action | None:
    """Return the action that a take was retargeted to on a character; None where there is none."""
    played = _played(mesh_object)
    its = [action for action in retargeted_actions(mesh_object) if action[TAKE] == take_id]
    return next(iter(sorted(its, key=lambda action: action not in played)), None)


def retargeted_actions(mesh_object: Object) -> list[Action]:
    """Return the actions that takes were retargeted to on a character, also where it was renamed since, or copied."""
    played = _played(mesh_object)

    def is_its(action: Action) -> bool:
        if action[CHARACTER] == mesh_object.name:
            return True
        other = bpy.data.objects.get((action[CHARACTER], None))
        return action in played and (other is None or action not in _played(other))

    return [action for action in bpy.data.actions if CHARACTER in action and action.library is None and is_its(action)]


def _played(mesh_object: Object) -> list[Action]:
    """Return the actions that a character's keys play, or what carries them where it has none."""
    shape_keys = getattr(mesh_object.data, "shape_keys", None)
    datablock = shape_keys or armature_of_character(mesh_object) or mesh_object
    return [action for action, _ in played_actions(datablock)]


def is_retargeted(action: Action) -> bool:
    """Return whether an action is one that a take was retargeted to, or a part of one."""
    return CHARACTER in action or PART_OF in action


def notes_of(action: Action) -> tuple[str, ...]:
    """Return what a user should know of a retargeted action, a sentence each."""
    return tuple(json.loads(action.get(NOTES, "[]")))


def remove_retargeted(mesh_object: Object, action: Action) -> None:
    """Delete a retargeted action; the character plays what it played before, and stands as it stood before.

    Args:
        action: as `bake_retargeted` returned it.
    """
    follow_renames()
    parts = parts_of(action)
    for part in (action, *parts):
        hand_on_below(part, [other for other in bpy.data.actions if is_retargeted(other) and other != part])
    for label, moved in json.loads(action[CHANNELS]).items():
        datablock = _datablock(mesh_object, label)
        if datablock is not None:
            _rest(datablock, _part(action, datablock), moved)
    bpy.data.batch_remove({action, *parts})


def _new_action(name: str, mesh_object: Object, take_id: str, first: Player) -> Action:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True  # a later one may take its place, and a file keeps no data without users
    action[CHARACTER], action[TAKE], action[MODE] = mesh_object.name, take_id, ""
    action[PART_OF] = _part_label(first.datablock)
    return action


def _part(main: Action, datablock: ID) -> Action:
    """Return the action for a datablock: the main one, but where it animates another kind, or another object."""
    if compat.has_slots():
        return main
    label = _part_label(datablock)
    for part in (main, *parts_of(main)):
        if part[PART_OF] == label:
            return part
    parts = main[PARTS].to_dict() if PARTS in main else {}
    part = bpy.data.actions.new(f"{main.name}.{datablock.name}")
    part.use_fake_user, part[PART_OF] = True, label
    main[PARTS] = {**parts, str(len(parts)): part}
    return part


def _part_label(datablock: ID) -> str:
    """Return what an action without slots can animate together: all shape keys, or one object."""
    return datablock.id_type if isinstance(datablock, Key) else label_of(datablock)


def _slot(main: Action, players: list[Player], player: Player) -> object:
    """Return the slot for a player: one for the shape keys of all meshes, one for every other; None without slots."""
    first = players[0] if isinstance(player.datablock, Key) else player
    return compat.ensure_own_slot(first.datablock, _part(main, first.datablock))


def _write_all(
    main: Action, players: list[Player], made: list[list[Channel]], scene_frames: np.ndarray, moved: dict[str, list]
) -> list[KeyFrames]:
    """Write all players' channels, those of shape keys once; return where each had keys before.

    Args:
        moved: by player, the data path and index of what the take moved before; what it does not now is taken out.
    """
    before = []
    for row, (player, channels) in enumerate(zip(players, made, strict=True)):
        if row and isinstance(player.datablock, Key):
            before.append(before[0])
            continue
        action, slot = _part(main, player.datablock), _slot(main, players, player)
        before.append(compat.key_range(action, slot))
        wanted = {(channel.data_path, channel.index) for channel in channels}
        earlier = {(data_path, index) for data_path, index in moved.get(label_of(player.datablock), [])}
        _take_out(action, slot, earlier - wanted)
        for channel in channels:
            where = (channel.data_path, channel.index)
            fcurve = compat.ensure_fcurve(action, player.datablock, *where, group=channel.group, slot=slot)
            compat.write_fcurve(fcurve, scene_frames[: len(channel.values)], channel.values)
    return before


def _take_out(action: Action, slot: object, dropped: set[tuple[str, int]]) -> None:
    for fcurve in compat.slot_fcurves(action, slot):
        if (fcurve.data_path, fcurve.array_index) in dropped:
            compat.remove_fcurve(action, slot, fcurve)


def _remember_before(action: Action, player: Player) -> None:
    """Note in an action how a player stood before; what was noted already holds."""
    before = json.loads(action.get(BEFORE, "{}"))
    label = label_of(player.datablock)
    before[label] = player.before | before.get(label, {})
    action[BEFORE] = json.dumps(before)


def _no_longer(player: Player, moved: dict[str, list], paths: Collection[str]) -> Values:
    """Return how a player stood before where the take moved it earlier, and does not now."""
    earlier = {data_path for data_path, _ in moved.get(label_of(player.datablock), [])}
    return {data_path: player.before[data_path] for data_path in earlier - paths if data_path in player.before}


def _drop(mesh_object: Object, main: Action, label: str, moved: list) -> None:
    """Let what a take moves no longer stand as before, and take its curves out of the action."""
    datablock = _datablock(mesh_object, label)
    if datablock is None:
        return
    action = _part(main, datablock)
    slot = compat.own_slot(datablock, action)
    _rest(datablock, action, moved)
    _take_out(action, slot, {(data_path, index) for data_path, index in moved})


def _rest(datablock: ID, action: Action, moved: list) -> None:
    """Let a datablock play what it played before an action, and stand as it stood where that moved it."""
    before, paths = stood_before(action, datablock), {data_path for data_path, _ in moved}
    stop_playing(datablock, action)
    put_back_values(datablock, {data_path: numbers for data_path, numbers in before.items() if data_path in paths})


def _datablock(mesh_object: Object, label: str) -> ID | None:
    kind, _, name = label.partition(" ")
    shape_keys = mesh_object.data.shape_keys
    if kind == 'KEY' and shape_keys is not None and shape_keys.name == name:
        return shape_keys
    return local_or_linked(bpy.data.shape_keys if kind == 'KEY' else bpy.data.objects, name)

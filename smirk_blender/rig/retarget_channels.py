"""What of a retargeted take is keyed on which channel of a character: shape keys, bones, objects that turn."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from bpy.types import ID, Action, Key, Object, PoseBone, ShapeKey
from mathutils import Quaternion

from ..errors import RetargetError
from ..retarget.character import BoneCurves, Retargeted
from . import compat
from .action_notes import played_actions
from .character import owner_named
from .overrides import make_keys_writable, make_writable
from .rest import TRANSFORMS, Values, resting_rotation, resting_values, stood_before
from .rotation_modes import quaternion_product, rotation_values

KEY_GROUP, OBJECT_GROUP = "Retarget", "Object Transforms"
# A strip that adds to others adds what it holds less the channel's default: 0 before Blender 5.0, 1 from there on.
DEFAULT_VALUE = ShapeKey.bl_rna.properties["value"].default


@dataclass
class Player:
    """A datablock that plays a take's channels: shape keys, an armature object, an object that turns as a whole.

    Attributes:
        datablock: it.
        curves: of its bones, or of the object itself; none of shape keys.
        before: how it stands without the take, by data path.
        keyed: data paths that other actions than the take's own move.
    """

    datablock: ID
    curves: list[BoneCurves] = field(default_factory=list)
    before: Values = field(default_factory=dict)
    keyed: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Channel:
    """An F-curve to be: its data path, index and group, and values, (T,), or (1,) where it is still."""

    data_path: str
    index: int
    group: str
    values: np.ndarray


def players_of(
    mesh_object: Object, retargeted: Retargeted, others: Collection[Object]
) -> tuple[list[Player], list[str]]:
    """Return what is to play a retargeted take on a character, ready to be written to, and what to say of it.

    The first are the mesh's shape keys, then those of other meshes with keys of the same names, then what bones and
    turned objects belong to.
    Raises:
        RetargetError: a key or an owner is not there any more; something is linked without an override, or is being
            tweaked in the NLA editor.
    """
    players, notes = [], []
    if retargeted.key_names:
        for thing in (mesh_object, *others):
            notes.append(make_keys_writable(thing))
            players.append(Player(thing.data.shape_keys))
        missing = [name for name in retargeted.key_names if name not in mesh_object.data.shape_keys.key_blocks]
        if missing:
            raise RetargetError(
                f"{mesh_object.name} has no shape key {missing[0]} any more. Retarget again, so that its keys are read"
            )
    by_owner: dict[str, Player] = {}
    for curves in retargeted.bones:
        owner = owner_named(mesh_object, curves.owner)
        if owner is None:
            raise RetargetError(f"There is no object {curves.owner} any more, which the take turns. Retarget again")
        if curves.name and (owner.pose is None or curves.name not in owner.pose.bones):
            raise RetargetError(f"{curves.owner} has no bone {curves.name} any more. Retarget again")
        make_writable(owner)
        player = by_owner.setdefault(owner.name, Player(owner))
        player.curves.append(curves)
    players += by_owner.values()
    for player in players:
        animation = player.datablock.animation_data
        if animation is not None and animation.use_tweak_mode:
            raise RetargetError(
                f"A strip of {player.datablock.name} is being tweaked in the NLA editor. Leave Tweak Mode there (Tab)"
            )
    return players, [note for note in notes if note]


def channels_of(
    player: Player, retargeted: Retargeted, *, added: bool, is_first: bool
) -> tuple[list[Channel], list[str]]:
    """Return a player's channels, and what to say of what is left out.

    Args:
        added: whether they are added to what it plays already; else they take its place.
        is_first: whether it is what limits and drivers of shape keys are read of.
    """
    if isinstance(player.datablock, Key):
        return _key_channels(player, retargeted, added) if is_first else ([], [])
    channels, notes = [], []
    for curves in player.curves:
        make = _bone_channels if curves.name else _object_channels
        its_channels, its_notes = make(player, curves, added)
        channels += its_channels
        notes += its_notes
    return channels, notes


def put_back_values(datablock: ID, before: Values) -> None:
    """Let a datablock stand as it did, where nothing moves it."""
    for data_path, numbers in before.items():
        parent, _, name = data_path.rpartition(".")
        try:
            thing = datablock.path_resolve(parent) if parent else datablock
        except ValueError:  # a key or a bone that is gone
            continue
        setattr(thing, name, numbers[0] if name == "value" else numbers)


def note_before(player: Player, own: Collection[Action]) -> None:
    """Note how a player stands without takes, and which of its channels are moved by other actions than the take's own.

    Args:
        own: the take's actions.
    """
    datablock, earlier = player.datablock, {}
    for action in own:  # which need not be played just now
        earlier = stood_before(action, datablock) | earlier
    for action, slot in played_actions(datablock):
        earlier = stood_before(action, datablock) | earlier
        if action not in own:
            player.keyed |= {fcurve.data_path for fcurve in compat.slot_fcurves(action, slot)}
    if isinstance(datablock, Key):
        now = {key.path_from_id("value"): [key.value] for key in datablock.key_blocks[1:]}
    else:
        now = resting_values(datablock) if any(not curves.name for curves in player.curves) else {}
        for curves in player.curves:
            if curves.name:
                bone = datablock.pose.bones[curves.name]
                now |= {bone.path_from_id(name): [*map(float, getattr(bone, name))] for name in TRANSFORMS}
    player.before = now | earlier


def _key_channels(player: Player, retargeted: Retargeted, added: bool) -> tuple[list[Channel], list[str]]:
    shape_keys, channels, driven = player.datablock, [], []
    animation = shape_keys.animation_data
    by_driver = {curve.data_path for curve in animation.drivers if not curve.mute} if animation is not None else set()
    for name, weights in zip(retargeted.key_names, retargeted.weights.T, strict=True):
        key = shape_keys.key_blocks[name]
        data_path = key.path_from_id("value")
        if data_path in by_driver:
            driven.append(name)
            continue
        own = player.before[data_path][0] if added and data_path not in player.keyed else 0.0
        values = np.clip(own + weights.astype(np.float64), key.slider_min, key.slider_max)
        if added and data_path in player.keyed:
            values += DEFAULT_VALUE
        channels.append(Channel(data_path, 0, KEY_GROUP, _still(values)))
    return channels, [f"{name} is moved by a driver, and was left alone" for name in driven]


def _bone_channels(player: Player, curves: BoneCurves, added: bool) -> tuple[list[Channel], list[str]]:
    bone: PoseBone = player.datablock.pose.bones[curves.name]
    location, notes = curves.location, []
    if location is not None and not bone.bone.use_local_location:  # along its parent's axes, or the armature's
        axes = bone.bone.matrix_local.to_3x3()
        if bone.parent is not None:
            axes = bone.parent.bone.matrix_local.to_3x3().transposed() @ axes
        location = location @ np.array(axes, np.float64).T
    if location is not None and bone.bone.use_connect and bone.parent is not None:
        location, notes = None, [f"The bone {bone.name} hangs on its parent's end, and was not moved"]
    own_turn, own_place = Quaternion(), np.zeros(3)
    values = {name: player.before[bone.path_from_id(name)] for name in TRANSFORMS}
    if added and bone.path_from_id("location") not in player.keyed:
        own_place = np.array(values["location"])
    if added and not _turn_is_keyed(player, bone):
        own_turn = resting_rotation(bone, values)
    channels, locked = _turned(bone, curves.name, own_turn, own_place, curves.rotation, location)
    return channels, notes + locked


def _object_channels(player: Player, curves: BoneCurves, added: bool) -> tuple[list[Channel], list[str]]:
    thing, values = player.datablock, {name: player.before[name] for name in TRANSFORMS}
    turn, place = resting_rotation(thing, values), np.array(values["location"])
    location = curves.location
    if location is not None:
        location = location * values["scale"] @ np.array(turn.to_matrix(), np.float64).T
    if added and "location" in player.keyed:
        place = np.zeros(3)
    if added and _turn_is_keyed(player, thing):
        turn = Quaternion()
    return _turned(thing, OBJECT_GROUP, turn, place, curves.rotation, location)


def _turn_is_keyed(player: Player, thing: Object | PoseBone) -> bool:
    prefix = thing.path_from_id("rotation_euler").removesuffix("euler") if isinstance(thing, PoseBone) else "rotation_"
    return any(data_path.startswith(prefix) for data_path in player.keyed)


def _turned(
    thing: Object | PoseBone,
    group: str,
    own_turn: Quaternion,
    own_place: np.ndarray,
    rotation: np.ndarray | None,
    location: np.ndarray | None,
) -> tuple[list[Channel], list[str]]:
    """Return the channels of a bone or an object that turns by `rotation` after its own turn; locked ones left out."""
    path = thing.path_from_id if isinstance(thing, PoseBone) else str
    channels, locked = [], [False] * 3
    if rotation is not None:
        locked = list(thing.lock_rotation)
        turned = quaternion_product(np.array(own_turn, np.float64), rotation)
        name, values = rotation_values(thing.rotation_mode, turned, locked)
        columns = [index for index in range(values.shape[1]) if name != "rotation_euler" or not locked[index]]
        if not all(locked):
            channels += [Channel(path(name), index, group, _still(values[:, index])) for index in columns]
    if location is not None:
        free = [index for index in range(3) if not thing.lock_location[index]]
        places = own_place + location
        channels += [Channel(path("location"), index, group, _still(places[:, index])) for index in free]
        locked += list(thing.lock_location)
    notes = [f"{thing.name} has locked channels, which were left alone"] if any(locked) else []
    return channels, notes


def _still(values: np.ndarray) -> np.ndarray:
    return values[:1] if np.ptp(values) == 0 else values

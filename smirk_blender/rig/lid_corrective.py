"""Keys that keep shut lids off the eyeballs: lid shapes move along straight lines, and a straight line cuts a ball.

Two keys an eye, made from the geometry of the face that the head wears: one goes with the lid, the
other is greatest halfway. They are an addition to FLAME, so a head has them only if asked.
"""

import numpy as np
from bpy.types import Action, Object

from ..flame.eyelids import corrective_weights
from ..flame.head import Head
from . import compat
from .checks import lids_come_after
from .memory import EYELID_KEYS, LID_KEYS, actions_baked_onto, key_chain, names
from .prepared_head import LID_KEY_NAMES, lid_key_directions
from .shape_keys import add_keys, factor_of, set_key_offsets
from .steps import HeldHead, Steps, aside


def keep_lids_off_eyeballs(head_object: Object, head: Head, face: np.ndarray) -> bool:
    """Add the keys, and their curves to the actions baked before; return whether lids of this head cut at all.

    Args:
        head_object: of a head.
        head: its model.
        face: (V, 3) metres, FLAME axes: the face that it wears, at rest; see `identity.worn_head`.
    """
    let_lids_cut(head_object)
    wanted = lid_key_directions(head, face)
    if wanted is None or not np.any(wanted.offsets):
        return False
    head_object.data[LID_KEYS] = add_keys(head_object, LID_KEY_NAMES, wanted.offsets, slider=wanted.slider)
    shape_keys = head_object.data.shape_keys
    for name in names(head_object, LID_KEYS):
        shape_keys.key_blocks[name].mute = lids_come_after(head_object)
    for action in actions_baked_onto(head_object):
        _follow_eyelids(head_object, action)
    return True


def let_lids_cut(head_object: Object) -> None:
    """Take the keys away again: the head is FLAME's to the last vertex."""
    key_blocks = head_object.data.shape_keys.key_blocks
    for name in names(head_object, LID_KEYS):
        if name in key_blocks:
            head_object.shape_key_remove(key_blocks[name])
    head_object.data[LID_KEYS] = []


def refresh_lid_corrective(held: HeldHead, head: Head, face: np.ndarray, *, threaded: bool) -> Steps[None]:
    """Make the keys anew for the face that the head wears now, where it has them, in small steps."""
    if not names(held.head_object, LID_KEYS):
        return
    wanted = yield from aside(lid_key_directions, head, face, threaded=threaded)
    for name, offsets in zip(names(held.head_object, LID_KEYS), np.moveaxis(wanted.offsets, -1, 0), strict=True):
        set_key_offsets(held.head_object, name, offsets)
    held.head_object.data.update()
    yield


def lid_key_values(eyelid: np.ndarray) -> np.ndarray:
    """Return the keys' values for lids (T, 2): (T, 4), in LID_KEY_NAMES' order."""
    weights = corrective_weights(eyelid)  # (T, 2 lids, 2 fields)
    return np.concatenate([weights[..., 0], weights[..., 1]], axis=1)


def _follow_eyelids(head_object: Object, action: Action) -> None:
    """Key the keys in an action as its eyelids ask."""
    shape_keys = head_object.data.shape_keys
    path_of = lambda name: shape_keys.key_blocks[name].path_from_id("value")
    curves = {fcurve.data_path: fcurve for fcurve in compat.fcurves(action)}
    for side, lid_name in enumerate(names(head_object, EYELID_KEYS)):
        players = {name: curves[path_of(name)] for name in key_chain(head_object, lid_name) if path_of(name) in curves}
        if not players:
            continue
        longest = max(players.values(), key=lambda fcurve: len(fcurve.keyframe_points))  # the others are held at 0
        scene_frames = compat.played_frames(longest)
        eyelid = np.zeros((len(scene_frames), 2))
        for name, fcurve in players.items():
            eyelid[:, side] += factor_of(head_object, name) * np.array([fcurve.evaluate(at) for at in scene_frames])
        wanted = lid_key_values(eyelid)
        for column in (side, 2 + side):
            path = path_of(names(head_object, LID_KEYS)[column])
            compat.add_fcurve(action, shape_keys, path, scene_frames, wanted[:, column])

"""A character made ready for takes: what it is made of, what turns, what follows."""

from collections import OrderedDict
from dataclasses import replace
from hashlib import blake2b

import numpy as np
from bpy.types import Object

from ..flame import Head
from ..retarget.bone_motion import landmark_axes, sided, world_axes
from ..retarget.character import Character
from ..retarget.face_bones import FaceBones, routed
from ..retarget.followers import FollowingRig
from ..retarget.onto import Recipient
from ..retarget.profile import RetargetProfile
from .character import armature_of_character, read_character
from .control_rig import find_bones, watch_rig

KEPT_RIGS = 4  # that were watched: a second of work for a Rigify face


def recipient_of(mesh_object: Object, head: Head, profile: RetargetProfile, *, again: bool = False) -> Recipient:
    """Return a character ready for takes on a head.

    Args:
        profile: the character's.
        again: whether its rig need not be watched anew where it is as it was, as far as its bones tell: for settings
            that are tried one after the other.
    Raises:
        RetargetError: see `read_character`.
    """
    shape_keys = mesh_object.data.shape_keys if mesh_object.type == 'MESH' else None
    keys_move_face = shape_keys is not None and len(shape_keys.key_blocks) > 1
    bones = routed(find_bones(mesh_object), profile, keys_move_face=keys_move_face)
    character = read_character(mesh_object, profile, bones=bones.names())
    if profile.landmarks is not None and head.landmarks is not None:
        axes = landmark_axes(head, character, profile.landmarks)
    else:
        axes = world_axes(np.array(mesh_object.matrix_world, np.float64))
    bones = sided(character, bones, axes)
    character, following = _watched(mesh_object, character, bones, axes, again)
    return Recipient(character, bones, following, axes)


_rigs: OrderedDict[bytes, tuple[Character, FollowingRig]] = OrderedDict()


def _watched(
    mesh_object: Object, character: Character, bones: FaceBones, axes: np.ndarray, again: bool
) -> tuple[Character, FollowingRig]:
    """Return `watch_rig`, as it was before where that may do; what is not about bones is the character's own."""
    key = _digest(mesh_object, character, bones, axes)
    if not (again and key in _rigs):
        _rigs[key] = watch_rig(mesh_object, character, bones, axes)
    _rigs.move_to_end(key)
    while len(_rigs) > KEPT_RIGS:
        _rigs.popitem(last=False)
    before, following = _rigs[key]
    return replace(character, bones=before.bones), following


def _digest(mesh_object: Object, character: Character, bones: FaceBones, axes: np.ndarray) -> bytes:
    armature = armature_of_character(mesh_object)
    digest = blake2b(repr((mesh_object.session_uid, armature and armature.session_uid, bones)).encode())
    for array in (axes, character.vertices, *(bone.matrix for bone in character.bones)):
        digest.update(np.ascontiguousarray(array).tobytes())
    for bone in character.bones:
        digest.update(repr((bone.owner, bone.name, bone.parent)).encode())
        digest.update(b"" if bone.skinning is None else bone.skinning.tobytes())
    return digest.digest()

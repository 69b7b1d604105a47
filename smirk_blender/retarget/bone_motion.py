"""A take's turns of jaw, eyes, head and neck on a character's bones, in the axes that Blender keys.

A turn goes from the take's axes (FLAME's: +X the actor's left, +Y up, +Z out of the face) to the mesh's object space by
one orthogonal matrix, its `axes`, and on to the bone's own by the bone's rest. Either may mirror.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..flame import Head, LandmarkEmbedding
from ..flame.align import align_similarity
from ..flame.rotations import (
    axis_angle_from_matrices,
    continuous_axis_angle,
    matrices_from_axis_angle,
    quaternions_from_axis_angle,
)
from ..take import Take
from .character import BoneCurves, Character, CharacterBone
from .face_bones import AIMS, FaceBones
from .profile import RetargetProfile

NECK_SHARE = 0.4  # of the head's turn, where a neck takes part in it; people share it about so
FLAME_TO_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # of a character that faces -Y, Z up
MIRROR = np.diag([-1.0, 1.0, 1.0])


def landmark_axes(head: Head, character: Character, landmarks: LandmarkEmbedding) -> np.ndarray:
    """Return a take's axes in the mesh's object space, (3, 3) orthogonal, by the landmarks that both have.

    It mirrors where the mesh is modelled mirrored, such as under a negative scale.
    """
    own, theirs = np.nonzero(head.landmarks.indices[:, None] == landmarks.indices)
    source = head.landmarks.subset(own).points(head.template[None].astype(np.float64))[0]
    target = landmarks.subset(theirs).points(character.vertices[None])
    found = []
    for mirror in (np.eye(3), MIRROR):
        rotation, scale, shift = align_similarity(source @ mirror, target)
        missed = target[0] - (scale * (source @ mirror) @ rotation[0].T + shift)
        found.append((float((missed**2).sum()), rotation[0] @ mirror))
    return min(found, key=lambda pair: pair[0])[1]


def world_axes(mesh_matrix: np.ndarray) -> np.ndarray:
    """Return a take's axes in the object space of a mesh without landmarks, (3, 3) orthogonal.

    Args:
        mesh_matrix: (4, 4) of the mesh object at rest, in a world where the character faces -Y and stands along Z.
    """
    return orthogonal(np.linalg.inv(mesh_matrix[:3, :3])) @ FLAME_TO_WORLD


def orthogonal(matrix: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrices nearest to (..., 3, 3): scale and shear taken out, a reflection kept."""
    left, _, right = np.linalg.svd(matrix)
    return left @ right


def turned_vectors(rotation_vectors: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return rotation vectors (..., 3) as they are seen through an orthogonal matrix: axes R axes^-1 of each."""
    return np.linalg.det(axes) * (rotation_vectors @ axes.T)


def bone_turns(rotation_vectors: np.ndarray, bone: CharacterBone) -> np.ndarray:
    """Return quaternions (T, 4), w x y z, sign-continuous, relative to the bone's rest and in its own axes.

    Args:
        rotation_vectors: (T, 3) radians, in the mesh's object space.
    """
    own = orthogonal(bone.matrix[:3, :3]).T
    return quaternions_from_axis_angle(continuous_axis_angle(turned_vectors(rotation_vectors, own)))


def aim_locations(rotation_vectors: np.ndarray, eye: CharacterBone, aim: CharacterBone) -> np.ndarray:
    """Return where the place that an eye looks at goes, (T, 3) in its own unit, so that the eye turns so.

    Args:
        rotation_vectors: (T, 3) radians, of the eye, in the mesh's object space.
    """
    arm = aim.matrix[:3, 3] - eye.matrix[:3, 3]
    moved = (matrices_from_axis_angle(rotation_vectors) - np.eye(3)) @ arm
    return moved @ np.linalg.inv(aim.matrix[:3, :3]).T


def carried_offsets(
    bone: CharacterBone, rotation_vectors: np.ndarray, points: np.ndarray, shares: np.ndarray
) -> np.ndarray:
    """Return what a bone's turns do to the skin, (T, P, 3) in the mesh's object space (linear blend skinning).

    Args:
        rotation_vectors: (T, 3) radians, in the mesh's object space.
        points: (P, 3) at rest, in the mesh's object space.
        shares: (P,) how much of each point follows the bone: its skinning at the points.
    """
    arms = shares[:, None] * (points - bone.matrix[:3, 3])
    return arms @ np.swapaxes(matrices_from_axis_angle(rotation_vectors) - np.eye(3), 1, 2)


def role_turns(take: Take, profile: RetargetProfile, axes: np.ndarray) -> dict[str, np.ndarray]:
    """Return how a take turns jaw, eyes and skull, (T, 3) each: rotation vectors, radians, in the mesh's object space.

    The skull's turn is head and neck together, as it is: an actor who looks into the camera has the character look
    straight ahead. The gains are those of the profile.
    """
    pose = matrices_from_axis_angle(take.head_pose) @ matrices_from_axis_angle(take.neck_pose)
    turns = {
        "jaw": take.jaw_pose,
        "eye_L": take.eye_pose[:, :3],
        "eye_R": take.eye_pose[:, 3:],
        "head": continuous_axis_angle(axis_angle_from_matrices(pose)),
    }
    return {
        role: turned_vectors(getattr(profile, role).gain * np.asarray(vectors, np.float64), axes)
        for role, vectors in turns.items()
    }


def turning_curves(
    turns: Mapping[str, np.ndarray],
    character: Character,
    bones: FaceBones,
    *,
    neck_gain: float = 1.0,
    neck_carries: float = 1.0,
) -> tuple[tuple[BoneCurves, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the curves of what turns, the roles that they take on, and notes; bones that are not there get none.

    Args:
        turns: of `role_turns`.
        bones: of `routed` and `sided`; the character was read with their `names()`.
        neck_gain: times the share of the skull's turn that a neck takes.
        neck_carries: of `FollowingRig`.
    """
    curves, taken = [], []
    for role in ("jaw", "eye_L", "eye_R"):
        bone = _bone(character, getattr(bones, role))
        if bone is None:
            continue
        aim = _bone(character, getattr(bones, AIMS[role])) if role in AIMS else None
        if aim is not None:
            curves.append(BoneCurves(aim.owner, aim.name, location=aim_locations(turns[role], bone, aim)))
        else:
            curves.append(BoneCurves(bone.owner, bone.name, rotation=bone_turns(turns[role], bone)))
        taken.append(role)
    skull, neck, turn = _bone(character, bones.head), _bone(character, bones.neck), turns["head"]
    if neck is not None:
        share = min(neck_gain * (NECK_SHARE if skull is not None else 1.0), 1.0)
        curves.append(BoneCurves(neck.owner, neck.name, rotation=bone_turns(share * turn, neck)))
        turn = (1 - share * neck_carries) * turn  # about the same axis, so that both together are the whole
    if skull is not None:
        curves.append(BoneCurves(skull.owner, skull.name, rotation=bone_turns(turn, skull)))
    if skull is not None or neck is not None:
        return tuple(curves), (*taken, "head"), ()
    unheard = bones.head is None and np.any(turn)
    notes = (f"{character.name} has no bone for its head, so that it does not turn. Name one in its retarget profile",)
    return tuple(curves), tuple(taken), notes if unheard else ()


def sided(character: Character, bones: FaceBones, axes: np.ndarray) -> FaceBones:
    """Return the bones with the eyes exchanged where the one that is named left lies on the character's right.

    Some name by what the viewer sees; a look to one side is the same for both eyes, but a squint is not.
    """
    left, right = _bone(character, bones.eye_L), _bone(character, bones.eye_R)
    if left is None or right is None or (left.matrix[:3, 3] - right.matrix[:3, 3]) @ axes[:, 0] >= 0:
        return bones
    return replace(bones, eye_L=bones.eye_R, eye_R=bones.eye_L, aim_L=bones.aim_R, aim_R=bones.aim_L)


def _bone(character: Character, name: tuple[str, str] | None) -> CharacterBone | None:
    return None if name is None else character.bone(*name)

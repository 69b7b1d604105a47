"""A model read off a mesh by the names of its keys and bones, for users who have a FLAME rig but no FLAME file.

Names are all there is to go by: a key is believed to hold one unit of the direction it is called
after, and a joint moves with an identity as the skin around it does.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from bpy.types import Object

from ..errors import HeadError
from ..flame.files import plain_surface
from ..flame.head import NUM_POSE_FEATURES, Head
from ..flame.placement import Placement
from .checks import check_head
from .memory import (
    EXPRESSION_KEYS,
    EYELID_KEYS,
    IDENTITY_KEYS,
    MODEL_NAME,
    POSE_KEYS,
    armature_of,
    base_shape,
    bone_names,
    is_head,
    names,
    placement_between,
    placement_of,
)
from .mesh_reading import group_weights, mesh_edges, rest_points
from .shape_keys import factor_of, key_offsets

NAMED_MODEL = "FLAME by key names"
NAMED_JOINTS = "smirk_named_joints"  # custom property of the mesh: the template's joints, 15 numbers, metres
# What `net_digest` gives for FLAME, 2017 to 2023 Open.
FLAME_NET = "963f669aa6db0571a9e2d3940676291d5a542f366727c716be0820556140b169"
KEY_NAMES = {
    "shape": r"(?:shape|identity|id|betas?)",
    "expression": r"(?:expression|expr|exp|psi)",
    "pose": r"(?:pose|posedirs?)",
}
NUMBERED = r"[ _.-]*0*(\d+)$"
BONE_NAMES = {
    "root": {"root", "global", "base", "pelvis"},
    "neck": {"neck"},
    "jaw": {"jaw"},
    "eye_L": {"eyel", "lefteye", "leye", "eyeleft"},
    "eye_R": {"eyer", "righteye", "reye", "eyeright"},
}
EYELID_NAMES = ({"eyelidl", "leyelid", "lefteyelid"}, {"eyelidr", "reyelid", "righteyelid"})
EYE_DISTANCE_M = 0.063  # between the eyeballs' centres; an adult's
NEAR_RIGHT_ANGLES = 0.75  # cosine: FLAME's eyes lie about 20 degrees ahead of straight up from its neck
NEAREST = 40  # vertices that carry a joint along


def head_of_mesh(mesh_object: Object, *, net: str = FLAME_NET) -> Head:
    """Return the model that a mesh is, by the names of its keys, its bones and its vertex groups.

    The numbers in the names count from 1 as FLAME's own add-on does, or from 0 where there is a 0.
    Args:
        mesh_object: a mesh with FLAME's net, an armature, and keys called like Shape1, Exp1, Pose1.
        net: digest of the net it must have.
    A mesh that was adopted so before is read by what it remembers, for its bones have moved with identities since.
    Raises:
        HeadError: it is no such mesh; the text says what is missing.
    """
    if is_head(mesh_object) and mesh_object.data[MODEL_NAME] == NAMED_MODEL:
        return _remembered_head(mesh_object)
    if mesh_object is None or mesh_object.type != 'MESH':
        raise HeadError("Select a mesh to adopt as a head")
    if net_digest(mesh_edges(mesh_object)) != net:
        raise HeadError(
            f"{mesh_object.name} is not a FLAME head: its vertices are not connected as FLAME's are. Import it again with "
            "its vertex order kept"
        )
    if not any(modifier.type == 'ARMATURE' and modifier.object is not None for modifier in mesh_object.modifiers):
        raise HeadError(
            f"{mesh_object.name} has no armature, and its jaw cannot be told from its keys' names. Choose the FLAME file it "
            "was made from, by which it gets one"
        )
    armature_object = armature_of(mesh_object)
    bones = _named_bones(mesh_object, armature_object)
    starts = np.array([armature_object.data.bones[name].head_local for name in bones])
    to_armature = placement_between(mesh_object, armature_object, Placement(np.eye(3)))
    joints = to_armature.flame_points(starts)  # in the mesh's coordinates
    placement = _placement_by_joints(mesh_object, joints)
    template = placement.flame_points(rest_points(mesh_object))
    directions = _named_directions(mesh_object, placement)
    if not directions["expression"].shape[-1]:
        raise HeadError(
            f"{mesh_object.name} has no shape keys called like Exp1, so its expressions are not known. Choose the FLAME "
            "file it was made from, by which keys of any name are found"
        )
    eyelids = _eyelids(mesh_object, placement)
    return _assembled(mesh_object, template, directions, eyelids, bones, placement.flame_points(joints))


def _remembered_head(head_object: Object) -> Head:
    check_head(head_object)
    placement = placement_of(head_object)
    kinds = {"shape": IDENTITY_KEYS, "expression": EXPRESSION_KEYS, "pose": POSE_KEYS}
    directions = {word: _directions_of(head_object, placement, kind) for word, kind in kinds.items()}
    eyelids = _directions_of(head_object, placement, EYELID_KEYS) if names(head_object, EYELID_KEYS) else None
    own = base_shape(head_object, directions["shape"].shape[-1])
    template = placement.flame_points(rest_points(head_object)) - directions["shape"] @ own
    joints = np.array(head_object.data[NAMED_JOINTS]).reshape(-1, 3)
    return _assembled(head_object, template, directions, eyelids, bone_names(head_object), joints)


def _directions_of(head_object: Object, placement: Placement, kind: str) -> np.ndarray:
    """Return the directions of a head's remembered keys, (V, 3, C) float32, metres per unit."""
    key_blocks = head_object.data.shape_keys.key_blocks
    listed = names(head_object, kind)
    found = np.zeros((len(head_object.data.vertices), 3, len(listed)), np.float32)
    for index, name in enumerate(listed):
        if name:
            found[..., index] = placement.flame_offsets(key_offsets(key_blocks[name])) / factor_of(head_object, name)
    return found


def _assembled(
    mesh_object: Object,
    template: np.ndarray,
    directions: dict[str, np.ndarray],
    eyelids: np.ndarray | None,
    bones: Sequence[str],
    joints: np.ndarray,
) -> Head:
    """Return the model of a template (V, 3), with joints (5, 3), metres, FLAME axes, and bones in JOINT_NAMES' order."""
    weights, triangles, pose = group_weights(mesh_object), _triangles(mesh_object), directions["pose"]
    skinning = np.stack([weights[name] for name in bones], axis=1).astype(np.float32)
    return Head(
        name=NAMED_MODEL,
        template=template.astype(np.float32),
        triangles=triangles,
        shape_directions=directions["shape"],
        expression_directions=directions["expression"],
        pose_directions=np.pad(pose, ((0, 0), (0, 0), (0, NUM_POSE_FEATURES - pose.shape[-1]))),
        joint_regressor=np.stack([_carried_by(template, joint) for joint in joints]),
        skinning_weights=skinning,
        eyelid_directions=eyelids,
        shape_names=tuple(f"shape_{index:03d}" for index in range(directions["shape"].shape[-1])),
        expression_names=tuple(f"expression_{index:03d}" for index in range(directions["expression"].shape[-1])),
        landmarks=None,
        surface=plain_surface(template, triangles, skinning),
    )


def net_digest(edges: np.ndarray) -> str:
    """Return the sha256 of a net's edges (E, 2), sorted, as little-endian 32-bit integers."""
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    return hashlib.sha256(edges[order].astype("<i4").tobytes()).hexdigest()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _named_bones(mesh_object: Object, armature_object: Object) -> list[str]:
    found = []
    for joint, known in BONE_NAMES.items():
        fitting = [bone.name for bone in armature_object.data.bones if _plain(bone.name) in known]
        fitting = [name for name in fitting if name in mesh_object.vertex_groups]
        if not fitting:
            raise HeadError(
                f"{armature_object.name} has no bone with a vertex group that is called like FLAME's {joint}. Rename it so, "
                "or choose the FLAME file the head was made from"
            )
        found.append(fitting[0])
    return found


def _placement_by_joints(mesh_object: Object, joints: np.ndarray) -> Placement:
    """Return how a head stands along the mesh's axes, by its joints (5, 3): across the eyes, and up from neck to eyes."""
    neck, (left_eye, right_eye) = joints[1], joints[3:]
    across = (left_eye - right_eye) / np.linalg.norm(left_eye - right_eye)
    forward = np.cross(across, (left_eye + right_eye) / 2 - neck)
    forward /= np.linalg.norm(forward)
    seen = np.stack([across, np.cross(forward, across), forward], axis=1)
    largest = np.argmax(np.abs(seen), axis=0)
    axes = np.zeros((3, 3))
    axes[largest, range(3)] = np.sign(seen[largest, range(3)])
    if len(set(largest)) < 3 or np.min(np.sum(seen * axes, axis=0)) < NEAR_RIGHT_ANGLES:
        raise HeadError(
            f"{mesh_object.name} does not stand upright along any axis, so its bones do not say where its front is. Choose "
            "the FLAME file it was made from, by which it is found however it stands"
        )
    return Placement(axes, float(np.linalg.norm(left_eye - right_eye)) / EYE_DISTANCE_M)


def _named_directions(mesh_object: Object, placement: Placement) -> dict[str, np.ndarray]:
    """Return the directions of each kind, (V, 3, up to its highest number) float32, metres per unit; absent ones are 0."""
    key_blocks = [] if mesh_object.data.shape_keys is None else mesh_object.data.shape_keys.key_blocks[1:]
    directions = {}
    for kind, word in KEY_NAMES.items():
        matches = [(re.match(word + NUMBERED, key_block.name, re.IGNORECASE), key_block) for key_block in key_blocks]
        numbered = {int(match[1]): key_block for match, key_block in matches if match}
        first = 0 if 0 in numbered else 1
        found = np.zeros((len(mesh_object.data.vertices), 3, max(numbered, default=first - 1) + 1 - first), np.float32)
        for number, key_block in numbered.items():
            found[..., number - first] = placement.flame_offsets(key_offsets(key_block))
        directions[kind] = found
    return directions


def _eyelids(mesh_object: Object, placement: Placement) -> np.ndarray | None:
    named = {_plain(key_block.name): key_block for key_block in mesh_object.data.shape_keys.key_blocks}
    keys = [next((named[name] for name in known if name in named), None) for known in EYELID_NAMES]
    if None in keys:
        return None
    return np.stack([placement.flame_offsets(key_offsets(key)) for key in keys], axis=-1).astype(np.float32)


def _triangles(mesh_object: Object) -> np.ndarray:
    mesh = mesh_object.data
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return triangles.reshape(-1, 3).astype(np.int64)


def _carried_by(template: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Return weights (V,) of the vertices nearest to a joint, that sum to 1 and have it as their mean."""
    nearest = np.argsort(np.linalg.norm(template - joint, axis=1))[:NEAREST]
    conditions = np.column_stack([template[nearest], np.ones(len(nearest))]).T  # (4, N)
    weights = np.zeros(len(template))
    weights[nearest] = np.linalg.pinv(conditions) @ [*joint, 1.0]
    return weights

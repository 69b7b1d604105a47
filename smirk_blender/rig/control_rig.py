"""The bones of a character's rig that a take goes to, and how the rig's mechanisms answer to them.

A control rig says nowhere what its controls do together: constraints, drivers and hidden bones do it. So a copy of the
rig is moved a little, once, and watched. The user's own rig, scene and actions are not touched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import bpy
import numpy as np
from bpy.types import Bone, Object, PoseBone, ViewLayer
from mathutils import Matrix

from ..flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from ..retarget.bone_motion import aim_locations, carried_offsets, orthogonal, turned_vectors
from ..retarget.bone_names import find_named_bones, lean
from ..retarget.character import Character, CharacterBone
from ..retarget.face_bones import AIMS, ROLES, FaceBones
from ..retarget.followers import Carriage, FollowingRig, free_carriage, turn_features
from ..retarget.profile import Follower
from .character import armature_of_character
from .mesh_reading import group_members, rest_points

PROBE = 0.002  # of the followers' extent: so small that the eyeball that a lid slides over looks flat
SAME_PLACE = 1e-3  # of the followers' extent: a bone that deforms starts or ends where its control is
# Turns that are tried, degrees about a take's axes: what jaws and eyes do, and what tells the axes apart.
JAW_PROBES = ((8, 0, 0), (16, 0, 0), (25, 0, 0), (-5, 0, 0), (0, 8, 0), (0, -8, 0), (0, 0, 6), (0, 0, -6), (12, 6, 0))
EYE_PROBES = ((12, 0, 0), (-12, 0, 0), (0, 20, 0), (0, -20, 0), (8, 12, 0), (-8, -12, 0))
SMALLEST_WEIGHT = 1e-6  # of a vertex in all groups together; with less it stays where it is
NECK_PROBE = (5, 10, 0)
PROBES = {"jaw": JAW_PROBES, "eye_L": EYE_PROBES, "eye_R": EYE_PROBES}
# Columns: three directions at right angles, of which the first lies along no axis of a rig: it moves whatever can move.
DIRECTIONS = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
UNMOVED = 1e-2  # of a step: a place that answers less does not answer to a control
TRACKING = ("DAMPED_TRACK", "TRACK_TO", "LOCKED_TRACK", "IK")
SMALLEST_FEATURE = 1e-3  # of the largest singular value: what the turns that were tried do not tell apart stays zero


def find_bones(mesh_object: Object) -> FaceBones:
    """Return what turns a character's jaw, eyes and head, and what follows its face, told by names.

    Bones of the armature that deforms or carries the mesh; for eyes that it does not have, objects beside the mesh.
    What is not there is None, and no error.
    """
    armature = armature_of_character(mesh_object)
    found = FaceBones()
    if armature is not None:
        bones = armature.data.bones
        parents = {bone.name: bone.parent.name if bone.parent is not None else "" for bone in bones}
        named = find_named_bones(parents, {bone.name for bone in bones if _is_hidden(bone)})
        roles = {role: getattr(named, role) for role in ROLES}
        trackers = _trackers(armature)
        for eye, aim in AIMS.items():
            target = getattr(named, aim)
            if target in trackers:  # turning the control would turn the lids too: the eye is what looks at the target
                roles |= {eye: trackers[target], aim: target}
        found = FaceBones(
            **{role: (armature.name, name) for role, name in roles.items() if name},
            followers=tuple(Follower(armature.name, name) for name in named.surface if _can_move(armature, name)),
        )
    if found.eye_L is None and found.eye_R is None:
        named = find_named_bones(_family(mesh_object))
        eyes = {role: (getattr(named, role), "") for role in AIMS if getattr(named, role)}
        found = replace(found, **eyes)
    return found


def watch_rig(
    mesh_object: Object, character: Character, bones: FaceBones, axes: np.ndarray
) -> tuple[Character, FollowingRig]:
    """Return the character with how much of its skin follows the jaw, and its followers with what moves them.

    Some hundred evaluations of the armature: about a second for a Rigify face. Nothing of the scene changes.
    Args:
        character: of the mesh, read with `bones.names()`.
        bones: of `routed`; followers that the character lacks are left out.
        axes: (3, 3) a take's axes in the mesh's object space.
    """
    pairs = [(item, character.bone(item.owner, item.bone)) for item in bones.followers]
    followers = tuple(item for item, bone in pairs if bone is not None)
    controls = tuple(bone for _, bone in pairs if bone is not None)
    carriage = free_carriage(controls)
    armature, neck_carries = armature_of_character(mesh_object), 1.0
    if armature is not None:
        roles = _roles_of(character, bones, armature)
        own = [index for index, bone in enumerate(controls) if bone.owner == armature.name]
        with _puppet(armature, character, [controls[index] for index in own], roles) as puppet:
            if puppet is not None:
                carriage = _with_block(carriage, own, puppet.carriage(axes))
                jaw = roles.get("jaw")
                if {"neck", "head"} <= roles.keys():
                    neck_carries = puppet.neck_carries(axes)
                if jaw is not None:
                    character = _with_skinning(character, jaw[0], puppet.jaw_shares(mesh_object, axes))
    leans = np.array([lean(item.bone) for item in followers], np.float64)
    return character, FollowingRig(followers, controls, leans, carriage, neck_carries)


def _roles_of(character: Character, bones: FaceBones, armature: Object) -> dict[str, tuple[CharacterBone, ...]]:
    """Return by role the bone of an armature that turns it, and after it the one that it looks at."""
    roles = {}
    for role in ROLES:
        names = [name for name in (getattr(bones, role), getattr(bones, AIMS.get(role, role))) if name is not None]
        found = [character.bone(*name) for name in dict.fromkeys(names)]
        if found and all(bone is not None and bone.owner == armature.name and bone.name for bone in found):
            roles[role] = tuple(found)
    return roles


def _with_block(carriage: Carriage, own: list[int], block: Carriage) -> Carriage:
    """Return a carriage with what was seen of the controls `own`; the others move by themselves."""
    places, axes, response = carriage.places.copy(), carriage.axes.copy(), carriage.response.copy()
    places[own], axes[own] = block.places, block.axes
    response[np.ix_(own, range(3), own, range(3))] = block.response
    carried = {role: np.zeros((9, *places.shape)) for role in block.carried}
    turned = {role: np.zeros((*places.shape, 3)) for role in block.turned}
    for role in carried:
        carried[role][:, own], turned[role][own] = block.carried[role], block.turned[role]
    return Carriage(places, axes, response, carried, turned)


def _with_skinning(character: Character, jaw: CharacterBone, shares: np.ndarray | None) -> Character:
    if shares is None:
        return character
    bones = tuple(replace(bone, skinning=shares) if bone is jaw else bone for bone in character.bones)
    return replace(character, bones=bones)


class _Puppet:
    """A copy of an armature object in a scene of its own, to be moved and looked at."""

    def __init__(self, copy: Object, view_layer: ViewLayer, controls: list[CharacterBone], roles: dict) -> None:
        self.copy, self.view_layer, self.controls, self.roles = copy, view_layer, controls, roles
        self.names = {name: index for index, name in enumerate(copy.pose.bones.keys())}
        some = (*controls, *(bone for bones in roles.values() for bone in bones))[0]
        rest = np.array(copy.data.bones[some.name].matrix_local, np.float64)
        self.into = some.matrix @ np.linalg.inv(rest)  # the armature's space to the mesh's
        self.own_index = [self.names[bone.name] for bone in controls]
        self.axes = np.array([self._axes(copy.pose.bones[bone.name]) for bone in controls]).reshape(-1, 3, 3)
        heads = np.array([bone.matrix[:3, 3] for bone in controls]).reshape(-1, 3)
        self.extent = float(np.ptp(heads, axis=0).max()) if len(heads) else 0.0
        self.given = self._given(heads)
        self.still = self.look()

    def carriage(self, axes: np.ndarray) -> Carriage:
        """Return how the controls' places answer to them and to what turns."""
        places = self._places(self.still)
        carried, turned = {}, {}
        for role in self.roles.keys() & PROBES.keys():
            vectors = turned_vectors(np.radians(PROBES[role]), axes)
            seen = [self.turn(role, vector) for vector in vectors]
            moved = np.array([self._places(matrices) - places for matrices in seen])
            carried[role] = _fitted(turn_features(vectors), moved)
            before = orthogonal(self.still[self.own_index, :3, :3]).swapaxes(1, 2)
            after = orthogonal(np.array(seen)[:, self.own_index, :3, :3])
            turned[role] = _fitted(vectors, axis_angle_from_matrices(after @ before)).transpose(1, 2, 0)
        return Carriage(places, self.axes, self._response(places), carried, turned)

    def _response(self, places: np.ndarray) -> np.ndarray:
        """Return `Carriage.response`: each control is moved alone once; then those together that share no place."""
        count = len(self.controls)
        seen = np.zeros((count, 3, count, 3))  # by the directions of DIRECTIONS
        for index in range(count):
            seen[:, :, index, 0] = self._moved([index], 0) - places
        heard = np.abs(seen[..., 0]).max(axis=1) > UNMOVED * PROBE * self.extent  # (places, controls)
        for group in _apart(heard):
            for direction in (1, 2):
                moved = self._moved(group, direction) - places
                for index in group:
                    seen[heard[:, index], :, index, direction] = moved[heard[:, index]]
        return np.einsum("pijd,kd->pijk", seen, DIRECTIONS) / (PROBE * self.extent)

    def _moved(self, controls: list[int], direction: int) -> np.ndarray:
        """Return the places while some controls are moved in a direction of DIRECTIONS."""
        basis = {}
        for index in controls:
            location = PROBE * self.extent * np.linalg.inv(self.axes[index]) @ DIRECTIONS[:, direction]
            name = self.controls[index].name
            location[list(self.copy.pose.bones[name].lock_location)] = 0.0
            basis[name] = Matrix.Translation(location)
        return self._places(self.look(basis))

    def jaw_shares(self, mesh_object: Object, axes: np.ndarray) -> np.ndarray | None:
        """Return how much of each vertex follows the jaw, (V,) float32; None for a mesh that no bone deforms."""
        groups = [(group.index, self.names.get(group.name)) for group in mesh_object.vertex_groups]
        bones = self.copy.data.bones
        deforming = {group: bone for group, bone in groups if bone is not None and bones[bone].use_deform}
        if not deforming:
            return None
        vertices, group, weights = group_members(mesh_object)
        ours = np.isin(group, list(deforming))
        vertices, weights = vertices[ours], weights[ours].astype(np.float64)
        bone_of = np.array([deforming[index] for index in group[ours]], int)
        points = rest_points(mesh_object).astype(np.float64)
        total = np.bincount(vertices, weights, minlength=len(points))
        jaw = self.roles["jaw"][0]
        above, below = np.zeros(len(points)), np.zeros(len(points))
        for vector in turned_vectors(np.radians(JAW_PROBES[:3]), axes):
            skin = self.turn("jaw", vector) @ np.linalg.inv(self.still)
            ways = np.einsum("nij,nj->ni", skin[bone_of, :3, :3], points[vertices]) + skin[bone_of, :3, 3]
            ways = weights[:, None] * (ways - points[vertices])
            moved = np.stack([np.bincount(vertices, way, minlength=len(points)) for way in ways.T], axis=1)
            moved /= np.maximum(total, SMALLEST_WEIGHT)[:, None]
            whole = carried_offsets(jaw, vector[None], points, np.ones(len(points)))[0]
            above, below = above + (moved * whole).sum(axis=1), below + (whole**2).sum(axis=1)
        shares = np.divide(above, below, out=np.zeros(len(points)), where=below > 0)
        return np.clip(shares, 0.0, 1.0).astype(np.float32)

    def neck_carries(self, axes: np.ndarray) -> float:
        """Return `FollowingRig.neck_carries`."""
        vector = turned_vectors(np.radians([NECK_PROBE]), axes)[0]
        head = self.names[self.roles["head"][0].name]
        before, after = (orthogonal(matrices[head, :3, :3]) for matrices in (self.still, self.turn("neck", vector)))
        return float(np.clip(axis_angle_from_matrices(after @ before.T) @ vector / (vector @ vector), 0.0, 1.0))

    def turn(self, role: str, vector: np.ndarray) -> np.ndarray:
        """Return what `look` sees when a role is turned by a rotation vector (3,) in the mesh's object space."""
        bone, *aim = self.roles[role]
        if aim:
            return self.look({aim[0].name: Matrix.Translation(aim_locations(vector[None], bone, aim[0])[0])})
        own = turned_vectors(vector, orthogonal(bone.matrix[:3, :3]).T)
        return self.look({bone.name: Matrix(matrices_from_axis_angle(own)).to_4x4()})

    def look(self, basis: dict[str, Matrix] | None = None) -> np.ndarray:
        """Return all bones' matrices, (B, 4, 4), bone to mesh object space, with some moved from rest by a matrix."""
        bones = self.copy.pose.bones
        for name, matrix in (basis or {}).items():
            bones[name].matrix_basis = matrix
        self.view_layer.update()
        posed = self.copy.evaluated_get(self.view_layer.depsgraph).pose.bones
        columns = np.empty(16 * len(posed), np.float32)
        posed.foreach_get("matrix", columns)
        matrices = columns.astype(np.float64).reshape(-1, 4, 4).swapaxes(1, 2)
        for name in basis or {}:
            bones[name].matrix_basis = Matrix()
        return self.into @ matrices

    def _places(self, matrices: np.ndarray) -> np.ndarray:
        index, along = self.given
        return matrices[index, :3, 3] + along[:, None] * matrices[index, :3, 1]

    def _given(self, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the bone that deforms at each control's place, and how far along it that is, in its own unit."""
        bones = [bone for bone in self.copy.data.bones if bone.use_deform]
        starts = np.array([bone.head_local for bone in bones]).reshape(-1, 3) @ self.into[:3, :3].T + self.into[:3, 3]
        ends = np.array([bone.tail_local for bone in bones]).reshape(-1, 3) @ self.into[:3, :3].T + self.into[:3, 3]
        index, along = list(self.own_index), np.zeros(len(heads))
        for place, head in enumerate(heads):
            if self.copy.data.bones[self.controls[place].name].use_deform or not bones:
                continue
            starting, ending = (np.linalg.norm(points - head, axis=1) for points in (starts, ends))
            if starting.min() < SAME_PLACE * self.extent:
                index[place] = self.names[bones[starting.argmin()].name]
            elif ending.min() < SAME_PLACE * self.extent:
                index[place] = self.names[bones[ending.argmin()].name]
                along[place] = bones[ending.argmin()].length
        return np.array(index, int), along

    def _axes(self, pose_bone: PoseBone) -> np.ndarray:
        own = pose_bone.bone.matrix_local.to_3x3() if pose_bone.bone.use_local_location else Matrix.Identity(3)
        return self.into[:3, :3] @ np.array(own, np.float64)


@contextmanager
def _puppet(armature: Object, character: Character, controls: list[CharacterBone], roles: dict) -> Iterator:
    """Yield a copy of an armature at rest, which no action moves; None where none of its bones is asked about."""
    if not controls and not roles:
        yield None
        return
    copy, scene = armature.copy(), bpy.data.scenes.new("SMIRK")
    try:
        scene.collection.objects.link(copy)
        copy.parent = None
        copy.matrix_world = Matrix()
        copy.constraints.clear()
        _free(armature, copy)
        for pose_bone in copy.pose.bones:
            pose_bone.matrix_basis = Matrix()
        yield _Puppet(copy, scene.view_layers[0], controls, roles)
    finally:
        bpy.data.scenes.remove(scene)
        bpy.data.objects.remove(copy)


def _free(armature: Object, copy: Object) -> None:
    """Have the mechanisms of a copy look at the copy, and no action move it."""
    for constraint in (item for pose_bone in copy.pose.bones for item in pose_bone.constraints):
        if getattr(constraint, "target", None) == armature:
            constraint.target = copy
        for target in getattr(constraint, "targets", ()):
            if target.target == armature:
                target.target = copy
    animation = copy.animation_data
    if animation is None:
        return
    animation.action = None
    animation.use_nla = False
    for curve in animation.drivers:
        for target in (target for variable in curve.driver.variables for target in variable.targets):
            if target.id == armature:
                target.id = copy


def _apart(heard: np.ndarray) -> list[list[int]]:
    """Return the controls in groups, each of controls that no place hears two of; `heard` is (places, controls)."""
    groups: list[tuple[list[int], np.ndarray]] = []
    for index, places in enumerate(heard.T):
        for group, taken in groups:
            if not np.any(taken & places):
                group.append(index)
                taken |= places
                break
        else:
            groups.append(([index], places.copy()))
    return [group for group, _ in groups]


def _fitted(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return what of each feature makes the values, least squares: (N, F) and (N, ...) to (F, ...)."""
    inverse = np.linalg.pinv(features, rcond=SMALLEST_FEATURE)
    return np.tensordot(inverse, values, axes=1)


def _trackers(armature: Object) -> dict[str, str]:
    """Return by the name of a bone that another looks at, which one does."""
    return {
        constraint.subtarget: pose_bone.name
        for pose_bone in armature.pose.bones
        for constraint in pose_bone.constraints
        if constraint.type in TRACKING and constraint.target == armature and constraint.subtarget
    }


def _can_move(armature: Object, name: str) -> bool:
    pose_bone = armature.pose.bones[name]
    connected = pose_bone.bone.use_connect and pose_bone.parent is not None
    return not connected and not all(pose_bone.lock_location)


def _is_hidden(bone: Bone) -> bool:
    return bone.hide or (len(bone.collections) > 0 and not any(item.is_visible for item in bone.collections))


def _family(mesh_object: Object) -> dict[str, str]:
    """Return the objects that share a topmost parent with a mesh: by name, its parent's."""
    top = mesh_object
    while top.parent is not None:
        top = top.parent
    things = [thing for thing in (top, *top.children_recursive) if thing.type != 'ARMATURE']
    return {thing.name: thing.parent.name if thing.parent is not None else "" for thing in things}

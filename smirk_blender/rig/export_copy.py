"""Meshes that play as others do, sampled frame by frame, in a scene of their own: what exporters are given.

They see one action on a head or a character, whatever the user's scene plays it by (strips, drivers, curves with few
keys, other actions), and nothing of the user's is touched but the current frame, which comes back.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import ID, Object, PoseBone, Scene
from mathutils import Matrix

from ..errors import ExportError
from . import compat
from .export_keys import PlayedKey, keys_of, played_keys
from .shape_keys import add_key, key_points

SHEAR = 1e-4  # cosine of the angle between two axes
STILL = 1e-7  # a channel that changes by less is one key
BENDS = {  # how a bone of several segments bends, beside what other bones do to it: a pose bone's property, its size
    **{f"bbone_{name}": 1 for name in ("curveinx", "curveinz", "curveoutx", "curveoutz", "rollin", "rollout")},
    **{"bbone_easein": 1, "bbone_easeout": 1, "bbone_scalein": 3, "bbone_scaleout": 3},
}
OURS = "smirk_"  # begins the names of the properties that a head remembers things in
ASIDE = " (while it is exported)"  # ends a name that its copy has for the time being
KEY_NAME_BYTES = 63  # Blender's limit


@dataclass(frozen=True)
class Sampled:
    """How meshes move over N whole scene frames.

    Attributes:
        scene_frames: (N,) int.
        key_values: by mesh, (N, K) float64, of every shape key but the first.
        places: by mesh or armature, (N, 4, 4), in the world.
        bones: by armature and bone's name, (N, 4, 4) in the armature, posed.
        bends: by armature and bone's name, (N, 14), see BENDS; of those that bend.
    """

    scene_frames: np.ndarray
    key_values: dict[Object, np.ndarray]
    places: dict[Object, np.ndarray]
    bones: dict[Object, dict[str, np.ndarray]]
    bends: dict[Object, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Playing:
    """A scene of copies.

    Attributes:
        scene: holds nothing else.
        keys: by mesh, its shape keys; they are on the mesh only where that was asked for.
    """

    scene: Scene
    keys: dict[Object, list[PlayedKey]]


def rig_of(mesh_object: Object) -> Object | None:
    """Return the armature that turns a mesh; None where there is none."""
    for modifier in mesh_object.modifiers:
        if modifier.type == 'ARMATURE' and modifier.object is not None:
            return modifier.object
    return None


def sample(scene: Scene, meshes: Sequence[Object], scene_frames: Sequence[int]) -> Sampled:
    """Return how meshes with their armatures move; the scene's frame comes back."""
    rigs = list(dict.fromkeys(rig for rig in map(rig_of, meshes) if rig is not None))
    keys = {mesh_object: keys_of(mesh_object) for mesh_object in meshes}
    values = {mesh_object: np.zeros((len(scene_frames), len(keys[mesh_object]))) for mesh_object in meshes}
    places = {thing: np.zeros((len(scene_frames), 4, 4)) for thing in (*meshes, *rigs)}
    bones = {rig: {bone.name: np.zeros((len(scene_frames), 4, 4)) for bone in rig.pose.bones} for rig in rigs}
    bent = {rig: [bone for bone in rig.pose.bones if bone.bone.bbone_segments > 1] for rig in rigs}
    bends = {rig: {bone.name: np.zeros((len(scene_frames), sum(BENDS.values()))) for bone in bent[rig]} for rig in rigs}
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        for row, scene_frame in enumerate(scene_frames):
            scene.frame_set(int(scene_frame))
            for mesh_object in meshes:
                values[mesh_object][row] = [0.0 if key.mute else key.value for key in keys[mesh_object]]
            for thing, matrices in places.items():
                matrices[row] = thing.matrix_world
            for rig in rigs:
                for bone in rig.pose.bones:
                    bones[rig][bone.name][row] = bone.matrix
                for bone in bent[rig]:
                    bends[rig][bone.name][row] = np.hstack([getattr(bone, name) for name in BENDS])
    finally:
        scene.frame_set(frame, subframe=subframe)
    return Sampled(np.asarray(scene_frames, int), values, places, bones, bends)


@contextmanager
def playing_copy(
    scene: Scene,
    sampled: Sampled,
    *,
    name: str,
    first_frame: int,
    unit_weights: bool,
    with_keys: bool = True,
    skinned: bool = False,
) -> Iterator[Playing]:
    """Give a scene that holds nothing but copies of meshes, and of their armatures, which play what was sampled.

    They have the originals' names meanwhile. It is of the scene's rate, and all of it goes at the end.
    Args:
        name: of the scene and of the action.
        first_frame: where the first sample lies.
        unit_weights: whether every shape key plays within 0 to 1: those that go beyond 1 are stored larger, and those
            that go below 0 get another for that, named ..._minus. Otherwise keys and values are the meshes' own.
        with_keys: whether the copies have the shape keys, or are their Basis.
        skinned: whether the file is to hold the bones: those that are sheared against the bone that they hang on (what
            stretches does that to its children) hang on none, since such files know location, rotation and scale alone.
    Raises:
        ExportError: an object is sheared.
    """
    frames = first_frame + sampled.scene_frames - sampled.scene_frames[0]
    with ExitStack() as restore:
        apart = bpy.data.scenes.new(name)
        restore.callback(bpy.data.scenes.remove, apart)
        apart.render.fps, apart.render.fps_base = scene.render.fps, scene.render.fps_base
        apart.unit_settings.scale_length = scene.unit_settings.scale_length
        apart.frame_start, apart.frame_end = int(frames[0]), int(frames[-1])
        actions, rigs, keys = _Actions(name, restore), {}, {}
        for rig, posed in sampled.bones.items():
            rigs[rig] = _copied(rig, apart, restore)
            if skinned:
                _unhang(rigs[rig], posed, apart)
            _play_matrices(actions, rigs[rig], frames, sampled.places[rig])
            _play_bones(actions, rigs[rig], frames, posed)
            for name, values in sampled.bends[rig].items():
                _play_bends(actions, rigs[rig].pose.bones[name], frames, values)
        for mesh_object, values in sampled.key_values.items():
            played = played_keys(mesh_object, values, unit_weights=unit_weights)
            copy, rig, within = _copied(mesh_object, apart, restore), rig_of(mesh_object), sampled.places[mesh_object]
            _forget_keys(copy)
            if rig is not None:
                copy.parent = rigs[rig]
                within = np.linalg.inv(sampled.places[rig]) @ within
            for modifier in copy.modifiers:
                if modifier.type == 'ARMATURE' and modifier.object in rigs:
                    modifier.object = rigs[modifier.object]
            _play_matrices(actions, copy, frames, within)
            if with_keys:
                _play_keys(actions, copy, frames, played)
            keys[copy] = played
        apart.frame_set(apart.frame_start)
        yield Playing(apart, keys)


class _Actions:
    """The action that the copies play; one for each kind of datablock where Blender has no slots."""

    def __init__(self, name: str, restore: ExitStack) -> None:
        self._name, self._restore, self._made = name, restore, {}

    def write(self, datablock: ID, data_path: str, index: int, frames: np.ndarray, values: np.ndarray) -> None:
        """Key a property (N,); with one key where it is still."""
        if np.ptp(values) < STILL:
            frames, values = frames[:1], values[:1]
        action = self._made.get("" if compat.has_slots() else datablock.name_full)
        if action is None:
            action = bpy.data.actions.new(self._name)
            self._restore.callback(bpy.data.actions.remove, action)
            self._lend_name(action)
            self._made["" if compat.has_slots() else datablock.name_full] = action
        slot = compat.ensure_own_slot(datablock, action)
        compat.write_fcurve(compat.ensure_fcurve(action, datablock, data_path, index, slot=slot), frames, values)
        if datablock.animation_data is None or datablock.animation_data.action is None:
            compat.play_slot(datablock, action, slot)

    def _lend_name(self, action: ID) -> None:
        namesake = bpy.data.actions.get((self._name, None))
        if namesake is not None and namesake != action and not self._made:
            _lend_name(namesake, action, self._restore)


def _copied(thing: Object, scene: Scene, restore: ExitStack) -> Object:
    """Return a copy of an object with its data, in a scene, held by nothing, under the original's name."""
    data, copy = thing.data.copy(), thing.copy()
    collection = bpy.data.meshes if copy.type == 'MESH' else bpy.data.armatures
    restore.callback(collection.remove, data)
    restore.callback(bpy.data.objects.remove, copy)
    copy.data = data
    for datablock in (copy, data, getattr(data, "shape_keys", None)):
        if datablock is not None:
            datablock.animation_data_clear()
            for note in [note for note in datablock.keys() if note.startswith(OURS)]:
                del datablock[note]
    for owner in (copy, *(copy.pose.bones if copy.pose else ())):
        for constraint in list(owner.constraints):
            owner.constraints.remove(constraint)
    copy.parent = None
    copy.hide_viewport = copy.hide_render = copy.hide_select = False
    scene.collection.objects.link(copy)
    _lend_name(thing, copy, restore)
    _lend_name(thing.data, data, restore)
    return copy


def _lend_name(thing: ID, copy: ID, restore: ExitStack) -> None:
    """Let a copy be called like the original until `restore` is closed."""
    name = thing.name
    restore.callback(setattr, thing, "name", name)
    thing.name = name[: KEY_NAME_BYTES // 2] + ASIDE
    restore.callback(setattr, copy, "name", name[: KEY_NAME_BYTES // 2] + ASIDE + ".")
    copy.name = name


def _forget_keys(copy: Object) -> None:
    """Take a mesh's shape keys away, and leave it as its Basis."""
    shape_keys = copy.data.shape_keys
    if shape_keys is None:
        return
    points, name = key_points(shape_keys.reference_key), shape_keys.name
    copy.shape_key_clear()
    left = bpy.data.shape_keys.get((name, None))  # Blender counts a user too many in copies
    if left is not None:
        bpy.data.batch_remove([left])
    copy.data.vertices.foreach_set("co", points.ravel())
    copy.data.update()


def _play_keys(actions: _Actions, copy: Object, frames: np.ndarray, played: list[PlayedKey]) -> None:
    """Give a mesh without shape keys those that are played."""
    if not played:
        return
    copy.show_only_shape_key = False
    copy.shape_key_add(name="Basis", from_mix=False)
    basis = key_points(copy.data.shape_keys.reference_key)
    for key in played:
        block = copy.data.shape_keys.key_blocks[add_key(copy, key.name, basis + key.moves, key.slider)]
        block.value = float(key.values[0])
        actions.write(copy.data.shape_keys, block.path_from_id("value"), 0, frames, key.values)
    copy.data.update()


def _unhang(rig: Object, posed: dict[str, np.ndarray], scene: Scene) -> None:
    """Take bones that are sheared against their parents from them."""
    parents = {bone.name: bone.parent.name for bone in rig.data.bones if bone.parent is not None}
    apart = [name for name, above in parents.items() if _is_sheared(np.linalg.pinv(posed[above]) @ posed[name])]
    if not apart:
        return
    layer = scene.view_layers[0]
    layer.objects.active = rig
    with bpy.context.temp_override(scene=scene, view_layer=layer, object=rig, active_object=rig):
        bpy.ops.object.mode_set(mode='EDIT')
        for name in apart:
            rig.data.edit_bones[name].parent = None
        bpy.ops.object.mode_set(mode='OBJECT')


def _is_sheared(matrices: np.ndarray) -> bool:
    """Return whether the axes of matrices (N, 4, 4) are not at right angles."""
    axes = matrices[:, :3, :3]
    axes = axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), np.finfo(float).tiny)
    return bool(np.abs(np.swapaxes(axes, 1, 2) @ axes - np.eye(3))[:, ~np.eye(3, dtype=bool)].max() > SHEAR)


def _play_bones(actions: _Actions, rig: Object, frames: np.ndarray, posed: dict[str, np.ndarray]) -> None:
    for bone in rig.pose.bones:
        rest, parent = bone.bone.matrix_local, bone.parent
        local = []
        for row, matrix in enumerate(posed[bone.name]):
            above = {}
            if parent is not None:
                at_rest, now = parent.bone.matrix_local, Matrix(posed[parent.name][row])
                above = dict(parent_matrix=now, parent_matrix_local=at_rest)
            local.append(np.array(bone.bone.convert_local_to_pose(Matrix(matrix), rest, invert=True, **above)))
        _play_matrices(actions, bone, frames, np.array(local))


def _play_bends(actions: _Actions, bone: PoseBone, frames: np.ndarray, values: np.ndarray) -> None:
    columns = iter(values.T)
    for name, width in BENDS.items():
        for index in range(width):
            actions.write(bone.id_data, bone.path_from_id(name), index, frames, next(columns))


def _play_matrices(actions: _Actions, thing: object, frames: np.ndarray, matrices: np.ndarray) -> None:
    """Set location, rotation and scale of an object or a pose bone to matrices (N, 4, 4); key those that change.

    Raises:
        ExportError: an object is sheared, which location, rotation and scale do not say; bones lose it.
    """
    thing.rotation_mode = 'QUATERNION'
    parts = [Matrix(matrix).decompose() for matrix in matrices]
    if isinstance(thing, Object) and _is_sheared(matrices):
        raise ExportError(
            f"{thing.name} is sheared: something that it hangs on is turned, and scaled unevenly. Apply that scale "
            "(Object > Apply > Scale), or scale evenly"
        )
    rotations = np.array([rotation for _, rotation, _ in parts])
    flips = np.sum(rotations[1:] * rotations[:-1], axis=-1) < 0  # F-curves want the nearer of the two signs
    rotations[1:] *= np.where(np.cumsum(flips) % 2, -1.0, 1.0)[:, None]
    channels = {
        "location": np.array([location for location, _, _ in parts]),
        "rotation_quaternion": rotations,
        "scale": np.array([scale for _, _, scale in parts]),
    }
    for name, values in channels.items():
        setattr(thing, name, values[0])
        if isinstance(thing, Object) and np.ptp(values, axis=0).max() < STILL:
            continue  # a bone without a key is at rest in a GLB, however it stands
        path = name if isinstance(thing, Object) else thing.path_from_id(name)
        for index, column in enumerate(values.T):
            actions.write(thing.id_data, path, index, frames, column)

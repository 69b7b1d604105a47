"""A head or a character that plays in a scene, as a file that others open: GLB, FBX, Alembic, USD.

Blender's own exporters write them, of copies.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from bpy.types import ID, Object, Scene

from ..errors import ExportError
from ..exchange.writing import written_export
from . import compat
from .checks import lids_come_after
from .export_copy import playing_copy, rig_of, sample
from .export_glb import export_glb
from .memory import is_head
from .strips import scene_fps

GLB, FBX, ALEMBIC, USD = "glb", "fbx", "abc", "usd"
SUFFIXES = {".glb": GLB, ".fbx": FBX, ".abc": ALEMBIC, ".usd": USD, ".usdc": USD, ".usda": USD}
ADD_ONS = {GLB: ("EXPORT_SCENE_OT_gltf", "glTF 2.0 format"), FBX: ("EXPORT_SCENE_OT_fbx", "FBX format")}
LIBRARIES = {ALEMBIC: ("alembic", "Alembic"), USD: ("usd", "USD")}  # that a build of Blender may be without
SKINNED = (GLB, FBX)  # that hold shape keys and bones; the others hold vertices


def export_head(
    head_object: Object,
    path: str | os.PathLike,
    *,
    scene: Scene | None = None,
    frames: tuple[int, int] | None = None,
    unit_weights: bool | None = None,
    name: str = "",
    alone: bool = False,
) -> Path:
    """Write how a head, or a character, moves in a scene to a file; return the path. The suffix says which format.

    .glb and .fbx hold shape keys and bones with a key on every frame, .abc, .usd, .usdc and .usda the vertices of every
    frame as a render sees them. All have +Y up where Blender's exporters turn them; one of Blender's units is a metre,
    but for FBX, which knows the scene's. A GLB starts at 0 seconds; the others keep the scene's frame numbers, or start
    at frame 0 where those are negative. The file appears when it is complete; scene, selection and frame are as before.
    Args:
        head_object: the mesh; its armature comes along, and of a character what `meshes_with` finds. Modifiers but the
            armature are obeyed by .abc and .usd alone.
        path: replaced where it exists.
        scene: in which it plays; the context's where left out.
        frames: first and last scene frame, both included; the scene's range where left out.
        unit_weights: whether shape keys play within 0 to 1, see `export_copy.playing_copy`; only in a .glb where left
            out, since Blender's importer, as some engines, cuts weights off there.
        name: of the animation; the played action's, or the head's, where left out.
        alone: whether only this mesh is written.
    Raises:
        ExportError: a suffix of no format, a range without frames, a head that the format cannot hold, a folder that
            cannot be written, or an exporter that failed.
    """
    path, scene = Path(path).absolute(), scene or bpy.context.scene
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise ExportError(f"{path.name} does not end in {', '.join(SUFFIXES)}. Choose a name that does")
    meshes = [head_object] if alone else [head_object, *meshes_with(scene, head_object)]
    for mesh_object in meshes:
        _check(mesh_object, kind)
    first, last = frames or (scene.frame_start, scene.frame_end)
    if last < first:
        raise ExportError(f"No frames lie from {first} to {last}. Choose a later last frame")
    sampled = sample(scene, meshes, range(first, last + 1))
    name = name or _animation_name(head_object)
    copy = playing_copy(
        scene,
        sampled,
        name=name,
        first_frame=0 if kind == GLB else max(first, 0),
        unit_weights=kind == GLB if unit_weights is None else unit_weights,
        with_keys=kind != GLB,
        skinned=kind in SKINNED,
    )
    with written_export(path) as unfinished, copy as playing, tempfile.TemporaryDirectory(prefix="smirk_") as folder:
        made = Path(folder) / f"head{path.suffix.lower()}"
        with _in_scene(playing.scene), _said(name, path):
            if kind == GLB:
                export_glb(str(made), playing, scene_fps(scene))
            else:
                EXPORTERS[kind](str(made), playing.scene)
        shutil.move(made, unfinished)
    return path


def meshes_with(scene: Scene, mesh_object: Object) -> list[Object]:
    """Return the other meshes of a character that a render shows: eyes, teeth, hair; none of a head's.

    They hang below the same object at the top, or are turned by the same armature.
    """
    if is_head(mesh_object):
        return []
    top, rig = mesh_object, rig_of(mesh_object)
    while top.parent is not None:
        top = top.parent
    below = {top, *top.children_recursive}
    meshes = [thing for thing in scene.objects if thing.type == 'MESH' and thing != mesh_object]
    its = [thing for thing in meshes if thing in below or (rig is not None and rig_of(thing) == rig)]
    return [thing for thing in its if not thing.hide_render]


def action_frames(head_object: Object) -> tuple[int, int] | None:
    """Return the scene frames, first and last, that a head's or a character's action covers; None without one.

    It is that of the shape keys, or of the armature where they play none.
    """
    for datablock in _animated(head_object):
        action = datablock.animation_data.action
        key_frames = compat.key_range(action, compat.slot_for(datablock, action))
        if key_frames is not None:
            return round(key_frames[0]), round(key_frames[1])
    return None


def _animated(head_object: Object) -> list[ID]:
    """Return what plays an action: the shape keys, the armature, the object."""
    datablocks = (head_object.data.shape_keys, rig_of(head_object), head_object)
    with_animation = [thing for thing in datablocks if thing is not None and thing.animation_data is not None]
    return [thing for thing in with_animation if thing.animation_data.action is not None]


def check_format(kind: str) -> None:
    """See that this Blender can write a format, one of SUFFIXES' values.

    Raises:
        ExportError: its add-on is off, or it was built without.
    """
    if kind in ADD_ONS and not hasattr(bpy.types, ADD_ONS[kind][0]):
        raise ExportError(f"Blender's add-on {ADD_ONS[kind][1]} is off. Enable it (Preferences > Add-ons)")
    if kind in LIBRARIES and not getattr(bpy.app.build_options, LIBRARIES[kind][0]):
        raise ExportError(
            f"This Blender was built without {LIBRARIES[kind][1]}. Use one from blender.org, or another format"
        )


def _check(head_object: Object, kind: str) -> None:
    check_format(kind)
    if head_object.type != 'MESH':
        raise ExportError(f"{head_object.name} is no mesh. Choose the mesh of the head or the face itself")
    shape_keys = head_object.data.shape_keys
    if shape_keys is not None and not shape_keys.use_relative:
        raise ExportError(
            f"{head_object.name}'s shape keys are absolute: they do not mix. Turn on Relative below the list of them"
        )
    if head_object.mode == 'EDIT':
        raise ExportError(f"{head_object.name} is in Edit Mode, which hides changes. Leave it first")
    if kind in SKINNED and lids_come_after(head_object):
        raise ExportError(
            f"{head_object.name}'s eyelids are added after posing, by Geometry Nodes, which a .{kind} cannot hold. Set "
            "Lids to another order (Head > Tools), or export Alembic or USD"
        )


def _animation_name(head_object: Object) -> str:
    return next((thing.animation_data.action.name for thing in _animated(head_object)), head_object.name)


@contextmanager
def _in_scene(scene: Scene) -> Iterator[None]:
    """Let operators work in a scene that no window shows."""
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        yield


@contextmanager
def _said(name: str, path: Path) -> Iterator[None]:
    """Say what went wrong in one of Blender's exporters."""
    try:
        yield
    except RuntimeError as error:
        raise ExportError(
            f"Blender could not export {name} to {path.name} ({compat.message_of(error)}). Try another format"
        ) from error


def _export_fbx(path: str, scene: Scene) -> None:
    bpy.ops.export_scene.fbx(
        filepath=path,
        object_types={'MESH', 'ARMATURE'},
        apply_scale_options='FBX_SCALE_UNITS',  # else every object is 100 times as large
        use_mesh_modifiers=False,  # they would cost the shape keys
        add_leaf_bones=False,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,  # the scene's range and nothing else
        bake_anim_simplify_factor=0.0,  # drops keys
    )


def _export_alembic(path: str, scene: Scene) -> None:
    bpy.ops.wm.alembic_export(
        filepath=path, start=scene.frame_start, end=scene.frame_end, as_background_job=False, evaluation_mode='RENDER'
    )


def _export_usd(path: str, scene: Scene) -> None:
    bpy.ops.wm.usd_export(
        filepath=path,
        export_animation=True,
        export_armatures=False,  # the vertices of every frame instead
        export_shapekeys=False,
        convert_orientation=True,
        export_global_forward_selection='NEGATIVE_Z',
        export_global_up_selection='Y',
        evaluation_mode='RENDER',
    )


EXPORTERS: dict[str, Callable[[str, Scene], None]] = {
    FBX: _export_fbx,
    ALEMBIC: _export_alembic,
    USD: _export_usd,
}

"""A head or a character with all that moves it, in a .blend of its own, for another Blender to play: quicker than the
whole file.
"""

import os

import bpy
from bpy.types import Object, Scene

from ..errors import ExportError
from . import compat
from .export import meshes_with

RENDER_TIMES = ("fps", "fps_base", "frame_map_old", "frame_map_new")  # a scene's settings that say when things move


def hand_over(mesh_object: Object, scene: Scene, path: str | os.PathLike) -> dict[str, object]:
    """Write a mesh, what `meshes_with` finds, and all they depend on to a .blend; return what else `take_over` needs.

    Raises:
        ExportError: the file cannot be written, or the mesh is linked from another, which it would only name.
    """
    if mesh_object.library is not None:
        raise ExportError(
            f"{mesh_object.name} is linked from {mesh_object.library.filepath}. Export it there, or make it a library "
            "override (Object > Library Override > Make)"
        )
    meshes = [mesh_object, *meshes_with(scene, mesh_object)]
    for thing in meshes:
        if thing.mode == 'EDIT':
            thing.update_from_editmode()
    try:
        bpy.data.libraries.write(str(path), set(meshes), path_remap='ABSOLUTE')
    except (OSError, RuntimeError) as error:
        raise ExportError(f"Cannot write {path} ({error}). Choose another cache folder in the preferences") from error
    times = {name: getattr(scene.render, name) for name in RENDER_TIMES}
    return {"name": mesh_object.name, "render": times, "scale_length": scene.unit_settings.scale_length}


def take_over(path: str | os.PathLike, more: dict[str, object]) -> tuple[Scene, Object]:
    """Open what `hand_over` wrote, in place of everything in this Blender; return the scene and the mesh.

    Args:
        more: what `hand_over` returned.
    Raises:
        ExportError: the file cannot be read.
    """
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    for name, value in more["render"].items():
        setattr(scene.render, name, value)
    scene.unit_settings.scale_length = more["scale_length"]
    try:
        with bpy.data.libraries.load(str(path)) as (there, wanted):
            wanted.objects = list(there.objects)
    except OSError as error:
        raise ExportError(f"Cannot read {path} ({compat.message_of(error)}). Export again") from error
    for thing in wanted.objects:
        scene.collection.objects.link(thing)
    return scene, scene.objects[more["name"]]

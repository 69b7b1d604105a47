"""Characters in other files, linked and overridden."""

from pathlib import Path

import bpy
from bpy.types import Object

from tests.rig.characters import add_character, add_rig


def save_library(path: Path, **options) -> Path:
    """Save a file whose collection "Character" holds a ball with keys and its rig."""
    face = add_character(**options)
    rig = add_rig(face)
    collection = bpy.data.collections.new("Character")
    bpy.context.scene.collection.children.link(collection)
    for thing in (face, rig):
        collection.objects.link(thing)
        bpy.context.scene.collection.objects.unlink(thing)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def link_character(path: Path) -> Object:
    """Link the collection "Character" into an empty file; return its mesh object."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, wanted):
        wanted.collections = ["Character"]
    instance = bpy.data.objects.new("Character", None)
    instance.instance_type, instance.instance_collection = 'COLLECTION', wanted.collections[0]
    bpy.context.scene.collection.objects.link(instance)
    bpy.context.view_layer.update()
    return next(thing for thing in bpy.data.objects if thing.type == 'MESH')


def override_character(path: Path, *, fully: bool = False) -> Object:
    """Link the collection "Character" and override it, as Library Override > Make does; return the mesh object."""
    link_character(path)
    collection = next(item for item in bpy.data.collections if item.library is not None)
    collection.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer, do_fully_editable=fully)
    return overridden('MESH')


def overridden(kind: str) -> Object:
    """Return the overridden object of a type."""
    return next(thing for thing in bpy.data.objects if thing.type == kind and thing.override_library is not None)


def reopen(path: Path) -> None:
    """Save everything to a file, and open it."""
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))

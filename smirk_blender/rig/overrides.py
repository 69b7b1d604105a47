"""What another file holds: characters that are linked, and changed through library overrides.

An override covers an object, and leaves its mesh in the other file: what plays on its shape keys would be lost when the
file is opened again. An override of the mesh keeps it, in every version from 4.2 on. But where the other file gets more
objects, or fewer, Blender makes the overrides anew, and leaves those of meshes aside: `reconnect_keys` puts them back.
"""

import bpy
from bpy.types import ID, Mesh, Object

from ..errors import RetargetError


def refuse_linked_character(thing: Object) -> None:
    """Raise RetargetError where changes to an object would be lost, because another file holds it."""
    if thing.library is not None:
        raise RetargetError(
            f"{thing.name} is linked from {thing.library.filepath}, and cannot be changed here. Make a library "
            "override of it: select it, then Object > Library Override > Make"
        )


def make_keys_writable(mesh_object: Object) -> str:
    """See to it that what plays on a mesh's shape keys is kept; return what was done for it, or "".

    Raises:
        RetargetError: the object is linked without an override, or its mesh cannot have one.
    """
    make_writable(mesh_object)
    mesh = mesh_object.data
    if mesh.library is None:
        return ""
    if _put_aside(mesh_object) is not None:
        mesh_object.data = _put_aside(mesh_object)
        return ""
    library = mesh.library.filepath
    if mesh.override_create(remap_local_usages=True) is None or mesh_object.data.library is not None:
        raise RetargetError(
            f"The mesh of {mesh_object.name} is linked from {library}, and Blender makes no library override of it. "
            "Make one in the Outliner (on the mesh: Library Override > Make), or make it local (Object > Relations > "
            "Make Local)"
        )
    return f"The mesh of {mesh_object.name} is linked, and got a library override, so that its keys can be animated"


def reconnect_keys() -> list[str]:
    """Let overridden objects have the overrides of their meshes again that Blender left aside; return their names.

    To be called when a file was opened: nobody uses those overrides, and they are not saved again.
    """
    reconnected = []
    for thing in bpy.data.objects:
        mesh = _put_aside(thing) if thing.type == 'MESH' and thing.override_library is not None else None
        if mesh is not None:
            thing.data = mesh
            reconnected.append(thing.name)
    return reconnected


def _put_aside(mesh_object: Object) -> Mesh | None:
    """Return the override of an object's linked mesh that nobody uses; None where there is none."""
    if mesh_object.data.library is None:
        return None
    for mesh in bpy.data.meshes:
        override = mesh.override_library if mesh.users == 0 else None
        if override is not None and override.reference == mesh_object.data:
            return mesh
    return None


def make_writable(thing: Object) -> None:
    """See to it that what is changed of an object is kept.

    Raises:
        RetargetError: it is linked without an override.
    """
    refuse_linked_character(thing)
    if thing.override_library is not None:
        thing.override_library.is_system_override = False  # Blender may put those back as the other file has them


def local_or_linked(collection: bpy.types.bpy_prop_collection, name: str) -> ID | None:
    """Return the datablock of a name, this file's own where two share it."""
    return collection.get((name, None)) or collection.get(name)

"""Rigify's faces, generated: the old one, and the one that it is upgraded to.

`python -m tests.rig.rigify_faces OUT.blend` leaves both in a file, as rigs "old" and "upgraded". Blender 4.5 as a
module does not end once Rigify has generated a rig, so that this is a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Object

NO_RIGIFY = 3  # exit code
LIMIT_S = 300.0
REPOSITORY = Path(__file__).parents[2]


def generated_faces(path: Path) -> bool:
    """Leave the faces in a .blend; return whether this Blender comes with Rigify."""
    command = [sys.executable, "-m", "tests.rig.rigify_faces", str(path)]
    code = subprocess.run(command, cwd=REPOSITORY, timeout=LIMIT_S).returncode
    if code not in (0, NO_RIGIFY):
        raise RuntimeError(f"generating Rigify's faces ended with code {code}")
    return code == 0


def appended_face(path: Path, name: str) -> Object:
    """Return a rig of `generated_faces`, in the scene."""
    with bpy.data.libraries.load(str(path)) as (_, wanted):
        wanted.objects = [name]
    rig = bpy.data.objects[name]
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.update()
    return rig


def rigify_face(*, upgraded: bool) -> Object:
    """Return a generated rig that has a face and nothing else; Rigify must be enabled."""
    from rigify.rigs.faces import super_face  # an add-on's, whose folder Blender finds

    metarig = bpy.data.objects.new("metarig", bpy.data.armatures.new("metarig"))
    bpy.context.scene.collection.objects.link(metarig)
    bpy.context.view_layer.objects.active = metarig
    bpy.ops.object.mode_set(mode='EDIT')
    super_face.create_sample(metarig)
    bpy.ops.object.mode_set(mode='OBJECT')
    collection = metarig.data.collections.new("Face")
    collection.rigify_ui_row = 1
    for bone in metarig.data.bones:
        collection.assign(bone)
    if upgraded:
        bpy.ops.object.mode_set(mode='POSE')
        bpy.ops.pose.rigify_upgrade_face()
        bpy.ops.object.mode_set(mode='OBJECT')
    before = set(bpy.data.objects)
    bpy.ops.pose.rigify_generate()
    return next(thing for thing in set(bpy.data.objects) - before if thing.type == 'ARMATURE')


def add_skin(armature: Object, places: np.ndarray, name: str = "Skin") -> Object:
    """Return a mesh that an armature deforms, with its vertices at places (N, 3) of the armature and hardly a face."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(places.tolist(), [], [(0, 1, 2)])
    skin = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(skin)
    skin.parent = armature
    modifier = skin.modifiers.new("Armature", 'ARMATURE')
    modifier.object = armature
    return skin


def main(path: str) -> int:
    import addon_utils  # Blender's own, which can be found once bpy is there

    if addon_utils.enable("rigify", default_set=True) is None:
        return NO_RIGIFY
    for name in ("old", "upgraded"):
        rigify_face(upgraded=name == "upgraded").name = name
    bpy.ops.wm.save_as_mainfile(filepath=path)
    return 0


if __name__ == "__main__":
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    exit_code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(exit_code)

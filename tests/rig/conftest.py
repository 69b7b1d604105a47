"""Every test here starts from an empty scene in Blender's factory state."""

import bpy
import pytest


@pytest.fixture(autouse=True)
def empty_scene() -> bpy.types.Scene:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return bpy.context.scene


"""Every test here starts from an empty scene in Blender's factory state."""

import bpy
import pytest

from tests.rig.nights import make_night


@pytest.fixture(autouse=True)
def empty_scene() -> bpy.types.Scene:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return bpy.context.scene


@pytest.fixture
def night(tmp_path):
    """See `make_night`."""
    return make_night(tmp_path)

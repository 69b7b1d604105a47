"""Every test here runs with the add-on registered, from an empty scene in Blender's factory state."""

from collections.abc import Iterator

import bpy
import pytest

import smirk_blender
from smirk_blender.flame import save_head
from tests.builders import tiny_head


@pytest.fixture(autouse=True)
def addon() -> Iterator[None]:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    smirk_blender.register()
    yield
    smirk_blender.unregister()  # a class left behind crashes 4.2 and hangs 4.5 when Python ends


@pytest.fixture
def head_object(tmp_path) -> bpy.types.Object:
    """A made-up FLAME head, exactly its model's, which lies in tiny.npz."""
    save_head(tiny_head(), tmp_path / "tiny.npz")
    bpy.ops.smirk.import_flame(filepath=str(tmp_path / "tiny.npz"), lids='exact')
    return bpy.context.object

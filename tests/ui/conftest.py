"""Every test here runs with the add-on registered, from an empty scene in Blender's factory state."""

from collections.abc import Iterator

import bpy
import pytest

import smirk_blender


@pytest.fixture(autouse=True)
def addon() -> Iterator[None]:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    smirk_blender.register()
    yield
    smirk_blender.unregister()  # a class left behind crashes 4.2 and hangs 4.5 when Python ends

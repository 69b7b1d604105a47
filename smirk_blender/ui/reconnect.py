"""Overridden characters go on playing their takes when the file that they are linked from was changed."""

import bpy
from bpy.app.handlers import persistent

from ..rig.overrides import reconnect_keys


@persistent
def _file_is_there(path: str) -> None:
    reconnect_keys()


def register() -> None:
    bpy.app.handlers.load_post.append(_file_is_there)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_file_is_there)

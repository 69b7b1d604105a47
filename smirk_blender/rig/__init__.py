"""Scene code: a head becomes a mesh, shape keys and an armature; a take becomes an action; its video becomes strips
and a camera background. In: heads, takes, paths. Out: Blender datablocks. `compat.py` alone knows Blender's versions.
"""

from .actions import bake_take
from .camera import bake_in_shot, match_camera
from .head_object import build_head
from .memory import is_head

__all__ = ["bake_in_shot", "bake_take", "build_head", "is_head", "match_camera"]

"""Scene code: a head becomes a mesh, shape keys and an armature; a take becomes an action; its video becomes strips
and a camera background. In: heads, takes, paths. Out: Blender datablocks. `compat.py` alone knows Blender's versions.
"""

from typing import TYPE_CHECKING

from ..late import late
from .memory import is_head

if TYPE_CHECKING:
    from .actions import bake_take
    from .adopt import adopt_head
    from .camera import bake_in_shot, match_camera
    from .drivers import drive_pose_keys, pose_keys_are_driven, undrive_pose_keys
    from .eyelid_order import set_eyelid_order
    from .footage import show_footage
    from .head_object import build_head
    from .identity import apply_identity, update_joints, worn_head
    from .lid_corrective import keep_lids_off_eyeballs, let_lids_cut
    from .models import model_of, open_model, remember_model
    from .named_head import head_of_mesh
    from .stage import set_stage, show_camera_view

__all__ = [
    "adopt_head",
    "apply_identity",
    "bake_in_shot",
    "bake_take",
    "build_head",
    "drive_pose_keys",
    "head_of_mesh",
    "is_head",
    "keep_lids_off_eyeballs",
    "let_lids_cut",
    "match_camera",
    "model_of",
    "open_model",
    "pose_keys_are_driven",
    "remember_model",
    "set_eyelid_order",
    "set_stage",
    "show_camera_view",
    "show_footage",
    "undrive_pose_keys",
    "update_joints",
    "worn_head",
]
__getattr__ = late(
    __name__,
    {
        "adopt_head": ".adopt",
        "apply_identity": ".identity",
        "bake_in_shot": ".camera",
        "bake_take": ".actions",
        "build_head": ".head_object",
        "drive_pose_keys": ".drivers",
        "head_of_mesh": ".named_head",
        "keep_lids_off_eyeballs": ".lid_corrective",
        "let_lids_cut": ".lid_corrective",
        "match_camera": ".camera",
        "model_of": ".models",
        "open_model": ".models",
        "pose_keys_are_driven": ".drivers",
        "remember_model": ".models",
        "set_eyelid_order": ".eyelid_order",
        "set_stage": ".stage",
        "show_camera_view": ".stage",
        "show_footage": ".footage",
        "undrive_pose_keys": ".drivers",
        "update_joints": ".identity",
        "worn_head": ".identity",
    },
)

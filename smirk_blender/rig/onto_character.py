"""A take onto a character at once: placed in the scene's time, retargeted, written as an action, its profile kept."""

from collections.abc import Collection

import bpy
import numpy as np
from bpy.types import Action, Object

from ..flame import Head
from ..retarget.arkit_curves import ArkitCurves, weights_between
from ..retarget.onto import Retargeted, retargeted, retargeted_curves
from ..retarget.profile import RetargetProfile
from ..retarget.resample import Timing, time_take
from ..take import Take
from .actions import scene_frames_of
from .character import meshes_with_same_keys
from .footage import match_take
from .recipient import recipient_of
from .retarget_actions import bake_retargeted
from .retarget_layers import Mode
from .retarget_memory import keep_profile
from .strips import scene_fps

PERCENT = 100.0


def put_onto(
    mesh_object: Object,
    take: Take,
    head: Head,
    profile: RetargetProfile,
    *,
    name: str,
    mode: Mode = "action",
    timing: Timing = "resample",
    scene_frame_start: int = 1,
    alone: bool = False,
    curves: ArkitCurves | None = None,
) -> tuple[Action, Retargeted]:
    """Let a character of the context's scene play a take; return the action, and what is in it.

    Args:
        mesh_object: the character's mesh.
        take: T frames, of `head`.
        name: of the take, by which its action is found again.
        mode: as in `bake_retargeted`.
        timing: "set": the scene gets the take's rate, range and picture size; "resample": it keeps its rate, the take
            gets a row on every whole scene frame, and the range grows where it must.
        scene_frame_start: of the take's first frame.
        alone: whether other meshes with keys of the same names, such as teeth, stay as they are.
        curves: a phone's recording that the take was made of: its values are those of keys with ARKit's names.
    Raises:
        RetargetError: the take cannot come onto the character.
    """
    scene = bpy.context.scene
    recipient = recipient_of(mesh_object, head, profile)
    if timing == "set":
        match_take(scene, take, scene_frame_start=scene_frame_start)
        placed, start = take, scene_frame_start
    else:
        how = dict(scene_fps=scene_fps(scene), scene_frame_start=scene_frame_start)
        placed, start = time_take(take, timing=timing, **how)
        scene.frame_end = max(scene.frame_end, start + len(placed) - 1)
    if curves is None:
        result = retargeted(placed, head, recipient, profile)
    else:
        result = retargeted_curves(weights_between(curves, placed.time_s), placed, head, recipient, profile)
    others = [] if alone else meshes_with_same_keys(mesh_object)
    action = let_play(mesh_object, result, scene_frames_of(placed, start), name=name, mode=mode, others=others)
    keep_profile(mesh_object, profile)
    return action, result


def let_play(
    mesh_object: Object,
    result: Retargeted,
    scene_frames: np.ndarray,
    *,
    name: str,
    mode: Mode,
    others: Collection[Object],
) -> Action:
    """Write what was retargeted as an action, called after the take and the character, and return it.

    Args:
        result: T frames.
        scene_frames: (T,) rising.
        name, mode: as in `put_onto`.
        others: as in `bake_retargeted`.
    Raises:
        RetargetError: as there.
    """
    action_name = f"{name} on {mesh_object.name}"
    return bake_retargeted(
        mesh_object, result, scene_frames, action_name=action_name, take_id=name, mode=mode, others=others
    )


def missed_text(result: Retargeted) -> str:
    """Return how far the character's face is from the take's, in words that end a sentence; "" where nobody knows."""
    if not np.isfinite(result.missed).any():
        return ""
    return f", {PERCENT * float(np.nanmean(result.missed)):.1f} % of the face's width off in the mean"

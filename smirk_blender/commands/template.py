"""A .blend of the user's whose head takes the action: opened, its head found, its scene set to the take."""

import math
import os
from dataclasses import replace
from pathlib import Path

import bpy
from bpy.types import Object

from ..errors import HeadError
from ..retarget.resample import FrameMap
from ..rig.actions import scene_frames_of
from ..rig.footage import show_footage, take_footage
from ..rig.memory import is_head
from ..rig.movie import set_fps
from ..take import Take
from .blend_files import open_blend
from .console import say


def open_template(path: str | os.PathLike, name: str = "") -> Object:
    """Open a .blend in place of all that is open, without running scripts in it, and return the head in it.

    Args:
        name: the head's; "" for the only one.
    Raises:
        HeadError: it cannot be opened, has no head, or several of which none is named.
    """
    path = Path(path).absolute()
    open_blend(path, HeadError, "Check the template's path, or save it again")
    heads = {thing.name: thing for thing in bpy.context.scene.objects if is_head(thing)}
    if name and name not in heads:
        raise HeadError(f"{path} has no head {name}; it has {', '.join(sorted(heads)) or 'none'}. Choose another name")
    if name or len(heads) == 1:
        return heads[name or next(iter(heads))]
    if not heads:
        raise HeadError(f"{path} has no head in its scene. Add one with the SMIRK panel, or adopt one, and save it")
    raise HeadError(f"{path} has {len(heads)} heads: {', '.join(sorted(heads))}. Name the one that is meant")


def fit_template(take: Take, video: str | None, *, in_step: bool) -> None:
    """Give the scene the take's rate and range, and the footage as strips; cameras, lights and size stay the file's."""
    scene = bpy.context.scene
    set_fps(scene, take.fps)
    scene.frame_start, scene.frame_end = 1, math.ceil(scene_frames_of(take, 1)[-1])
    scene.frame_set(1)
    if video and in_step:
        footage = take_footage(video, take)
        lead = round(float(take.time_s[0] * take.fps))  # frames of the video before the take
        for sentence in show_footage(scene, replace(footage, frame_map=FrameMap(1.0 - lead, 1.0, footage.fps))):
            say(sentence)

"""What of a character plays: its own animation, and over it the action that a take was retargeted to.

As the active action ours plays alone with the strips, and what was active before waits for it to be removed. As a strip
it lies over all others; an active action of the user's plays over every strip, so that one which moves what the take
moves becomes a strip below, where it plays the same. One that moves other channels stays active.
"""

import json
import math
from collections.abc import Collection
from typing import Literal

import bpy
from bpy.types import ID, Action, NlaStrip

from . import compat
from .action_notes import LAYERS, label_of
from .nla import KeyFrames, add_strip, renew_strip

Mode = Literal["action", "strip", "additive"]
MODES = ("action", "strip", "additive")
BLEND = {"strip": 'REPLACE', "additive": 'COMBINE'}  # which adds, and turns further where it is a rotation
BELOW = "smirk_retarget_below"  # of an action that a take was retargeted to: by place, what was active before


def play_over(
    datablock: ID, action: Action, slot: object, mode: Mode, *, moves: Collection[str], key_frames: tuple[float, float]
) -> None:
    """Let a datablock play an action as the mode says, where it does not play it yet.

    Args:
        slot: of the action, for this datablock; None without slots.
        moves: the data paths that the action moves on it.
        key_frames: where it has keys.
    """
    animation = datablock.animation_data or datablock.animation_data_create()
    if mode == "action":
        if animation.action != action:
            _remember_below(datablock, action)
            compat.play_slot(datablock, action, slot)
        return
    strips = own_strips(datablock, action)
    for strip in strips:  # where the user put them
        if strip.blend_type == BLEND["additive" if mode == "strip" else "strip"]:
            strip.blend_type = BLEND[mode]
    if strips:
        return
    below = animation.action
    if below is not None and below != action:
        its_slot = compat.own_slot(datablock, below)
        if any(fcurve.data_path in moves for fcurve in compat.slot_fcurves(below, its_slot)):
            _remember_below(datablock, action)
            _remember(datablock, action, track=_push_down_same(datablock, below, its_slot, key_frames).name)
    elif below == action:
        animation.action = None
    strip = add_strip(datablock, action, slot, key_frames)
    strip.blend_type = BLEND[mode]
    if mode == "additive":
        strip.extrapolation = 'HOLD'


def stop_playing(datablock: ID, action: Action) -> None:
    """Let a datablock play what it played before this action; strips that the user made of others stay."""
    animation = datablock.animation_data
    if animation is None:
        return
    for track in [track for track in animation.nla_tracks if any(strip.action == action for strip in track.strips)]:
        for strip in [strip for strip in track.strips if strip.action == action]:
            track.strips.remove(strip)
        if not len(track.strips):
            animation.nla_tracks.remove(track)
    layers = json.loads(action.get(LAYERS, "{}"))
    noted = layers.pop(label_of(datablock), {})
    action[LAYERS] = json.dumps(layers)
    below = action[BELOW].get(noted["place"]) if "place" in noted else None
    was_active = animation.action == action
    if was_active:
        animation.action = None
    waits = below is not None and animation.action is None
    if waits and (was_active or _remove_track(datablock, noted.get("track", ""), below)):
        compat.use_action(datablock, below, noted.get("slot", ""))


def own_strips(datablock: ID, action: Action) -> list[NlaStrip]:
    """Return a datablock's strips of an action, muted ones too."""
    animation = datablock.animation_data
    tracks = animation.nla_tracks if animation is not None else ()
    return [strip for track in tracks for strip in track.strips if strip.action == action]


def renew_own_strips(datablock: ID, action: Action, before: KeyFrames, now: KeyFrames) -> None:
    """Let strips that played all of an action play all of what it holds since; others stay as they are."""
    for strip in own_strips(datablock, action):
        renew_strip(strip, before, now)


def hand_on_below(removed: Action, actions: Collection[Action]) -> None:
    """Let actions that would play a removed one again play instead what that one would."""
    layers = json.loads(removed.get(LAYERS, "{}"))
    for action in actions:
        noted = json.loads(action.get(LAYERS, "{}"))
        for label, facts in noted.items():
            if action[BELOW].get(facts["place"]) == removed:
                theirs = layers.get(label, {})
                action[BELOW][facts["place"]] = removed[BELOW].get(theirs["place"]) if "place" in theirs else None
                facts["slot"] = theirs.get("slot", "")
        action[LAYERS] = json.dumps(noted)


def _remember_below(datablock: ID, action: Action) -> None:
    below = datablock.animation_data.action
    if below is None:
        return
    if below.library is None:
        below.use_fake_user = True  # a file keeps no data without users
    layers = json.loads(action.get(LAYERS, "{}"))
    taken = {facts.get("place") for facts in layers.values()}
    place = next(str(number) for number in range(len(taken) + 1) if str(number) not in taken)
    action[BELOW] = {**(action[BELOW].to_dict() if BELOW in action else {}), place: below}
    _remember(datablock, action, place=place, slot=compat.slot_of(datablock))


def _remember(datablock: ID, action: Action, **facts: str) -> None:
    layers = json.loads(action.get(LAYERS, "{}"))
    layers.setdefault(label_of(datablock), {}).update(facts)
    action[LAYERS] = json.dumps(layers)


def _push_down_same(datablock: ID, action: Action, slot: object, key_frames: tuple[float, float]) -> object:
    """Turn a datablock's active action into a strip on a new track, which plays the same; return the track.

    It reaches over the scene's frames and the take's, for an action may go on beyond its keys.
    """
    animation, scene = datablock.animation_data, bpy.context.scene
    own = compat.key_range(action, slot) or key_frames
    first = min(own[0], key_frames[0], scene.frame_start)
    last = max(own[1], key_frames[1], scene.frame_end)
    blend, influence = animation.action_blend_type, animation.action_influence
    strip = add_strip(datablock, action, slot, (float(math.floor(first)), last))
    strip.blend_type, strip.influence = blend, influence
    strip.extrapolation = animation.action_extrapolation
    return animation.nla_tracks[-1]


def _remove_track(datablock: ID, name: str, action: Action) -> bool:
    """Take away a track that an action was pushed down to; return whether it was there still."""
    tracks = datablock.animation_data.nla_tracks
    for track in tracks:
        if name and track.name == name and [strip.action for strip in track.strips] == [action]:
            tracks.remove(track)
            return True
    return False

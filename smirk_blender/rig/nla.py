"""A baked action as strips of the NLA editor, from where takes can be moved, layered and blended."""

from bpy.types import ID, Action, NlaStrip, Object

from . import compat
from .memory import armature_of, has_armature, rig_action_of


def push_down(head_object: Object, action: Action) -> list[NlaStrip]:
    """Turn a head's baked action into strips on new NLA tracks, called like it, and unbind it; return the strips.

    They lie where the action's keys are and play the same. One track is the shape keys', one the bones', or the
    object's of a head without them; a datablock for which the action has no curves gets none.
    Args:
        head_object: the head it was baked onto.
        action: as `bake_take` returned it.
    """
    rig = armature_of(head_object) if has_armature(head_object) else head_object
    strips = []
    for datablock, its_action in ((head_object.data.shape_keys, action), (rig, rig_action_of(action))):
        slot = compat.slot_for(datablock, its_action)
        key_frames = compat.key_range(its_action, slot)
        if key_frames is not None:
            strips.append(_add_strip(datablock, its_action, slot, key_frames))
    return strips


def _add_strip(datablock: ID, action: Action, slot: object, key_frames: tuple[float, float]) -> NlaStrip:
    animation = datablock.animation_data or datablock.animation_data_create()
    if animation.action == action:
        animation.action = None  # what is bound plays over the NLA
    track = animation.nla_tracks.new()
    track.name = action.name
    first, last = key_frames
    strip = track.strips.new(action.name, round(first), action)
    compat.use_slot(strip, slot)
    strip.action_frame_start, strip.action_frame_end = first, max(last, first + 1.0)  # of a single key, too
    strip.frame_start, strip.frame_end = first, max(last, first + 1.0)
    strip.extrapolation = 'HOLD' if len(animation.nla_tracks) == 1 else 'HOLD_FORWARD'
    strip.use_auto_blend = False
    return strip

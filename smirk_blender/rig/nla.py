"""A baked action as strips of the NLA editor, from where takes can be moved, layered and blended."""

from bpy.types import ID, Action, NlaStrip, Object

from . import compat
from .memory import armature_of, has_armature, rig_action_of

KeyFrames = tuple[float, float] | None  # first and last scene frame with keys; None where there are none
SAME_FRAME = 1e-3  # strips store single precision


def push_down(head_object: Object, action: Action) -> list[NlaStrip]:
    """Turn a head's baked action into strips on new NLA tracks, called like it, and unbind it; return the strips.

    They lie where the action's keys are and play the same. One track is the shape keys', one the bones', or the
    object's of a head without them; a datablock for which the action has no curves gets none.
    Args:
        head_object: the head it was baked onto.
        action: as `bake_take` returned it.
    """
    strips = []
    for datablock, its_action in players(head_object, action):
        slot = compat.slot_for(datablock, its_action)
        key_frames = compat.key_range(its_action, slot)
        if key_frames is not None:
            strips.append(add_strip(datablock, its_action, slot, key_frames))
    return strips


def players(head_object: Object, action: Action) -> tuple[tuple[ID, Action], tuple[ID, Action]]:
    """Return what plays a head's baked action, and the action that each plays: its shape keys, and what turns it."""
    rig = armature_of(head_object) if has_armature(head_object) else head_object
    return (head_object.data.shape_keys, action), (rig, rig_action_of(action))


def strips_of(datablock: ID, action: Action) -> list[NlaStrip]:
    """Return the strips by which a datablock plays an action, those that are muted left out."""
    animation = datablock.animation_data
    tracks = [track for track in animation.nla_tracks if not track.mute] if animation is not None else []
    return [strip for track in tracks for strip in track.strips if strip.action == action and not strip.mute]


def key_frames_of(head_object: Object, action: Action) -> list[KeyFrames]:
    """Return where a head's baked action has keys, of each of `players`."""
    each = players(head_object, action)
    return [compat.key_range(its_action, compat.slot_for(datablock, its_action)) for datablock, its_action in each]


def renew_strips(head_object: Object, action: Action, before: list[KeyFrames]) -> None:
    """Let strips that played all of an action play all of what it was baked to since; others stay as they are.

    Args:
        before: `key_frames_of` the action before.
    """
    each = zip(players(head_object, action), before, key_frames_of(head_object, action))
    for (datablock, its_action), old, new in each:
        for strip in strips_of(datablock, its_action):
            renew_strip(strip, old, new)


def renew_strip(strip: NlaStrip, old: KeyFrames, new: KeyFrames) -> None:
    """Let a strip that played all of an action play all of what it holds since; another stays as it is.

    Args:
        strip: of the action.
        old, new: where it had keys, and has them now.
    """
    if old is None or new in (None, old):
        return
    ends = strip.action_frame_start - old[0], strip.action_frame_end - max(old[1], old[0] + 1.0)
    if max(map(abs, ends)) < SAME_FRAME:
        first, last = new[0], max(new[1], new[0] + 1.0)
        start = strip.frame_start + strip.scale * (first - old[0])
        end = start + strip.scale * (last - first)
        for _ in range(2):  # Blender lets neither end pass the other, so one of them may arrive late
            strip.action_frame_start, strip.action_frame_end = first, last
        for _ in range(2):
            strip.frame_start, strip.frame_end = start, end


def is_pushed_down(head_object: Object, action: Action) -> bool:
    """Return whether an action is in a strip of its head's shape keys."""
    return bool(strips_of(head_object.data.shape_keys, action))


def unbind(head_object: Object) -> None:
    """Let a head play its strips alone; what it played before is kept in the file."""
    rig = armature_of(head_object) if has_armature(head_object) else head_object
    for datablock in (head_object.data.shape_keys, rig):
        if datablock.animation_data is not None and datablock.animation_data.action is not None:
            datablock.animation_data.action.use_fake_user = True
            datablock.animation_data.action = None


def add_strip(datablock: ID, action: Action, slot: object, key_frames: tuple[float, float]) -> NlaStrip:
    """Add a strip of an action over all others of a datablock, on a track of its own, and unbind it; return the strip.

    Args:
        slot: of the action; None without slots.
        key_frames: the scene frames, and the action's own, that it reaches over.
    """
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

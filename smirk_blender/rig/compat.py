"""What differs between Blender 4.2 and 5.x. No other file asks; here the feature is tested, not the number."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.types import ID, Action, FCurve, NlaStrip, NodesModifier, NodeTree, Scene

if TYPE_CHECKING:
    from ..clean.keys import Curve

Strip = getattr(bpy.types, "Strip", None) or bpy.types.Sequence  # its name before 4.4
# Options of a property that holds a path from the .blend, which from 4.5 on has to be said.
_SAYS_RELATIVE = "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties
RELATIVE_PATH = {'PATH_SUPPORTS_BLEND_RELATIVE'} if _SAYS_RELATIVE else set()
LINEAR, BEZIER = 1, 2  # F-curve interpolation, the same numbers in every version
FREE = 0  # handle type, likewise


def has_slots() -> bool:
    """Return whether one action can animate several kinds of datablock (4.4 and newer)."""
    return hasattr(bpy.types, "ActionSlot")


def has_sound() -> bool:
    """Return whether this build of Blender can open sound; the `bpy` module of 4.2 cannot."""
    return bpy.app.build_options.audaspace


def message_of(error: RuntimeError) -> str:
    """Return what Blender said when an operator or a file failed, on one line."""
    return " ".join(str(error).removeprefix("Error: ").split())


def slot_of(datablock: ID) -> str:
    """Return the identifier of the slot through which a datablock plays its action; "" where there is none."""
    slot = getattr(datablock.animation_data, "action_slot", None)
    return slot.identifier if slot is not None else ""


def use_action(datablock: ID, action: Action, slot_identifier: str = "") -> None:
    """Bind an action to a datablock, through a slot of its kind where Blender has slots: the one named, if it is there.

    Assigning alone binds a slot only if its name matches; without one nothing would play, silently.
    """
    animation = datablock.animation_data or datablock.animation_data_create()
    animation.action = action
    if has_slots() and slot_identifier in action.slots:
        animation.action_slot = action.slots[slot_identifier]
    if has_slots() and animation.action_slot is None:
        fitting = [slot for slot in action.slots if slot.target_id_type == datablock.id_type]
        animation.action_slot = fitting[0] if fitting else action.slots.new(datablock.id_type, datablock.name)


def play_slot(datablock: ID, action: Action, slot: object) -> None:
    """Bind an action to a datablock, through this slot of it where Blender has slots."""
    animation = datablock.animation_data or datablock.animation_data_create()
    animation.action = action
    if slot is not None:
        animation.action_slot = slot


def ensure_fcurve(
    action: Action, datablock: ID, data_path: str, index: int = 0, group: str = "", slot: object = None
) -> FCurve:
    """Return the action's F-curve for a property of a datablock, made if need be; it need not use the action yet.

    Args:
        slot: for the datablock; the first of its kind where left out.
    """
    channels = action if not has_slots() else _channels(action, datablock, slot)
    fcurve = channels.fcurves.find(data_path, index=index) or channels.fcurves.new(data_path, index=index)
    if group and fcurve.group is None:
        fcurve.group = channels.groups.get(group) or channels.groups.new(group)
    return fcurve


def _channels(action: Action, datablock: ID, slot: object = None):
    """Return the channelbag of an action's slot for a datablock, both made if need be."""
    slot = slot or slot_for(datablock, action) or action.slots.new(datablock.id_type, datablock.name)
    layer = action.layers[0] if len(action.layers) else action.layers.new("Layer")
    strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type='KEYFRAME')
    return strip.channelbag(slot, ensure=True)


def fcurves(action: Action) -> Iterator[FCurve]:
    """Yield every F-curve of an action, of all its slots."""
    if not has_slots():
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for channels in strip.channelbags:
                yield from channels.fcurves


def slot_for(datablock: ID, action: Action) -> object:
    """Return the slot by which an action animates a datablock of this kind; None where there is none, or no slots."""
    if not has_slots():
        return None
    animation = datablock.animation_data
    if animation is not None and animation.action == action and animation.action_slot is not None:
        return animation.action_slot
    return next((slot for slot in action.slots if slot.target_id_type == datablock.id_type), None)


def own_slot(datablock: ID, action: Action) -> object:
    """Return the slot by which an action animates this very datablock, and none other of its kind; None for none.

    It is the one by which the datablock plays the action, or else the one that is called like it.
    """
    if not has_slots():
        return None
    animation = datablock.animation_data
    if animation is not None and animation.action == action and animation.action_slot is not None:
        return animation.action_slot
    tracks = animation.nla_tracks if animation is not None else ()
    played = [strip.action_slot for track in tracks for strip in track.strips if strip.action == action]
    called = [slot for slot in action.slots if slot.target_id_type == datablock.id_type]
    called = [slot for slot in called if slot.name_display == datablock.name]
    return next((slot for slot in (*played, *called) if slot is not None), None)


def ensure_own_slot(datablock: ID, action: Action) -> object:
    """Return `own_slot`, made if need be; None where Blender has no slots."""
    if not has_slots():
        return None
    return own_slot(datablock, action) or action.slots.new(datablock.id_type, datablock.name)


def slot_fcurves(action: Action, slot: object) -> list[FCurve]:
    """Return the F-curves of a slot, or of a whole action without slots."""
    if not has_slots():
        return list(action.fcurves)
    bags = [strip.channelbag(slot) for layer in action.layers for strip in layer.strips] if slot else []
    return [fcurve for bag in bags if bag is not None for fcurve in bag.fcurves]


def remove_fcurve(action: Action, slot: object, fcurve: FCurve) -> None:
    """Take an F-curve out of a slot, or of an action without slots."""
    if not has_slots():
        action.fcurves.remove(fcurve)
        return
    for bag in (strip.channelbag(slot) for layer in action.layers for strip in layer.strips):
        if bag is not None and bag.fcurves.find(fcurve.data_path, index=fcurve.array_index) == fcurve:
            bag.fcurves.remove(fcurve)
            return


def use_slot(strip: NlaStrip, slot: object) -> None:
    """Let an NLA strip play this slot of its action."""
    if slot is not None:
        strip.action_slot = slot


def key_range(action: Action, slot: object) -> tuple[float, float] | None:
    """Return the first and last scene frame with keys of a slot, or of a whole action without slots; None if none."""
    curves = slot_fcurves(action, slot)
    ranges = np.array([fcurve.range() for fcurve in curves if len(fcurve.keyframe_points) > 1])
    if not len(ranges):  # held still, or moved at one frame
        ranges = np.array([fcurve.range() for fcurve in curves if len(fcurve.keyframe_points)])
    return (float(ranges[:, 0].min()), float(ranges[:, 1].max())) if len(ranges) else None


def add_fcurve(
    action: Action, datablock: ID, data_path: str, scene_frames: np.ndarray, values: np.ndarray
) -> None:
    """Key a property (T,) in an action that need not be bound; nothing happens where it is keyed already.

    Where Blender has slots, every slot with curves for the datablock's kind is meant.
    """
    if any(fcurve.data_path == data_path for fcurve in fcurves(action)):
        return
    if not has_slots():
        if action.id_root == datablock.id_type:
            write_fcurve(action.fcurves.new(data_path), scene_frames, values)
        return
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    for bag in bags:  # a slot without one has no curve to go by
        if bag.slot.target_id_type == datablock.id_type:
            write_fcurve(bag.fcurves.new(data_path), scene_frames, values)


def read_fcurve(fcurve: FCurve) -> tuple[np.ndarray, np.ndarray]:
    """Return an F-curve's scene frames (T,) and values (T,), float32."""
    keys = np.empty(2 * len(fcurve.keyframe_points), np.float32)
    fcurve.keyframe_points.foreach_get("co", keys)
    scene_frames, values = keys.reshape(-1, 2).T
    return scene_frames, values


def played_frames(fcurve: FCurve) -> np.ndarray:
    """Return the scene frames of an F-curve's keys, and where there are curves between them the whole frames there."""
    scene_frames, _ = read_fcurve(fcurve)
    if len(scene_frames) < 2 or fcurve.keyframe_points[0].interpolation == 'LINEAR':
        return scene_frames
    return np.union1d(scene_frames, np.arange(np.ceil(scene_frames[0]), scene_frames[-1]))


def write_fcurve(fcurve: FCurve, scene_frames: np.ndarray, values: np.ndarray) -> None:
    """Replace an F-curve's keys by linear ones at scene_frames (T,) with values (T,)."""
    keys = _keys_of(fcurve, scene_frames, values)
    keys.foreach_set("interpolation", np.full(len(values), LINEAR, np.int32))
    fcurve.update()


def write_curve(fcurve: FCurve, curve: "Curve") -> None:
    """Replace an F-curve's keys by those of a curve, with handles of their own; one key alone is linear."""
    if len(curve) == 1:
        write_fcurve(fcurve, curve.scene_frames, curve.values)
        return
    keys = _keys_of(fcurve, curve.scene_frames, curve.values)
    third = np.diff(curve.scene_frames) / 3
    before, after = np.append(third[:1], third), np.append(third, third[-1:])
    left = [curve.scene_frames - before, curve.values - before * curve.arriving]
    right = [curve.scene_frames + after, curve.values + after * curve.leaving]
    keys.foreach_set("handle_left", np.column_stack(left).astype(np.float32).ravel())
    keys.foreach_set("handle_right", np.column_stack(right).astype(np.float32).ravel())
    for side in ("handle_left_type", "handle_right_type"):
        keys.foreach_set(side, np.full(len(curve), FREE, np.int32))
    keys.foreach_set("interpolation", np.full(len(curve), BEZIER, np.int32))
    fcurve.update()


def _keys_of(fcurve: FCurve, scene_frames: np.ndarray, values: np.ndarray) -> bpy.types.FCurveKeyframePoints:
    """Return an F-curve's keys, as many as values, where they belong."""
    keys = fcurve.keyframe_points
    if len(keys) != len(values) or keys[0].interpolation != 'LINEAR':  # handles would be left from before
        keys.clear()
        keys.add(len(values))
    keys.foreach_set("co", np.column_stack([scene_frames, values]).astype(np.float32).ravel())
    return keys


def sequencer_strips(scene: Scene):
    """Return the scene's collection of strips, with `new_movie` and `new_sound`; the sequencer is made if need be."""
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips(scene: Scene) -> list[Strip]:
    """Return every strip of a scene, those in meta strips too."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


class StripTiming(NamedTuple):
    """Where a strip lies, in scene frames, and what it leaves out of its file, in the file's frames."""

    start: float  # of the content, visible or not
    content: float  # its length
    left: int  # the first visible scene frame
    right: int  # the one after the last
    trim_start: int
    trim_end: int


def strip_timing(strip: Strip) -> StripTiming:
    """Return a strip's timing, by the names of 5.2 or those before it, which 5.2 warns of."""
    if hasattr(strip, "content_start"):
        content = strip.left_handle_offset + strip.duration + strip.right_handle_offset
        ends = (strip.left_handle, strip.right_handle)
        return StripTiming(strip.content_start, content, *ends, strip.content_trim_start, strip.content_trim_end)
    content = strip.frame_offset_start + strip.frame_final_duration + strip.frame_offset_end
    ends = (strip.frame_final_start, strip.frame_final_end)
    return StripTiming(strip.frame_start, content, *ends, strip.animation_offset_start, strip.animation_offset_end)


def set_strip_length(strip: Strip, num_scene_frames: int) -> None:
    """Let a strip end so many scene frames after it starts."""
    setattr(strip, "duration" if hasattr(strip, "duration") else "frame_final_duration", num_scene_frames)


def show_in_sequencers(scene: Scene) -> None:
    """Let the sequencer editors of every workspace show this scene; before 5.0 they always show the window's."""
    for workspace in bpy.data.workspaces:
        if hasattr(workspace, "sequencer_scene"):
            workspace.sequencer_scene = scene


def set_movie_output(scene: Scene) -> None:
    """Let the scene render to movie files."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = 'VIDEO'
    settings.file_format = 'FFMPEG'


def nodes_input_path(modifier: NodesModifier, identifier: str) -> str:
    """Return the data path, from the object, of a Geometry Nodes modifier's input; 5.2 keeps inputs elsewhere."""
    if hasattr(modifier, "properties"):
        return f"{modifier.path_from_id()}.properties.inputs.{identifier}.value"
    return f'{modifier.path_from_id()}["{identifier}"]'


def node_tree(owner: bpy.types.Material | bpy.types.World) -> NodeTree:
    """Return the shader nodes, switched on; from 5.0 they always are, and asking for it is deprecated."""
    if owner.node_tree is None:
        owner.use_nodes = True
    return owner.node_tree


def set_view_transform(scene: Scene, name: str) -> None:
    """Choose how scene colours are shown; a studio's own colour configuration without that name keeps its default."""
    try:
        scene.view_settings.view_transform = name
    except TypeError:
        pass

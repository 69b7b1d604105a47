"""What differs between Blender 4.2 and 5.x. No other file asks; here the feature is tested, not the number."""

from collections.abc import Iterator

import bpy
import numpy as np
from bpy.types import ID, Action, FCurve, NodesModifier, NodeTree, Scene

LINEAR = 1  # F-curve interpolation, the same number in every version


def has_slots() -> bool:
    """Return whether one action can animate several kinds of datablock (4.4 and newer)."""
    return hasattr(bpy.types, "ActionSlot")


def has_sound() -> bool:
    """Return whether this build of Blender can open sound; the `bpy` module of 4.2 cannot."""
    return bpy.app.build_options.audaspace


def message_of(error: RuntimeError) -> str:
    """Return what Blender said when an operator or a file failed, on one line."""
    return " ".join(str(error).removeprefix("Error: ").split())


def use_action(datablock: ID, action: Action) -> None:
    """Bind an action to a datablock, through a slot of its kind where Blender has slots.

    Assigning alone binds a slot only if its name matches; without one nothing would play, silently.
    """
    animation = datablock.animation_data or datablock.animation_data_create()
    animation.action = action
    if has_slots() and animation.action_slot is None:
        fitting = [slot for slot in action.slots if slot.target_id_type == datablock.id_type]
        animation.action_slot = fitting[0] if fitting else action.slots.new(datablock.id_type, datablock.name)


def ensure_fcurve(action: Action, datablock: ID, data_path: str, index: int = 0, group: str = "") -> FCurve:
    """Return the action's F-curve for a property of a datablock that uses the action, made if need be."""
    if not has_slots():
        found = action.fcurves.find(data_path, index=index)
        return found or action.fcurves.new(data_path, index=index, action_group=group)
    fcurve = action.fcurve_ensure_for_datablock(datablock, data_path, index=index)
    if group and fcurve.group is None:  # the call takes a group's name from 5.0 on only
        channels = action.layers[0].strips[0].channelbag(datablock.animation_data.action_slot)
        fcurve.group = channels.groups.get(group) or channels.groups.new(group)
    return fcurve


def fcurves(action: Action) -> Iterator[FCurve]:
    """Yield every F-curve of an action, of all its slots."""
    if not has_slots():
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for channels in strip.channelbags:
                yield from channels.fcurves


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


def write_fcurve(fcurve: FCurve, scene_frames: np.ndarray, values: np.ndarray) -> None:
    """Replace an F-curve's keys by linear ones at scene_frames (T,) with values (T,)."""
    keys = fcurve.keyframe_points
    keys.clear()
    keys.add(len(values))
    keys.foreach_set("co", np.column_stack([scene_frames, values]).astype(np.float32).ravel())
    keys.foreach_set("interpolation", np.full(len(values), LINEAR, np.int32))
    fcurve.update()


def sequencer_strips(scene: Scene):
    """Return the scene's collection of strips, with `new_movie` and `new_sound`; the sequencer is made if need be."""
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


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

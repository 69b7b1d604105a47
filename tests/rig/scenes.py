"""What tests here read from a scene, and the movies they read it with."""

import wave
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Action, Object, Scene

from smirk_blender.flame.head import Head
from smirk_blender.rig import compat
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.movie import encode_movie
from smirk_blender.take import Take

CODE_STEP = 8  # grey levels from one video frame to the next
TONE_HZ, SAMPLES_PER_S = 440, 48000


def flame_vertices(head: Head, take: Take) -> np.ndarray:
    """Return what the FLAME layer computes, (T, V, 3), metres, Blender's axes."""
    return to_blender(head.vertices(**take.head_parameters()))


def played_vertices(head_object: Object, scene_frames: np.ndarray) -> np.ndarray:
    """Return the mesh that Blender shows at these scene frames, (T, V, 3), metres."""
    played = np.empty((len(scene_frames), 3 * len(head_object.data.vertices)), np.float32)
    for row, scene_frame in zip(played, scene_frames):
        go_to(bpy.context.scene, scene_frame)
        evaluated = head_object.evaluated_get(bpy.context.evaluated_depsgraph_get())
        evaluated.data.vertices.foreach_get("co", row)
    return played.reshape(len(scene_frames), -1, 3)


def seen_points(scene: Scene, camera: Object, points: np.ndarray) -> np.ndarray:
    """Return where Blender's camera sees world points (V, 3) at the scene's frame, (V, 2).

    In pixels from the picture's left and upper edge.
    """
    depsgraph = bpy.context.evaluated_depsgraph_get()
    width_px, height_px = scene.render.resolution_x, scene.render.resolution_y
    evaluated = camera.evaluated_get(depsgraph)
    projection = np.array(evaluated.calc_matrix_camera(depsgraph, x=width_px, y=height_px), np.float64)
    matrix = projection @ np.linalg.inv(np.array(evaluated.matrix_world, np.float64))
    seen = np.pad(points.astype(np.float64), ((0, 0), (0, 1)), constant_values=1) @ matrix.T
    assert (seen[:, 3] > 0).all() and (np.abs(seen[:, 2]) < seen[:, 3]).all(), "outside the camera's clip range"
    return (seen[:, :2] / seen[:, 3:] * [1, -1] + 1) / 2 * [width_px, height_px]


def evaluated_points(head_object: Object) -> np.ndarray:
    """Return the mesh that Blender shows now, (V, 3) metres, in the world."""
    evaluated = head_object.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(head_object.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world, np.float64)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def go_to(scene: Scene, scene_frame: float) -> None:
    whole = int(np.floor(scene_frame))
    scene.frame_set(whole, subframe=float(scene_frame - whole))


def actions_content(*actions: Action) -> dict[tuple[str, int], np.ndarray]:
    """Return the keys (scene frame, value) of every F-curve, by data path and index."""
    content = {}
    for action in actions:
        for fcurve in compat.fcurves(action):
            keys = np.empty(2 * len(fcurve.keyframe_points), np.float32)
            fcurve.keyframe_points.foreach_get("co", keys)
            content[fcurve.data_path, fcurve.array_index] = keys.reshape(-1, 2)
    return content


def bound_actions(head_object: Object) -> list[Action]:
    """Return the actions that play on a head and its armature; one and the same where Blender has slots."""
    return [thing.animation_data.action for thing in (head_object.data.shape_keys, head_object.parent)]


def bind(head_object: Object, actions: list[Action]) -> None:
    compat.use_action(head_object.data.shape_keys, actions[0])
    compat.use_action(head_object.parent, actions[1])


def make_active(thing: Object, mode: str) -> None:
    """Make an object the active one, in a mode, as a user does."""
    bpy.context.view_layer.objects.active = thing
    with bpy.context.temp_override(active_object=thing, object=thing):
        bpy.ops.object.mode_set(mode=mode)


def selected_objects() -> list[Object]:
    return [thing for thing in bpy.context.view_layer.objects if thing.select_get()]


def write_code_movie(path: Path, num_frames: int, fps: Fraction, *, sound_path: Path | None = None) -> Path:
    """Write an H.264 movie of 64 by 48 pixels whose frame k is grey, CODE_STEP * k of 255."""
    scene = bpy.data.scenes.new("codes")
    scene.view_settings.view_transform = 'Standard'
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    scene.frame_start, scene.frame_end = 1, num_frames
    strip = None
    for video_frame in range(num_frames):
        picture = bpy.data.images.new("code", 64, 48)
        picture.pixels.foreach_set(np.tile(np.float32([*[video_frame * CODE_STEP / 255] * 3, 1]), 64 * 48))
        picture.filepath_raw, picture.file_format = str(path.with_name(f"{path.stem}_{video_frame:03d}.png")), 'PNG'
        picture.save()
        if strip is None:
            strip = compat.sequencer_strips(scene).new_image("codes", picture.filepath_raw, 1, 1)
        else:
            strip.elements.append(Path(picture.filepath_raw).name)
        bpy.data.images.remove(picture)
    setattr(strip, "duration" if hasattr(strip, "duration") else "frame_final_duration", num_frames)
    pictures = path.with_name(f"{path.stem}_silent.mp4")
    compat.set_movie_output(scene)
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = 'MPEG4', 'H264'
    scene.render.use_file_extension = False
    scene.render.filepath = str(pictures)
    bpy.ops.render.render(animation=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    return encode_movie(pictures, path, fps=fps, sound_path=sound_path)


def strip_range(strip) -> tuple[int, int]:
    """Return a strip's first scene frame and its length, by the names of 5.2 or those before it."""
    if hasattr(strip, "left_handle"):
        return strip.left_handle, strip.duration
    return strip.frame_final_start, strip.frame_final_duration


def write_tone(path: Path, seconds: float) -> Path:
    samples = np.sin(2 * np.pi * TONE_HZ * np.arange(int(seconds * SAMPLES_PER_S)) / SAMPLES_PER_S)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_PER_S)
        file.writeframes((16000 * samples).astype("<i2").tobytes())
    return path


def sequencer_grey(scene: Scene, scene_frame: int, folder: Path) -> float:
    """Return the mean grey, 0 to 255, that the scene's sequencer shows at a frame."""
    scene.render.use_sequencer = True
    scene.render.image_settings.file_format = 'PNG'
    scene.render.use_file_extension = False
    scene.render.filepath = str(folder / "grey.png")
    scene.frame_set(scene_frame)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    picture = bpy.data.images.load(scene.render.filepath)
    pixels = np.empty(4 * picture.size[0] * picture.size[1], np.float32)
    picture.pixels.foreach_get(pixels)
    bpy.data.images.remove(picture)
    return 255 * float(pixels.reshape(-1, 4)[:, :3].mean())

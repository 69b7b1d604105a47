"""The take's video in the scene: strips to hear, and a camera background to see; one video frame a scene frame.

The background stands beside the head, or fills the picture behind a head that lies on the actor.
"""

import math
import os
from pathlib import Path

import bpy
from bpy.types import MovieClip, Object, Scene

from ..errors import VideoError
from ..take import Take
from . import compat
from .actions import scene_frames_of
from .movie import add_sound, set_fps
from .stage import FOOTAGE_OFFSET, FOOTAGE_SCALE, set_stage, show_camera_view

SOUND_CHANNEL, MOVIE_CHANNEL = 1, 2  # pictures lie above their sound, as Blender puts them


def add_footage(
    scene: Scene,
    video_path: str | os.PathLike,
    take: Take,
    *,
    scene_frame_start: int = 1,
    matched_camera: Object | None = None,
) -> list[str]:
    """Add a take's video to a scene and set the scene to it: rate, frame range, picture size, playback.

    It fills a matched camera's picture, behind the head. Without one it fills the left half of the scene's camera's; a
    scene without a camera gets one, with lights around its head. The viewports turn to the scene's camera.
    Args:
        scene: is changed.
        video_path: the video that the take was solved from.
        take: gives rate, length and picture size.
        scene_frame_start: scene frame of the video's first.
        matched_camera: from `camera.match_camera`, for a head that lies on the actor in the shot.
    Returns:
        Sentences on what could not be done, for the user; mostly none.
    Raises:
        VideoError: no such file, or not a video.
    """
    video_path = Path(video_path).absolute()
    clip = _load_clip(video_path)
    match_take(scene, take, scene_frame_start=scene_frame_start)
    warnings = _differences(clip, video_path, take, scene.frame_end - scene.frame_start + 1)
    scene.render.use_sequencer = False  # the strips are for the ear; rendering shows the camera
    has_sound, sound_warnings = _add_strips(scene, video_path, scene_frame_start)
    scene.sync_mode = 'AUDIO_SYNC' if has_sound else 'FRAME_DROP'
    if matched_camera is not None:
        _add_background(matched_camera, clip, scene_frame_start, scale=1.0, offset=(0.0, 0.0))
    else:
        camera = scene.camera or set_stage(scene)
        _add_background(camera, clip, scene_frame_start, scale=FOOTAGE_SCALE, offset=FOOTAGE_OFFSET)
    show_camera_view(scene)
    if bpy.data.filepath:
        make_footage_paths_relative(Path(bpy.data.filepath).parent)
    return warnings + sound_warnings


def match_take(scene: Scene, take: Take, *, scene_frame_start: int = 1) -> None:
    """Give the scene the take's rate, frame range and picture size, and go to its first frame."""
    set_fps(scene, take.fps)
    scene.frame_start = scene_frame_start
    scene.frame_end = math.ceil(scene_frames_of(take, scene_frame_start)[-1])  # variable rates have frames without keys
    scene.frame_set(scene_frame_start)
    scene.render.resolution_x, scene.render.resolution_y = take.source.width_px, take.source.height_px
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    scene.render.resolution_percentage = 100


def _differences(clip: MovieClip, video_path: Path, take: Take, num_scene_frames: int) -> list[str]:
    """Return sentences on how the video that Blender plays differs from the one that was solved."""
    sentences = []
    if clip.frame_duration != num_scene_frames:
        lengths = f"{video_path.name} has {clip.frame_duration} frames, the take {num_scene_frames}"
        sentences.append(f"{lengths}. Check that it is the take's video")
    size_px = (take.source.width_px, take.source.height_px)
    if tuple(clip.size) == size_px[::-1] != size_px:
        sentences.append(
            f"This Blender shows {video_path.name} lying on its side: it does not read rotation metadata. Turn the strip "
            "and the background by 90 degrees, or use Blender 4.5 or later"
        )
    return sentences


def make_footage_paths_relative(folder: Path) -> None:
    """Let the videos and sounds that lie in or below the .blend's folder be found from there, wherever both move."""
    media = [*bpy.data.movieclips, *bpy.data.sounds]
    for scene in bpy.data.scenes:
        if scene.sequence_editor is not None:
            media += [strip for strip in compat.sequencer_strips(scene) if strip.type == 'MOVIE']
    for item in media:
        path = Path(bpy.path.abspath(item.filepath))
        if path.is_relative_to(folder.absolute()):
            item.filepath = "//" + path.relative_to(folder.absolute()).as_posix()


def _load_clip(video_path: Path) -> MovieClip:
    try:
        clip = bpy.data.movieclips.load(str(video_path))
    except RuntimeError as error:
        raise VideoError(f"No video at {video_path}. Choose the video that the take was solved from") from error
    if not (clip.frame_duration and clip.size[0] and clip.size[1]):
        bpy.data.movieclips.remove(clip)
        raise VideoError(f"Blender cannot read the video {video_path}. Choose the one that the take was solved from")
    return clip


def _add_strips(scene: Scene, video_path: Path, scene_frame_start: int) -> tuple[bool, list[str]]:
    """Add the movie strip and its sound strip; return whether there is sound, and sentences on what is missing."""
    strips = compat.sequencer_strips(scene)
    strips.new_movie(video_path.stem, str(video_path), MOVIE_CHANNEL, scene_frame_start)
    compat.show_in_sequencers(scene)
    if not compat.has_sound():
        return False, ["This build of Blender has no sound; the footage was added silent"]
    return add_sound(scene, video_path, channel=SOUND_CHANNEL, scene_frame_start=scene_frame_start), []


def _add_background(
    camera: Object, clip: MovieClip, scene_frame_start: int, *, scale: float, offset: tuple[float, float]
) -> None:
    """Show the clip behind a camera's picture, `scale` times as large and `offset` from its middle, both of its size."""
    clip.frame_start = scene_frame_start
    camera.data.show_background_images = True
    background = camera.data.background_images.new()
    background.source = 'MOVIE_CLIP'
    background.clip = clip
    background.clip_user.proxy_render_size = 'FULL'  # the file has no proxies
    background.alpha = 1.0
    background.frame_method = 'FIT'
    background.scale = scale
    background.offset = offset

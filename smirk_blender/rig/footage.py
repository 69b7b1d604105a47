"""The take's footage in the scene: strips to see and hear, and a camera background.

The background stands beside the head, or fills the picture behind a head that lies on the actor.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.types import Image, MovieClip, Object, Scene

from ..errors import VideoError
from ..retarget.resample import video_frames_of
from ..sequences import is_image, sequence_from
from ..take import Take
from . import compat
from .actions import scene_frames_of
from .movie import add_sound, set_fps
from .stage import FOOTAGE_OFFSET, FOOTAGE_SCALE, set_stage, show_camera_view
from .strips import Footage, file_footage, images_footage

SOUND_CHANNEL, MOVIE_CHANNEL = 1, 2  # pictures lie above their sound, as Blender puts them


def add_footage(
    scene: Scene,
    video_path: str | os.PathLike,
    take: Take,
    *,
    scene_frame_start: int = 1,
    matched_camera: Object | None = None,
    in_step: bool = True,
) -> list[str]:
    """Add a take's footage to a scene and set the scene to it: rate, frame range, picture size, playback.

    It fills a matched camera's picture, behind the head. Without one it fills the left half of the scene's camera's; a
    scene without a camera gets one, with lights around its head. The viewports turn to the scene's camera.
    Args:
        scene: is changed.
        video_path: the video that the take was solved from, an image, or the first one of a sequence.
        take: gives rate, length and picture size.
        scene_frame_start: scene frame of the take's first row, whichever of the video's frames it is.
        matched_camera: from `camera.match_camera`, for a head that lies on the actor in the shot.
        in_step: whether the take's frames follow the video's; those of one that plays at another speed do not.
    Returns:
        Sentences on what could not be done, for the user; mostly none.
    Raises:
        VideoError: no such file, not a video, or no sequence.
    """
    video_path = Path(video_path).absolute()
    images = _images_of(video_path, take)
    clip = _load_clip(video_path)
    match_take(scene, take, scene_frame_start=scene_frame_start)
    lead = round(video_frames_of(take, float(take.fps))[0])  # frames of the video before the take
    num_video_frames = lead + scene.frame_end - scene.frame_start + 1 if in_step else lead + 1
    warnings = _differences(video_path, len(images) or clip.frame_duration, tuple(clip.size), take, num_video_frames)
    if not in_step:
        warnings.append(
            f"The take plays at another speed than {video_path.name}, which is in step with its first frame alone"
        )
    scene.render.use_sequencer = False  # the strips are for the ear; rendering shows the camera
    has_sound, sound_warnings = False, []
    if images:
        _add_image_strip(scene, images, scene_frame_start - lead)
    else:
        has_sound, sound_warnings = _add_strips(scene, video_path, scene_frame_start - lead)
    scene.sync_mode = 'AUDIO_SYNC' if has_sound else 'FRAME_DROP'
    shown = clip
    if len(images) == 1:
        bpy.data.movieclips.remove(clip)  # which plays what is numbered after it, too
        shown = bpy.data.images.load(str(video_path), check_existing=True)
    if matched_camera is not None:
        _add_background(matched_camera, shown, scene_frame_start - lead, scale=1.0, offset=(0.0, 0.0))
    else:
        camera = scene.camera or set_stage(scene)
        _add_background(camera, shown, scene_frame_start - lead, scale=FOOTAGE_SCALE, offset=FOOTAGE_OFFSET)
    show_camera_view(scene)
    if bpy.data.filepath:
        make_footage_paths_relative(Path(bpy.data.filepath).parent)
    return warnings + sound_warnings


def take_footage(path: str | os.PathLike, take: Take) -> Footage:
    """Return what a take was solved from: a video, an image, or the sequence that an image begins.

    Raises:
        VideoError: no such file, not footage, or an image without a number for a take of several frames.
    """
    images = _images_of(Path(path).absolute(), take)
    return images_footage(tuple(images), Path(path).name) if images else file_footage(path)


def _images_of(path: Path, take: Take) -> list[Path]:
    """Return the images that a take was solved from, none where that is a video."""
    if not is_image(path):
        return []
    return [path] if take.is_still else sequence_from(path)[0]


def match_take(scene: Scene, take: Take, *, scene_frame_start: int = 1) -> None:
    """Give the scene the take's rate, frame range and picture size, and go to its first frame."""
    set_fps(scene, take.fps)
    scene.frame_start = scene_frame_start
    scene.frame_end = math.ceil(scene_frames_of(take, scene_frame_start)[-1])  # variable rates have frames without keys
    scene.frame_set(scene_frame_start)
    scene.render.resolution_x, scene.render.resolution_y = take.source.width_px, take.source.height_px
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    scene.render.resolution_percentage = 100


def show_footage(scene: Scene, footage: Footage, *, camera: Object | None = None, beside: bool = False) -> list[str]:
    """Add footage where its frame map says, as a strip and its sound, and behind a camera's picture if one is given.

    What shows this file already is not added again. The scene's rate, range, size and playback stay.
    Args:
        scene: is changed.
        footage: with a frame map: a strip's or clip's, or a file's that was given one.
        camera: shows the footage behind its picture; none where left out.
        beside: whether it fills the left half of that picture, for a head that stands beside it.
    Returns:
        Sentences on what could not be done, for the user; mostly none.
    Raises:
        VideoError: Blender cannot read the footage.
    """
    frame_map, sentences = footage.frame_map, []
    one_to_one = abs(frame_map.step - 1.0) * footage.num_frames < 1.0  # never a whole frame off
    if _shown_by(scene, footage) is None:
        if footage.kind == "movie" and one_to_one:
            sentences += _add_strips(scene, footage.path, round(frame_map.start))[1]
        elif footage.kind == "movie":
            sentences.append(
                f"{footage.name} has another rate than the scene, and no strip. Add it in the Sequencer (Add > Movie, with "
                f"Adjust Playback Rate) at frame {round(frame_map.start)}"
            )
        else:
            _add_image_strip(scene, footage.images, round(frame_map.start))
    if camera is not None and one_to_one:
        scale, offset = (FOOTAGE_SCALE, FOOTAGE_OFFSET) if beside else (1.0, (0.0, 0.0))
        _add_background(camera, _background_of(footage), round(frame_map.start), scale=scale, offset=offset)
    elif camera is not None:
        sentences.append(
            f"The camera's background plays one frame of {footage.name} every scene frame, which is out of step at this "
            "rate, so it was left out. Give the scene the footage's rate, or look at the strip"
        )
    return sentences


def _shown_by(scene: Scene, footage: Footage) -> compat.Strip | None:
    """Return a strip that shows this footage, in the scene or in its meta strips."""
    for strip in compat.all_strips(scene):
        if strip.type == 'MOVIE' and Path(bpy.path.abspath(strip.filepath)) == footage.path:
            return strip
        if strip.type == 'IMAGE' and Path(bpy.path.abspath(strip.directory)) == footage.path.parent:
            if footage.path.name in [element.filename for element in strip.elements]:
                return strip
    return None


def _background_of(footage: Footage) -> MovieClip | Image:
    """Return a picture, or the Movie Clip of other footage: the one that shows nothing else yet, or a new one."""
    if footage.kind == "image":
        return bpy.data.images.load(str(footage.path), check_existing=True)
    for clip in bpy.data.movieclips:
        if Path(bpy.path.abspath(clip.filepath)) == footage.path and clip.frame_offset == 0:
            return clip
    return _load_clip(footage.path)


def _add_image_strip(scene: Scene, images: Sequence[Path], scene_frame_start: int) -> None:
    """Add a strip of a sequence's images, or one that shows a single image to the scene's end."""
    strip = compat.sequencer_strips(scene).new_image(images[0].stem, str(images[0]), MOVIE_CHANNEL, scene_frame_start)
    for image in images[1:]:
        strip.elements.append(image.name)
    length = len(images) if len(images) > 1 else max(1, scene.frame_end + 1 - scene_frame_start)
    compat.set_strip_length(strip, length)
    compat.show_in_sequencers(scene)


def _differences(
    video_path: Path, num_shown: int, shown_px: tuple[int, int], take: Take, num_video_frames: int
) -> list[str]:
    """Return sentences on how the footage that Blender plays differs from what was solved."""
    sentences = []
    if num_shown < num_video_frames:
        lengths = f"{video_path.name} has {num_shown} frames, the take {num_video_frames}"
        sentences.append(f"{lengths}. Check that it is the take's video")
    size_px = (take.source.width_px, take.source.height_px)
    if shown_px == size_px[::-1] != size_px:
        sentences.append(
            f"This Blender shows {video_path.name} lying on its side: it does not read rotation metadata. Turn the strip "
            "and the background by 90 degrees, or use Blender 4.5 or later"
        )
    return sentences


def make_footage_paths_relative(folder: Path) -> bool:
    """Let the footage that lies in or below the .blend's folder be found from there, wherever both move.

    Returns:
        Whether that is all done. Clips of sequences have to wait until the .blend is saved there: Blender takes what it
        cannot find for a movie.
    """
    folder = folder.absolute()
    is_saved = bool(bpy.data.filepath) and Path(bpy.data.filepath).parent == folder
    clips = [clip for clip in bpy.data.movieclips if is_saved or clip.source == 'MOVIE']
    media = [(item, "filepath") for item in (*clips, *bpy.data.sounds)]
    for camera in bpy.data.cameras:
        shown = [background.image for background in camera.background_images if background.source == 'IMAGE']
        media += [(image, "filepath") for image in shown if image is not None]
    for scene in bpy.data.scenes:
        if scene.sequence_editor is not None:
            strips = compat.sequencer_strips(scene)
            media += [(strip, "filepath") for strip in strips if strip.type == 'MOVIE']
            media += [(strip, "directory") for strip in strips if strip.type == 'IMAGE']
    for item, name in media:
        path = Path(bpy.path.abspath(getattr(item, name)))
        if path.is_relative_to(folder):
            below = path.relative_to(folder)
            text = "//" + "".join(f"{part}/" for part in below.parts)
            setattr(item, name, text if name == "directory" else text.removesuffix("/"))
    return len(clips) == len(bpy.data.movieclips)


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
    camera: Object, shown: MovieClip | Image, scene_frame_start: int, *, scale: float, offset: tuple[float, float]
) -> None:
    """Show footage behind a camera's picture, `scale` times as large and `offset` from its middle, both of its size."""
    is_clip = isinstance(shown, MovieClip)
    is_there = any(shown in (background.clip, background.image) for background in camera.data.background_images)
    if is_clip:
        if not is_there and shown.users and shown.frame_start != scene_frame_start:
            shown = shown.copy()  # it plays elsewhere as it did
        shown.frame_start = scene_frame_start
    if is_there:
        return
    camera.data.show_background_images = True
    background = camera.data.background_images.new()
    if is_clip:
        background.source = 'MOVIE_CLIP'
        background.clip = shown
        background.clip_user.proxy_render_size = 'FULL'  # the file has no proxies
    else:
        background.source = 'IMAGE'
        background.image = shown
    background.alpha = 1.0
    background.frame_method = 'FIT'
    background.scale = scale
    background.offset = offset

"""A movie encoded anew through Blender's own FFmpeg: H.264, with the sound of the footage."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import bpy
from bpy.types import Scene

from ..errors import VideoError
from ..partial import partial_path
from . import compat

AUDIO_BITRATE_KBPS = 192
MAX_KEYFRAME_DISTANCE = 18  # frames; Blender's own default, scrubs well


def set_fps(scene: Scene, fps: Fraction) -> None:
    """Give a scene a rate: 30000/1001 becomes 30 / 1.001."""
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = float(scene.render.fps / fps)


def encode_movie(
    picture_path: str | os.PathLike,
    out_path: str | os.PathLike,
    *,
    fps: Fraction,
    sound_path: str | os.PathLike | None = None,
    first_frame: int = 0,
    on_frame: Callable[[int, int], None] | None = None,
) -> Path:
    """Encode a movie as H.264 in MP4, every picture of it at `fps`, colours unchanged; return the path.

    The file appears under its name when it is complete. H.264 has even sizes only: an odd row or column is lost.
    Args:
        picture_path: a movie; its own rate and sound are ignored.
        out_path: ends in .mp4; replaced where it exists.
        fps: of the new movie.
        sound_path: a file with sound; one without is silent.
        first_frame: the sound starts this many frames before the first picture, and is cut there.
        on_frame: called after each frame with how many are done, and how many there are.
    Raises:
        VideoError: a file cannot be read, or the folder cannot be written.
    """
    out_path = Path(out_path).absolute()
    if out_path.suffix.lower() != ".mp4":
        raise VideoError(f"{out_path.name} does not end in .mp4. Choose a name that does")
    partial = partial_path(out_path)
    with _temporary_scene() as scene:
        set_fps(scene, fps)
        _add_pictures(scene, Path(picture_path).absolute())
        has_sound = False
        if sound_path is not None and compat.has_sound():
            has_sound = add_sound(scene, Path(sound_path).absolute(), channel=2, scene_frame_start=1 - first_frame)
        _set_output(scene, has_sound=has_sound)
        try:
            # Not under the user's names: "#" and "{}" mean something in a render path.
            with tempfile.TemporaryDirectory(prefix="smirk_") as folder:
                scene.render.filepath = str(Path(folder) / "movie.mp4")
                with _told(scene, on_frame):
                    bpy.ops.render.render(animation=True, scene=scene.name)
                shutil.move(scene.render.filepath, partial)
            os.replace(partial, out_path)
        except OSError as error:
            reason = f"Cannot write the movie {out_path} ({error.strerror})"
            raise VideoError(f"{reason}. Choose a folder that you may write to") from error
        except RuntimeError as error:
            reason = f"Blender cannot encode {picture_path} ({compat.message_of(error)})"
            raise VideoError(f"{reason}. Make it again") from error
        finally:
            if partial.is_file():
                partial.unlink()
    return out_path


def add_sound(scene: Scene, sound_path: Path, *, channel: int, scene_frame_start: int) -> bool:
    """Add a file's sound as a strip; return whether there was any.

    Raises:
        VideoError: no such file.
    """
    if not sound_path.is_file():
        raise VideoError(f"No file at {sound_path}. Choose the video that the take was solved from")
    strips = compat.sequencer_strips(scene)
    strip = strips.new_sound(f"{sound_path.stem} sound", str(sound_path), channel, scene_frame_start)
    if strip.sound.channels != 'INVALID':
        return True
    sound = strip.sound
    strips.remove(strip)
    if not sound.users:
        bpy.data.sounds.remove(sound)
    return False


def _add_pictures(scene: Scene, picture_path: Path) -> None:
    """Fill the scene with a movie: its size, its length, one strip."""
    try:
        clip = bpy.data.movieclips.load(str(picture_path))
    except RuntimeError as error:
        raise VideoError(f"Cannot read the movie {picture_path}. Make it again") from error
    width_px, height_px, num_frames = *clip.size, clip.frame_duration
    bpy.data.movieclips.remove(clip)
    if not (width_px and height_px and num_frames):
        raise VideoError(f"{picture_path} is not a movie, or is damaged. Make it again")
    scene.render.resolution_x, scene.render.resolution_y = width_px, height_px
    scene.frame_start, scene.frame_end = 1, num_frames
    compat.sequencer_strips(scene).new_movie("pictures", str(picture_path), 1, 1)


def _set_output(scene: Scene, *, has_sound: bool) -> None:
    """H.264 in MP4, and a display that is the sequencer's own colour space, so that no pixel is converted."""
    render, ffmpeg = scene.render, scene.render.ffmpeg
    render.resolution_percentage = 100
    render.use_file_extension = False  # the path is used as it is
    compat.set_view_transform(scene, 'Standard')
    compat.set_movie_output(scene)
    render.image_settings.color_mode = 'RGB'
    ffmpeg.format, ffmpeg.codec = 'MPEG4', 'H264'
    ffmpeg.constant_rate_factor, ffmpeg.ffmpeg_preset = 'HIGH', 'REALTIME'
    ffmpeg.gopsize = MAX_KEYFRAME_DISTANCE
    ffmpeg.audio_codec = 'AAC' if has_sound else 'NONE'
    ffmpeg.audio_bitrate = AUDIO_BITRATE_KBPS


@contextmanager
def _told(scene: Scene, on_frame: Callable[[int, int], None] | None) -> Iterator[None]:
    """Call a function for each frame that is written meanwhile."""
    num_frames = scene.frame_end - scene.frame_start + 1
    handlers, counter = bpy.app.handlers.render_write, itertools.count(1)

    def written(*_) -> None:
        on_frame(next(counter), num_frames)

    if on_frame:
        handlers.append(written)
    try:
        yield
    finally:
        if written in handlers:
            handlers.remove(written)


@contextmanager
def _temporary_scene() -> Iterator[Scene]:
    """A scene of its own, removed with the sounds that it brought."""
    sounds = set(bpy.data.sounds)
    scene = bpy.data.scenes.new("SMIRK encode")
    try:
        yield scene
    finally:
        bpy.data.scenes.remove(scene)
        for sound in set(bpy.data.sounds) - sounds:
            bpy.data.sounds.remove(sound)

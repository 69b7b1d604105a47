"""Footage in Blender: what a strip, a Movie Clip or a file shows, and on which scene frames.

Reading a movie loads it as a Movie Clip for a moment, which Blender allows in operators and timers, not while drawing.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

import bpy
from bpy.types import Context, MovieClip, Scene

from ..errors import VideoError
from ..retarget.resample import SAME_RATE, FrameMap, Timing, time_take
from ..take import Take
from . import compat
from .compat import Strip
from .movie import set_fps

ONE_SPEED_KEYS = 2  # retiming keys of a strip that plays at one speed: its ends
SAME_LENGTH = 1e-3  # scene frames
LARGEST_DENOMINATOR = 1001  # of a scene's rate base: 30 / 1.001 is 30000/1001
NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)(?P<suffix>\.\w+)")


@dataclass(frozen=True)
class Footage:
    """A movie, an image sequence or a single image.

    Attributes:
        name: for people to read.
        kind: of file.
        path: of the movie, or the first image; absolute.
        images: absolute paths in order; none for a movie.
        num_frames: of the whole file, whatever of it is shown.
        fps: true frames per second; 0 for images, which have none.
        width_px, height_px: of the picture.
        first_frame, last_frame: the first and the last video frame that is shown, counted from 0.
        frame_map: on which scene frames it is shown; None for a file.
    """

    name: str
    kind: Literal["movie", "sequence", "image"]
    path: Path
    images: tuple[Path, ...]
    num_frames: int
    fps: float
    width_px: int
    height_px: int
    first_frame: int
    last_frame: int
    frame_map: FrameMap | None = None


def strip_scene(context: Context) -> Scene:
    """Return the scene whose strips the user sees; from 5.0 on it need not be the one with the head."""
    return getattr(context, "sequencer_scene", None) or context.scene


def active_strip(context: Context) -> Strip | None:
    """Return the strip that the user chose last, if any; cheap enough for `poll`."""
    editor = strip_scene(context).sequence_editor
    return editor.active_strip if editor else None


def scene_fps(scene: Scene) -> Fraction:
    """Return a scene's true rate: 30 / 1.001 is 30000/1001."""
    return scene.render.fps / Fraction(scene.render.fps_base).limit_denominator(LARGEST_DENOMINATOR)


def strip_footage(strip: Strip | None, scene: Scene) -> Footage:
    """Return what a movie or image strip shows on the scene's frames: its trims, its place, its speed.

    Args:
        strip: of the scene's sequencer.
        scene: whose rate decides how fast a strip that keeps its footage's speed plays.
    Raises:
        VideoError: it is another kind of strip, its file is missing, or it does not play at one even speed.
    """
    _check_kind(strip)
    uneven = why_uneven(strip, scene)
    if uneven:
        raise VideoError(f"The strip {strip.name} {uneven}")
    timing = compat.strip_timing(strip)
    if strip.type == 'IMAGE':
        folder = Path(bpy.path.abspath(strip.directory))
        images = tuple(folder / element.filename for element in strip.elements)
        found = images_footage(images, strip.name)
    else:
        found = _movie_footage(Path(bpy.path.abspath(strip.filepath)), strip.name)
    if found.kind == "image":
        return _placed(found, FrameMap(float(timing.left), 1.0), 0, 0)
    shown = found.num_frames - timing.trim_start - timing.trim_end
    if shown < 1:
        raise VideoError(f"The strip {strip.name} shows nothing of {found.path.name}. Reset its trims")
    step = _step(strip, scene, shown, found.fps)
    start = timing.start - timing.trim_start * step
    ends = (timing.trim_start, timing.trim_start + shown - 1)
    at = lambda scene_frame: min(max(_nearest((scene_frame - start) / step), ends[0]), ends[1])
    return _placed(found, FrameMap(start, step, found.fps), at(timing.left), at(timing.right - 1))


def why_uneven(strip: Strip, scene: Scene) -> str:
    """Return why a movie or image strip does not play its frames in order and at one speed; "" where it does."""
    if strip.use_reverse_frames:
        return "plays backwards. Switch Reverse Frames off"
    if _num_retiming_keys(strip) > ONE_SPEED_KEYS:
        return "changes its speed. Remove its retiming keys (Strip > Retiming), or cut it where the speed changes"
    if strip.strobe > 1:
        return "leaves frames out. Set Strobe to 1"
    effects = [other for other in compat.all_strips(scene) if other.type == 'SPEED' and other.input_1 == strip]
    if effects:
        return f"has its speed changed by {effects[0].name}. Delete that effect, or use retiming instead"
    return ""


def clip_footage(clip: MovieClip) -> Footage:
    """Return what a Movie Clip shows: one of its frames a scene frame, whatever the scene's rate.

    Raises:
        VideoError: its file is missing.
    """
    path = Path(bpy.path.abspath(clip.filepath))
    if clip.source == 'SEQUENCE':
        found = images_footage(_images_from(path), clip.name)
    else:
        found = _movie_footage(path, clip.name)
    frame_map = FrameMap(float(clip.frame_start - clip.frame_offset), 1.0, found.fps)
    return _placed(found, frame_map, 0, found.num_frames - 1)


def file_footage(path: str | Path, *, sequence: bool = False) -> Footage:
    """Return the footage in a file.

    Args:
        path: of a movie or an image; relative to the .blend where it starts with "//".
        sequence: whether an image stands for itself and all that are numbered after it in its folder.
    Raises:
        VideoError: no such file, not footage, or a sequence with holes.
    """
    path = Path(bpy.path.abspath(str(path))).absolute()
    if path.suffix.lower() in bpy.path.extensions_image:
        return images_footage(_images_from(path) if sequence else (path,), path.name)
    return _movie_footage(path, path.name)


def images_footage(images: tuple[Path, ...], name: str) -> Footage:
    """Return the footage of some images in order.

    Raises:
        VideoError: one is missing, or Blender cannot read the first.
    """
    for image in images:
        if not image.is_file():
            raise VideoError(f"No image at {image}. Find it again (File > External Data), or choose other footage")
    _, _, width_px, height_px = _read(images[0])
    kind = "image" if len(images) == 1 else "sequence"
    return Footage(name, kind, images[0], images, len(images), 0.0, width_px, height_px, 0, len(images) - 1)


def _images_from(path: Path) -> tuple[Path, ...]:
    images = numbered_images(path)
    return images[images.index(path) :] if path in images else images


def numbered_images(path: Path) -> tuple[Path, ...]:
    """Return the images that are numbered like this one, in order; this one alone where its name has no number.

    Raises:
        VideoError: a number is left out.
    """
    match = NUMBERED.fullmatch(path.name)
    if match is None or not path.parent.is_dir():
        return (path,)
    found = {}
    for other in path.parent.iterdir():
        same = NUMBERED.fullmatch(other.name)
        if same and (same["stem"], same["suffix"]) == (match["stem"], match["suffix"]):
            found[int(same["number"])] = other
    numbers = sorted(found)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers)) if numbers else []
    if missing:
        raise VideoError(
            f"The image sequence of {path.name} has no number {missing[0]} ({len(missing)} missing). Render it again, "
            "or move its parts to folders of their own"
        )
    return tuple(found[number] for number in numbers) or (path,)


def place_take(
    scene: Scene,
    take: Take,
    *,
    timing: Timing,
    find_strip: Callable[[], tuple[Strip, Scene]] | None = None,
    frame_map: FrameMap | None = None,
    scene_frame_start: int = 1,
) -> tuple[Take, int]:
    """Return what to bake so that the head is in step with the footage, and the scene frame of its first row.

    Args:
        scene: with the head; gets the take's rate where timing is "set", and so does the strip's scene.
        take: as solved.
        timing: see `time_take`.
        find_strip: returns the strip that shows the footage, and the scene it is in; None for no strip.
        frame_map: of the footage where there is no strip, such as a clip's, which is the same at any rate.
        scene_frame_start: of the first row where there is neither.
    Raises:
        VideoError: see `strip_footage`; or the two scenes have different rates. Nothing is changed then.
    """
    strip = None
    if find_strip is not None:
        strip, its_scene = find_strip()
        frame_map = strip_footage(strip, its_scene).frame_map
        if timing != "set" and abs(scene_fps(scene) / scene_fps(its_scene) - 1) > SAME_RATE:
            raise VideoError(
                f"The strip {strip.name} is in the scene {its_scene.name} of {float(scene_fps(its_scene)):.5g} frames "
                f"per second, the head in {scene.name} of {float(scene_fps(scene)):.5g}. Give both the same rate"
            )
    if timing == "set":
        set_fps(scene, take.fps)
        if strip is not None:
            set_fps(its_scene, take.fps)
            frame_map = strip_footage(strip, its_scene).frame_map  # at that rate
    return time_take(
        take, timing=timing, scene_fps=scene_fps(scene), frame_map=frame_map, scene_frame_start=scene_frame_start
    )


def _check_kind(strip: Strip | None) -> None:
    if strip is None:
        raise VideoError("No strip is selected. Select a movie or image strip")
    if strip.type == 'META':
        raise VideoError(f"{strip.name} is a meta strip. Open it (Tab), and select the movie or image strip in it")
    if strip.type not in ('MOVIE', 'IMAGE'):
        raise VideoError(f"{strip.name} shows no file. Select a movie or image strip")


def _num_retiming_keys(strip: Strip) -> int:
    return len(getattr(strip, "retiming_keys", ()))


def _step(strip: Strip, scene: Scene, num_frames: int, fps: float) -> float:
    """Return how many scene frames a strip's content stretches one video frame to.

    Blender does not tell whether a strip keeps the speed of its footage, but its content's length does: the number of
    frames, or that of scene frames in the same time, cut off to a whole one. Where both agree, a moment at another rate
    decides.
    """
    content = compat.strip_timing(strip).content
    at_speed = float(scene_fps(scene)) / fps if fps else 1.0
    if _num_retiming_keys(strip) == ONE_SPEED_KEYS or not fps:
        return content / num_frames
    is_at_speed = abs(content - num_frames * at_speed) < 1.0 + SAME_LENGTH
    if abs(content - num_frames) > SAME_LENGTH:
        return at_speed if is_at_speed else content / num_frames
    return at_speed if is_at_speed and _follows_rate(strip, scene) else 1.0


def _follows_rate(strip: Strip, scene: Scene) -> bool:
    """Return whether a strip gets longer with a higher rate of its scene, which is put back."""
    content, rate = compat.strip_timing(strip).content, scene.render.fps
    try:
        scene.render.fps = 2 * rate
        return compat.strip_timing(strip).content > content + SAME_LENGTH
    finally:
        scene.render.fps = rate


def _nearest(position: float) -> int:
    return math.floor(position + 0.5)  # as Blender chooses the picture


def _placed(footage: Footage, frame_map: FrameMap, first_frame: int, last_frame: int) -> Footage:
    return replace(footage, frame_map=frame_map, first_frame=first_frame, last_frame=last_frame)


def _movie_footage(path: Path, name: str) -> Footage:
    num_frames, fps, width_px, height_px = _read(path)
    return Footage(name, "movie", path, (), num_frames, fps, width_px, height_px, 0, num_frames - 1)


def _read(path: Path) -> tuple[int, float, int, int]:
    """Return a file's number of frames, rate, width and height.

    Raises:
        VideoError: no such file, or Blender cannot read it.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise VideoError(f"No file at {path}. Find it again (File > External Data), or choose other footage") from error
    return _read_once(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=64)
def _read_once(path: Path, mtime_ns: int, size_bytes: int) -> tuple[int, float, int, int]:
    """As `_read`; time and size tell a file from what it was before."""
    try:
        clip = bpy.data.movieclips.load(str(path))
    except RuntimeError as error:
        raise VideoError(f"Blender cannot open {path} ({compat.message_of(error)}). Choose other footage") from error
    facts = (clip.frame_duration, clip.fps, *clip.size)
    bpy.data.movieclips.remove(clip)
    if not (facts[0] and facts[2] and facts[3]):
        raise VideoError(f"Blender cannot read {path}: it is no movie or image, or is damaged. Choose other footage")
    return facts

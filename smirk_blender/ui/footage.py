"""What is to be solved: a file, the Sequencer's active strip, or a movie clip; and what is known of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import bpy
import bpy.utils.previews
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Operator, Panel, Scene, UILayout
from bpy_extras.io_utils import ImportHelper

from ..errors import SmirkError, VideoError
from ..retarget.resample import SAME_RATE, FrameMap, video_frames_of
from ..rig import compat
from ..rig.compat import Strip
from ..rig.strips import (
    Footage,
    active_strip,
    clip_footage,
    file_footage,
    scene_fps,
    strip_footage,
    strip_scene,
    why_uneven,
)
from ..sample import SAMPLE_CLIP
from ..take import Take
from . import tasks
from .outcome import report
from .properties import SMIRK_PG_scene
from .sidebar import SequencerPanel, View3DPanel
from .text import draw_text

MOVIE_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".wmv", ".ogv")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
FILES = ";".join(f"*{suffix}" for suffix in (*MOVIE_SUFFIXES, *IMAGE_SUFFIXES))
THUMBNAIL_SCALE = 4.0  # of Blender's icon
KEPT = 32  # footages of which what was read is kept

Key = tuple[object, ...]


@dataclass(frozen=True)
class ChosenFootage:
    """Footage, and where in the file it was found.

    Attributes:
        footage: what it is.
        image_fps: the rate of pictures, which have none of their own; 0 for a movie.
        strip_name, scene_name: of the strip that shows it; "" where there is none.
    """

    footage: Footage
    image_fps: float = 0.0
    strip_name: str = ""
    scene_name: str = ""

    def to_text(self) -> str:
        """Return it as JSON, for a scene to remember."""
        return json.dumps(asdict(self), default=str)  # paths are what JSON does not know

    @classmethod
    def from_text(cls, text: str) -> "ChosenFootage | None":
        """Return what `to_text` wrote, None for ""."""
        if not text:
            return None
        fields = json.loads(text)
        footage = fields["footage"]
        footage["path"], footage["images"] = Path(footage["path"]), tuple(map(Path, footage["images"]))
        footage["frame_map"] = footage["frame_map"] and FrameMap(**footage["frame_map"])
        return cls(**fields | {"footage": Footage(**footage)})

    def find_strip(self) -> tuple[Strip, Scene] | None:
        """Return the strip and its scene, None where it is none, or not there any more."""
        scene = bpy.data.scenes.get(self.scene_name)
        if not self.strip_name or scene is None:
            return None
        strip = next((each for each in compat.all_strips(scene) if each.name == self.strip_name), None)
        return strip and (strip, scene)

    def frame_map(self, scene: Scene, take: Take, scene_frame_start: int) -> FrameMap:
        """Return on which of a scene's frames the footage lies, once its take was baked there.

        Raises:
            VideoError: the strip that shows it cannot be read any more.
        """
        found = self.find_strip()
        if found is not None:
            return strip_footage(*found).frame_map
        if self.footage.frame_map is not None:
            return self.footage.frame_map
        fps, now = float(take.fps), float(scene_fps(scene))
        step = 1.0 if abs(now / fps - 1.0) < SAME_RATE else now / fps
        return FrameMap(scene_frame_start - step * float(video_frames_of(take, fps)[0]), step, fps)

    def options(self) -> dict[str, object]:
        """Return the fields of `capture.footage.Footage` that say what is solved."""
        footage = self.footage
        # Blender counts a clip's frames by its length, the worker by its pictures: the end is the end in either.
        to_the_end = footage.last_frame == footage.num_frames - 1 and not footage.images
        last_frame = None if to_the_end else footage.last_frame
        options: dict[str, object] = {"first_frame": footage.first_frame, "last_frame": last_frame}
        if footage.images:
            options |= {"images": [str(image) for image in footage.images], "image_fps": self.image_fps}
        return options


_known: dict[Key, ChosenFootage | str] = {}  # what was read, or why it cannot be
_wanted: dict[Key, None] = {}  # drawn, and not read yet
_thumbnails: bpy.utils.previews.ImagePreviewCollection | None = None


def chosen_key(context: Context) -> Key:
    """Return what tells the chosen footage from any other, and its trims from others; () where none is chosen.

    The first three are the footage whatever its trims and its place. Whatever a reading depends on is in it, so that
    what was mended is read again.
    """
    settings, scene = context.scene.smirk, context.scene
    if settings.footage_kind == 'FILE':
        path = bpy.path.abspath(settings.footage_path)
        return ('FILE', path, settings.footage_is_sequence, _changed(path), scene_fps(scene)) if path else ()
    if settings.footage_kind == 'CLIP':
        clip = settings.footage_clip
        if clip is None:
            return ()
        path = bpy.path.abspath(clip.filepath)
        place = (clip.source, clip.frame_start, clip.frame_offset)
        return ('CLIP', path, clip.name, _changed(path), *place, scene_fps(scene))
    strip, scene = active_strip(context), strip_scene(context)
    if strip is None:
        return ()
    path, num_images = _file_of(strip)
    facts = (scene.name, strip.type, num_images, scene_fps(scene))
    played = (*compat.strip_timing(strip), why_uneven(strip, scene)) if strip.type in ('MOVIE', 'IMAGE') else ()
    return ('STRIP', path, strip.name, _changed(path), *facts, *played)


def read_footage(context: Context) -> ChosenFootage:
    """Return the chosen footage; opens its file where that was not done before.

    Raises:
        VideoError: none is chosen, or it cannot be used.
    """
    key = chosen_key(context)
    if not key:
        raise VideoError(missing_text(context.scene.smirk))
    if key not in _known:
        _read(context, key)
    found = _known[key]
    if isinstance(found, str):
        raise VideoError(found)
    return found


def known_footage(context: Context) -> ChosenFootage | str | None:
    """Return the chosen footage, or what is wrong with it, as far as that is known without opening files; for `draw`.

    What is not known is read soon, and the panel drawn again.
    """
    key = chosen_key(context)
    if not key:
        return None
    if key not in _known:
        _wanted[key] = None
        if not bpy.app.timers.is_registered(_read_wanted):
            bpy.app.timers.register(_read_wanted, first_interval=0.0)
        return None
    return _known[key]


def faces_key(context: Context) -> str:
    """Return what the faces that were found belong to: the footage, whatever its trims and its place."""
    return repr(chosen_key(context)[:3])


def faces_are_known(context: Context) -> bool:
    """Return whether the faces that the scene lists are those of the footage chosen now, and still in the cache."""
    settings = context.scene.smirk
    is_listed = len(settings.faces) > 0 and settings.faces_of == faces_key(context)
    return is_listed and Path(settings.people_path).is_file()


def missing_text(settings: SMIRK_PG_scene) -> str:
    """Return what to do where no footage is chosen."""
    return {
        'FILE': "Choose the video of an actor",
        'STRIP': "Select a movie or image strip in the Sequencer",
        'CLIP': "Choose a movie clip",
    }[settings.footage_kind]


def _file_of(strip: Strip) -> tuple[str, int]:
    """Return a strip's file, the first of its pictures, and their number; "" and 0 where it shows no file."""
    if strip.type == 'IMAGE' and len(strip.elements) > 0:
        return bpy.path.abspath(str(Path(strip.directory) / strip.elements[0].filename)), len(strip.elements)
    return bpy.path.abspath(getattr(strip, "filepath", "")), 0


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def _read(context: Context, key: Key) -> None:
    settings, image_fps = context.scene.smirk, float(scene_fps(context.scene))
    try:
        if key[0] == 'FILE':
            _known[key] = ChosenFootage(file_footage(key[1], sequence=settings.footage_is_sequence), image_fps)
        elif key[0] == 'CLIP':
            _known[key] = ChosenFootage(clip_footage(settings.footage_clip), image_fps)
        else:
            strip, scene = active_strip(context), strip_scene(context)
            footage = strip_footage(strip, scene)
            _known[key] = ChosenFootage(footage, float(scene_fps(scene)), strip.name, scene.name)
    except SmirkError as error:
        _known[key] = str(error)
    while len(_known) > KEPT:
        del _known[next(iter(_known))]


def _read_wanted() -> None:
    """Read what panels have asked for, if it still is what is chosen."""
    context = bpy.context
    for window in context.window_manager.windows:
        with context.temp_override(window=window):
            key = chosen_key(bpy.context)
            if key in _wanted and key not in _known:
                _read(bpy.context, key)
    _wanted.clear()
    tasks.redraw()


def thumbnail(path: str, *, is_movie: bool = False) -> int:
    """Return the icon of a picture, or a movie's first; Blender makes it in a thread."""
    if path not in _thumbnails:
        _thumbnails.load(path, path, 'MOVIE' if is_movie else 'IMAGE')
    return _thumbnails[path].icon_id


class SMIRK_OT_choose_footage(Operator, ImportHelper):
    bl_idname = "smirk.choose_footage"
    bl_label = "Choose Footage"
    bl_description = "Choose the video of an actor, a picture, or the first of a numbered sequence of pictures"
    bl_options = {'UNDO'}

    filter_glob: StringProperty(default=FILES, options={'HIDDEN'})
    sequence: BoolProperty(
        name="Image Sequence", description="Take the pictures numbered after the chosen one, too", default=True
    )

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._choose(context))

    def _choose(self, context: Context) -> str:
        settings = context.scene.smirk
        is_picture = Path(self.filepath).suffix.lower() in IMAGE_SUFFIXES
        footage = file_footage(bpy.path.abspath(self.filepath), sequence=is_picture and self.sequence)
        settings.footage_kind = 'FILE'
        settings.footage_path = self.filepath
        settings.footage_is_sequence = footage.kind == 'sequence'
        return f"{footage.name}: {_described(footage)}"


class SMIRK_OT_use_sample(Operator):
    bl_idname = "smirk.use_sample"
    bl_label = "Use the Sample Clip"
    bl_description = "Choose the clip that comes with the add-on, to try it out"
    bl_options = {'UNDO'}

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.smirk
        settings.footage_kind, settings.footage_is_sequence = 'FILE', False
        settings.footage_path = str(SAMPLE_CLIP)
        return {'FINISHED'}


def _described(footage: Footage) -> str:
    """Return size, rate and length in words."""
    parts = [f"{footage.width_px} × {footage.height_px}"]
    if footage.fps:
        parts.append(f"{footage.fps:.5g} fps")
    parts.append("1 frame" if footage.num_frames == 1 else f"{footage.num_frames} frames")
    if footage.fps and footage.num_frames > 1:
        parts.append(f"{footage.num_frames / footage.fps:.1f} s")
    return ", ".join(parts)


def draw_footage(layout: UILayout, context: Context) -> None:
    settings = context.scene.smirk
    layout.row(align=True).prop(settings, "footage_kind", expand=True)
    if settings.footage_kind == 'FILE':
        row = layout.row(align=True)
        row.prop(settings, "footage_path", text="")
        row.operator("smirk.choose_footage", text="", icon='FILE_FOLDER')
    elif settings.footage_kind == 'CLIP':
        layout.prop_search(settings, "footage_clip", bpy.data, "movieclips", text="")
    known = known_footage(context)
    if isinstance(known, str):
        draw_text(layout, context, known, icon='ERROR', alert=True)
    elif known is None:
        if not chosen_key(context):
            draw_text(layout, context, missing_text(settings), icon='INFO')
            if settings.footage_kind == 'FILE':
                layout.operator("smirk.use_sample", icon='FILE_MOVIE')
    else:
        _draw_known(layout, known.footage)


def _draw_known(layout: UILayout, footage: Footage) -> None:
    row = layout.box().row()
    row.template_icon(thumbnail(str(footage.path), is_movie=not footage.images), scale=THUMBNAIL_SCALE)
    column = row.column(align=True)
    column.scale_y = 0.8
    column.label(text=footage.name)
    for part in _described(footage).split(", "):
        column.label(text=part)
    if (footage.first_frame, footage.last_frame) != (0, footage.num_frames - 1):
        used = footage.last_frame - footage.first_frame + 1
        column.label(text=f"used: {used}, from {footage.first_frame}")


class SMIRK_PT_footage(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_footage"
    bl_label = "Footage"

    def draw(self, context: Context) -> None:
        draw_footage(self.layout, context)


class SMIRK_PT_sequencer_footage(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_footage"
    bl_label = "Footage"

    def draw(self, context: Context) -> None:
        draw_footage(self.layout, context)


classes = (SMIRK_OT_choose_footage, SMIRK_OT_use_sample, SMIRK_PT_footage, SMIRK_PT_sequencer_footage)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


def register() -> None:
    global _thumbnails
    _register_classes()
    _thumbnails = bpy.utils.previews.new()


def unregister() -> None:
    if bpy.app.timers.is_registered(_read_wanted):
        bpy.app.timers.unregister(_read_wanted)
    bpy.utils.previews.remove(_thumbnails)
    _unregister_classes()
    _known.clear()
    _wanted.clear()

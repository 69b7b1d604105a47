"""A take's landmarks or mesh over its footage, wherever an editor shows that; what is shown is not in the .blend."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import bpy
import numpy as np
from bpy.types import Area, Context, RegionView3D, Scene, SpaceView3D

from ..rig.overlay_space import ShownMedia, place_in_view2d, places_in_camera_view, places_in_preview
from ..take import Take

if TYPE_CHECKING:  # enabling the add-on does without them
    from ..flame import Head
    from ..rig.overlay_lines import Lines, MeshLines

LANDMARKS, MESH = 'LANDMARKS', 'MESH'
STYLES = (
    (LANDMARKS, "Landmarks", "The points that were found in the picture, with the outlines of the face"),
    (MESH, "Mesh", "The head's face as it was solved, before any clean-up"),
)
DEFAULT_OPACITY = 0.8
GAP_TEXT = "no face"
AREA_TYPES = frozenset(('VIEW_3D', 'IMAGE_EDITOR', 'CLIP_EDITOR', 'SEQUENCE_EDITOR'))

Style = Literal["LANDMARKS", "MESH"]
Places = list[np.ndarray]  # see `overlay_space`


@dataclass(frozen=True)
class OverlayState:
    """What the overlay shows.

    Attributes:
        take: T rows.
        scene_frames: (T,) float, ascending: at which scene frame each row's video frame is seen.
        footage: which media show the take's video.
        style: LANDMARKS, or MESH where there is a head.
        opacity: 0 to 1.
        mesh: the solved face; None where the head is not known.
    """

    take: Take
    scene_frames: np.ndarray
    footage: ShownMedia
    style: Style = LANDMARKS
    opacity: float = DEFAULT_OPACITY
    mesh: "MeshLines | None" = field(default=None, repr=False)

    @property
    def picture_px(self) -> tuple[int, int]:
        return self.take.source.width_px, self.take.source.height_px

    def row_at(self, scene_frame: float) -> int | None:
        """Return the row seen at a scene frame: the nearest. None before the first and after the last."""
        frames = self.scene_frames
        after = int(np.searchsorted(frames, scene_frame))
        row = after if after < len(frames) else after - 1
        if 0 < row and scene_frame - frames[row - 1] <= frames[row] - scene_frame:
            row -= 1
        reach = 0.5
        if len(frames) > 1:  # a row of a slowed-down strip is seen for longer
            beside = row + 1 if row + 1 < len(frames) else row - 1
            reach = max(reach, abs(frames[beside] - frames[row]) / 2)
        return row if abs(frames[row] - scene_frame) <= reach else None

    def lines_at(self, row: int) -> "Lines | None":
        """Return what is drawn for a row; None in a gap."""
        from ..rig.overlay_lines import landmark_lines

        if self.take.gap[row]:
            return None
        return self.mesh.at(row) if self.style == MESH and self.mesh else landmark_lines(self.take, row)


_state: OverlayState | None = None
_handlers: list[tuple[type, object, str]] = []  # space, handle, region


def show(
    take: Take,
    head: "Head | None",
    scene_frames: np.ndarray,
    *,
    style: Style = LANDMARKS,
    opacity: float = DEFAULT_OPACITY,
    footage_path: str = "",
) -> None:
    """Show a take over its footage, in place of what was shown before.

    Args:
        take: T rows; an empty one hides the overlay.
        head: that the take was solved on, for MESH; None, or another head: there are landmarks only.
        scene_frames: (T,) ascending: at which scene frame each row's video frame is seen.
        footage_path: the video, or any picture of a sequence; media are known by the take's source's name without.
    """
    global _state
    from ..rig.overlay_lines import MeshLines

    if not len(take):
        hide()
        return
    fits = head is not None and head.is_of(take.models)
    mesh = MeshLines(take, head, _state.mesh if _state else None) if fits else None
    footage = ShownMedia(take.source.name, footage_path)
    _state = OverlayState(take, np.asarray(scene_frames, np.float64), footage, style, opacity, mesh)
    _add_handlers()
    redraw()


def set_look(*, style: Style, opacity: float) -> None:
    """Change how it is drawn; nothing happens where nothing is shown."""
    global _state
    if _state is not None:
        _state = replace(_state, style=style, opacity=opacity)
        redraw()


def hide() -> None:
    """Take the overlay away, and its handlers."""
    global _state
    _state = None
    for space, handle, region in _handlers:
        space.draw_handler_remove(handle, region)
    _handlers.clear()
    redraw()


def state() -> OverlayState | None:
    """Return what is shown, None if nothing is."""
    return _state


def redraw() -> None:
    """Let every editor that may show footage be drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in AREA_TYPES:
                area.tag_redraw()


def places_in(context: Context) -> Places:
    """Return where the region that is being drawn shows the footage."""
    return PLACES[context.area.type](context, _state) if _state else []


def _places_in_viewport(context: Context, shown: OverlayState) -> Places:
    space, view = context.space_data, context.region_data
    camera = _camera_of(context.scene, space, view)
    if camera is None or not space.overlay.show_overlays:
        return []
    region_px = (context.region.width, context.region.height)
    return places_in_camera_view(context.scene, camera, shown.footage, np.array(view.window_matrix), region_px)


def _camera_of(scene: Scene, space: SpaceView3D, view: RegionView3D) -> bpy.types.Object | None:
    """Return the camera that a viewport looks through, if it does."""
    camera = space.camera if space.use_local_camera else scene.camera
    looks_through = view is not None and view.view_perspective == 'CAMERA'
    return camera if looks_through and camera is not None and camera.type == 'CAMERA' else None


def _places_in_image_editor(context: Context, shown: OverlayState) -> Places:
    image = context.space_data.image
    moves = image is not None and image.source in ('MOVIE', 'SEQUENCE', 'FILE')
    return [_view2d_place(context)] if moves and shown.footage.is_at(image.filepath) else []


def _places_in_clip_editor(context: Context, shown: OverlayState) -> Places:
    space = context.space_data
    showing = space.clip is not None and space.view == 'CLIP' and shown.footage.is_at(space.clip.filepath)
    return [_view2d_place(context)] if showing else []


def _places_in_sequencer(context: Context, shown: OverlayState) -> Places:
    return places_in_preview(_drawn_scene(context), shown.footage, shown.picture_px, _view2d_place(context))


def _view2d_place(context: Context) -> np.ndarray:
    region = context.region
    far = (region.width, region.height)
    return place_in_view2d(region.view2d.region_to_view(0, 0), region.view2d.region_to_view(*far), far)


PLACES: dict[str, Callable[[Context, OverlayState], Places]] = {
    'VIEW_3D': _places_in_viewport,
    'IMAGE_EDITOR': _places_in_image_editor,
    'CLIP_EDITOR': _places_in_clip_editor,
    'SEQUENCE_EDITOR': _places_in_sequencer,
}


def _drawn_scene(context: Context) -> Scene:
    """Return the scene whose frame the region shows; from 5.0 on, sequencers may have one of their own."""
    own = getattr(context, "sequencer_scene", None) if context.area.type == 'SEQUENCE_EDITOR' else None
    return own or context.scene


def _draw() -> None:
    from .overlay_drawing import draw_lines, draw_note

    context, shown = bpy.context, _state
    if shown is None or not isinstance(context.area, Area):
        return
    row = shown.row_at(_drawn_scene(context).frame_current_final)
    if row is None:
        return
    lines = shown.lines_at(row)
    for place in places_in(context):
        if lines is None:
            draw_note(GAP_TEXT, place)
        else:
            draw_lines(lines, shown.picture_px, place, float(shown.take.confidence[row]), shown.opacity)


def _add_handlers() -> None:
    if _handlers:
        return
    for space, region in (
        (bpy.types.SpaceView3D, 'WINDOW'),
        (bpy.types.SpaceImageEditor, 'WINDOW'),
        (bpy.types.SpaceClipEditor, 'WINDOW'),
        (bpy.types.SpaceSequenceEditor, 'PREVIEW'),
    ):
        _handlers.append((space, space.draw_handler_add(_draw, (), region, 'POST_PIXEL'), region))

"""A character's landmarks in the 3D viewport: those it keeps, and those that are being picked or moved."""

from dataclasses import dataclass, field

import bpy
import numpy as np
from bpy.props import BoolProperty, PointerProperty
from bpy.types import Area, Context, Object, PropertyGroup, WindowManager

from ..errors import SmirkError
from ..flame import LandmarkEmbedding
from ..retarget.guide import embedding_of, place_of
from ..rig.pick_surface import shown_vertices
from ..rig.retarget_memory import PROFILE, profile_of
from .sidebar import character_of

LISTED_PX, OTHER_PX, MARKED_PX = 4.5, 2.2, 6.5  # radii at a scale of 1: of the guided list's places, of all others
LEFT_COLOR, MIDDLE_COLOR, RIGHT_COLOR = (0.25, 0.7, 1.0), (0.95, 0.95, 0.95), (1.0, 0.5, 0.15)  # the character's sides
MARKED_COLOR, GHOST_OPACITY = (1.0, 0.9, 0.1), 0.55
LIFT = 0.02  # of the landmarks' diagonal, towards the viewer
NOTHING = embedding_of({})


@dataclass(frozen=True)
class Shown:
    """Landmarks that an operator shows in place of those that a character keeps.

    Attributes:
        name: of the character's mesh object.
        points: its landmarks.
        ghosts: those that a click would give.
        marked: the one under the mouse.
        wanted: the one that is asked for.
        lines: what is written beside the drawing of a face.
    """

    name: str
    points: LandmarkEmbedding
    ghosts: LandmarkEmbedding = field(default_factory=lambda: NOTHING)
    marked: int | None = None
    wanted: int | None = None
    lines: tuple[str, ...] = ()


class SMIRK_PG_landmark_points(PropertyGroup):
    """How landmarks are shown and moved; of this session, not of a scene."""

    def _redraw(self, context: Context) -> None:
        redraw()

    show: BoolProperty(
        name="Show Points",
        description="Show the character's landmarks on its face: blue on its left, orange on its right",
        default=True,
        update=_redraw,
    )
    mirror: BoolProperty(
        name="Mirror",
        description="Where the character is symmetric: pick one side alone, and move both at once",
        default=True,
    )


_shown: Shown | None = None
_handlers: list[object] = []
_read: tuple[object, LandmarkEmbedding | None] = (None, None)  # what was read last, and of what


def show(shown: Shown | None) -> None:
    """Show what an operator has; with None, what the character keeps."""
    global _shown
    _shown = shown
    redraw()


def shown() -> Shown | None:
    """Return what an operator shows."""
    return _shown


def settings(context: Context) -> SMIRK_PG_landmark_points:
    return context.window_manager.smirk_landmarks


def chosen_character(context: Context) -> Object | None:
    """Return the mesh that takes are retargeted onto: the one chosen, else the active one."""
    chosen = character_of(context)
    if chosen is not None:
        return chosen
    active = context.view_layer.objects.active
    return active if active is not None and active.type == 'MESH' else None


def kept_landmarks(mesh_object: Object) -> LandmarkEmbedding | None:
    """Return the landmarks that a character keeps; None where there are none, or they are of another mesh.

    Nor where its profile cannot be read: whoever works with it says so.
    """
    global _read
    stamp = (mesh_object.name, len(mesh_object.data.vertices), getattr(mesh_object, PROFILE, ""))
    if stamp != _read[0]:  # to read it takes longer than to draw it
        try:
            _read = (stamp, profile_of(mesh_object).landmarks)
        except SmirkError:
            _read = (stamp, None)
    landmarks = _read[1]
    return landmarks if landmarks is not None and fits(landmarks, mesh_object) else None


def fits(landmarks: LandmarkEmbedding, mesh_object: Object) -> bool:
    """Return whether all landmarks lie on vertices that a mesh has."""
    return bool(len(landmarks)) and int(landmarks.corners.max()) < len(mesh_object.data.vertices)


def redraw() -> None:
    """Let every viewport be drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == 'VIEW_3D':
                area.tag_redraw()


def colors_of(indices: np.ndarray, marked: int | None) -> np.ndarray:
    """Return a colour for each landmark, (L, 4), by the side that the guided list says; others are like the middle."""
    colors = np.ones((len(indices), 4))
    for row, index in enumerate(indices.tolist()):
        colors[row, :3] = MARKED_COLOR if index == marked else _side_color(index)
    return colors


def _side_color(index: int) -> tuple[float, float, float]:
    place = place_of(index)
    if place is None or place.partner is None:
        return MIDDLE_COLOR
    return LEFT_COLOR if "Left" in place.name else RIGHT_COLOR


def radii_of(indices: np.ndarray, marked: int | None) -> np.ndarray:
    """Return each landmark's radius, (L,) pixels at a scale of 1."""
    usual = np.array([LISTED_PX if place_of(index) else OTHER_PX for index in indices.tolist()])
    return np.where(indices == (-1 if marked is None else marked), MARKED_PX, usual)


def _what(context: Context) -> tuple[Object, Shown] | None:
    """Return which landmarks of which mesh a viewport shows."""
    if _shown is not None:
        mesh_object = context.scene.objects.get(_shown.name)
        return (mesh_object, _shown) if mesh_object is not None and mesh_object.type == 'MESH' else None
    if not (settings(context).show and context.space_data.overlay.show_overlays):
        return None
    mesh_object = chosen_character(context)
    landmarks = kept_landmarks(mesh_object) if mesh_object is not None else None
    return (mesh_object, Shown(mesh_object.name, landmarks)) if landmarks is not None else None


def _draw_points() -> None:
    from .landmark_drawing import ViewMatrices, draw_discs

    context = bpy.context
    what = _what(context) if isinstance(context.area, Area) else None
    if what is None or not what[0].visible_in_viewport_get(context.space_data):
        return
    mesh_object, shown = what
    vertices = shown_vertices(mesh_object, context.view_layer.depsgraph)
    view, region = context.region_data, context.region
    matrices = ViewMatrices(
        view.view_matrix, view.perspective_matrix, view.is_perspective, (region.width, region.height)
    )
    scale = context.preferences.system.ui_scale
    reach = vertices[shown.points.corners] if len(shown.points) > 2 else vertices[:, None]
    lift = LIFT * float(np.linalg.norm(np.ptp(reach.reshape(-1, 3), axis=0)))
    for landmarks, opacity in ((shown.points, 1.0), (shown.ghosts, GHOST_OPACITY)):
        if not (len(landmarks) and fits(landmarks, mesh_object)):
            continue
        radii, colors = radii_of(landmarks.indices, shown.marked), colors_of(landmarks.indices, shown.marked)
        colors[:, 3] *= opacity
        order = np.argsort(radii, kind="stable")  # the large ones over the others
        draw_discs(landmarks.points(vertices[None])[0][order], scale * radii[order], colors[order], matrices, lift)


def _draw_guide() -> None:
    from .landmark_drawing import draw_guide

    context = bpy.context
    if _shown is None or not _shown.lines or not isinstance(context.area, Area):
        return
    tools = [region for region in context.area.regions if region.type == 'TOOLS' and region.width > 1]
    left_px = max((region.x + region.width - context.region.x for region in tools), default=0)
    draw_guide(_shown.lines, _shown.wanted, max(left_px, 0), context.preferences.system.ui_scale)


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((SMIRK_PG_landmark_points,))


def register() -> None:
    _register_classes()
    WindowManager.smirk_landmarks = PointerProperty(
        name="Landmarks", description="How landmarks are shown and moved", type=SMIRK_PG_landmark_points
    )
    space = bpy.types.SpaceView3D
    _handlers.append(space.draw_handler_add(_draw_points, (), 'WINDOW', 'POST_VIEW'))
    _handlers.append(space.draw_handler_add(_draw_guide, (), 'WINDOW', 'POST_PIXEL'))


def unregister() -> None:
    global _shown
    _shown = None
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), 'WINDOW')
    del WindowManager.smirk_landmarks
    _unregister_classes()

"""The overlay's strokes on the graphics card: a light line with a dark edge, which can be seen on any footage."""

import blf
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..rig.overlay_lines import Lines
from ..rig.overlay_space import in_region

LINE_PX, EDGE_PX = 1.2, 1.4  # width of the light line, and of the dark edge on either side of it
MESH_SHADOW_PX = (1.0, -1.0)  # beside its lines, which are one pixel wide
MESH_STRENGTH = 0.55  # of the opacity: a mesh is dense
DOT_PX, DOT_EDGE_PX = 2.0, 1.0
DARK = (0.02, 0.02, 0.03, 0.55)
SURE, UNSURE = np.array([0.65, 1.0, 0.95]), np.array([1.0, 0.45, 0.1])  # a confidence of 1 and of 0; not by hue alone
NOTE_COLOR, NOTE_SIZE, NOTE_MARGIN_PX = (1.0, 0.45, 0.3, 1.0), 16.0, 12.0
FONT = 0  # Blender's own


def draw_lines(
    lines: Lines, picture_px: tuple[int, int], place: np.ndarray, confidence: float, opacity: float
) -> None:
    """Draw lines of a picture into the region that is being drawn, at a place in it; the surer, the lighter."""
    points = in_region(lines.points_px, picture_px, place)
    color = color_of(confidence)
    gpu.state.blend_set('ALPHA')
    try:
        if len(lines.dots):
            _stroke(points, lines.edges, LINE_PX, EDGE_PX, (*color, opacity))
            _stroke(*dots(points[lines.dots], DOT_PX), DOT_PX, DOT_EDGE_PX, (*color, opacity))
        else:
            _hairlines(points, lines.edges, (*color, MESH_STRENGTH * opacity))
    finally:
        gpu.state.blend_set('NONE')


def draw_note(text: str, place: np.ndarray) -> None:
    """Write a line into the upper left corner of a picture."""
    x, y = place @ (0.0, 1.0, 1.0)
    blf.size(FONT, NOTE_SIZE)
    blf.position(FONT, x + NOTE_MARGIN_PX, y - NOTE_MARGIN_PX - NOTE_SIZE, 0.0)
    blf.color(FONT, *NOTE_COLOR)
    blf.enable(FONT, blf.SHADOW)
    blf.shadow(FONT, 3, 0.0, 0.0, 0.0, 1.0)
    blf.draw(FONT, text)
    blf.disable(FONT, blf.SHADOW)


def color_of(confidence: float) -> tuple[float, float, float]:
    """Return red, green, blue for a confidence of 0 to 1."""
    share = min(max(confidence, 0.0), 1.0)
    return tuple((UNSURE + share * (SURE - UNSURE)).tolist())


def dots(points: np.ndarray, size_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lines as long as they are wide, (2 D, 2) points and (D, 2) edges; not every system sizes points."""
    half = np.array([size_px / 2, 0.0])
    ends = np.stack([points - half, points + half], axis=1).reshape(-1, 2)
    return ends, np.arange(len(ends), dtype=np.int32).reshape(-1, 2)


def _hairlines(points: np.ndarray, edges: np.ndarray, color: tuple[float, ...]) -> None:
    """Draw lines of one pixel, with a shadow: a mesh has too many for wide ones."""
    shader = gpu.shader.from_builtin('UNIFORM_COLOR')
    batch = _batch(shader, points, edges)
    shader.bind()
    shader.uniform_float("color", _dark(color))
    with gpu.matrix.push_pop():
        gpu.matrix.translate(MESH_SHADOW_PX)
        batch.draw(shader)
    shader.uniform_float("color", color)
    batch.draw(shader)


def _stroke(points: np.ndarray, edges: np.ndarray, width: float, edge: float, color: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin('POLYLINE_UNIFORM_COLOR')
    batch = _batch(shader, points, edges)
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    for line_width, line_color in ((width + 2 * edge, _dark(color)), (width, color)):
        shader.uniform_float("lineWidth", line_width)
        shader.uniform_float("color", line_color)
        batch.draw(shader)


def _batch(shader: gpu.types.GPUShader, points: np.ndarray, edges: np.ndarray) -> gpu.types.GPUBatch:
    corners = np.zeros((len(points), 3), np.float32)
    corners[:, :2] = points
    return batch_for_shader(shader, 'LINES', {"pos": corners}, indices=np.ascontiguousarray(edges, np.int32))


def _dark(color: tuple[float, ...]) -> tuple[float, ...]:
    """Return the colour under a line, as opaque as the line."""
    return (*DARK[:3], DARK[3] * color[3])

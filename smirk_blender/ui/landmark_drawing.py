"""A character's landmarks on the graphics card: discs on its surface, hidden where something stands before them."""

import textwrap

import blf
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..retarget.face_diagram import HEIGHT, WIDTH, diagram_lines, diagram_places
from .overlay_drawing import DARK, FONT, dots

SIDES = 10  # of a disc
CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, SIDES, endpoint=False)) for f in (np.cos, np.sin)], axis=1)  # (S, 2)
FAN = np.array([(0, 1 + side, 1 + (side + 1) % SIDES) for side in range(SIDES)], np.int32)
EDGE_PX = 1.5  # dark, around a disc
DIAGRAM_PX, MARGIN_PX, LINE_PX = 150.0, 20.0, 1.3  # at a scale of 1
TEXT_SIZES, WRAP = (16.0, 12.0), (26, 36)  # of the first line, and of those below; after how many letters
LINE_HEIGHT = 1.45  # of the text's size
LIGHT, WANTED = (0.95, 0.95, 0.95, 0.9), (1.0, 0.8, 0.1, 1.0)
BACK = (0.05, 0.05, 0.06, 0.65)


def draw_discs(
    places: np.ndarray, radii_px: np.ndarray, colors: np.ndarray, view: "ViewMatrices", lift: float
) -> None:
    """Draw discs into the viewport that is being drawn, in the world's space; what is nearer hides them.

    Args:
        places: (L, 3) in the world.
        radii_px: (L,).
        colors: (L, 4) red, green, blue, opacity.
        lift: how far towards the viewer they are put, in the world, so that their own surface does not hide them.
    """
    gpu.state.blend_set('ALPHA')
    gpu.state.depth_test_set('LESS_EQUAL')
    try:
        dark = np.tile((*DARK[:3], 0.85), (len(places), 1))
        dark[:, 3] *= colors[:, 3]
        _fill(view.discs(places, radii_px + EDGE_PX, lift), dark)
        _fill(view.discs(places, radii_px, 1.2 * lift), colors)
    finally:
        gpu.state.depth_test_set('NONE')
        gpu.state.blend_set('NONE')


class ViewMatrices:
    """How a viewport shows the world."""

    def __init__(self, view_matrix, perspective_matrix, is_perspective: bool, region_px: tuple[int, int]) -> None:
        self._axes = np.array(view_matrix, np.float64)[:3, :3]  # rows: to the right, up, towards the viewer
        self._eye = np.array(view_matrix.inverted(), np.float64)[:3, 3]
        self._perspective = np.array(perspective_matrix, np.float64)
        self._is_perspective, self._region_px = is_perspective, region_px

    def lifted(self, places: np.ndarray, lift: float) -> np.ndarray:
        """Return places (L, 3) nearer to the viewer."""
        way = self._eye - places if self._is_perspective else np.broadcast_to(self._axes[2], places.shape)
        return places + lift * way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)

    def discs(self, places: np.ndarray, radii_px: np.ndarray, lift: float) -> np.ndarray:
        """Return each disc's middle and rim, (L, 1 + S, 3), facing the viewer."""
        middles = self.lifted(places, lift)
        depth = np.column_stack([middles, np.ones(len(middles))]) @ self._perspective[3]  # (L,)
        discs = np.repeat(middles[:, None], 1 + SIDES, axis=1)
        for axis, size_px in enumerate(self._region_px):
            step = radii_px * 2.0 / size_px * depth / (self._perspective[axis, :3] @ self._axes[axis])
            discs[:, 1:] += (step[:, None] * CIRCLE[:, axis])[..., None] * self._axes[axis]
        return discs


def draw_guide(lines: tuple[str, ...], wanted: int | None, left_px: float, scale: float) -> None:
    """Write lines into the lower left of the region that is being drawn, below a face that shows the wanted landmark.

    It is narrow, so as not to cover the character's chin.
    """
    first = [(row, TEXT_SIZES[0] * scale) for row in textwrap.wrap(lines[0], WRAP[0])]
    others = [(row, TEXT_SIZES[1] * scale) for line in lines[1:] for row in textwrap.wrap(line, WRAP[1])]
    rows = [*first, *others]
    margin, face_px = MARGIN_PX * scale, DIAGRAM_PX * scale if wanted is not None else 0.0
    text_px = sum(LINE_HEIGHT * size for _, size in rows)
    corner = np.array([left_px + margin, margin])
    gpu.state.blend_set('ALPHA')
    try:
        _draw_back(corner, np.array([_width(rows), text_px + face_px + (margin if face_px else 0.0)]), margin / 2)
        if wanted is not None:
            _draw_diagram(wanted, corner + (0.0, text_px + margin), face_px)
    finally:
        gpu.state.blend_set('NONE')
    top = corner[1] + text_px
    for number, (row, size) in enumerate(rows):
        top -= LINE_HEIGHT * size
        blf.size(FONT, size)
        blf.color(FONT, *(WANTED if number < len(first) else LIGHT))
        blf.position(FONT, corner[0], top + (LINE_HEIGHT - 1.0) * size, 0.0)
        blf.draw(FONT, row)


def _width(rows: list[tuple[str, float]]) -> float:
    """Return how wide the widest row is, in pixels."""
    widths = []
    for row, size in rows:
        blf.size(FONT, size)
        widths.append(blf.dimensions(FONT, row)[0])
    return max(widths, default=0.0)


def _draw_back(corner: np.ndarray, size_px: np.ndarray, margin: float) -> None:
    low, high = corner - margin, corner + size_px + margin
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    shader = gpu.shader.from_builtin('UNIFORM_COLOR')
    halves = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    batch = batch_for_shader(shader, 'TRIS', {"pos": _flat(corners)}, indices=halves)
    shader.bind()
    shader.uniform_float("color", BACK)
    batch.draw(shader)


def _draw_diagram(wanted: int, corner: np.ndarray, size_px: float) -> None:
    scale = size_px / HEIGHT
    middle = corner + np.array([WIDTH, HEIGHT]) / 2 * scale
    points, edges = diagram_lines()
    _lines(middle + points * scale, edges, LINE_PX, LIGHT)
    place = middle + diagram_places()[wanted] * scale
    for width_px, color in ((13.0, (*DARK[:3], 1.0)), (10.0, WANTED)):
        _lines(*dots(place[None], width_px), width_px, color)


def _lines(points: np.ndarray, edges: np.ndarray, width_px: float, color: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin('POLYLINE_UNIFORM_COLOR')
    batch = batch_for_shader(shader, 'LINES', {"pos": _flat(points)}, indices=np.ascontiguousarray(edges, np.int32))
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", width_px)
    shader.uniform_float("color", color)
    batch.draw(shader)


def _fill(discs: np.ndarray, colors: np.ndarray) -> None:
    """Fill discs (L, 1 + S, 3) with colours (L, 4)."""
    indices = FAN[None] + (1 + SIDES) * np.arange(len(discs), dtype=np.int32)[:, None, None]
    shader = gpu.shader.from_builtin('FLAT_COLOR')
    content = {
        "pos": discs.reshape(-1, 3).astype(np.float32),
        "color": np.repeat(colors, 1 + SIDES, axis=0).astype(np.float32),
    }
    batch = batch_for_shader(shader, 'TRIS', content, indices=indices.reshape(-1, 3))
    shader.bind()
    batch.draw(shader)


def _flat(points: np.ndarray) -> np.ndarray:
    return np.pad(points, ((0, 0), (0, 1))).astype(np.float32)

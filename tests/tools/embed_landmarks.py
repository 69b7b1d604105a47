"""Remake landmarks.npz: where MediaPipe's 478 landmarks lie on the built-in head.

Run `python3 build.py landmarks` after any change of the geometry. The head is rendered from several sides, MediaPipe
finds its landmarks in the pictures, and each is cast back onto the skin. What MediaPipe defines by anatomy
(lid edges, lip borders, irises) is then laid exactly onto those edges of the mesh.
"""

import numpy as np

from smirk_blender.flame import Head, LandmarkEmbedding
from smirk_blender.flame.builtin.assemble import LANDMARK_FILE, builtin_head
from smirk_blender.flame.builtin.materials import IRIS, PUPIL
from smirk_blender.flame.builtin.skin import Skin, build_skin
from smirk_blender.take.take import NUM_LANDMARKS
from tests.tools.studio import Studio, posed, project, view_axes

PARTED = 0.1  # radians of jaw opening at which the lips are found best
VIEWS = (  # radians of jaw opening, yaw and pitch in degrees
    (0.0, 0, 0),
    (0.0, 20, 0),
    (0.0, -20, 0),
    (0.0, 40, 0),
    (0.0, -40, 0),
    (0.0, 0, 12),
    (0.0, 0, -12),
    (PARTED, 0, 0),
    (PARTED, 20, 0),
    (PARTED, -20, 0),
)
CHECKS = (  # fresh views and expressions for the report
    ("neutral", (8, 4), {}),
    ("neutral, turned", (-24, -5), {}),
    ("jaw open", (0, 0), {"jaw": 0.25}),
    ("smile", (5, 0), {"mouthSmile": 1.0, "cheekSquint": 0.5}),
    ("pucker", (-6, 0), {"mouthPucker": 1.0}),
    ("brows up", (0, 3), {"browInnerUp": 1.0, "browOuterUp": 1.0}),
    ("brows down", (4, 0), {"browDown": 1.0}),
    ("lids half shut", (0, 0), {"lids": 0.5}),
    ("shut", (0, 0), {"lids": 1.0}),
)

# MediaPipe's contours on the actor's right half and over the middle to the left, in its own numbering.
UPPER_LIP_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_LIP_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
UPPER_LIP_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
RIGHT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LOWER_LID = (263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_IRIS, LEFT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)
IRIS_MIRRORED_LEFT, IRIS_MIRRORED_RIGHT = (473, 476, 475, 474, 477), (468, 471, 470, 469, 472)
MIDLINE = (
    10,
    151,
    9,
    8,
    168,
    6,
    197,
    195,
    5,
    4,
    1,
    19,
    94,
    2,
    164,
    0,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    200,
    199,
    175,
    152,
)
OUTER_EYE_CORNERS = (33, 263)
FLIP = np.array([-1.0, 1.0, 1.0])  # to the other side


def main() -> None:
    """Write landmarks.npz and print how well it agrees with MediaPipe on fresh pictures."""
    head, skin = builtin_head(), build_skin()
    with Studio(head) as studio:
        embedding = embed(studio, skin)
        np.savez(
            LANDMARK_FILE,
            indices=embedding.indices.astype(np.int32),
            corners=embedding.corners.astype(np.int32),
            weights=embedding.weights.astype(np.float32),
        )
        print(f"wrote {len(embedding)} landmarks to {LANDMARK_FILE.name}")
        for name, residual in report(studio, embedding):
            median, most = np.percentile(residual, (50, 90))
            print(f"{name}: median {median:.2f} %, 90th percentile {most:.2f} % of the outer eye distance")


def embed(studio: Studio, skin: Skin) -> LandmarkEmbedding:
    """Return the embedding of all 478 landmarks, the same on both sides of the face."""
    head = studio.head
    triangles = _outer_triangles(head, skin)
    closed, parted = (studio.landmarks(posed(head, jaw=jaw), 0, 0) for jaw in (0.0, PARTED))
    sums, totals = np.zeros((NUM_LANDMARKS, 3)), np.zeros(NUM_LANDMARKS)
    for jaw, yaw, pitch in VIEWS:
        vertices = posed(head, jaw=jaw)
        marks = studio.landmarks(vertices, yaw, pitch)
        if marks is None:
            print(f"no face found at yaw {yaw}, pitch {pitch}")
            continue
        triangle, weights, facing = _cast(marks, vertices, triangles, yaw, pitch)
        places = np.einsum("lck,lc->lk", head.template[triangles[triangle]], weights)
        share = np.where(triangle >= 0, facing**3, 0.0)
        sums += places * share[:, None]
        totals += share
    points = sums / np.maximum(totals, 1e-9)[:, None]
    pairs = _mirror_pairs(points)
    missing = totals < 1e-6
    points[missing] = points[pairs[missing]] * FLIP
    points = 0.5 * (points + points[pairs] * FLIP)
    corners, weights = _closest(points, head.template, triangles)

    closed, parted = (0.5 * (marks + marks[pairs] * FLIP[:2]) for marks in (closed, parted))
    edges = _EdgeLayer(corners, weights, triangles)
    edges.lay_lids(closed, project(head.template, 0, 0), skin)
    edges.lay_lips(parted, project(posed(head, jaw=PARTED), 0, 0), skin)
    edges.lay_irises(closed, head)
    return LandmarkEmbedding(np.arange(NUM_LANDMARKS), corners, weights.astype(np.float32))


def report(studio: Studio, embedding: LandmarkEmbedding):
    """Yield for each fresh picture its name and the landmarks' errors (478,) in percent of the outer eye distance."""
    for name, (yaw, pitch), pose in CHECKS:
        vertices = posed(studio.head, **pose)
        marks = studio.landmarks(vertices, yaw, pitch)
        if marks is None:
            print(f"no face found: {name}")
            continue
        own = project(embedding.points(vertices[None])[0], yaw, pitch)[:, :2]
        scale = np.linalg.norm(own[OUTER_EYE_CORNERS[0]] - own[OUTER_EYE_CORNERS[1]])
        yield name, 100.0 * np.linalg.norm(own - marks, axis=1) / scale


def _outer_triangles(head: Head, skin: Skin) -> np.ndarray:
    """Return the skin's triangles (F, 3) that can be seen: not those inside the mouth or behind the lids."""
    outer = np.zeros(len(head.template), bool)
    outer[: len(skin.points)] = (skin.eye_ring <= 3.0) & (skin.mouth_ring <= 3.0)
    return head.triangles[outer[head.triangles].all(axis=1)]


def _mirror_pairs(points: np.ndarray) -> np.ndarray:
    """Return each landmark's partner on the other side, (478,), from places on the head (478, 3) and the contours."""
    pairs = np.full(len(points), -1)
    pairs[list(MIDLINE)] = MIDLINE
    for contour in (UPPER_LIP_OUTER, LOWER_LIP_OUTER, UPPER_LIP_INNER, LOWER_LIP_INNER):
        pairs[list(contour)] = contour[::-1]
    for right, left in ((RIGHT_UPPER_LID, LEFT_UPPER_LID), (RIGHT_LOWER_LID, LEFT_LOWER_LID)):
        pairs[list(right)], pairs[list(left)] = left, right
    pairs[list(RIGHT_IRIS)], pairs[list(LEFT_IRIS)] = IRIS_MIRRORED_LEFT, IRIS_MIRRORED_RIGHT
    open_ones = np.flatnonzero(pairs < 0)
    rights, lefts = open_ones[points[open_ones, 0] < 0], open_ones[points[open_ones, 0] >= 0]
    gaps = np.linalg.norm(points[rights, None] * FLIP - points[None, lefts], axis=2)
    for place in np.argsort(gaps, axis=None):  # the closest first, each landmark once
        right, left = rights[place // len(lefts)], lefts[place % len(lefts)]
        if pairs[right] < 0 and pairs[left] < 0:
            pairs[right], pairs[left] = left, right
    if np.any(pairs < 0):
        raise ValueError(f"landmarks without a partner on the other side: {np.flatnonzero(pairs < 0)}")
    return pairs


def _cast(marks: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, yaw_deg: float, pitch_deg: float):
    """Return for each mark the first triangle hit (L,) or -1, barycentric weights (L, 3) and how it faces us (L,)."""
    seen = project(vertices, yaw_deg, pitch_deg)
    a, b, c = (seen[triangles[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    normals = np.cross(
        vertices[triangles[:, 1]] - vertices[triangles[:, 0]], vertices[triangles[:, 2]] - vertices[triangles[:, 0]]
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    facing = normals @ view_axes(yaw_deg, pitch_deg)[2]
    hit, weights, faces = np.full(len(marks), -1), np.zeros((len(marks), 3)), np.zeros(len(marks))
    for number, (x, y) in enumerate(marks):
        v = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
        w = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
        inside = np.flatnonzero((area > 1e-12) & (v >= 0.0) & (w >= 0.0) & (v + w <= 1.0))
        if len(inside):
            depth = (1 - v - w)[inside] * a[inside, 2] + v[inside] * b[inside, 2] + w[inside] * c[inside, 2]
            best = inside[depth.argmax()]
            hit[number], weights[number], faces[number] = best, (1 - v[best] - w[best], v[best], w[best]), facing[best]
    return hit, weights, np.maximum(faces, 0.0)


def _closest(points: np.ndarray, template: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the triangles' corners (L, 3) and barycentric weights (L, 3) nearest to points (L, 3)."""
    middles = template[triangles].mean(axis=1)
    corners, weights = np.empty((len(points), 3), int), np.empty((len(points), 3))
    for number, point in enumerate(points):
        near = np.argsort(((middles - point) ** 2).sum(axis=1))[:24]
        best = np.inf
        for triangle in triangles[near]:
            share = _barycentric(point, template[triangle])
            gap = np.linalg.norm(share @ template[triangle] - point)
            if gap < best:
                best, corners[number], weights[number] = gap, triangle, share
    return corners, weights


def _barycentric(point: np.ndarray, triangle: np.ndarray) -> np.ndarray:
    """Return weights (3,) of the point's foot on the triangle's plane, pushed inside the triangle."""
    edges = (triangle[1:] - triangle[0]).T
    v, w = np.linalg.lstsq(edges, point - triangle[0], rcond=None)[0]
    share = np.clip([1.0 - v - w, v, w], 0.0, None)
    return share / share.sum()


class _EdgeLayer:
    """Moves landmarks onto the mesh's own edges: it writes into corners (478, 3) and weights (478, 3)."""

    def __init__(self, corners: np.ndarray, weights: np.ndarray, triangles: np.ndarray) -> None:
        self.corners, self.weights, self.triangles = corners, weights, triangles

    def lay_lids(self, marks: np.ndarray, seen: np.ndarray, skin: Skin) -> None:
        """Lay the lids' landmarks, found at marks (478, 2) in a frontal picture that shows vertices at seen (V, 3)."""
        sine = np.sin(skin.eye_angle)
        for side, upper, lower in ((1.0, LEFT_UPPER_LID, LEFT_LOWER_LID), (-1.0, RIGHT_UPPER_LID, RIGHT_LOWER_LID)):
            edge = (skin.eye_ring == 3.0) & (skin.points[:, 0] * side > 0)
            self._along(upper, edge & (sine >= -1e-6), marks, seen)
            self._along(lower, edge & (sine <= 1e-6), marks, seen)

    def lay_lips(self, marks: np.ndarray, seen: np.ndarray, skin: Skin) -> None:
        """Lay the lips' landmarks, as lay_lids does."""
        for ring, upper, lower in ((1.0, UPPER_LIP_OUTER, LOWER_LIP_OUTER), (3.0, UPPER_LIP_INNER, LOWER_LIP_INNER)):
            edge = skin.mouth_ring == ring
            self._along(upper, edge & (skin.upper >= 0.5), marks, seen)
            self._along(lower, edge & (skin.upper <= 0.5), marks, seen)

    def lay_irises(self, marks: np.ndarray, head: Head) -> None:
        """Lay the iris landmarks onto the pupils' centres and the irises' borders."""
        quads = head.surface.polygons[np.isin(head.surface.material_index, (IRIS, PUPIL))]
        for side, landmarks in ((1.0, LEFT_IRIS), (-1.0, RIGHT_IRIS)):
            own = quads[np.sign(head.template[quads[:, 0], 0]) == side]
            vertices = np.unique(own)
            flat = head.template[vertices, :2] - head.template[vertices, :2].mean(axis=0)
            for landmark in landmarks:
                towards = marks[landmark] - marks[landmarks[0]]  # zero for the centre, else left, right, up or down
                axis = np.where(np.abs(towards) == np.abs(towards).max(), np.sign(towards), 0.0)
                target = axis * np.linalg.norm(flat, axis=1).max()
                vertex = vertices[np.linalg.norm(flat - target, axis=1).argmin()]
                self.corners[landmark] = own[(own[:, :3] == vertex).any(axis=1)][0, :3]
                self.weights[landmark] = self.corners[landmark] == vertex

    def _along(self, contour: tuple[int, ...], on_edge: np.ndarray, marks: np.ndarray, seen: np.ndarray) -> None:
        """Lay a contour onto a line of skin vertices that runs along x, its ends onto the line's ends."""
        edge = np.flatnonzero(on_edge)
        edge = edge[np.argsort(seen[edge, 0])]
        if marks[contour[0], 0] > marks[contour[-1], 0]:
            contour = contour[::-1]
        places = np.interp(marks[list(contour), 0], seen[edge, 0], np.arange(len(edge)))
        places[0], places[-1] = 0.0, len(edge) - 1.0
        for landmark, place in zip(contour, places):
            first = min(int(place), len(edge) - 2)
            ends = edge[[first, first + 1]]
            holder = self.triangles[(self.triangles[:, :, None] == ends).any(axis=1).all(axis=1)][0]
            beyond = place - first
            self.corners[landmark] = holder
            self.weights[landmark] = np.where(holder == ends[0], 1.0 - beyond, np.where(holder == ends[1], beyond, 0.0))


if __name__ == "__main__":
    main()

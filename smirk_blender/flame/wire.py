"""A head's face as the edges of its polygons, seen by a camera: quick, since it is drawn over footage that plays."""

import numpy as np

from .head import JOINT_NAMES, Head

EYE_L, EYE_R = JOINT_NAMES.index("eye_L"), JOINT_NAMES.index("eye_R")
# An ellipse around a face, in distances between the eyes, from the middle between them; and how far it goes back.
CENTER_Y, RADIUS_X, RADIUS_Y, BACK = -0.45, 1.2, 1.6, 0.8
SKIN = "skin"  # the material without eyes, hair and mouth cavity; any where a head has none of that name


class FaceWire:
    """The polygons of a face, and their edges.

    Attributes:
        head: their vertices alone (K), wearing an identity for good; pose it without `shape`.
        edges: (E, 2) int, vertices of `head`.
    """

    def __init__(self, head: Head, shape: np.ndarray) -> None:
        """Take the face of a head, with an identity (up to S,)."""
        polygons = head.surface.polygons[_face_polygons(head)]
        used, polygons = np.unique(polygons, return_inverse=True)
        self._polygons = polygons.reshape(-1, head.surface.polygons.shape[1])
        self.head = head.part(used, shape)
        self.edges, self._sides = _edges_and_sides(self._polygons)
        # A polygon's normal needs only the two diagonals of a quad, or two edges of a triangle.
        self._diagonals = ((0, 2), (1, 3)) if self._polygons.shape[1] == 4 else ((0, 1), (0, 2))

    def facing_edges(self, points_px: np.ndarray) -> np.ndarray:
        """Return the edges that a polygon facing the camera has, (up to E, 2) int.

        Args:
            points_px: (K, 2) where the vertices lie in the picture, y down.
        """
        (a, b), (c, d) = self._diagonals
        corners = points_px[self._polygons]  # (P, 3 or 4, 2)
        x_1, y_1 = (corners[:, b] - corners[:, a]).T
        x_2, y_2 = (corners[:, d] - corners[:, c]).T
        facing = x_1 * y_2 < y_1 * x_2  # counter-clockwise, but rows run down
        return self.edges[facing[self._sides].any(axis=1)]


def _face_polygons(head: Head) -> np.ndarray:
    """Return a mask over the polygons: the skin of the face; all of them on a head that has none there."""
    surface, joints = head.surface, head.joint_template
    middle, distance = (joints[EYE_L] + joints[EYE_R]) / 2, np.linalg.norm(joints[EYE_L] - joints[EYE_R])
    x, y, z = (head.template[surface.polygons].mean(axis=1) - middle).T / max(distance, 1e-9)
    face = ((x / RADIUS_X) ** 2 + ((y - CENTER_Y) / RADIUS_Y) ** 2 < 1) & (z > -BACK)
    skin = [index for index, (name, _, _) in enumerate(surface.materials) if name.lower() == SKIN]
    if skin:
        face &= np.isin(surface.material_index, skin)
    return face if face.any() else np.ones(len(surface.polygons), bool)


def _edges_and_sides(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every edge once, (E, 2) vertices, and the polygons at its sides, (E, 2); at a rim, the same one twice."""
    ends = np.stack([polygons, np.roll(polygons, -1, axis=1)], axis=-1).reshape(-1, 2)
    owners = np.repeat(np.arange(len(polygons)), polygons.shape[1])
    edges, which = np.unique(np.sort(ends, axis=1), axis=0, return_inverse=True)
    which = which.ravel()  # numpy 2.0 kept the dimensions
    sides = np.empty((len(edges), 2), np.int64)
    sides[which, 1] = owners  # the last one stays
    sides[which[::-1], 0] = owners[::-1]  # the first one stays
    return edges, sides

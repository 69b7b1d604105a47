"""Catmull-Clark subdivision of an open quad mesh, and the left/right partner of every vertex."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Refinement:
    """One Catmull-Clark step of a given mesh; it can be applied to any per-vertex values.

    New vertices are, in order: the old vertices, one per face, one per edge.

    Attributes:
        quads: (F, 4) int, the old faces.
        edges: (E, 2) int, the old edges, each row ascending.
        edge_faces: (E, 2) int, the faces on both sides; -1 where the mesh ends.
        new_quads: (4 F, 4) int.
        mirror: (V + F + E,) int, each new vertex's partner on the other side.
    """

    quads: np.ndarray
    edges: np.ndarray
    edge_faces: np.ndarray
    new_quads: np.ndarray
    mirror: np.ndarray

    def smooth(self, values: np.ndarray) -> np.ndarray:
        """Return Catmull-Clark values (V + F + E, C) from values (V, C)."""
        face_points = values[self.quads].mean(axis=1)
        ends = values[self.edges].mean(axis=1)
        inner = self.edge_faces[:, 1] >= 0
        edge_points = ends.copy()
        edge_points[inner] = 0.5 * (ends[inner] + face_points[self.edge_faces[inner]].mean(axis=1))
        return np.concatenate([self._moved(values, face_points, ends, inner), face_points, edge_points])

    def linear(self, values: np.ndarray) -> np.ndarray:
        """Return plain averages (V + F + E, C) from values (V, C); old vertices keep theirs."""
        return np.concatenate([values, values[self.quads].mean(axis=1), values[self.edges].mean(axis=1)])

    def _moved(self, values, face_points, ends, inner) -> np.ndarray:
        """Return the old vertices' new places: (faces + 2 edges + (n - 3) self) / n, or the border rule."""
        count = len(values)
        corners = self.quads.ravel()
        valence = np.bincount(corners, minlength=count).astype(float)[:, None]
        faces = _sum_rows(corners, np.repeat(face_points, 4, axis=0), count) / valence
        edge_count = np.bincount(self.edges.ravel(), minlength=count).astype(float)[:, None]
        middles = _sum_rows(self.edges.ravel(), np.repeat(ends, 2, axis=0), count) / edge_count
        moved = (faces + 2.0 * middles + (valence - 3.0) * values) / valence
        border = self.edges[~inner]
        on_border = np.zeros(count, bool)
        on_border[border.ravel()] = True
        neighbours = _sum_rows(border.ravel(), values[border[:, ::-1].ravel()], count)
        moved[on_border] = 0.75 * values[on_border] + 0.125 * neighbours[on_border]
        return moved


def refinement(quads: np.ndarray, mirror: np.ndarray) -> Refinement:
    """Return the step that refines a mesh.

    Args:
        quads: (F, 4) int.
        mirror: (V,) int, each vertex's partner on the other side.
    """
    num_vertices, num_faces = len(mirror), len(quads)
    sides = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges, edge_of_side = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    edge_of_side = edge_of_side.reshape(-1)  # numpy 2.0 returns a column here
    face_of_side = np.repeat(np.arange(num_faces), 4)
    order = np.argsort(edge_of_side, kind="stable")
    first = np.searchsorted(edge_of_side[order], np.arange(len(edges)))
    uses = np.bincount(edge_of_side, minlength=len(edges))
    if uses.max() > 2:
        raise ValueError("an edge of the cage has more than two faces")
    second = np.where(uses == 2, first + 1, first)
    edge_faces = np.stack([face_of_side[order[first]], face_of_side[order[second]]], axis=1)
    edge_faces[uses == 1, 1] = -1

    side_edges = edge_of_side.reshape(-1, 4) + num_vertices + num_faces
    centres = np.repeat(np.arange(num_faces)[:, None] + num_vertices, 4, axis=1)
    new_quads = np.stack([quads, side_edges, centres, np.roll(side_edges, 1, axis=1)], axis=-1).reshape(-1, 4)
    face_mirror = _partners(np.sort(quads, axis=1), np.sort(mirror[quads], axis=1))
    edge_mirror = _partners(edges, np.sort(mirror[edges], axis=1))
    new_mirror = np.concatenate([mirror, face_mirror + num_vertices, edge_mirror + num_vertices + num_faces])
    return Refinement(quads, edges, edge_faces, new_quads, new_mirror)


def _sum_rows(targets: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Return (count, C): rows (N, C) added up by target (N,)."""
    return np.stack([np.bincount(targets, weights=column, minlength=count) for column in rows.T], axis=1)


def _partners(rows: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Return for each mirrored row the index of the equal row."""
    order = np.lexsort(rows.T)
    mirrored_order = np.lexsort(mirrored.T)
    partners = np.empty(len(rows), int)
    partners[mirrored_order] = order
    return partners

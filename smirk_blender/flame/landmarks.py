"""Where MediaPipe's landmarks lie on a head: each is a point inside one of its triangles."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LandmarkEmbedding:
    """Landmarks as barycentric points on a head's triangles.

    Attributes:
        indices: (L,) int, which of MediaPipe's 478 landmarks each one is.
        corners: (L, 3) int, the vertices of the triangle that holds it.
        weights: (L, 3) float32, barycentric, each row sums to 1.
    """

    indices: np.ndarray
    corners: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def points(self, vertices: np.ndarray) -> np.ndarray:
        """Return the landmarks' places, (N, L, 3), for vertices of shape (N, V, 3), in their unit."""
        return np.einsum("nlck,lc->nlk", vertices[:, self.corners], self.weights)

    def subset(self, keep: np.ndarray) -> "LandmarkEmbedding":
        """Return the landmarks that a mask or an index array over (L,) picks."""
        return LandmarkEmbedding(self.indices[keep], self.corners[keep], self.weights[keep])

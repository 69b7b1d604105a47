"""Which parts of a mesh hang together, and how far it is from one place to another along its surface."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from .mesh_views import same_places


class MeshGraph:
    """A mesh's edges; vertices in one place count as one, as files split them along seams."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self._place = same_places(vertices)
        first, second = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).T
        length = np.linalg.norm(vertices[first] - vertices[second], axis=1)
        size = int(self._place.max()) + 1
        one_way = coo_matrix((length, (self._place[first], self._place[second])), shape=(size, size)).tocsr()
        both = one_way.maximum(one_way.T)
        both.eliminate_zeros()
        self._edges = both

    def islands(self) -> np.ndarray:
        """Return a number (V,) for each vertex, the same for those that hang together."""
        return connected_components(self._edges, directed=False)[1][self._place]

    def distance(self, starts: np.ndarray, most: float) -> np.ndarray:
        """Return how far each vertex (V,) is from the nearest of some vertices along edges; infinite beyond `most`."""
        reached = dijkstra(self._edges, directed=False, indices=self._place[starts], min_only=True, limit=most)
        return reached[self._place]

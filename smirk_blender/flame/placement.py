"""Where a head stands: FLAME's metres and axes into somebody else's units, axes and origin, and back."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Placement:
    """A similarity transform: theirs = scale * axes @ flame + shift.

    Attributes:
        axes: (3, 3) float64, orthogonal; of determinant -1 where they mirror the head.
        scale: their units per metre.
        shift: (3,) float64, their units.
    """

    axes: np.ndarray
    scale: float = 1.0
    shift: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def points(self, points: np.ndarray) -> np.ndarray:
        """Return FLAME points (..., 3), metres, in their coordinates."""
        return self.offsets(points) + self.shift

    def offsets(self, offsets: np.ndarray) -> np.ndarray:
        """Return FLAME offsets (..., 3), metres, in their units and axes."""
        return self.scale * (np.asarray(offsets, np.float64) @ self.axes.T)

    def turns(self, rotation_vectors: np.ndarray) -> np.ndarray:
        """Return rotation vectors (..., 3), radians, in their axes; a mirror turns them the other way."""
        return np.linalg.det(self.axes) * (np.asarray(rotation_vectors, np.float64) @ self.axes.T)

    def flame_points(self, points: np.ndarray) -> np.ndarray:
        """Return their points (..., 3) in FLAME's metres and axes."""
        return self.flame_offsets(points - self.shift)

    def flame_offsets(self, offsets: np.ndarray) -> np.ndarray:
        """Return their offsets (..., 3) in FLAME's metres and axes."""
        return (np.asarray(offsets, np.float64) @ self.axes) / self.scale

    def then(self, matrix: np.ndarray) -> "Placement":
        """Return this placement seen from other coordinates: other = matrix (4, 4) @ theirs, a similarity.

        Raises:
            ValueError: the matrix stretches or shears.
        """
        linear = np.asarray(matrix, np.float64)[:3, :3]
        scale = abs(np.linalg.det(linear)) ** (1 / 3)
        if scale < TINY or np.abs(linear @ linear.T - scale**2 * np.eye(3)).max() > STRETCH * scale**2:
            raise ValueError("the transform stretches or shears")
        return Placement(
            linear @ self.axes / scale, scale * self.scale, linear @ self.shift + np.asarray(matrix)[:3, 3]
        )


STRETCH = 1e-4  # of a scale's square, by which axes may differ: above the rounding of Blender's float32 matrices
TINY = 1e-12  # a scale that is none

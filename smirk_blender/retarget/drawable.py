"""What is drawn of a character so that landmarks can be found on it, and what was found; each as a file."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ..errors import RetargetError
from ..flame import LandmarkEmbedding
from ..partial import written_whole


@dataclass(frozen=True)
class Drawable:
    """A character at rest in the world's axes: +Z up, any unit.

    Attributes:
        name: of the object whose mesh has the landmarks.
        points: (P, 3) float64, of everything that is seen: first the V vertices of the mesh itself.
        triangles: (F, 3) int into the points.
        colors: (F, 3, 3) float32 linear RGB of each triangle's corners.
        own: (F,) bool, which are the mesh's own.
        num_vertices: V.
        key_offsets: (K, V, 3) float32, what keys at 1 add, of those that may open the mouth; K may be 0.
        framings: (N, 4) float64, where the face may be, the likeliest first: its middle, and its size.
    """

    name: str
    points: np.ndarray
    triangles: np.ndarray
    colors: np.ndarray
    own: np.ndarray
    num_vertices: int
    key_offsets: np.ndarray
    framings: np.ndarray

    @property
    def vertices(self) -> np.ndarray:
        """(V, 3), of the mesh itself."""
        return self.points[: self.num_vertices]

    @property
    def own_triangles(self) -> np.ndarray:
        return self.triangles[self.own]


@dataclass(frozen=True)
class FoundLandmarks:
    """Landmarks that were found on a mesh.

    Attributes:
        landmarks: on the mesh's own vertices.
        agreement: (L,) float32, how far the pictures disagree about each, in widths of the face.
        notes: what the user should know, a sentence each.
    """

    landmarks: LandmarkEmbedding
    agreement: np.ndarray
    notes: tuple[str, ...] = ()


def save_drawable(drawable: Drawable, path: str | os.PathLike) -> Path:
    """Write what is drawn, for the worker to read."""
    return _write({field.name: np.asarray(getattr(drawable, field.name)) for field in fields(Drawable)}, path)


def load_drawable(path: str | os.PathLike) -> Drawable:
    """Read what `save_drawable` wrote.

    Raises:
        RetargetError: no such file, or another kind of file.
    """
    arrays = _read(path, {field.name for field in fields(Drawable)})
    return Drawable(**arrays | {"name": str(arrays["name"]), "num_vertices": int(arrays["num_vertices"])})


def save_found(found: FoundLandmarks, path: str | os.PathLike) -> Path:
    arrays = {name: getattr(found.landmarks, name) for name in ("indices", "corners", "weights")}
    return _write(arrays | {"agreement": found.agreement, "notes": np.array(found.notes, dtype=np.str_)}, path)


def read_found(path: str | os.PathLike) -> FoundLandmarks:
    """Read what the worker found.

    Raises:
        RetargetError: no such file, or another kind of file.
    """
    arrays = _read(path, {"indices", "corners", "weights", "agreement", "notes"})
    landmarks = LandmarkEmbedding(arrays["indices"], arrays["corners"], arrays["weights"])
    return FoundLandmarks(landmarks, arrays["agreement"], tuple(arrays["notes"].tolist()))


def _write(arrays: dict[str, np.ndarray], path: str | os.PathLike) -> Path:
    path = Path(path)
    try:
        with written_whole(path) as partial, open(partial, "wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise RetargetError(f"Cannot write {path}: {error.strerror or error}. Choose another folder") from error
    return path


def _read(path: str | os.PathLike, names: set[str]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise RetargetError(f"Cannot read {path} ({error}). Find the landmarks again") from error

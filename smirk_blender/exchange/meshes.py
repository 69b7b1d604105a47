"""A head at one frame as a mesh file: OBJ and PLY, metres, FLAME's axes, the vertices in the model's order."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import ExportError
from ..flame.head import Head
from ..take import Take
from .writing import numbered, written_export

MESH_FORMATS = ("obj", "ply")
DIGITS = 9  # that bring a float32 back as it was


def posed_vertices(head: Head, take: Take, row: int, *, head_pose: bool = True) -> np.ndarray:
    """Return the head's vertices at a row of a take, (V, 3) float32, metres, +Y up, +Z out of the face.

    Args:
        head_pose: whether the head is turned; else it looks straight ahead, while jaw, eyes and neck move.
    """
    if not head_pose:
        take = replace(take, head_pose=np.zeros_like(take.head_pose))
    return head.vertices(**take.head_parameters(slice(row, row + 1)))[0]


def save_frames(
    head: Head, take: Take, path: str | os.PathLike, rows: list[int] | None = None, *, head_pose: bool = True
) -> list[Path]:
    """Write a mesh file of one row of a take, or of several, called after their video frames; return the paths.

    Args:
        path: ends in .obj or .ply; with a single row the file's own name, else NAME_00042.obj and so on.
        rows: of the take; all of them where left out.
        head_pose: see `posed_vertices`.
    Raises:
        ExportError: a row that the take has not, another suffix, or a folder that cannot be written.
    """
    path = Path(path)
    save = {".obj": save_obj, ".ply": save_ply}.get(path.suffix.lower())
    if save is None:
        raise ExportError(f"{path.name} does not end in .obj or .ply. Choose a name that does")
    for row in rows or ():
        if not 0 <= row < len(take):
            first, last = take.first_frame, take.first_frame + len(take) - 1
            raise ExportError(
                f"The take of {take.source.name} has no frame {first + row}. Choose one from {first} to {last}"
            )
    written = []
    for row in range(len(take)) if rows is None else rows:
        to = path if rows is not None and len(rows) == 1 else numbered(path, take.first_frame + row)
        written.append(save(head, posed_vertices(head, take, row, head_pose=head_pose), to))
    return written


def save_obj(head: Head, vertices: np.ndarray, path: str | os.PathLike) -> Path:
    """Write a head's polygons with vertices (V, 3), texture coordinates and material names as OBJ; return the path.

    Raises:
        ExportError: the folder cannot be written.
    """
    surface = head.surface
    lines = [f"o {_word(head.name)}"]
    lines += ["v " + " ".join(format(value, f".{DIGITS}g") for value in point) for point in vertices.tolist()]
    corners = surface.polygons + 1  # OBJ counts from 1
    if surface.uv is None:
        texts = [[str(corner) for corner in polygon] for polygon in corners.tolist()]
    else:
        places, index = np.unique(surface.uv.reshape(-1, 2), axis=0, return_inverse=True)
        lines += [f"vt {u:.{DIGITS}g} {v:.{DIGITS}g}" for u, v in places.tolist()]
        pairs = zip(corners.tolist(), (index.reshape(corners.shape) + 1).tolist())
        texts = [[f"{corner}/{place}" for corner, place in zip(*pair)] for pair in pairs]
    for material, (name, _, _) in enumerate(surface.materials):
        lines.append(f"usemtl {_word(name)}")
        lines += ["f " + " ".join(texts[polygon]) for polygon in np.flatnonzero(surface.material_index == material)]
    with written_export(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return Path(path)


def save_ply(head: Head, vertices: np.ndarray, path: str | os.PathLike) -> Path:
    """Write a head's polygons with vertices (V, 3), and colours where it has them, as binary PLY; return the path.

    Little-endian; vertices float32, polygons lists of int32, colours (linear RGB) 8 bits.
    Raises:
        ExportError: the folder cannot be written.
    """
    polygons, colors = head.surface.polygons, head.surface.colors
    fields = [(axis, "<f4") for axis in "xyz"]
    fields += [(name, "u1") for name in ("red", "green", "blue")] if colors is not None else []
    points = np.empty(len(vertices), fields)
    for axis, column in zip("xyz", vertices.T):
        points[axis] = column
    for name, column in zip(("red", "green", "blue"), colors.T if colors is not None else ()):
        points[name] = np.round(255 * np.clip(column, 0.0, 1.0))
    faces = np.empty(len(polygons), [("count", "u1"), ("corners", "<i4", (polygons.shape[1],))])
    faces["count"], faces["corners"] = polygons.shape[1], polygons
    kinds = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property {kinds[kind]} {name}" for name, kind in fields]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    with written_export(path) as temporary, open(temporary, "wb") as file:
        file.write("\n".join(header).encode("ascii"))
        file.write(points.tobytes() + faces.tobytes())
    return Path(path)


def _word(name: str) -> str:
    return "_".join(name.split()) or "head"

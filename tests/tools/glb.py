"""Meshes, their shape keys and the keys' animation out of a GLB file, without Blender."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

KINDS = {5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
TO_BLENDER = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)  # glTF is +Y up


@dataclass(frozen=True)
class GlbMesh:
    """A mesh as Blender imports it, in its object space.

    Attributes:
        vertices: (V, 3) float64.
        triangles: (F, 3) int.
        key_names: of K shape keys.
        key_offsets: (K, V, 3) float32.
        times_s, key_weights: (T,) and (T, K) of the animation that comes with it; no rows where there is none.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    key_names: tuple[str, ...]
    key_offsets: np.ndarray
    times_s: np.ndarray
    key_weights: np.ndarray


def read_glb_mesh(path: Path) -> GlbMesh:
    """Return the mesh of a GLB file that has the most shape keys."""
    blob = path.read_bytes()
    length = struct.unpack_from("<I", blob, 12)[0]
    document, binary = json.loads(blob[20 : 20 + length]), memoryview(blob)[28 + length :]
    read = lambda number: _accessor(document, binary, number)
    keys_of = lambda mesh: len(mesh["primitives"][0].get("targets", ()))
    number, mesh = max(enumerate(document["meshes"]), key=lambda pair: keys_of(pair[1]))
    primitive = mesh["primitives"][0]
    names = tuple(mesh["extras"]["targetNames"])
    times, weights = np.empty(0), np.empty((0, len(names)))
    for animation in document.get("animations", ()):
        for channel in animation["channels"]:
            target = channel["target"]
            if target["path"] == "weights" and document["nodes"][target["node"]]["mesh"] == number:
                sampler = animation["samplers"][channel["sampler"]]
                times = read(sampler["input"])[:, 0]
                weights = read(sampler["output"]).reshape(len(times), len(names))
    return GlbMesh(
        read(primitive["attributes"]["POSITION"]) @ TO_BLENDER.T,
        read(primitive["indices"]).astype(int).reshape(-1, 3),
        names,
        np.stack([read(target["POSITION"]) @ TO_BLENDER.T for target in primitive["targets"]]).astype(np.float32),
        times,
        weights,
    )


def _accessor(document: dict, binary: memoryview, number: int) -> np.ndarray:
    """Return an accessor's values, (count, columns) float64, within -1 to 1 where it says so."""
    accessor = document["accessors"][number]
    kind, columns, count = np.dtype(KINDS[accessor["componentType"]]), COLUMNS[accessor["type"]], accessor["count"]
    values = np.zeros((count, columns))
    if "bufferView" in accessor:
        values = _view(document, binary, accessor["bufferView"], accessor.get("byteOffset", 0), count, columns, kind)
    if "sparse" in accessor:
        sparse, values = accessor["sparse"], values.copy()
        indices, moved = sparse["indices"], sparse["values"]
        kind_of_index = np.dtype(KINDS[indices["componentType"]])
        place = (indices["bufferView"], indices.get("byteOffset", 0), sparse["count"])
        rows = _view(document, binary, *place, 1, kind_of_index)[:, 0].astype(int)
        place = (moved["bufferView"], moved.get("byteOffset", 0), sparse["count"])
        values[rows] = _view(document, binary, *place, columns, kind)
    return values / np.iinfo(kind).max if accessor.get("normalized") else values


def _view(document, binary, view_number, offset, count, columns, kind) -> np.ndarray:
    view = document["bufferViews"][view_number]
    start, step = view.get("byteOffset", 0) + offset, view.get("byteStride", columns * kind.itemsize)
    shape, strides = (count, columns), (step, kind.itemsize)
    return np.ndarray(shape, kind, binary[: start + step * count], start, strides).astype(np.float64)

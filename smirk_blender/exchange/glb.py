"""GLB files: read, given exact times and morph targets, and written again.

Blender's exporter reckons seconds with fps * fps_base, which is fps / fps_base only where that is 1: what it writes of
footage at 30000/1001 frames per second runs 0.2 % too fast. So the export is made at one frame a second, and
the seconds are put right here. Morph targets are added here too, in a tenth of the time that the exporter takes.
Source: glTF 2.0, "Binary glTF Layout", "Accessors", "Morph Targets" and "Animations".
"""

import json
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

MAGIC, VERSION = b"glTF", 2
HEADER, CHUNK_HEADER = 12, 8  # bytes
FLOAT, SHORT, INT = 5126, 5123, 5125  # glTF's numbers for components of type float32, uint16, uint32
VERTICES = 34962  # glTF's number for a part of the buffer that holds vertices
COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", SHORT: "<u2", INT: "<u4", FLOAT: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
CORNER = "_CORNER"  # a vertex attribute: which corner of Blender's mesh a vertex was made of


class Glb:
    """A GLB file with one buffer, as Blender's exporter writes them.

    Attributes:
        document: the JSON, as it is in the file.
        binary: the buffer.
    Raises:
        ValueError: not a GLB file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        data = Path(path).read_bytes()
        if data[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is no GLB file")
        length = int.from_bytes(data[HEADER : HEADER + 4], "little")
        start = HEADER + CHUNK_HEADER
        self.document = json.loads(data[start : start + length])
        self.binary = bytearray(data[start + length + CHUNK_HEADER :])

    def values(self, index: int) -> np.ndarray:
        """Return an accessor's values, (N, components); a view of the buffer.

        Raises:
            ValueError: it is sparse or interleaved.
        """
        accessor = self.document["accessors"][index]
        view = self.document["bufferViews"][accessor["bufferView"]]
        if "sparse" in accessor or "byteStride" in view:
            raise ValueError(f"accessor {index} is sparse or interleaved")
        width, offset = WIDTHS[accessor["type"]], view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        values = np.frombuffer(self.binary, COMPONENTS[accessor["componentType"]], accessor["count"] * width, offset)
        return values.reshape(-1, width)

    def add(self, values: np.ndarray, *, bounds: bool = True, sparse: bool = False) -> int:
        """Add an accessor for values (N, 1 or 3), as float32; return its index.

        Args:
            bounds: whether their least and greatest are told, as glTF wants it of times and positions.
            sparse: whether they are of vertices, and rows of zeros may be left out where that is shorter.
        """
        values = np.ascontiguousarray(values, "<f4")
        accessor = {"componentType": FLOAT, "count": len(values), "type": "SCALAR" if values.shape[1] == 1 else "VEC3"}
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        kept = np.flatnonzero(np.any(values, axis=1)) if sparse else np.arange(len(values))
        kept = kept if len(kept) else np.arange(1)  # readers do not expect none
        kind = SHORT if len(values) <= 2**16 else INT
        places = kept.astype(COMPONENTS[kind])
        if sparse and places.nbytes + values[kept].nbytes < values.nbytes:
            indices = {"bufferView": self._add_view(places), "componentType": kind}
            accessor["sparse"] = {
                "count": len(kept),
                "indices": indices,
                "values": {"bufferView": self._add_view(values[kept])},
            }
        else:
            accessor["bufferView"] = self._add_view(values)
            if sparse:
                self.document["bufferViews"][-1]["target"] = VERTICES
        self.document["accessors"].append(accessor)
        return len(self.document["accessors"]) - 1

    def save(self, path: str | os.PathLike) -> None:
        """Write the file, without the accessors that nothing uses any more."""
        self._drop_unused()
        self.document["buffers"] = [{"byteLength": len(self.binary)}]
        text = json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()
        chunks = b""
        for kind, body, filling in ((b"JSON", text, b" "), (b"BIN\0", self.binary, b"\0")):
            body = bytes(body) + filling * (-len(body) % 4)
            chunks += len(body).to_bytes(4, "little") + kind + body
        header = MAGIC + VERSION.to_bytes(4, "little") + (HEADER + len(chunks)).to_bytes(4, "little")
        Path(path).write_bytes(header + chunks)

    def _add_view(self, values: np.ndarray) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        self.document["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": values.nbytes}
        )
        self.binary += values.tobytes()
        return len(self.document["bufferViews"]) - 1

    def _drop_unused(self) -> None:
        document = self.document
        _keep_used(document, "accessors", list(_accessor_references(document)))
        views = [owner for owner in _view_references(document) if "bufferView" in owner]
        _keep_used(document, "bufferViews", [(owner, "bufferView") for owner in views])
        packed = bytearray()
        for view in document["bufferViews"]:
            start = view.get("byteOffset", 0)
            packed += b"\0" * (-len(packed) % 4)
            view["byteOffset"], place = len(packed), slice(start, start + view["byteLength"])
            packed += self.binary[place]
        self.binary = packed


def set_times(glb: Glb, fps: Fraction) -> None:
    """Turn the times of every animation from frames into seconds.

    Raises:
        ValueError: times that are no plain float32.
    """
    inputs = {sampler["input"] for each in glb.document.get("animations", ()) for sampler in each["samplers"]}
    for index in sorted(inputs):
        accessor, times = glb.document["accessors"][index], glb.values(index)
        if accessor["componentType"] != FLOAT:
            raise ValueError("times that are no float32")
        times[:] = np.round(times.astype(np.float64)) / float(fps)
        accessor["min"], accessor["max"] = [float(times.min())], [float(times.max())]


def add_morphs(
    glb: Glb,
    node_name: str,
    names: Sequence[str],
    targets: Iterable[tuple[np.ndarray, np.ndarray]],
    vertex_of: np.ndarray,
    weights: np.ndarray,
    *,
    fps: Fraction,
    animation_name: str,
) -> None:
    """Give a mesh morph targets, and a key a frame for their weights; its vertices tell their corner, see CORNER.

    Args:
        node_name: of the mesh's node.
        names: K.
        targets: K pairs: what one adds to positions (V, 3) and to the normals of corners (C, 3), in the file's axes.
        vertex_of: (C,) the vertex of each corner; smooth vertices may be corners.
        weights: (N, K), from 0 seconds on.
        animation_name: of a new animation, where the file has none.
    """
    document = glb.document
    node_index, node = next(
        (index, node) for index, node in enumerate(document["nodes"]) if "mesh" in node and node["name"] == node_name
    )
    mesh = document["meshes"][node["mesh"]]
    corners = [corners_of(glb, primitive) for primitive in mesh["primitives"]]
    for primitive in mesh["primitives"]:
        primitive["targets"] = []
    for moves, turns in targets:
        for primitive, corner in zip(mesh["primitives"], corners):
            position = glb.add(moves[vertex_of[corner]], sparse=True)
            target = {"POSITION": position, "NORMAL": glb.add(turns[corner], bounds=False, sparse=True)}
            primitive["targets"].append(target)
    mesh["weights"] = weights[0].tolist()
    mesh.setdefault("extras", {})["targetNames"] = list(names)
    animations = document.setdefault("animations", [])
    if not animations:
        animations.append({"name": animation_name, "channels": [], "samplers": []})
    times = glb.add(np.arange(len(weights))[:, None] / float(fps))
    played = glb.add(weights.reshape(-1, 1), bounds=False)
    channels, samplers = animations[0]["channels"], animations[0]["samplers"]
    channels.append({"sampler": len(samplers), "target": {"node": node_index, "path": "weights"}})
    samplers.append({"input": times, "output": played, "interpolation": "LINEAR"})


def corners_of(glb: Glb, primitive: dict) -> np.ndarray:
    """Return the corner that each vertex of a primitive was made of, (N,) int."""
    return glb.values(primitive["attributes"][CORNER])[:, 0].astype(int)


def forget_corners(glb: Glb) -> None:
    """Take CORNER away from every mesh."""
    for mesh in glb.document.get("meshes", ()):
        for primitive in mesh["primitives"]:
            primitive["attributes"].pop(CORNER, None)


def animation_times(path: str | os.PathLike) -> list[np.ndarray]:
    """Return the times, seconds, of each animation sampler's keys in a GLB file."""
    glb = Glb(path)
    inputs = {each["input"] for clip in glb.document.get("animations", ()) for each in clip["samplers"]}
    return [glb.values(index)[:, 0] for index in sorted(inputs)]


def _accessor_references(document: dict) -> Iterable[tuple[dict, str]]:
    """Yield every place that names an accessor by its index: what holds it, and under which key."""
    for mesh in document.get("meshes", ()):
        for primitive in mesh["primitives"]:
            for attributes in (primitive["attributes"], *primitive.get("targets", ())):
                yield from ((attributes, name) for name in attributes)
            if "indices" in primitive:
                yield primitive, "indices"
    for skin in document.get("skins", ()):
        if "inverseBindMatrices" in skin:
            yield skin, "inverseBindMatrices"
    for animation in document.get("animations", ()):
        for sampler in animation["samplers"]:
            yield from ((sampler, name) for name in ("input", "output"))


def _view_references(document: dict) -> Iterable[dict]:
    """Yield everything that may name a part of the buffer as its `bufferView`."""
    yield from document.get("images", ())
    for accessor in document["accessors"]:
        yield accessor
        yield from (accessor["sparse"][name] for name in ("indices", "values") if "sparse" in accessor)


def _keep_used(document: dict, what: str, references: list[tuple[dict, str]]) -> None:
    """Leave only those items of a list that are referred to, and let the references follow."""
    used = sorted({owner[name] for owner, name in references})
    place = {index: new for new, index in enumerate(used)}
    document[what] = [document[what][index] for index in used]
    for owner, name in references:
        owner[name] = place[owner[name]]

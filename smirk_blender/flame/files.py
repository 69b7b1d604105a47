"""Head models in files: FLAME's .pkl, and our own .npz of the same fields."""

import hashlib
import os
import zlib
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np

from ..errors import HeadError
from .eyelids import eyelid_shapes
from .head import JOINT_PARENTS, NUM_POSE_FEATURES, Head, Surface
from .landmarks import LandmarkEmbedding
from .safe_pickle import NEXT_STEP, load_data_pickle

# Columns of shapedirs (identity first, expression after it) and how many of them are identity.
FLAME_COLUMNS = range(301, 401)  # FLAME's own files hold 300 + 100; copies cut to fewer expressions, 300 + 50
NUM_FLAME_SHAPE = 300
DECA_COLUMNS = 150  # files cut to what DECA and EMOCA use, 100 + 50
NUM_DECA_SHAPE = 100
EYELID_FILES = ("l_eyelid.npy", "r_eyelid.npy")  # as in SMIRK's assets
EMBEDDING_FILE = "mediapipe_landmark_embedding.npz"  # likewise
FLAME_FIELDS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
DIMENSIONS = dict(zip(FLAME_FIELDS, (2, 2, 3, 3, 2, 2, 2)))

SKIN_COLOR = (0.62, 0.42, 0.33)  # linear RGB
SCLERA_COLOR = (0.78, 0.76, 0.74)
IRIS_COLOR = (0.10, 0.16, 0.20)
PUPIL_COLOR = (0.005, 0.005, 0.005)
IRIS_RADIUS_M = 0.0058  # a human iris is 11 to 12 mm wide
PUPIL_RADIUS_M = 0.0022


def load_head(
    path: str | os.PathLike, eyelid_folder: str | os.PathLike | None = None, *, num_shape: int | None = None
) -> Head:
    """Return the head in a FLAME .pkl (2017 to 2023 Open) or in an .npz that `save_head` wrote.

    A FLAME file does not say how many of its directions are identity. With 301 to 400 of them, the first 300 are;
    with 150, the first 100. For any other count, say it with `num_shape`.
    Args:
        path: the model file; nothing in it is run.
        eyelid_folder: where SMIRK's l_eyelid.npy, r_eyelid.npy and mediapipe_landmark_embedding.npz lie;
            left out, they are looked for beside the model. A head without the first two gets lids from its
            geometry, one without the last has no landmarks.
        num_shape: how many of the file's directions are identity; the rest are expression.
    Raises:
        HeadError: no such file, not a head model, one that tries to run code, or one whose number of identity
            directions cannot be told.
    """
    path = Path(path)
    fields = _load_npz(path) if path.suffix.lower() == ".npz" else load_data_pickle(path)
    missing = [name for name in FLAME_FIELDS if name not in fields]
    if missing:
        raise HeadError(f"{path} is not a FLAME model: it has no {', '.join(missing)}. {NEXT_STEP}")
    arrays = _checked_fields(path, fields)
    folder = Path(eyelid_folder) if eyelid_folder else path.parent
    num_vertices = len(arrays["v_template"])
    eyelids = fields.get("eyelids")
    if eyelids is None:
        eyelids = _load_eyelids(folder, num_vertices, required=eyelid_folder is not None)
    directions = arrays["shapedirs"]
    num_shape = _num_shape(path, directions.shape[-1], fields.get("num_shape"), num_shape)
    head = Head(
        name=str(fields.get("name", path.name)),
        template=arrays["v_template"],
        triangles=arrays["f"],
        shape_directions=directions[..., :num_shape],
        expression_directions=directions[..., num_shape:],
        pose_directions=arrays["posedirs"],
        joint_regressor=arrays["J_regressor"],
        skinning_weights=arrays["weights"],
        eyelid_directions=eyelids,
        shape_names=_names(fields, "shape_names", "shape", num_shape),
        expression_names=_names(fields, "expression_names", "expression", directions.shape[-1] - num_shape),
        landmarks=_embedding_from(fields) or _load_embedding(folder, arrays["f"]),
        surface=plain_surface(arrays["v_template"], arrays["f"], arrays["weights"]),
        sha256=_digest(arrays["v_template"], directions, arrays["posedirs"]),
    )
    if eyelids is not None or (computed := eyelid_shapes(head)) is None:
        return head
    return replace(head, eyelid_directions=computed, eyelids_computed=True)


def save_head(head: Head, path: str | os.PathLike) -> None:
    """Write a head as an .npz with FLAME's field names, which `load_head` reads; its surface is not kept."""
    embedding = head.landmarks
    optional = {} if head.eyelid_directions is None else {"eyelids": head.eyelid_directions}
    if embedding is not None:
        optional |= {f"landmark_{name}": getattr(embedding, name) for name in ("indices", "corners", "weights")}
    np.savez_compressed(
        path,
        name=np.array(head.name),
        v_template=head.template,
        f=head.triangles,
        shapedirs=np.concatenate([head.shape_directions, head.expression_directions], axis=-1),
        num_shape=np.array(head.num_shape),
        posedirs=head.pose_directions,
        J_regressor=head.joint_regressor,
        weights=head.skinning_weights,
        kintree_table=np.array([JOINT_PARENTS, range(len(JOINT_PARENTS))]),
        shape_names=np.array(head.shape_names),
        expression_names=np.array(head.expression_names),
        **optional,
    )


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def _load_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise HeadError(f"No head model at {path}. {NEXT_STEP}") from error
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, BadZipFile, zlib.error) as error:
        raise HeadError(f"{path} cannot be read as a head model ({error}). {NEXT_STEP}") from error


def _checked_fields(path: Path, fields: dict[str, object]) -> dict[str, np.ndarray]:
    """Return FLAME's arrays in our types, having checked that their shapes agree with each other."""
    types = {"f": np.int64, "J_regressor": np.float64, "kintree_table": np.int64}
    try:
        arrays = {name: np.asarray(fields[name]).astype(types.get(name, np.float32)) for name in FLAME_FIELDS}
    except (TypeError, ValueError) as error:
        raise HeadError(f"{path} is not a FLAME model: {error}. {NEXT_STEP}") from error
    for name, num_dimensions in DIMENSIONS.items():
        array = arrays[name]
        if array.ndim != num_dimensions or not array.size or not np.isfinite(array).all():
            raise HeadError(f"{path} is not a FLAME head: its {name} is empty, misshapen or not finite. {NEXT_STEP}")
    num_vertices, num_joints = len(arrays["v_template"]), len(JOINT_PARENTS)
    wanted = {
        "v_template": (num_vertices, 3),
        "f": (len(arrays["f"]), 3),
        "shapedirs": (num_vertices, 3, arrays["shapedirs"].shape[-1]),
        "posedirs": (num_vertices, 3, NUM_POSE_FEATURES),
        "J_regressor": (num_joints, num_vertices),
        "weights": (num_vertices, num_joints),
        "kintree_table": (2, num_joints),
    }
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise HeadError(
                f"{path} is not a FLAME head: its {name} has shape {arrays[name].shape}, not {shape}. {NEXT_STEP}"
            )
    parents = arrays["kintree_table"][0].astype(np.int32)  # the root's parent is written as 2**32 - 1
    if tuple(parents) != JOINT_PARENTS:
        raise HeadError(f"{path} has the joint tree {tuple(parents)}; FLAME's is {JOINT_PARENTS}. {NEXT_STEP}")
    if arrays["f"].min() < 0 or arrays["f"].max() >= num_vertices:
        raise HeadError(f"{path} is damaged: its triangles name vertices that it does not have. {NEXT_STEP}")
    return arrays


def _num_shape(path: Path, num_columns: int, stated: np.ndarray | None, asked: int | None) -> int:
    """Return how many of a file's directions are identity: as the file states it, as asked, or as the count tells."""
    if stated is not None:
        if asked not in (None, int(stated)) or not 0 <= int(stated) <= num_columns:
            raise HeadError(
                f"{path} states {int(stated)} identity directions, of {num_columns}. "
                "Leave the number out, or save the head again from its FLAME file"
            )
        return int(stated)
    if asked is not None:
        if not 0 < asked < num_columns:
            raise HeadError(
                f"{path} holds {num_columns} directions, so {asked} of them cannot be identity and the rest expression. "
                f"Give a number of identity directions from 1 to {num_columns - 1}"
            )
        return asked
    if num_columns in FLAME_COLUMNS:
        return NUM_FLAME_SHAPE
    if num_columns == DECA_COLUMNS:
        return NUM_DECA_SHAPE
    raise HeadError(
        f"{path} holds {num_columns} directions; how many of them are identity cannot be told, as it can with "
        f"{FLAME_COLUMNS.start} to {FLAME_COLUMNS.stop - 1} ({NUM_FLAME_SHAPE} are) or {DECA_COLUMNS} ({NUM_DECA_SHAPE} are). "
        "Give the number of identity directions (num_shape), or choose FLAME's own file"
    )


def _names(fields: dict, field_name: str, prefix: str, count: int) -> tuple[str, ...]:
    if field_name in fields:
        return tuple(str(name) for name in fields[field_name])
    return tuple(f"{prefix}_{index:03d}" for index in range(count))


def _load_eyelids(folder: Path, num_vertices: int, required: bool) -> np.ndarray | None:
    """Return SMIRK's lid shapes, (V, 3, 2) float32, left then right; None if they are not there and not required."""
    paths = [folder / name for name in EYELID_FILES]
    if not required and not all(path.is_file() for path in paths):
        return None
    return np.stack([_load_eyelid(path, num_vertices) for path in paths], axis=-1)


def _load_eyelid(path: Path, num_vertices: int) -> np.ndarray:
    try:
        eyelid = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise HeadError(
            f"No eyelid shape at {path}. Choose the folder with SMIRK's {' and '.join(EYELID_FILES)}"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise HeadError(f"{path} cannot be read ({error}). Take it from SMIRK's assets again") from error
    if eyelid.shape != (num_vertices, 3):
        raise HeadError(
            f"{path} has shape {eyelid.shape}, the head has {num_vertices} vertices. Take it from SMIRK's assets"
        )
    return eyelid.astype(np.float32)


def _load_embedding(folder: Path, triangles: np.ndarray) -> LandmarkEmbedding | None:
    path = folder / EMBEDDING_FILE
    if not path.is_file():
        return None
    fields = _load_npz(path)
    try:
        faces, weights, indices = (fields[name] for name in ("lmk_face_idx", "lmk_b_coords", "landmark_indices"))
        return LandmarkEmbedding(
            indices.astype(np.int64), triangles[faces.astype(np.int64)], weights.astype(np.float32)
        )
    except (KeyError, IndexError) as error:
        raise HeadError(f"{path} does not fit this head ({error}). Take it from SMIRK's assets again") from error


def _embedding_from(fields: dict) -> LandmarkEmbedding | None:
    if not {"landmark_indices", "landmark_corners", "landmark_weights"} <= fields.keys():
        return None
    return LandmarkEmbedding(*(fields[f"landmark_{name}"] for name in ("indices", "corners", "weights")))


def plain_surface(template: np.ndarray, triangles: np.ndarray, weights: np.ndarray) -> Surface:
    """Return plain materials for a FLAME head: skin, and eyeballs with iris and pupil painted by distance from the axis.

    Args:
        template: (V, 3) metres.
        triangles: (F, 3) int.
        weights: (V, 5) of the joints; whatever hangs on an eye alone is its ball.
    """
    colors = np.tile(np.float32(SKIN_COLOR), (len(template), 1))
    is_eye = weights[:, 3:].sum(axis=1) > 0.99
    for joint in (3, 4):
        eyeball = np.flatnonzero(weights[:, joint] > 0.99)
        if not len(eyeball):
            continue
        center = template[eyeball].mean(axis=0)
        radius = np.linalg.norm((template[eyeball] - center)[:, :2], axis=1)
        in_front = template[eyeball, 2] > center[2]
        colors[eyeball] = SCLERA_COLOR
        colors[eyeball[in_front & (radius < IRIS_RADIUS_M)]] = IRIS_COLOR
        colors[eyeball[in_front & (radius < PUPIL_RADIUS_M)]] = PUPIL_COLOR
    return Surface(
        polygons=triangles,
        uv=None,
        material_index=is_eye[triangles].all(axis=1).astype(np.int64),
        materials=(("Skin", SKIN_COLOR, 0.5), ("Eyes", SCLERA_COLOR, 0.1)),
        colors=colors,
    )

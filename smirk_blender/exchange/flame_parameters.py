"""A take's FLAME parameters as .npz, in the layouts that other programs read.

SMIRK: what its encoder returns, one array a name, a row a frame. VHAP: what its tracker saves for a clip as
`tracked_flame_params_N.npz`; GaussianAvatars: what VHAP exports for it, one file a frame in `flame_param/`.
All angles are axis-angle, radians, FLAME's axes (+Y up, +Z out of the face); lengths are metres.

Sources of the layouts: SMIRK `src/smirk_encoder.py` and `src/FLAME/FLAME.py`, VHAP `vhap/model/tracker.py` and
`vhap/export_as_nerf_dataset.py`, GaussianAvatars `scene/flame_gaussian_model.py`. What their readers take, by their
code: VHAP's `flame_viewer.py` and GaussianAvatars' `--motion_path` one file of the whole clip (`vhap`), of which the
latter takes what is float32; a GaussianAvatars dataset `flame_param/NNNNN.npz`, numbered by time step from 0, where its
own `transforms_*.json` say so: those hold the cameras of a person's videos, which a take has not; none are written.
"""

import os
from pathlib import Path

import numpy as np

from ..errors import ExportError
from ..take import Take
from .writing import written_export

NUM_SHAPE = 300  # identity coefficients in both layouts; FLAME has no more
SMIRK_EXPRESSION, VHAP_EXPRESSION = 50, 100  # expression coefficients
NUM_VERTICES = 5023 + 120  # of FLAME, and of the teeth that VHAP and GaussianAvatars add
FLAME_NAME = "expression_"  # how a FLAME model's expression directions are called, before the number
OPEN_JAW = 0.3  # radians about x; the canonical pose that VHAP exports beside the frames


def smirk_parameters(take: Take) -> dict[str, np.ndarray]:
    """Return a take as SMIRK's encoder names it, float32, each with T rows.

    pose_params (T, 3) turns the whole head; cam (T, 3) is scale, tx, ty of the crop's orthographic camera; shape_params
    (T, 300), the same in every row; expression_params (T, 50); eyelid_params (T, 2), left and right, 0 open to 1 shut;
    jaw_params (T, 3). Beside these neck_pose_params (T, 3) and eye_pose_params (T, 6), which its FLAME layer reads.
    Raises:
        ExportError: the take is of another head than FLAME, or has more coefficients than the layout.
    """
    shape = _columns(take, take.shape[None], NUM_SHAPE, "identity")
    return {
        "pose_params": take.head_pose,
        "cam": take.camera,
        "shape_params": np.repeat(shape, len(take), axis=0),
        "expression_params": _columns(take, take.expression, SMIRK_EXPRESSION, "expression"),
        "eyelid_params": take.eyelid,
        "jaw_params": take.jaw_pose,
        "neck_pose_params": take.neck_pose,
        "eye_pose_params": take.eye_pose,
    }


def vhap_parameters(take: Take) -> dict[str, np.ndarray]:
    """Return a take as VHAP's tracker names it, float32.

    shape (300,); expr (T, 100); rotation (T, 3) of the whole head; neck_pose, jaw_pose (T, 3); eyes_pose (T, 6), left
    then right; translation (T, 3) metres, zero: an orthographic camera does not tell it; static_offset (1, 5143, 3)
    metres, zero; timestep_id (T,) text; n_processed_frames. VHAP's FLAME has no eyelids: eyelid (T, 2) is there for
    whoever adds their shapes.
    Raises:
        ExportError: as `smirk_parameters`.
    """
    return {
        "shape": _columns(take, take.shape[None], NUM_SHAPE, "identity")[0],
        "expr": _columns(take, take.expression, VHAP_EXPRESSION, "expression"),
        "rotation": take.head_pose,
        "neck_pose": take.neck_pose,
        "jaw_pose": take.jaw_pose,
        "eyes_pose": take.eye_pose,
        "translation": np.zeros((len(take), 3), np.float32),
        "static_offset": np.zeros((1, NUM_VERTICES, 3), np.float32),
        "eyelid": take.eyelid,
        "timestep_id": np.array([f"{take.first_frame + row:05d}" for row in range(len(take))]),
        "n_processed_frames": np.array(len(take)),
    }


def save_smirk_parameters(take: Take, path: str | os.PathLike) -> Path:
    """Write `smirk_parameters` with fps and time_s (T,) seconds; return the path.

    Raises:
        ExportError: as there, or the folder cannot be written.
    """
    return _save(smirk_parameters(take) | {"fps": np.array(float(take.fps)), "time_s": take.time_s}, path)


def save_vhap_parameters(take: Take, path: str | os.PathLike) -> Path:
    """Write `vhap_parameters` in one file; return the path. VHAP looks for `tracked_flame_params_N.npz`, N a number.

    Raises:
        ExportError: as there, or the folder cannot be written.
    """
    return _save(vhap_parameters(take) | {"fps": np.array(float(take.fps))}, path)


def save_frame_parameters(take: Take, folder: str | os.PathLike) -> list[Path]:
    """Write a file a frame, `flame_param/00000.npz` and on, and `canonical_flame_param.npz`; return their paths.

    In each: expr (1, 100), rotation, neck_pose, jaw_pose, translation (1, 3), eyes_pose (1, 6), shape (300,),
    static_offset (1, 5143, 3), zero. They are numbered from 0, whichever of the video's frames the take starts with.
    Raises:
        ExportError: as `vhap_parameters`, or the folder cannot be written.
    """
    whole, folder = vhap_parameters(take), Path(folder)
    same = {name: whole[name] for name in ("shape", "static_offset")}
    moving = ("expr", "rotation", "neck_pose", "jaw_pose", "eyes_pose", "translation")
    rest = {name: np.zeros_like(whole[name][:1]) for name in moving}
    rest["jaw_pose"] = np.array([[OPEN_JAW, 0, 0]], np.float32)
    paths = [_save(same | rest, folder / "canonical_flame_param.npz")]
    for row in range(len(take)):
        frame = {name: whole[name][row : row + 1] for name in moving}
        paths.append(_save(same | frame, folder / "flame_param" / f"{row:05d}.npz"))
    return paths


def _columns(take: Take, values: np.ndarray, num_columns: int, what: str) -> np.ndarray:
    """Return values (N, up to num_columns) as (N, num_columns) float32, filled up with zeros."""
    if take.expression_names and not all(name.startswith(FLAME_NAME) for name in take.expression_names):
        raise ExportError(
            f"The take of {take.source.name} was solved on {take.models.get('head', 'another head')}, whose directions "
            "are not FLAME's. Solve the video on a FLAME model for this format, or export CSV"
        )
    used = np.flatnonzero(np.any(values, axis=0)).max(initial=-1) + 1
    if used > num_columns:
        raise ExportError(
            f"The take of {take.source.name} uses {used} {what} coefficients, and this format has {num_columns}. "
            "Export CSV, or solve it with fewer"
        )
    kept = values[:, :num_columns].astype(np.float32)
    return np.pad(kept, ((0, 0), (0, num_columns - kept.shape[1])))


def _save(arrays: dict[str, np.ndarray], path: str | os.PathLike) -> Path:
    with written_export(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    return Path(path)

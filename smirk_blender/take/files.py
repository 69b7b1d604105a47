"""Take files: one .npz that `np.load(allow_pickle=False)` reads."""

import json
import os
import zlib
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np

from ..errors import TakeError
from ..partial import partial_path
from .take import FORMAT_VERSION, FRAME_ARRAYS, Source, Take

ARRAYS = (*FRAME_ARRAYS, "shape")
FACTS = "facts_json"  # the array that holds everything which is not an array, as JSON text


def save_take(take: Take, path: str | os.PathLike, *, compress: bool = True) -> Path:
    """Write a take under a temporary name beside `path`, then rename it; return the path.

    Raises:
        TakeError: the folder does not exist or cannot be written.
    """
    path = Path(path)
    facts = {
        "format_version": FORMAT_VERSION,
        "fps": str(take.fps),
        "source": asdict(take.source),
        "solver": take.solver,
        "models": take.models,
        "expression_names": list(take.expression_names),
        "first_frame": take.first_frame,
    }
    arrays = {name: getattr(take, name) for name in ARRAYS}
    temporary = partial_path(path)
    try:
        with open(temporary, "wb") as file:
            save = np.savez_compressed if compress else np.savez
            save(file, **arrays, **{FACTS: np.array(json.dumps(facts))})
        os.replace(temporary, path)
    except OSError as error:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)
        raise TakeError(
            f"Cannot write the take {path}: {error.strerror or error}. Choose a folder that you may write to"
        ) from error
    return path


def load_take(path: str | os.PathLike) -> Take:
    """Return the take in a file.

    Raises:
        TakeError: no such file, not a take, damaged, or written by a newer version.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise TakeError(f"No take at {path}. Solve the video again, or choose another file") from error
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, BadZipFile, zlib.error) as error:
        raise TakeError(f"{path} is not a take, or is damaged ({error}). Solve the video again") from error
    if FACTS not in arrays:
        raise TakeError(
            f"{path} is an .npz file but not a take: it has no {FACTS}. Choose a file that ends in .take.npz"
        )
    return _take_from_arrays(arrays, path)


def _take_from_arrays(arrays: dict[str, np.ndarray], path: Path) -> Take:
    try:
        facts = json.loads(str(arrays[FACTS]))
        version = int(facts["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise TakeError(f"{path} is damaged: its {FACTS} cannot be read ({error}). Solve the video again") from error
    if version > FORMAT_VERSION:
        raise TakeError(
            f"{path} was written by a newer version (format {version}; this one reads up to {FORMAT_VERSION}). "
            "Update SMIRK for Blender to open it"
        )
    try:
        return Take(
            **{name: arrays[name] for name in ARRAYS},
            fps=Fraction(facts["fps"]),
            source=Source(**facts["source"]),
            solver=facts["solver"],
            models=dict(facts["models"]),
            expression_names=tuple(facts["expression_names"]),
            first_frame=int(facts.get("first_frame", 0)),  # files from before it start with the video
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise TakeError(f"{path} is damaged: {error}. Solve the video again") from error

"""Take files: one .npz that `np.load(allow_pickle=False)` reads."""

import io
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from tokenize import TokenError
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib.npyio import NpzFile

from ..errors import TakeError
from ..partial import written_whole
from .clean_up import CleanUp
from .take import FORMAT_VERSION, FRAME_ARRAYS, OPTIONAL_ARRAYS, Source, Take, no_landmarks

LANDMARKS = "landmarks"
ARRAYS = (*FRAME_ARRAYS, "shape")
FACTS = "facts_json"  # the array that holds everything which is not an array, as JSON text


def save_take(take: Take, path: str | os.PathLike, *, compress: bool = True) -> Path:
    """Write a take under a temporary name beside `path`, then rename it; return the path.

    Raises:
        TakeError: the folder does not exist or cannot be written.
    """
    facts = {
        "format_version": FORMAT_VERSION,
        "fps": str(take.fps),
        "source": asdict(take.source),
        "solver": take.solver,
        "models": take.models,
        "expression_names": list(take.expression_names),
        "first_frame": take.first_frame,
        "clean_up": _clean_up_facts(take.clean_up),
    }
    arrays = take.frame_arrays() | {"shape": take.shape}
    with _written_whole(path) as temporary, open(temporary, "wb") as file:
        save = np.savez_compressed if compress else np.savez
        save(file, **arrays, **{FACTS: np.array(json.dumps(facts))})
    return Path(path)


def save_clean_up(path: str | os.PathLike, clean_up: CleanUp | None) -> None:
    """Write into a take's file how it is to be cleaned; everything else in it stays, to the last bit.

    Quick: the arrays are copied as they lie in the file, compressed.
    Raises:
        TakeError: no such file, not a take, damaged, of a newer version, or in a folder that cannot be written.
    """
    path = Path(path)
    with _read(path) as archive:
        facts = _facts_of(archive, path) | {"clean_up": _clean_up_facts(clean_up), "format_version": FORMAT_VERSION}
        members = archive.zip.infolist()
    content = io.BytesIO()
    np.save(content, np.array(json.dumps(facts)))
    last = max(members, key=lambda member: member.header_offset)
    if last.filename != f"{FACTS}.npy":  # somebody else put the file together
        save_take(replace(load_take(path), clean_up=clean_up), path)
        return
    with _written_whole(path) as temporary:
        shutil.copyfile(path, temporary)
        with ZipFile(temporary, "a", compression=ZIP_DEFLATED) as archive:
            archive.filelist.remove(archive.NameToInfo.pop(last.filename))
            archive.start_dir = last.header_offset  # where the next member is written
            member = ZipInfo(last.filename)  # without today's date: the same settings are the same bytes
            archive.writestr(member, content.getvalue(), compress_type=ZIP_DEFLATED)


def load_clean_up(path: str | os.PathLike) -> CleanUp | None:
    """Return how a take is to be cleaned by its file, whose arrays are not read.

    Raises:
        TakeError: see `load_take`.
    """
    path = Path(path)
    with _read(path) as archive:
        facts = _facts_of(archive, path).get("clean_up")
    try:
        return CleanUp.of(facts) if facts is not None else None
    except (TypeError, ValueError) as error:
        raise TakeError(f"{path} is damaged: {error}. Solve the video again") from error


@contextmanager
def _written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give the path of a temporary file beside `path`, which takes its place at the end."""
    try:
        with written_whole(Path(path)) as temporary:
            yield temporary
    except OSError as error:
        raise TakeError(
            f"Cannot write the take {path}: {error.strerror or error}. Choose a folder that you may write to"
        ) from error


def load_take(path: str | os.PathLike, *, landmarks: bool = True) -> Take:
    """Return the take in a file.

    Args:
        path: of the file.
        landmarks: whether its landmarks are read; they are most of it, and many uses need none. They are NaN otherwise.
    Raises:
        TakeError: no such file, not a take, damaged, or written by a newer version.
    """
    path = Path(path)
    with _read(path) as archive:
        facts = _facts_of(archive, path)
        left_out = {FACTS} if landmarks else {FACTS, LANDMARKS}
        arrays = {name: archive[name] for name in archive.files if name not in left_out}
        if not landmarks and LANDMARKS in archive.files and "time_s" in arrays:
            arrays[LANDMARKS] = no_landmarks(len(arrays["time_s"]))
        return _take_of(arrays, facts, path)


@contextmanager
def _read(path: Path) -> Iterator[NpzFile]:
    """Open an archive of arrays; what goes wrong with it is said of a take."""
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise ValueError("a single array")
            with archive:
                yield archive
    except FileNotFoundError as error:
        raise TakeError(f"No take at {path}. Solve the video again, or choose another file") from error
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, BadZipFile, zlib.error) as error:
        raise TakeError(f"{path} is not a take, or is damaged ({error}). Solve the video again") from error


def _facts_of(archive: NpzFile, path: Path) -> dict:
    if FACTS not in archive.files:
        raise TakeError(
            f"{path} is an .npz file but not a take: it has no {FACTS}. Choose a file that ends in .take.npz"
        )
    text = str(archive[FACTS])
    try:
        facts = json.loads(text)
        version = int(facts["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise TakeError(f"{path} is damaged: its {FACTS} cannot be read ({error}). Solve the video again") from error
    if version > FORMAT_VERSION:
        raise TakeError(
            f"{path} was written by a newer version (format {version}; this one reads up to {FORMAT_VERSION}). "
            "Update SMIRK for Blender to open it"
        )
    return facts


def _take_of(arrays: dict[str, np.ndarray], facts: dict, path: Path) -> Take:
    try:
        return Take(
            **{name: arrays[name] for name in ARRAYS},
            fps=Fraction(facts["fps"]),
            source=Source(**facts["source"]),
            solver=facts["solver"],
            models=dict(facts["models"]),
            expression_names=tuple(facts["expression_names"]),
            **{name: arrays[name] for name in OPTIONAL_ARRAYS if name in arrays},
            first_frame=int(facts.get("first_frame", 0)),  # files from before it start with the video
            clean_up=CleanUp.of(facts["clean_up"]) if facts.get("clean_up") is not None else None,
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise TakeError(f"{path} is damaged: {error}. Solve the video again") from error


def _clean_up_facts(clean_up: CleanUp | None) -> dict | None:
    return None if clean_up is None else clean_up.facts()

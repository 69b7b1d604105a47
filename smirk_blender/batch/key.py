"""What is done already is known by its key: a hash of the footage, the settings, the model files and the version."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ..errors import BatchError
from ..partial import written_whole
from ..sequences import sequence_from
from .job import BUILTIN_HEAD, PATHS, PLAYED, Clip, Job, Solve

KEY_FORMAT = 1  # of what follows; another one has everything done again
EYELID_FILES = ("l_eyelid.npy", "r_eyelid.npy", "mediapipe_landmark_embedding.npz")  # of SMIRK's assets
SOLVE, CLEAN, PREVIEW, BAKE, RETARGET, EXPORT = "solve", "clean", "preview", "bake", "retarget", "export"


class Hashes:
    """Hashes of files, kept by their size and time of change, so that footage is read once."""

    def __init__(self, folder: Path | None) -> None:
        """Keep them in a folder, a file each, which several processes may share; None for this process alone."""
        self._folder, self._known = folder, {}

    def of(self, path: str | os.PathLike, *others: str | os.PathLike) -> str:
        """Return the sha256 of a file; with others, of a sequence of files, which is kept under the first.

        Raises:
            BatchError: one cannot be read.
        """
        path, paths = os.path.abspath(path), [path, *others]
        try:
            stats = [os.stat(each) for each in paths]
            stamp = [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns)]
            kept = self._known.get(path) or self._kept(path)
            if not kept or kept["stamp"] != stamp:
                digests = [_sha256(each) for each in paths]
                digest = digests[0] if not others else hashlib.sha256("".join(digests).encode()).hexdigest()
                kept = {"stamp": stamp, "sha256": digest}
                with suppress(OSError):  # another process reads it (Windows), or the disk is full: it is read again
                    self._keep(path, kept)
        except OSError as error:
            raise BatchError(f"Cannot read {path}: {error.strerror or error}. Check the path") from error
        self._known[path] = kept
        return kept["sha256"]

    def of_optional(self, path: str | os.PathLike | None) -> str | None:
        """Return the sha256 of a file; None where there is none."""
        return self.of(path) if path and os.path.isfile(path) else None

    def _kept(self, path: str) -> dict | None:
        if self._folder is None:
            return None
        try:
            kept = json.loads(self._place(path).read_text("utf-8"))
        except (OSError, ValueError):  # none, or one that was never finished
            return None
        return kept if isinstance(kept, dict) and {"stamp", "sha256"} <= kept.keys() else None

    def _keep(self, path: str, kept: dict) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self._place(path)) as temporary:
                temporary.write_text(json.dumps(kept), encoding="utf-8")

    def _place(self, path: str) -> Path:
        return self._folder / f"{hashlib.sha256(os.fsencode(os.path.normcase(path))).hexdigest()[:32]}.json"


def step_keys(job: Job, clip: Clip, hashes: Hashes, version: str) -> dict[str, str]:
    """Return the key of each step of a clip, by its name, in order; steps that are not wanted have none.

    A step's key holds those that it depends on, so that changing what is baked leaves the take alone.
    Args:
        version: the add-on's.
    Raises:
        BatchError: a file that cannot be read.
        VideoError: an image without a number that should begin a sequence.
    """
    solve = job.solve_of(clip)
    keys = {SOLVE: _key(version, hashes.of(*footage_files(clip, solve)), _solve_facts(solve, hashes))}
    take = keys[SOLVE]
    if job.clean.enabled:
        clean = asdict(job.clean) | {"profile": hashes.of(job.clean.profile) if job.clean.profile else None}
        take = keys[CLEAN] = _key(take, clean)
    else:
        keys[CLEAN] = _key(take, None)  # a take that an earlier job has cleaned is made as it was solved
    if job.preview.enabled or job.preview.sheet:
        keys[PREVIEW] = _key(take, asdict(job.preview))
    if job.bake.enabled:
        template = hashes.of(job.bake.template) if job.bake.template else None
        keys[BAKE] = _key(take, clip.video, asdict(job.bake) | {"template": template})
    if job.retarget.character:
        files = {name: hashes.of(path) for name in PATHS[RETARGET] if (path := getattr(job.retarget, name))}
        keys[RETARGET] = _key(take, asdict(job.retarget) | files)
    if job.export.formats:
        character = keys.get(RETARGET) if PLAYED & set(job.export.formats) else None
        keys[EXPORT] = _key(keys.get(BAKE) if job.bake.template else take, character, asdict(job.export))
    before = _key(*keys.values())
    for number, step in enumerate(job.steps, 1):
        keys[f"{number}_{step[0]}"] = before = _key(before, list(step))
    return keys


def footage_files(clip: Clip, solve: Solve) -> list[str | Path]:
    """Return a clip's footage: its file, or all images of a sequence in order.

    Args:
        solve: how that clip is solved.
    Raises:
        VideoError: the first image has no number.
    """
    return [clip.video] if solve.image_fps is None else sequence_from(Path(clip.video))[0]


def _sha256(path: str | os.PathLike) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _solve_facts(solve: Solve, hashes: Hashes) -> Mapping:
    """Return what a solve's outcome depends on: not where files lie, nor which device it runs on."""
    facts = asdict(solve) | {"device": None}
    if solve.head != BUILTIN_HEAD:
        facts["head"] = hashes.of(solve.head)
        folder = Path(solve.eyelids or Path(solve.head).parent)
        facts["eyelids"] = [hashes.of_optional(folder / name) for name in EYELID_FILES]
    for name in ("weights", "landmark_model"):
        facts[name] = hashes.of(facts[name]) if facts[name] else None
    return facts


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps([KEY_FORMAT, *parts], sort_keys=True).encode()).hexdigest()

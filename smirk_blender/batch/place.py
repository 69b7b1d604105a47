"""A clip's folder in the output folder: what is in it, what is done, and how a file gets there whole or not at all.

`done.json` is written last, when all steps are done; `begun.json` stands for it until then; `failed.json` says why not.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ..errors import BatchError
from ..partial import written_whole
from .claims import Claim, TakenOver
from .clips import OWN_FOLDER

FORMAT_VERSION = 1
DONE, BEGUN, FAILED = "done.json", "begun.json", "failed.json"
EDITED = "edited_{}_{}"  # a file that somebody has changed since it was made: a number from 1, and its name
PART = r"\.[0-9a-f]{12}\.part"  # the end of a folder in which a clip's files are made


@dataclass
class Record:
    """What is done of a clip.

    Attributes:
        video: its footage.
        steps: by step, its key and the files that it made.
        files: by name, size in bytes and sha256.
        figures: of the take and the work, for the report.
        warnings: sentences for the user.
        faces: how many takes it has.
    """

    video: str = ""
    steps: dict[str, dict] = field(default_factory=dict)
    files: dict[str, dict] = field(default_factory=dict)
    figures: dict[str, object] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    faces: int = 1


@dataclass(frozen=True)
class Failure:
    """Why a clip failed: at which step, with which keys, in words; `token` tells it from earlier failures."""

    step: str
    text: str
    key: str
    token: str
    hint: str = ""


class Place:
    """A clip's folder, DIR/NAME."""

    def __init__(self, out: str | os.PathLike, name: str) -> None:
        self.out, self.name = Path(out).absolute(), name
        self.folder = self.out / name
        self.log_path = self.folder / f"{name}.log"

    def record(self) -> Record:
        """Return what is done; nothing where nothing is, or where it was written by another version."""
        for name in (DONE, BEGUN):
            content = _read(self.folder / name)
            if content.pop("format_version", None) == FORMAT_VERSION:
                with suppress(TypeError):
                    record = Record(**content)
                    _check_record(record)
                    return record
        return Record()

    def failure(self) -> Failure | None:
        """Return why it failed, where that is the last that happened."""
        content = _read(self.folder / FAILED)
        try:
            return Failure(**{name: str(text) for name, text in content.items()})
        except TypeError:  # none, or of another version
            return None

    def is_done(self, keys: Mapping[str, str]) -> bool:
        """Return whether all steps are done with these keys."""
        return (self.folder / DONE).is_file() and not self.missing(keys)

    def missing(self, keys: Mapping[str, str]) -> list[str]:
        """Return the steps that are to be done: their key is another, or a file of theirs is not there."""
        record = self.record()
        return [step for step, key in keys.items() if not self._has(record, step, key)]

    def changed(self) -> list[str]:
        """Return the files that were changed since they were made, as far as their size tells."""
        return [name for name, known in self.record().files.items() if _size(self.folder / name) != known["size"]]

    def _has(self, record: Record, step: str, key: str) -> bool:
        known = record.steps.get(step)
        return bool(known) and known["key"] == key and all(self._is_there(name, record) for name in known["files"])

    def _is_there(self, name: str, record: Record) -> bool:
        """Return whether there is a file that was made; an empty one may be all that a loss of power has left of it."""
        size = _size(self.folder / name)
        return size is not None and (size > 0 or record.files.get(name, {}).get("size") == 0)

    @contextmanager
    def work(self, claim: Claim) -> Iterator[Path]:
        """Give a folder for what is being made, beside the clip's so that relative paths in files hold; then remove it.

        What processes that were killed have left is removed first: with the claim, nobody else is at work.
        Raises:
            TakenOver: another process has the clip now.
            BatchError: it cannot be written.
        """
        self._check(claim)
        folder = self.out / f"{self.name}.{claim.token}.part"
        try:
            self.remove_left()
            self.folder.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except OSError as error:
            reason = error.strerror or error
            raise BatchError(f"Cannot write to {self.out}: {reason}. Choose another with --out") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def remove_left(self) -> None:
        """Remove what processes that were killed have left; for who knows that nobody is at work."""
        left = re.compile(re.escape(self.name) + PART)
        for entry in os.listdir(self.out):
            if left.fullmatch(entry):
                shutil.rmtree(self.out / entry, ignore_errors=True)

    def publish(self, claim: Claim, work: Path, record: Record, step: str, key: str, *, done: bool) -> None:
        """Move what a step has made into the clip's folder, and note it; whoever is killed meanwhile does it again.

        A file there that was changed since it was made, say by hand in Blender, is kept beside under another name.
        Args:
            work: whose files, but for those that start with a dot, are the step's.
            record: what is done; the step is noted in it.
            done: whether that was the last step.
        Raises:
            TakenOver: another process has the clip now.
            BatchError: the folder cannot be written.
        """
        try:
            names = sorted(path.name for path in work.iterdir() if not path.name.startswith("."))
            found = {name: _kept_on_disk(work / name) for name in names}
            self._check(claim)
            edited = {name: self._put_aside(name) for name in names if self._was_edited(name, record)}
            said = [f"{name} had been changed since it was made, and is kept as {edited[name]}" for name in edited]
            before = record.steps.pop(step, {}).get("files", ())
            record.files = {name: known for name, known in record.files.items() if name not in names}
            self._note(BEGUN, record)
            (self.folder / DONE).unlink(missing_ok=True)  # from here on it is not all done
            for name in names:
                self._check(claim)
                os.replace(work / name, self.folder / name)
            record.files |= found
            record.steps[step] = {"key": key, "files": names}
            record.warnings[step] = [*record.warnings.get(step, ()), *said]
            self._drop({name for name in before if name not in names}, record)
            self._check(claim)
            if done:
                self.finish(claim, record)
            else:
                self._note(BEGUN, record)
        except OSError as error:
            reason = error.strerror or error
            raise BatchError(
                f"Cannot write to {self.folder}: {reason}. Is the disk full, or a file open in another program?"
            ) from error

    def finish(self, claim: Claim, record: Record) -> None:
        """Note that all steps are done.

        Raises:
            TakenOver: another process has the clip now.
            OSError: it cannot be written.
        """
        self._check(claim)
        self._note(DONE, record)
        for name in (BEGUN, FAILED):
            (self.folder / name).unlink(missing_ok=True)

    def fail(self, failure: Failure) -> None:
        """Note why it failed.

        Raises:
            OSError: it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(FAILED, asdict(failure))

    def _check(self, claim: Claim) -> None:
        if not claim.holds():
            raise TakenOver(f"Another process has taken over {self.name}: this one stood still, and writes nothing")

    def _was_edited(self, name: str, record: Record) -> bool:
        known, path = record.files.get(name), self.folder / name
        return bool(known) and path.is_file() and (_size(path) != known["size"] or _sha256(path) != known["sha256"])

    def _put_aside(self, name: str) -> str:
        number = 1
        while (self.folder / EDITED.format(number, name)).exists():
            number += 1
        os.rename(self.folder / name, self.folder / EDITED.format(number, name))
        return EDITED.format(number, name)

    def _drop(self, names: set[str], record: Record) -> None:
        """Remove files that a step made before and does not make now."""
        kept = {name for step in record.steps.values() for name in step["files"]}
        for name in names - kept:
            (self.folder / name).unlink(missing_ok=True)
            record.files.pop(name, None)

    def _note(self, name: str, record: Record) -> None:
        self._write(name, {"format_version": FORMAT_VERSION, **asdict(record)})

    def _write(self, name: str, content: dict) -> None:
        with written_whole(self.folder / name) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            _flush(temporary)


def own_folder(out: str | os.PathLike, *parts: str) -> Path:
    """Return a place in what batches keep in an output folder."""
    return Path(out).absolute().joinpath(OWN_FOLDER, *parts)


def _read(path: Path) -> dict:
    """Return what a file says; nothing where there is none, or it is none of ours."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _check_record(record: Record) -> None:
    """Raise TypeError where a record's fields hold what they should not."""
    usual = Record()
    for each in fields(Record):
        _check_kind(getattr(record, each.name), type(getattr(usual, each.name)))
    for part, names in ((record.steps, {"key", "files"}), (record.files, {"size", "sha256"})):
        for known in part.values():
            _check_kind(known, dict)
            if not names <= known.keys():
                raise TypeError("a field is missing")


def _check_kind(value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{value} is no {kind.__name__}")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _kept_on_disk(path: Path) -> dict[str, object]:
    """Return a file's size and hash, once all of it has reached the disk."""
    _flush(path)
    return {"size": _size(path), "sha256": _sha256(path)}


def _flush(path: Path) -> None:
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

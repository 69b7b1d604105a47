"""A take read and cleaned beside Blender's window: in a thread, or in the worker where Blender lacks a package."""

import json
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from bpy.types import Object

from ..capture.job import Job
from ..capture.protocol import CLEAN, JUDGE, Failed
from ..errors import TakeError
from ..flame import BUILTIN_HEAD
from ..rig.memory import EYELID_FOLDER, MODEL_PATH
from ..take import CleanUp, Take, load_clean_up, load_take, save_clean_up
from .passing import new_folder
from .preferences import log_file, solve_options, worker_arguments
from .tasks import WAIT, elsewhere

if TYPE_CHECKING:
    from ..flame import Head

LONG_TAKE = 30_000  # frames, of 170 MB of landmarks


class Judged(NamedTuple):
    """What was found in a take.

    Attributes:
        lines: to read, before and after clean-up.
        neutral_frame: of the video, about which the resting face is found; None where it is not looked for.
        rests: whether the face rests there indeed.
    """

    lines: tuple[str, ...]
    neutral_frame: int | None
    rests: bool


def cleans_here() -> bool:
    """Return whether Blender's own Python can clean; a worker is started for every change otherwise."""
    return find_spec("scipy") is not None


@dataclass(frozen=True)
class ModelFiles:
    """What a head's model is opened from, as `open_head` takes it."""

    head: str = BUILTIN_HEAD
    eyelids: str = ""

    @classmethod
    def of(cls, head_object: Object) -> "ModelFiles":
        """Return a head's own files; of one that is a head by its names alone, those that a solve takes."""
        if MODEL_PATH in head_object.data:
            return cls(head_object.data[MODEL_PATH], head_object.data.get(EYELID_FOLDER, ""))
        options = solve_options()
        return cls(str(options["head"]), str(options["eyelids"] or ""))


class _Kept:
    """The take that was read last, and what cleaning made of it: settings change more often than takes.

    Of takes longer than LONG_TAKE the landmarks are not kept: a neutral is found by the parameters then, and what is
    found in the take is found on the face.
    """

    def __init__(self) -> None:
        self._lock = RLock()  # a thread that nobody waits for any more may still be at it
        self.forget()

    def load(self, path: str) -> Take:
        """Return the take in a file.

        Raises:
            TakeError: see `load_take`.
        """
        with self._lock:
            if self._take is None or self._key != _state_of(path):
                self.forget()  # two long ones are too many
                key, take = _state_of(path), load_take(path, landmarks=False)
                self._key, self._take = key, take if len(take) > LONG_TAKE else load_take(path)
            return self._take

    def save(self, path: str, clean_up: CleanUp | None) -> None:
        """Write a clean-up into a take's file, where it has another one.

        Raises:
            TakeError: see `save_clean_up`.
        """
        with self._lock:
            if load_clean_up(path) != clean_up:
                known = self._take is not None and self._key == _state_of(path)
                save_clean_up(path, clean_up)
                if known:
                    self._key, self._take = _state_of(path), replace(self._take, clean_up=clean_up)

    def try_to_save(self, path: str, clean_up: CleanUp | None) -> str:
        """Do what `save` does after a bake, which stands without; return what went wrong, "" where nothing did."""
        try:
            self.save(path, clean_up)
        except TakeError as error:
            return f". The settings of its clean-up are in the .blend alone: {error}"
        return ""

    def cleaned(self, take: Take, model: "Head", clean_up: CleanUp) -> Take:
        """Return a take cleaned; the last one again where nothing is different.

        Raises:
            SmirkError: see `clean.chain.cleaned`.
        """
        from ..clean.chain import cleaned  # scipy

        with self._lock:
            asked = self._asked
            if asked is None or asked[0] is not take or asked[1] is not model or asked[2] != clean_up:
                self._asked = self._cleaned = None
                self._cleaned = cleaned(take, model, clean_up)
                self._asked = take, model, clean_up
            return self._cleaned

    def forget(self) -> None:
        with self._lock:
            self._key = self._take = self._asked = self._cleaned = None


def _state_of(path: str) -> tuple:
    status = Path(path).stat() if Path(path).is_file() else None
    return path, status and (status.st_mtime_ns, status.st_size)


kept = _Kept()


def cleaned_elsewhere(
    take: Take, model: "Head", clean_up: CleanUp | None, path: str, files: ModelFiles
) -> Generator[object, None, Take]:
    """Return a take as its clean-up wants it, made in a thread, or in the worker where Blender's Python lacks packages.

    Raises:
        SmirkError: what `clean` raises, or the worker's failure.
    """
    if clean_up is None:
        return take
    if cleans_here():
        return (yield from elsewhere(kept.cleaned, take, model, clean_up))
    return (yield from _by_worker(CLEAN, path, clean_up, files, load_take))


def judged_elsewhere(
    take: Take, model: "Head", clean_up: CleanUp | None, path: str, files: ModelFiles
) -> Generator[object, None, Judged]:
    """Return what was found in a take, as solved and as cleaned; found likewise.

    Raises:
        SmirkError: see `cleaned_elsewhere`.
    """
    if cleans_here():
        return (yield from elsewhere(_judged, take, model, clean_up))
    return (yield from _by_worker(JUDGE, path, clean_up, files, _read_judged))


def _judged(take: Take, model: "Head", clean_up: CleanUp | None) -> Judged:
    from ..clean.gains import prepare_gains
    from ..clean.judge import judged  # scipy

    found = Judged(*judged(take, model, clean_up, kept.cleaned))
    prepare_gains(model, take.expression.shape[-1])  # so that the first one is as quick as the next
    return found


def _read_judged(path: str) -> Judged:
    return Judged(*json.loads(Path(path).read_text(encoding="utf-8")))


def _by_worker(
    work: str, path: str, clean_up: CleanUp | None, files: ModelFiles, read: Callable[[str], object]
) -> Generator[object, None, object]:
    """Return what a function reads from the file that the worker makes of a take's.

    Raises:
        TakeError: the worker's failure.
    """
    folder = new_folder("cleaned", Path(path).stem)
    arguments = {
        "work": work,
        "take_path": path,
        "head": files.head,
        "eyelids": files.eyelids or None,
        "clean_up": clean_up.facts() if clean_up is not None else None,
        "out_path": str(folder / "cleaned.take.npz"),
    }
    python, site_packages = worker_arguments()
    job = Job(python, "capture.cleaner", arguments, log_file("clean-up"), site_packages=site_packages)
    try:
        last = None
        while not job.ended:
            for last in job.poll():
                pass
            yield WAIT
        if isinstance(last, Failed):
            raise TakeError(". ".join(filter(None, (last.text.rstrip("."), last.hint))))
        return (yield from elsewhere(read, arguments["out_path"]))
    finally:
        job.close()
        shutil.rmtree(folder, ignore_errors=True)

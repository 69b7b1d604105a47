"""Who does which clip, where several processes on several machines share an output folder.

A claim is a file NAME.GENERATION, which only one process can create. Whoever holds it writes a number into it every
few seconds. One that stands still, or whose process is known to be gone, is stale: the next generation may be created,
which again only one can do. Released ones stay, so that generations only grow. Clocks are never compared: each process
watches by its own. A process that was asleep meanwhile finds a generation above its own, and must not write.
"""

import hashlib
import json
import os
import platform
import re
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import BatchError
from .beat import write

BEAT = Path(__file__).with_name("beat.py")
END_S = 10.0  # for the process that beats
BEAT_S = 5.0
STALE_S = 60.0  # without a beat; network disks may hold one back for some seconds
FRESH_BEATS = 1_000_000  # from where a process that beats in the place of another counts
RECORD_BYTES = 256  # of a claim, always written whole


class TakenOver(BatchError):
    """Another process has a clip that this one held: this one stood still meanwhile, and must not write."""


@dataclass(frozen=True)
class Holder:
    """Who holds a claim: a process on a machine; text for messages."""

    machine: str
    pid: int
    text: str


class Claims:
    """The claims of an output folder, as one process sees them."""

    def __init__(
        self, folder: Path, *, beat_s: float = BEAT_S, stale_s: float = STALE_S, known_stale: str = ""
    ) -> None:
        """Open a folder of claims, and make it where it is not.

        Args:
            known_stale: a claim that another process of ours has watched for long enough, as `stale` has told it.
        Raises:
            BatchError: it cannot be made.
        """
        self._folder, self._beat_s, self._stale_s = Path(folder), beat_s, stale_s
        self._known_stale = known_stale
        self._seen: dict[Path, tuple[bytes, float]] = {}  # a claim's content, and since when it has stood still
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise BatchError(f"Cannot write to {folder}: {reason}. Choose another with --out") from error

    def holder(self, name: str) -> Holder | None:
        """Return who is at work on a clip; None where nobody is, as far as can be told by now."""
        generation = self._generation(name)
        return self._holder_of(self._path(name, generation)) if generation else None

    def stale(self, name: str) -> str:
        """Return what tells the claim on a clip that is held by nobody any more; "" for none."""
        generation = self._generation(name)
        path = self._path(name, generation)
        return _mark(path, self._seen[path][0]) if path in self._seen and not self._holder_of(path) else ""

    def take(self, name: str) -> "Claim | None":
        """Return a claim of our own on a clip; None where another is at work on it.

        Raises:
            BatchError: the folder cannot be written.
        """
        generation = self._generation(name)
        if generation and self._holder_of(self._path(name, generation)):
            return None
        path = self._path(name, generation + 1)
        machine_name()  # which takes its time: a claim is to say whose it is as soon as it is there
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return None
        except OSError as error:
            reason = error.strerror or error
            raise BatchError(f"Cannot write {path}: {reason}. Choose another folder with --out") from error
        os.close(descriptor)
        try:
            return Claim(self, name, generation + 1, path, self._beat_s)
        except OSError as error:
            raise BatchError(f"Cannot write {path}: {error.strerror or error}. Is the disk full?") from error

    def _path(self, name: str, generation: int) -> Path:
        return self._folder / f"{name}.{generation}"

    def _generation(self, name: str) -> int:
        """Return the highest generation of a clip's claims; 0 where there is none."""
        ours = re.compile(re.escape(name) + r"\.(\d+)")
        found = [ours.fullmatch(entry) for entry in os.listdir(self._folder)]
        return max((int(match[1]) for match in found if match), default=0)

    def _holder_of(self, path: Path) -> Holder | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        before, since = self._seen.get(path, (None, 0.0))
        if content != before:
            since = time.monotonic()
            self._seen[path] = content, since
        record = _record_of(content)
        if record.get("released"):
            return None
        machine, pid = str(record.get("machine", "")), int(record.get("pid", 0))
        if machine == machine_name() and pid and not _is_alive(pid):
            return None
        if time.monotonic() - since > self._stale_s or _mark(path, content) == self._known_stale:
            return None
        return Holder(machine, pid, f"process {pid} on {record.get('host', 'another machine')}")


class Claim:
    """A claim that this process holds, and says so every few seconds until it is released.

    Attributes:
        token: in the names of what is written meanwhile.
    """

    def __init__(self, claims: Claims, name: str, generation: int, path: Path, beat_s: float) -> None:
        self.token = secrets.token_hex(6)
        self._claims, self._name, self._generation, self._path = claims, name, generation, path
        self._record = {"beat": 1, "machine": machine_name(), "host": platform.node()[:60], "pid": os.getpid()}
        self._record["token"] = self.token
        self._is_released = False
        write(self._path, self._record, RECORD_BYTES)
        self._beat_s = beat_s
        self._beating = self._start_beating()

    def _start_beating(self) -> subprocess.Popen:
        arguments = [str(self._path), str(self._beat_s), json.dumps(self._record), str(RECORD_BYTES)]
        return subprocess.Popen(
            [sys.executable, "-I", str(BEAT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # whoever reads this process's own waits for its end
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def keep(self) -> None:
        """Begin the beats again, where their process was killed; to be called now and then."""
        if not self._is_released and self._beating.poll() is not None:
            self._beating.stdin.close()
            self._record["beat"] += FRESH_BEATS  # other than all that were seen
            self._beating = self._start_beating()

    def holds(self) -> bool:
        """Return whether nobody has taken over, which they may do once this process has stood still."""
        return self._claims._generation(self._name) == self._generation

    def release(self) -> None:
        """Let others have the clip."""
        if not self._is_released:
            self._is_released = True
            self.stand_still()
            with suppress(FileNotFoundError):  # another has taken over, and cleared up
                write(self._path, self._record | {"released": True}, RECORD_BYTES)
            for generation in range(self._generation - 1, 0, -1):  # those that went stale
                with suppress(OSError):
                    self._claims._path(self._name, generation).unlink()

    def stand_still(self) -> None:
        """End the beats."""
        self._beating.stdin.close()
        try:
            self._beating.wait(END_S)
        except subprocess.TimeoutExpired:
            self._beating.kill()
            self._beating.wait()


@contextmanager
def released(claim: Claim) -> Iterator[Claim]:
    """Release a claim at the end."""
    try:
        yield claim
    finally:
        claim.release()


@cache
def machine_name() -> str:
    """Return what tells this machine, since it was started, from others, as far as it sees processes."""
    parts = [platform.node(), f"{uuid.getnode():x}"]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            parts.append(os.readlink(path) if path.endswith("/pid") else Path(path).read_text("ascii").strip())
    return f"{uuid.uuid5(uuid.NAMESPACE_OID, ' '.join(parts))}"


def _mark(path: Path, content: bytes) -> str:
    """Return what tells a claim that stands still."""
    return f"{path.name}:{hashlib.sha256(content).hexdigest()[:16]}"


def _record_of(content: bytes) -> dict:
    """Return what a claim says; nothing while it is being written for the first time."""
    try:
        record = json.loads(content)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _is_alive(pid: int) -> bool:
    """Return whether there is a process of this number; where the system is not asked safely, there may be."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Files fetched from their official addresses; the job of a worker process on any Python. Standard library only."""

import http.client
import os
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..capture.protocol import Done, Message, Progress
from ..capture.worker import run_job
from ..errors import ModelError
from .catalog import sha256_of

TIMEOUT_S = 20.0  # without a byte
TRIES = 4  # in a row that bring nothing
PAUSE_S = 2.0  # before the second try; twice as long before each further one
CHUNK_BYTES = 1 << 16
PROGRESS_S, PROGRESS_BYTES = 0.1, 1 << 17  # between two messages, whichever comes first; at each a stop is heeded
TEMPORARY_CODES = (408, 425, 429, 500, 502, 503, 504)  # of HTTP: another try may help
RANGE_REFUSED = 416
USER_AGENT = "smirk-blender"
NEXT_STEP = "Look for a newer version of this add-on, or for a proxy that answers in the address's place"
BY_HAND = "Or open its page, fetch it by hand and locate it"


@dataclass(frozen=True)
class Wanted:
    """A file to fetch.

    Attributes:
        have: a copy that may lie on this computer already; taken if it is the right one.
    """

    url: str
    sha256: str
    size_bytes: int
    destination: str
    have: str = ""

    @property
    def part(self) -> Path:
        """Where it is while it is incomplete; kept by a stop, so that the next download goes on there."""
        return Path(self.destination + ".part")


def download(files: list[dict], pause_s: float = PAUSE_S, timeout_s: float = TIMEOUT_S) -> Iterator[Message]:
    """Fetch files, yielding progress in kB; the last message is `Done`. Those that are there already are left alone.

    Args:
        files: the fields of `Wanted` of each.
    Raises:
        ModelError: no connection, another file than expected, or one that cannot be written.
    """
    wanted = [Wanted(**fields) for fields in files]
    total_bytes = sum(file.size_bytes for file in wanted)
    before_bytes = 0
    for file in wanted:
        for received_bytes in _fetch(file, pause_s, timeout_s):
            yield Progress((before_bytes + received_bytes) // 1000, total_bytes // 1000, "download")
        before_bytes += file.size_bytes
        yield Progress(before_bytes // 1000, total_bytes // 1000, "download")
    yield Done([file.destination for file in wanted])


def _fetch(file: Wanted, pause_s: float, timeout_s: float) -> Iterator[int]:
    """Put a file where it is wanted, yielding the bytes that have come."""
    if _is(file, file.destination):
        return
    try:
        Path(file.destination).parent.mkdir(parents=True, exist_ok=True)
        if _is(file, file.have):
            shutil.copyfile(file.have, file.part)
        else:
            resumed = _size(file.part) > 0
            yield from _receive_all(file, pause_s, timeout_s)
            if resumed and sha256_of(file.part) != file.sha256:  # the part may have been another file's
                file.part.unlink()
                yield from _receive_all(file, pause_s, timeout_s)
        digest = sha256_of(file.part)
        if digest != file.sha256:
            file.part.unlink()
            raise ModelError(
                f"{file.url} gave another file than expected: sha256 {digest}, not {file.sha256}. Nothing was kept. "
                f"{NEXT_STEP}"
            )
        os.replace(file.part, file.destination)
    except OSError as error:
        raise ModelError(
            f"Cannot write {file.destination}: {error.strerror or error}. Make room, or choose another folder"
        ) from error


def _is(file: Wanted, path: str) -> bool:
    try:
        return bool(path) and os.path.getsize(path) == file.size_bytes and sha256_of(path) == file.sha256
    except OSError:  # not there, or not to be read: then it is fetched
        return False


def _receive_all(file: Wanted, pause_s: float, timeout_s: float) -> Iterator[int]:
    """Fill the part file, with as many tries as it takes as long as each brings something."""
    tries = 0
    while (start_bytes := _size(file.part)) != file.size_bytes:
        fault = yield from _receive(file, timeout_s)
        tries = 1 if _size(file.part) > start_bytes else tries + 1
        if fault and tries >= TRIES:
            raise ModelError(f"No connection to {_host(file)}: {fault}. Check the network, and try again. {BY_HAND}")
        if fault:
            time.sleep(pause_s * 2 ** (tries - 1))


def _receive(file: Wanted, timeout_s: float) -> Iterator[int]:
    """Go on where the part file ends, yielding the bytes that have come; return what cut it short, or ""."""
    offset = _size(file.part)
    if offset > file.size_bytes:
        file.part.unlink()
        offset = 0
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(file.url, headers=headers), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        return _after_refusal(file, error)
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        return _reason(file, error)
    with response:
        if not _goes_on(response, offset):
            offset = 0
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and offset + int(length) != file.size_bytes:
            file.part.unlink(missing_ok=True)
            raise ModelError(f"{file.url} is {offset + int(length)} bytes now, not {file.size_bytes}. {NEXT_STEP}")
        with open(file.part, "r+b" if offset else "wb") as part:
            part.seek(offset)
            return (yield from _copy(file, response, part, offset))


def _copy(file: Wanted, response: http.client.HTTPResponse, part, offset: int) -> Iterator[int]:
    """Copy until the file is complete; return what cut it short, or ""."""
    told_s, told_bytes = time.monotonic(), offset
    while offset < file.size_bytes:
        try:
            chunk = response.read1(min(CHUNK_BYTES, file.size_bytes - offset))
        except (OSError, http.client.HTTPException) as error:
            return _reason(file, error)
        if not chunk:
            return f"the connection ended {file.size_bytes - offset} bytes early"
        part.write(chunk)
        part.flush()
        offset += len(chunk)
        if time.monotonic() - told_s > PROGRESS_S or offset - told_bytes >= PROGRESS_BYTES:
            told_s, told_bytes = time.monotonic(), offset
            yield offset
    return ""


def _goes_on(response: http.client.HTTPResponse, offset: int) -> bool:
    """Return whether an answer continues at this byte, rather than starting over."""
    span = response.headers.get("Content-Range", "")
    return response.status == http.client.PARTIAL_CONTENT and span.startswith(f"bytes {offset}-")


def _after_refusal(file: Wanted, error: urllib.error.HTTPError) -> str:
    """Return why another try may help.

    Raises:
        ModelError: none would.
    """
    if error.code == RANGE_REFUSED:
        file.part.unlink(missing_ok=True)
    elif error.code not in TEMPORARY_CODES:
        raise ModelError(f"{file.url} is not to be had: {error.code} {error.reason}. {BY_HAND}")
    return f"{error.code} {error.reason}"


def _reason(file: Wanted, error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise ModelError(
            f"The certificate of {_host(file)} cannot be verified ({reason.verify_message}). Check this computer's "
            f"clock, and whether a proxy or a virus scanner reads along. {BY_HAND}"
        ) from error
    return str(reason) or type(error).__name__


def _host(file: Wanted) -> str:
    return urllib.parse.urlsplit(file.url).netloc


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    run_job(download, sys.argv[1:])

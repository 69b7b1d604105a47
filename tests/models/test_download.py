"""Files are fetched whole or not at all, over connections of every kind."""

import hashlib
import random
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request

import pytest

from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import Done, Progress
from smirk_blender.errors import ModelError
from smirk_blender.models.download import download
from tests.models.server import FileServer

CONTENT = random.Random(4).randbytes(300_000)
PAUSE_S = 0.001


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def wanted(server, tmp_path, **changes):
    """Return the file as the catalog would describe it."""
    fields = dict(
        url=server.url,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        destination=str(tmp_path / "models" / "file.bin"),
    )
    return fields | changes


def fetch(fields, **options):
    return list(download([fields], pause_s=PAUSE_S, **options))


def fetched(tmp_path):
    """Return the bytes that have arrived, having looked that nothing else lies there."""
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["file.bin"]
    return (tmp_path / "models" / "file.bin").read_bytes()


def leave_part(tmp_path, content):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "file.bin.part").write_bytes(content)


def test_a_file_arrives_whole(tmp_path):
    with FileServer(CONTENT) as server:
        messages = fetch(wanted(server, tmp_path))
    assert messages[-1] == Done([str(tmp_path / "models" / "file.bin")])
    progress = [message.video_frame for message in messages[:-1]]  # kB
    assert progress == sorted(progress) and 0 < progress[0] < 300
    assert messages[-2] == Progress(300, 300, "download")
    assert fetched(tmp_path) == CONTENT


def test_a_file_that_is_there_is_not_fetched_again(tmp_path):
    with FileServer(CONTENT) as server:
        fetch(wanted(server, tmp_path))
        fetch(wanted(server, tmp_path))
    assert len(server.seen_ranges) == 1


def test_a_copy_on_this_computer_is_taken_instead(tmp_path):
    (tmp_path / "mine.bin").write_bytes(CONTENT)
    with FileServer(CONTENT) as server:
        fetch(wanted(server, tmp_path, have=str(tmp_path / "mine.bin")))
    assert server.seen_ranges == [] and fetched(tmp_path) == CONTENT


def test_a_wrong_copy_on_this_computer_is_not_taken(tmp_path):
    (tmp_path / "mine.bin").write_bytes(CONTENT[::-1])
    with FileServer(CONTENT) as server:
        fetch(wanted(server, tmp_path, have=str(tmp_path / "mine.bin")))
    assert server.seen_ranges == [""] and fetched(tmp_path) == CONTENT


def test_a_cut_connection_is_taken_up_where_it_ended(tmp_path):
    with FileServer(CONTENT, cut_after=[100_000, 50_000, 1, 1, 1, 1, 1]) as server:  # more often than tries are allowed
        fetch(wanted(server, tmp_path))
    starts = [0, 100_000, 150_000, 150_001, 150_002, 150_003, 150_004, 150_005]
    assert server.seen_ranges == [f"bytes={start}-" if start else "" for start in starts]
    assert fetched(tmp_path) == CONTENT


def test_a_download_goes_on_after_a_stop(tmp_path):
    leave_part(tmp_path, CONTENT[:200_000])
    with FileServer(CONTENT) as server:
        fetch(wanted(server, tmp_path))
    assert server.seen_ranges == ["bytes=200000-"] and fetched(tmp_path) == CONTENT


@pytest.mark.parametrize("part", [b"x" * 200_000, b"x" * 300_000, b"x" * 300_001], ids=["shorter", "as long", "longer"])
def test_a_part_of_another_file_is_fetched_anew(tmp_path, part):
    leave_part(tmp_path, part)
    with FileServer(CONTENT) as server:
        fetch(wanted(server, tmp_path))
    assert fetched(tmp_path) == CONTENT


def test_a_server_that_ignores_ranges_starts_over(tmp_path):
    leave_part(tmp_path, b"x" * 200_000)
    with FileServer(CONTENT, ranges=False) as server:
        fetch(wanted(server, tmp_path))
    assert server.seen_ranges == ["bytes=200000-"] and fetched(tmp_path) == CONTENT


def test_wrong_bytes_are_not_kept(tmp_path):
    with FileServer(CONTENT[::-1]) as server:
        with pytest.raises(ModelError) as error:
            fetch(wanted(server, tmp_path))
    assert hashlib.sha256(CONTENT).hexdigest() in str(error.value)
    assert hashlib.sha256(CONTENT[::-1]).hexdigest() in str(error.value)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_file_of_another_size_is_refused_before_it_is_fetched(tmp_path):
    with FileServer(CONTENT + b"more") as server:
        with pytest.raises(ModelError, match="is 300004 bytes now, not 300000"):
            fetch(wanted(server, tmp_path))
    assert list((tmp_path / "models").iterdir()) == []


def test_a_missing_file_is_asked_for_once(tmp_path):
    with FileServer(CONTENT, codes=[404]) as server:
        with pytest.raises(ModelError, match="404 Not Found"):
            fetch(wanted(server, tmp_path))
    assert len(server.seen_ranges) == 1


def test_a_busy_server_is_asked_again(tmp_path):
    with FileServer(CONTENT, codes=[503, 429]) as server:
        fetch(wanted(server, tmp_path))
    assert fetched(tmp_path) == CONTENT


def test_a_server_that_is_not_there_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fields = dict(url=f"http://127.0.0.1:{port}/f", sha256="0", size_bytes=1, destination=str(tmp_path / "f"))
    with pytest.raises(ModelError, match=f"No connection to 127.0.0.1:{port}"):
        fetch(fields)


def test_a_server_that_falls_silent_is_given_up(tmp_path):
    with FileServer(CONTENT, hang_after=0) as server:
        with pytest.raises(ModelError, match="timed out"):
            fetch(wanted(server, tmp_path), timeout_s=0.1)


def test_a_certificate_that_cannot_be_verified_is_told_at_once(tmp_path, monkeypatch):
    tries = []

    def refuse(*arguments, **options):
        tries.append(arguments)
        error = ssl.SSLCertVerificationError()
        error.verify_message = "self-signed certificate"
        raise urllib.error.URLError(error)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(ModelError, match="certificate of example.org cannot be verified .self-signed"):
        fetch(dict(url="https://example.org/f", sha256="0", size_bytes=1, destination=str(tmp_path / "f")))
    assert len(tries) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "models").write_text("a file where the folder should be")
    with FileServer(CONTENT) as server:
        with pytest.raises(ModelError, match="Cannot write .*file.bin"):
            fetch(wanted(server, tmp_path))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full, the disk that is always full, is Linux's")
def test_a_full_disk_is_reported(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "file.bin.part").symlink_to("/dev/full")
    with FileServer(CONTENT) as server:
        with pytest.raises(ModelError, match="No space left on device. Make room"):
            fetch(wanted(server, tmp_path))


def test_several_files_count_as_one_download(tmp_path):
    with FileServer(CONTENT) as server:
        files = [wanted(server, tmp_path, destination=str(tmp_path / "models" / name)) for name in ("a", "b")]
        messages = list(download(files))
    counts = [message.video_frame for message in messages[:-1]]
    assert counts == sorted(counts) and counts[-1] == 600  # kB
    assert {message.num_frames for message in messages[:-1]} == {600}


def test_a_stopped_download_keeps_its_part(tmp_path):
    with FileServer(CONTENT, hang_after=100_000) as server:
        job = Job(sys.executable, "models.download", {"files": [wanted(server, tmp_path)]}, tmp_path / "log")
        part = tmp_path / "models" / "file.bin.part"
        deadline_s = time.monotonic() + 20.0
        while not (part.exists() and part.stat().st_size == 100_000) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        job.close()
    assert part.read_bytes() == CONTENT[:100_000]

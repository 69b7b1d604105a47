"""What Blender knows about an installation, where some of it cannot be found out: said, and the rest is told."""

from collections import namedtuple
from pathlib import Path

import pytest

from smirk_blender.ui import surroundings


@pytest.fixture
def found(monkeypatch, tmp_path):
    """Return a function that looks around and returns the findings by subject; takes go to the test's own folder."""
    monkeypatch.setattr(surroundings, "takes_folder", lambda: tmp_path / "takes")
    whole = {line.subject for line in surroundings.look_around()}

    def look():
        lines = {line.subject: line for line in surroundings.look_around()}
        assert lines.keys() == whole and len(whole) > 12
        return lines

    return look


def refuse(*_):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version = ", " cannot be read: "),
        (b"\0" * 400, " cannot be read: "),
        (b"\xff\xfe", " cannot be read: "),
        (b'id = "smirk_blender"\n', " names no version. "),
        (b"", " names no version. "),
    ],
)
def test_a_damaged_manifest_is_a_reason_to_install_again(found, monkeypatch, tmp_path, content, what):
    manifest = tmp_path / "blender_manifest.toml"
    manifest.write_bytes(content)
    monkeypatch.setattr(surroundings, "PACKAGE", tmp_path)
    line = found()["Add-on"]
    assert line.state == "bad" and line.text.startswith(f"{manifest}{what}")
    assert line.text.endswith("Install the add-on again")


def test_a_folder_that_nobody_may_look_into_is_named(found, monkeypatch, tmp_path):
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: refuse() if path == tmp_path / "takes" else is_dir(path))
    line = found()["Takes Folder"]
    assert (line.state, line.text) == (
        "bad",
        f"{tmp_path / 'takes'} cannot be written: Permission denied. Choose other folders in the add-on's preferences",
    )


def test_a_disk_that_does_not_tell_its_room_is_no_fault(found, monkeypatch, tmp_path):
    monkeypatch.setattr(surroundings.shutil, "disk_usage", refuse)
    line = found()["Takes Folder"]
    text = f"{tmp_path / 'takes'}, made when it is needed; its free space is not told: Permission denied"
    assert (line.state, line.text) == ("warning", text)
    monkeypatch.setattr(surroundings.shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(5_000_000))
    assert found()["Takes Folder"].text.endswith("5.0 MB free, made when it is needed. Make room: long clips need more")


def test_what_the_system_refuses_otherwise_is_a_finding(found, monkeypatch):
    monkeypatch.setattr(surroundings, "memory_bytes", refuse)
    line = found()["Processor"]
    assert line.state == "bad" and line.text == "cannot be told: PermissionError: [Errno 13] Permission denied"

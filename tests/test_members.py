"""The files in a wheel: names that lead out of it, paths that Windows cannot hold, licences."""

import csv
import io
import os
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from addon_manifest.blender import ExtensionTool
from addon_manifest.check import inspect
from addon_manifest.extension import Kind, build
from addon_manifest.licences import PARTS_ELSEWHERE, licence_files, read_papers
from tests.wheel_files import WINDOWS, full_set, make_index, make_wheel
from wheels import BuildError, fetch
from wheels.fetch import describe
from wheels.lock import SOLVING, TORCH, read_lock, write_lock
from wheels.members import LONGEST_FILE, LONGEST_FOLDER, UNPACKED, as_packed, sha256, too_long, trim

ROOM = LONGEST_FILE - len(UNPACKED)  # for a path in a wheel
DEEP = "torch-2.0.dist-info/licenses/" + "third_party/" * 12 + "LICENSE.txt"


def add(path, **files: str) -> None:
    """Add files to a wheel and to its RECORD, named with ___ for each slash."""
    named = {name.replace("___", "/"): text for name, text in files.items()}
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    record = next(name for name in content if name.endswith("/RECORD"))
    content[record] += "".join(f"{name},sha256=x,{len(text)}\r\n" for name, text in named.items()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**content, **named}.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)


@pytest.fixture
def deep(tmp_path):
    """A wheel for Windows with a licence whose path is too long there."""
    path = make_wheel(tmp_path / "published", "torch", "2.0", f"cp311-cp311-{WINDOWS}")
    add(path, **{DEEP: "Of a library far below"})
    return path


def test_paths_fit_up_to_windows_limits():
    names = ["f" * ROOM, "f" * (ROOM + 1), "d" * (ROOM - 12) + "/f", "d" * (ROOM - 11) + "/f"]
    assert too_long(names) == [names[1], names[3]]
    assert len(UNPACKED) + ROOM - 12 == LONGEST_FOLDER


def test_a_licence_whose_path_is_too_long_is_left_out_with_its_line(deep, tmp_path):
    trimmed = trim(deep, tmp_path)
    with zipfile.ZipFile(deep) as before, zipfile.ZipFile(trimmed) as after:
        assert set(before.namelist()) - set(after.namelist()) == {DEEP} and not after.testzip()
        assert len(after.namelist()) == len(set(after.namelist()))
        record = "torch-2.0.dist-info/RECORD"
        assert after.read(record).decode() == before.read(record).decode().replace(f"{DEEP},sha256=x,22\r\n", "")
        assert {row[0] for row in csv.reader(io.StringIO(after.read(record).decode()))} == set(after.namelist())
        for name in set(after.namelist()) - {record}:
            assert after.read(name) == before.read(name)
    (tmp_path / "again").mkdir()
    assert trim(deep, tmp_path / "again").read_bytes() == trimmed.read_bytes()


def test_a_wheel_that_fits_is_packed_as_it_was_published(tmp_path):
    path = make_wheel(tmp_path / "published", "torch", "2.0", f"cp311-cp311-{WINDOWS}")
    assert trim(path, tmp_path) is None and not (tmp_path / path.name).exists()


def test_another_file_whose_path_is_too_long_is_named(deep, tmp_path):
    add(deep, **{"torch___" + "a" * ROOM + ".py": "pass"})
    with pytest.raises(BuildError, match="too long for Windows.*torch/aaa"):
        trim(deep, tmp_path)


def test_a_locked_wheel_is_held_against_the_hash_of_what_is_packed(deep, tmp_path):
    wheel = describe(deep, TORCH)
    with pytest.raises(BuildError, match="is not what was locked.*--relock"):
        as_packed({wheel: deep}, "windows-x64", tmp_path)
    ((packed, path),) = as_packed({replace(wheel, pinned=False): deep}, "windows-x64", tmp_path).items()
    assert packed.packed_sha256 == sha256(path) != packed.sha256 == wheel.sha256
    locked = replace(wheel, packed_sha256=packed.packed_sha256)
    assert as_packed({locked: deep}, "windows-x64", tmp_path) == {locked: path}
    with pytest.raises(BuildError, match="is not what was locked"):
        as_packed({locked: deep}, "linux-x64", tmp_path)


def test_a_package_for_windows_has_no_path_that_is_too_long_and_all_licences(deep, tmp_path, monkeypatch):
    everything = full_set(tmp_path / "set", platform=WINDOWS)
    wheels = {wheel: path for wheel, path in everything.items() if wheel.part == SOLVING}
    by_name = {wheel.name: wheel.sha256 for wheel in wheels}
    packed = next(iter(as_packed({replace(describe(deep, TORCH), pinned=False): deep}, "windows-x64", tmp_path)))
    torch = replace(packed, pinned=True)
    monkeypatch.setattr("addon_manifest.check.read_lock", lambda *path: {("3.11", "windows-x64"): (*wheels, torch)})
    kind = Kind("full", "3.11", "windows-x64")
    built = build(kind, wheels | {torch: deep}, tmp_path, ExtensionTool(Path(sys.executable)))
    found = {wheel.name: wheel.sha256 for wheel in inspect(built).wheels}
    assert found["torch"] == torch.packed_sha256 and found["scipy"] == by_name["scipy"]
    with zipfile.ZipFile(built) as archive:
        assert "Of a library far below" in archive.read("licenses/torch-2.0.txt").decode()
        content = {name: archive.read(name) for name in archive.namelist()}
    content[f"wheels/{deep.name}"] = deep.read_bytes()  # as it was published
    content["wheels.json"] = content["wheels.json"].replace(torch.packed_sha256.encode(), torch.sha256.encode())
    with zipfile.ZipFile(built, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    with pytest.raises(BuildError, match="too long for Windows: torch-2.0.dist-info"):
        inspect(built)


def test_locking_writes_down_the_hash_of_what_is_packed(deep, tmp_path, monkeypatch):
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", make_index(tmp_path / "index", deep))
    monkeypatch.setattr(fetch, "REQUIREMENTS", {"3.11": {TORCH: ("torch==2.0",)}})
    monkeypatch.setattr(fetch, "PLATFORMS", ("windows-x64",))
    locked = fetch.relock([sys.executable, "-m", "pip"], tmp_path / "wheels")
    write_lock(locked, tmp_path / "lock.toml")
    ((wheel,),) = read_lock(tmp_path / "lock.toml").values()
    assert (wheel.sha256, wheel.packed_sha256) == (sha256(deep), sha256(trim(deep, tmp_path)))
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == [deep.name]


def test_the_lock_has_the_hash_of_each_trimmed_wheel():
    trimmed = {wheel.name for (_, platform), wheels in read_lock().items() for wheel in wheels if wheel.packed_sha256}
    elsewhere = [platform for (_, platform), wheels in read_lock().items() if any(w.packed_sha256 for w in wheels)]
    assert trimmed == {"torch"} and set(elsewhere) == {"windows-x64"}


def test_the_texts_of_a_package_are_one_file_and_the_index_says_where_its_parts_are_named(tmp_path):
    native = make_wheel(tmp_path, "torch", "2.0+cpu", f"cp311-cp311-{WINDOWS}", lib__dll="x")
    pure = make_wheel(tmp_path, "attrs")
    files = licence_files([native, pure])
    assert list(files) == ["licenses/README.txt", "licenses/torch-2.0+cpu.txt", "licenses/attrs-1.0.txt"]
    torch, attrs = files["licenses/README.txt"].decode().split("\ntorch 2.0+cpu\n")[1].split("\nattrs 1.0\n")
    assert PARTS_ELSEWHERE in torch and PARTS_ELSEWHERE not in attrs


@pytest.mark.parametrize(
    "name", ["x-1.0.dist-info/licenses/../../../SLIPPED/LICENSE", "/etc/LICENSE", "C:/LICENSE", "a\\..\\LICENSE"]
)
def test_a_wheel_that_writes_outside_its_folder_is_refused(tmp_path, name):
    path = make_wheel(tmp_path, "x")
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("LICENSE")
        info.filename = name  # as it is, not as this system would write it
        archive.writestr(info, "x")
    for refuse in (read_papers, lambda path: as_packed({describe(path, SOLVING): path}, "linux-x64", tmp_path)):
        with pytest.raises(BuildError, match="does not stay in its folder"):
            refuse(path)


@pytest.mark.parametrize(("name", "version"), [("../../x", "1.0"), ("x", "1.0/../.."), ("y", "1.0"), ("x", "1.1")])
def test_a_wheel_that_says_it_is_another_is_refused(tmp_path, name, version):
    path = make_wheel(tmp_path, "x")
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    files["x-1.0.dist-info/METADATA"] = f"Name: {name}\nVersion: {version}\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    assert path.read_bytes() != content
    with pytest.raises(BuildError, match="says inside that it is"):
        licence_files([path])

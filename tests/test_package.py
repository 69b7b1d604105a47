"""Packages of the add-on, made of small made-up wheels by Blender's own tool."""

import hashlib
import json
import os
import shutil
import sys
import time
import tomllib
import zipfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

import build
from addon_manifest import check, extension, make
from addon_manifest.blender import ExtensionTool
from addon_manifest.check import inspect
from addon_manifest.extension import LIGHT, Kind, kind_of, manifest_text, pack, zip_name
from addon_manifest.licences import licence_files
from tests.conftest import REPOSITORY
from tests.wheel_files import LINUX, WINDOWS, full_set, make_index, make_wheel
from wheels import BuildError
from wheels.fetch import describe
from wheels.lock import MISSING, PARTS, TORCH

FULL = Kind("full", "3.11", "linux-x64")
VERSION = tomllib.loads((REPOSITORY / "addon_manifest" / "blender_manifest.toml").read_text("utf-8"))["version"]
STEM = f"smirk_blender-{VERSION}"


@pytest.fixture(scope="session")
def tool() -> ExtensionTool:
    return ExtensionTool(Path(sys.executable))


@pytest.fixture
def locked(monkeypatch, tmp_path):
    """The made-up wheels of a full package with their files; they are what the lock names."""
    wheels = full_set(tmp_path / "locked")
    monkeypatch.setattr(check, "read_lock", lambda *path: {("3.11", "linux-x64"): tuple(wheels)})
    return wheels


@pytest.fixture
def full(tmp_path, tool, locked) -> Path:
    """A full package of made-up wheels."""
    return extension.build(FULL, locked, tmp_path, tool)


def rewrite(path: Path, **changes: bytes | None) -> None:
    """Change files of a zip, named with __ for each dot and ___ for each slash; None leaves one out."""
    named = {name.replace("___", "/").replace("__", "."): content for name, content in changes.items()}
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()} | named
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)


def test_a_full_package_has_its_wheels_manifest_licences_and_list(full, locked, tool):
    tool.validate(full)
    assert full.name == f"{STEM}-full-linux_x64-blender_4.2_to_5.0.zip"
    archive = zipfile.ZipFile(full)
    manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["platforms"] == ["linux-x64"] and manifest["version"] == VERSION
    assert (manifest["blender_version_min"], manifest["blender_version_max"]) == ("4.2.0", "5.1.0")
    assert sorted(manifest["wheels"]) == sorted(f"./wheels/{wheel.file}" for wheel in locked)
    for wheel, path in locked.items():
        info = archive.getinfo(f"wheels/{wheel.file}")
        assert archive.read(info) == path.read_bytes() and info.compress_type == zipfile.ZIP_STORED
    listed = json.loads(archive.read("wheels.json"))
    assert (listed["size"], listed["python"], listed["platform"]) == ("full", "3.11", "linux-x64")
    assert {entry["file"]: entry["sha256"] for entry in listed["wheels"]} == {w.file: w.sha256 for w in locked}
    texts = archive.read("licenses/scipy-1.0.txt").decode()
    assert "===== scipy-1.0.dist-info/licenses/LICENSE =====\n\nThe licence of scipy\n" in texts
    assert "===== scipy/COPYING.txt =====\n\nOf a library inside\n" in texts
    assert {name for name in archive.namelist() if name.startswith("licenses/")} == {"licenses/README.txt"} | {
        f"licenses/{wheel.name}-{wheel.version}.txt" for wheel in locked
    }
    index = archive.read("licenses/README.txt").decode()
    assert "\ntorch 2.0+cpu\n  MIT\n  https://pypi.org/project/torch\n  1 text: torch-2.0+cpu.txt\n" in index
    contents = inspect(full)
    assert contents.kind == FULL and len(contents.wheels) == 4 and contents.zip_bytes == full.stat().st_size
    unpacked = [sum(info.file_size for info in zipfile.ZipFile(path).infolist()) for path in locked.values()]
    own = sum(info.file_size for info in archive.infolist() if not info.filename.endswith(".whl"))
    kept = sum(path.stat().st_size for path in locked.values())
    assert contents.installed_bytes == own + kept + sum(unpacked)


@pytest.mark.parametrize(
    ("kind", "name", "fields"),
    [
        (LIGHT, "light", {"blender_version_min": "4.2.0"}),
        (
            Kind("landmarks", "3.11", "macos-arm64"),
            "landmarks-macos_arm64-blender_4.2_to_5.0",
            {
                "blender_version_min": "4.2.0",
                "blender_version_max": "5.1.0",
                "platforms": ["macos-arm64"],
                "wheels": [],
            },
        ),
        (
            Kind("full", "3.13", "windows-x64"),
            "full-windows_x64-blender_5.1_on",
            {"blender_version_min": "5.1.0", "platforms": ["windows-x64"], "wheels": []},
        ),
    ],
)
def test_a_manifest_says_where_a_package_runs(kind, name, fields):
    manifest, source = tomllib.loads(manifest_text(kind, [])), tomllib.loads(manifest_text(LIGHT, []))
    assert zip_name(kind) == f"{STEM}-{name}.zip"
    varying = ("blender_version_min", "blender_version_max", "platforms", "wheels")
    assert {field: manifest[field] for field in varying if field in manifest} == fields
    assert {field: value for field, value in manifest.items() if field not in varying} == {
        field: value for field, value in source.items() if field not in varying
    }


@pytest.mark.parametrize(
    ("blender", "python"), [("4.2", "3.11"), ("4.5.15", "3.11"), ("5.0", "3.11"), ("5.1", "3.13"), ("6.0", "3.13")]
)
def test_each_blender_has_its_python(blender, python):
    assert kind_of("full", blender, "linux-x64") == Kind("full", python, "linux-x64")


@pytest.mark.parametrize(("blender", "says"), [("4.1", "has no extensions"), ("new", "no version of Blender")])
def test_a_blender_without_extensions_is_refused(blender, says):
    with pytest.raises(BuildError, match=says):
        kind_of("full", blender, "linux-x64")


def test_the_same_inputs_give_the_same_bytes_anywhere(monkeypatch, tmp_path, tool):
    built, light = [], []
    for number, (zone, mask) in enumerate([("UTC", 0o022), ("Asia/Kathmandu", 0o077)]):
        folder = tmp_path / str(number)
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        before = os.umask(mask)
        try:
            sources = sorted(extension.ADDON.rglob("*"), reverse=bool(number))
            for source in (path for path in sources if path.is_file() and "__pycache__" not in path.parts):
                copy = folder / "sources" / "addon" / source.relative_to(extension.ADDON)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                os.utime(copy, (1e9 + number * 1e7,) * 2)
            shutil.copyfile(extension.ROOT / "LICENSE", folder / "sources" / "LICENSE")
            (folder / "out").mkdir()
            with monkeypatch.context() as patch:
                patch.setattr(extension, "ROOT", folder / "sources")
                patch.setattr(extension, "ADDON", folder / "sources" / "addon")
                built.append(extension.build(FULL, full_set(folder / "wheels"), folder / "out", tool).read_bytes())
                light.append(pack(folder / "out").read_bytes())
        finally:
            os.umask(before)
    monkeypatch.undo()
    time.tzset()
    assert built[0] == built[1] and light[0] == light[1]


def test_the_light_package_is_what_blenders_builder_makes(tmp_path, tool):
    (tmp_path / "built").mkdir()
    light, built = pack(tmp_path), extension.build(LIGHT, {}, tmp_path / "built", tool)
    assert light.name == built.name == f"{STEM}-light.zip" and light.read_bytes() == built.read_bytes()
    tool.validate(light)
    archive = zipfile.ZipFile(light)
    assert {"LICENSE", "__init__.py", "ui/solve.py", "sample/sample.mp4"} <= set(archive.namelist())
    assert not [name for name in archive.namelist() if "__pycache__" in name or name.startswith(("tests", "licenses"))]
    listed = json.loads(archive.read("wheels.json"))
    names = set(archive.namelist()) - {"wheels.json"}
    hashes = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}
    assert listed == {"size": "light", "python": None, "platform": None, "wheels": [], "files": hashes}
    assert inspect(light).wheels == ()


def test_a_package_that_cannot_be_made_leaves_nothing(monkeypatch, tmp_path, tool, locked):
    broken = extension._manifest_source().replace('reports and caches"', 'reports and caches."')
    assert broken != extension._manifest_source()
    monkeypatch.setattr(extension, "_manifest_source", lambda: broken)
    (tmp_path / "out").mkdir()
    with pytest.raises(BuildError, match='(?s)would not build.*value of "files".*must not end with punctuation'):
        extension.build(FULL, locked, tmp_path / "out", tool)
    assert not list((tmp_path / "out").iterdir())


def test_a_tag_that_blender_does_not_know_is_refused(monkeypatch, tmp_path, tool, locked):
    changed = extension._manifest_source().replace('"Rigging"', '"Faces"')
    monkeypatch.setattr(extension, "_manifest_source", lambda: changed)
    with pytest.raises(BuildError, match='"Faces"'):
        extension.build(FULL, locked, tmp_path, tool)


def test_licences_that_a_wheel_lacks_are_said_to_be_missing(tmp_path):
    path = make_wheel(tmp_path, "bare", needs=())
    rewrite(path, **{"bare-1__0__dist-info___licenses___LICENSE": None})
    files = licence_files([path])
    assert list(files) == ["licenses/README.txt"] and b"no text in the package" in files["licenses/README.txt"]


def test_a_truncated_package_is_named(full):
    whole = full.read_bytes()
    for length in (0, 1000, len(whole) // 2, len(whole) - 10):
        full.write_bytes(whole[:length])
        with pytest.raises(BuildError, match=f"{full.name} is no whole zip .*Build it again"):
            inspect(full)
    with pytest.raises(BuildError, match="No package at"):
        inspect(full.with_name("none.zip"))


def test_a_flipped_bit_is_found(full, locked):
    content = bytearray(full.read_bytes())
    place = content.find(b"NAME = 'scipy'")
    content[place] ^= 1
    full.write_bytes(content)
    with pytest.raises(BuildError, match=r"is damaged: wheels/scipy.*\.whl .*checksum"):
        inspect(full)


def test_a_changed_wheel_is_found(full, locked):
    torch = next(wheel for wheel in locked if wheel.name == "torch")
    rewrite(full, **{f"wheels___{torch.file.replace('.', '__')}": b"something else"})
    with pytest.raises(BuildError, match=rf"torch.* was changed: its SHA-256 is \w{{64}}, expected {torch.sha256}"):
        inspect(full)


def test_a_wheel_that_was_changed_together_with_the_list_is_found(full, locked):
    torch = next(wheel for wheel in locked if wheel.name == "torch")
    other = make_wheel(full.parent, "torch", "2.0+cpu", f"cp311-cp311-{LINUX}", needs=("something",))
    listed = zipfile.ZipFile(full).read("wheels.json").decode().replace(torch.sha256, describe(other, TORCH).sha256)
    rewrite(full, **{f"wheels___{torch.file.replace('.', '__')}": other.read_bytes(), "wheels__json": listed.encode()})
    with pytest.raises(BuildError, match=r"torch.* is not the one that lock.toml names"):
        inspect(full)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("cli.py", b"import os", r"cli.py in .* was changed: its SHA-256 is \w{64}"),
        ("cli.py", None, "The files in .* are not those in its wheels.json: cli.py"),
        ("added.py", b"import os", "The files in .* are not those in its wheels.json: added.py"),
        ("../added.py", b"import os", "does not stay in its folder"),
        ("d" * 80 + "/" + "f" * 80, b"", "too long for Windows"),
    ],
)
def test_a_changed_file_of_the_addons_own_is_found(tmp_path, file, content, says):
    path = pack(tmp_path)
    rewrite(path, **{file: content})
    with pytest.raises(BuildError, match=says):
        inspect(path)


@pytest.mark.parametrize("size", ["full", "landmarks"])
def test_only_torch_and_what_it_brings_may_be_another_than_the_locks(tmp_path, tool, locked, size):
    kind, parts = Kind(size, "3.11", "linux-x64"), PARTS[size]
    wheels = {wheel: path for wheel, path in locked.items() if wheel.part in parts}
    library = make_wheel(tmp_path, "cuda-runtime")
    brought = {replace(describe(library, TORCH), pinned=False): library}
    if size == "full":
        torch = next(wheel for wheel in wheels if wheel.name == "torch")
        others = {wheel: path for wheel, path in wheels.items() if wheel != torch}
        built = extension.build(kind, others | brought | {replace(torch, pinned=False): wheels[torch]}, tmp_path, tool)
        assert {wheel.name for wheel in inspect(built).wheels if not wheel.pinned} == {"cuda-runtime", "torch"}
        scipy = next(wheel for wheel in wheels if wheel.name == "scipy")
        wheels = {replace(wheel, pinned=wheel != scipy): path for wheel, path in wheels.items()}
    else:
        wheels |= brought
    with pytest.raises(BuildError, match="is not pinned, which PyTorch alone may be"):
        inspect(extension.build(kind, wheels, tmp_path, tool))


def test_a_missing_wheel_is_found(full, locked, tmp_path, tool):
    torch = next(wheel for wheel in locked if wheel.name == "torch")
    rewrite(full, **{f"wheels___{torch.file.replace('.', '__')}": None})
    with pytest.raises(BuildError, match=r"The wheels in .* are not those in its wheels.json: torch"):
        inspect(full)
    fewer = {wheel: path for wheel, path in locked.items() if wheel != torch}
    with pytest.raises(BuildError, match="lacks torch"):
        inspect(extension.build(FULL, fewer, tmp_path, tool))


@pytest.mark.parametrize(
    ("python", "platform", "says"), [("313", LINUX, "does not run on Python 3.11"), ("311", WINDOWS, "on linux-x64")]
)
def test_a_package_with_wheels_of_another_python_or_platform_is_refused(tmp_path, tool, python, platform, says):
    wheels = full_set(tmp_path / "others", python, platform)
    with pytest.raises(BuildError, match=says):
        inspect(extension.build(FULL, wheels, tmp_path, tool))


def test_a_manifest_that_promises_another_blender_is_refused(full):
    manifest = zipfile.ZipFile(full).read("blender_manifest.toml").decode().replace('"5.1.0"', '"6.0.0"')
    rewrite(full, blender_manifest__toml=manifest.encode())
    with pytest.raises(BuildError, match="has blender_version_max = '6.0.0', expected '5.1.0'"):
        inspect(full)


def test_another_zip_is_no_package(tmp_path):
    path = make_wheel(tmp_path, "scipy")
    with pytest.raises(BuildError, match="is no package of this add-on"):
        inspect(path)


@pytest.fixture
def command(monkeypatch, tmp_path, locked):
    """Run `build.py package` with the made-up lock; return its exit code."""

    def locked_wheels(python, platform, parts):
        return tuple(wheel for wheel in locked if wheel.part in parts)

    def fetch(wheels, pip, python, platform, given):
        return [locked[wheel] for wheel in wheels]

    monkeypatch.setattr(build, "environment", lambda *arguments: Path(sys.executable))
    monkeypatch.setattr(make, "locked_wheels", locked_wheels)
    monkeypatch.setattr(make, "fetch", fetch)
    monkeypatch.setattr(make, "read_lock", check.read_lock)
    out = ("--out", str(tmp_path / "out"))
    return lambda *arguments: build.main(["package", *arguments, *(() if "--check" in arguments else out)])


def test_the_command_makes_a_package_and_says_what_it_holds(command, tmp_path, capfd):
    assert command("--platform", "linux-x64") == 0
    printed = capfd.readouterr().out
    (path,) = (tmp_path / "out").iterdir()
    assert str(path) in printed and "torch 2.0+cpu" in printed and "installed" in printed
    assert f"SHA-256 {inspect(path).sha256}" in printed and "not pinned" not in printed
    assert command("--check", str(path)) == 0 and "opencv-python-headless 1.0" in capfd.readouterr().out
    path.write_bytes(path.read_bytes()[:-100])
    assert command("--check", str(path)) == 1 and "is no whole zip" in capfd.readouterr().err


def test_the_landmarks_size_has_no_torch_and_light_needs_no_environment(monkeypatch, command, tmp_path):
    assert command("--platform", "linux-x64", "--size", "landmarks") == 0
    monkeypatch.setattr(build, "environment", lambda *arguments: pytest.fail("made an environment"))
    assert command("--size", "light") == 0
    light, landmarks = sorted((tmp_path / "out").iterdir(), key=lambda path: path.stat().st_size)
    assert light.name == f"{STEM}-light.zip" and not inspect(light).wheels
    assert {wheel.name for wheel in inspect(landmarks).wheels} == {"mediapipe", "opencv-python-headless", "scipy"}


@pytest.mark.skipif(sys.platform != "linux", reason="what PyTorch needs on Linux can be told on Linux alone")
def test_the_command_takes_torch_from_a_named_index(monkeypatch, command, tmp_path, capfd):
    libraries = [make_wheel(tmp_path / "cuda", name) for name in ("cuda-runtime", "sympy")]
    needs = ("cuda-runtime", "sympy")
    cuda = make_wheel(tmp_path / "cuda", "torch", "2.0+cu130", f"cp311-cp311-{LINUX}", needs=needs)
    index = make_index(tmp_path / "index", cuda, *libraries)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", index)
    assert command("--platform", "linux-x64", "--torch-index", index, "--torch", "2.0+cu130") == 0
    printed = capfd.readouterr().out
    (path,) = (tmp_path / "out").iterdir()
    pinned = {(wheel.name, wheel.version): wheel.pinned for wheel in inspect(path).wheels if wheel.version != "1.0"}
    assert pinned == {("torch", "2.0+cu130"): False}
    assert "cuda-runtime" in printed and "sympy" not in printed
    assert f"not pinned: {cuda.name}  SHA-256 {describe(cuda, TORCH).sha256}" in printed


def test_a_package_that_is_not_what_it_should_be_is_not_left_in_the_folder(monkeypatch, command, tmp_path, capfd):
    monkeypatch.setattr(make, "inspect", lambda path: (_ for _ in ()).throw(BuildError(f"{path.name} lacks torch")))
    assert command("--platform", "linux-x64") == 1 and "lacks torch" in capfd.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_platform_that_has_no_torch_is_said_and_passed_over(monkeypatch, command, tmp_path, capfd):
    monkeypatch.setattr(make, "make_package", lambda kind, *more: pytest.fail(f"made {kind}"))
    monkeypatch.setattr(make, "PLATFORMS", ("macos-x64",))
    assert command("--platform", "all") == 0
    assert f"No full package for macos-x64: {MISSING['3.11', 'macos-x64', TORCH]}" in capfd.readouterr().out


def test_a_package_that_cannot_be_made_is_refused_before_an_environment_is(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(build, "environment", lambda *arguments: pytest.fail("made an environment"))
    arguments = ("package", "--out", str(tmp_path), "--platform", "macos-x64")
    assert build.main([*arguments]) == 1
    printed = capfd.readouterr().err
    assert "no full package for macos-x64 and Python 3.11" in printed and "Choose --size landmarks" in printed
    assert build.main([*arguments, "--size", "landmarks", "--blender", "5.2"]) == 1
    assert "Choose --size light" in capfd.readouterr().err


def test_a_machine_without_packages_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(make.platform, "machine", lambda: "riscv64")
    given = {"size": "full", "platform": None, "blender": "4.5", "out": tmp_path, "torch_index": None}
    options = Namespace(check=None, relock=False, **given)
    with pytest.raises(BuildError, match="riscv64. Choose --size light"):
        make.make_packages(options, lambda: Path(sys.executable))


def test_every_size_that_the_command_offers_has_its_parts():
    actions = next(action for action in build.parser()._actions if action.choices).choices["package"]._actions
    sizes = next(action.choices for action in actions if "--size" in action.option_strings)
    assert set(sizes) == set(PARTS)

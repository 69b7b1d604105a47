"""The wheels that are packed: their lock, their tags, and how they are fetched."""

import itertools
import sys
from dataclasses import replace

import pytest
from packaging import tags as reference

from addon_manifest.check import check_set
from tests.wheel_files import full_set, make_index, make_wheel
from wheels import PLATFORMS, BuildError
from wheels.fetch import describe, fetch, sha256
from wheels.lock import CPU_TORCH, MISSING, REQUIREMENTS, SOLVING, TORCH, locked_wheels, read_lock, write_lock
from wheels.tags import MACOS, canonical_name, check_tags, parse_name, pip_platforms

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
NO_PIP = [sys.executable, "-c", "raise SystemExit('ERROR: No route to host')"]
PLACES = [
    (python, platform)
    for python, platform in itertools.product(REQUIREMENTS, PLATFORMS)
    if (python, platform, SOLVING) not in MISSING
]


@pytest.fixture(autouse=True)
def no_index(monkeypatch, tmp_path):
    """Pip knows no index but an empty folder."""
    (tmp_path / "nothing").mkdir()
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "nothing").as_uri())


@pytest.mark.parametrize(("python", "platform"), PLACES)
def test_the_lock_holds_what_is_required_and_it_runs_there(python, platform):
    wheels = read_lock()[python, platform]
    check_set(wheels, python, platform)
    required = {}
    for part in (SOLVING, TORCH):
        if (python, platform, part) not in MISSING:
            lines = REQUIREMENTS[python][part]
            torch = CPU_TORCH.get((python, platform))
            lines = [torch if torch and line.startswith("torch==") else line for line in lines]
            required |= {(canonical_name(line.split("==")[0]), line.split("==")[1]): part for line in lines}
    assert {(wheel.name, wheel.version): wheel.part for wheel in wheels} == required
    assert all(wheel.pinned and wheel.size_bytes > 10_000 for wheel in wheels)


def test_the_lock_is_written_as_it_is_read(tmp_path):
    wheels = {("3.11", "linux-x64"): tuple(full_set(tmp_path))}
    write_lock(wheels, tmp_path / "lock.toml")
    assert read_lock(tmp_path / "lock.toml") == wheels
    write_lock(read_lock(), tmp_path / "again.toml")
    assert read_lock(tmp_path / "again.toml") == read_lock()


@pytest.mark.parametrize(
    ("key", "value"), [("sha256", '"abc"'), ("file", '"../torch.whl"'), ("file", '"torch.zip"'), ("sha265", '"x"')]
)
def test_a_broken_lock_is_named(tmp_path, key, value):
    path = tmp_path / "lock.toml"
    write_lock({("3.11", "linux-x64"): tuple(full_set(tmp_path))[:1]}, path)
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} =")]
    path.write_text("\n".join([*lines, f"{key} = {value}"]))
    with pytest.raises(BuildError, match="lock.toml is no lock .* git checkout"):
        read_lock(path)


def test_what_there_is_no_wheel_of_is_said_with_what_to_choose():
    with pytest.raises(BuildError, match="torch on macos-x64 and Python 3.11: .*Choose --size landmarks"):
        locked_wheels("3.11", "macos-x64", (SOLVING, TORCH))
    with pytest.raises(BuildError, match="linux-x64 and Python 3.13: .*--torch-index"):
        locked_wheels("3.13", "linux-x64", (SOLVING, TORCH))
    assert {wheel.part for wheel in locked_wheels("3.13", "linux-x64", (SOLVING,))} == {SOLVING}


@pytest.mark.parametrize(("python", "platform"), PLACES)
def test_tags_are_compatible_where_packaging_says_so(python, platform):
    version = tuple(map(int, python.split(".")))
    own = f"cp{version[0]}{version[1]}"
    if platform.startswith("macos"):
        machine = "arm64" if platform == "macos-arm64" else "x86_64"
        platforms = list(reference.mac_platforms(max(MACOS.values()), machine))
    else:
        platforms = pip_platforms(platform, SOLVING)
    compatible = {
        *reference.cpython_tags(version, abis=[own], platforms=platforms),
        *reference.compatible_tags(version, own, platforms),
    }
    pythons = ("cp37", "cp310", "cp311", "cp312", "cp313", "cp314", "py2", "py3", "py311", "py314", "pp311")
    abis = ("none", "abi3", "cp310", "cp311", "cp313", "cp313t")
    systems = (
        *("any", "win_amd64", "win32", "win_arm64", "linux_x86_64", "musllinux_1_2_x86_64", "manylinux_2_17_aarch64"),
        *("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64"),
        *("macosx_11_0_arm64", "macosx_14_0_arm64", "macosx_15_0_arm64"),
        *("macosx_10_13_x86_64", "macosx_11_0_universal2"),
    )
    fitting = set()
    for triple in itertools.product(pythons, abis, systems):
        try:
            check_tags(f"x-1.0-{'-'.join(triple)}.whl", python, platform)
            fitting.add(triple)
        except BuildError:
            pass
    expected = {
        triple for triple in itertools.product(pythons, abis, systems) if reference.Tag(*triple) in compatible
    }
    assert fitting == expected and fitting


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("torch-2.13.0-cp311-cp311-win_amd64.whl", "does not run on Python 3.13"),
        ("scipy-1.17.1-cp313-cp313-manylinux_2_28_x86_64.whl", "does not run on windows-x64"),
        ("scipy.whl", "is not named as a wheel"),
    ],
)
def test_a_wheel_of_another_python_or_platform_is_refused(file, says):
    with pytest.raises(BuildError, match=f"{file}.*{says}"):
        check_tags(file, "3.13", "windows-x64")


def test_a_name_may_stand_for_several_tags():
    name = parse_name("MarkupSafe-3.0-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_28_x86_64.whl")
    assert (name.name, name.version, name.pythons) == ("markupsafe", "3.0", ("cp311",))
    assert name.platforms == ("manylinux2014_x86_64", "manylinux_2_28_x86_64")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("numpy",), "NumPy is Blender's own"),
        (("opencv-contrib-python",), "More than one opencv"),
        (("SciPy",), "More than one scipy"),
    ],
)
def test_wheels_that_do_not_go_together_are_refused(tmp_path, more, says):
    wheels = [*full_set(tmp_path), *(describe(make_wheel(tmp_path / "more", name), SOLVING) for name in more)]
    with pytest.raises(BuildError, match=says):
        check_set(wheels, "3.11", "linux-x64")


def test_a_wheel_that_is_there_is_held_against_its_hash(tmp_path):
    wheels = full_set(tmp_path)
    assert fetch(wheels, NO_PIP, "3.11", "linux-x64", folder=tmp_path) == list(wheels.values())
    wheel, path = next(iter(wheels.items()))
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(BuildError) as caught:
        fetch(wheels, NO_PIP, "3.11", "linux-x64", folder=tmp_path)
    assert all(word in str(caught.value) for word in (str(path), wheel.sha256, sha256(path), "Delete it"))


def test_wheels_are_taken_from_a_folder_of_the_users(tmp_path):
    given, folder = tmp_path / "given", tmp_path / "wheels"
    folder.mkdir()
    wheels = full_set(given)
    paths = fetch(wheels, NO_PIP, "3.11", "linux-x64", folder=folder, given=given)
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in wheels.values()]
    (folder / paths[0].name).unlink()
    (given / paths[0].name).write_bytes(b"another")
    with pytest.raises(BuildError, match="given.*is not the file that was locked"):
        fetch(wheels, NO_PIP, "3.11", "linux-x64", folder=folder, given=given)
    assert not paths[0].exists()
    with pytest.raises(BuildError, match="No folder of wheels at .*--wheels"):
        fetch(wheels, NO_PIP, "3.11", "linux-x64", folder=folder, given=tmp_path / "none")


def test_pip_fetches_what_is_missing_and_refuses_another_hash(monkeypatch, tmp_path):
    wheels, folder = full_set(tmp_path / "published"), tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_INDEX_URL", make_index(tmp_path / "index", *wheels.values()))
    assert [path.parent for path in fetch(wheels, PIP, "3.11", "linux-x64", folder=folder)] == [folder] * len(wheels)
    scipy = next(wheel for wheel in wheels if wheel.name == "scipy")
    (folder / scipy.file).unlink()
    with pytest.raises(BuildError, match="(?s)pip could not fetch scipy.*--wheels"):
        fetch([replace(scipy, sha256="0" * 64)], PIP, "3.11", "linux-x64", folder=folder)
    assert not list(folder.glob("scipy*")) and not list(folder.glob(".fetch*"))


def test_without_a_network_the_file_and_the_ways_out_are_named(tmp_path):
    wheels = [wheel for wheel in full_set(tmp_path / "published") if wheel.name == "torch"]
    with pytest.raises(BuildError, match=r"(?s)fetch torch-2.0\+cpu.*No route to host.*--torch-index.*--wheels"):
        fetch(wheels, NO_PIP, "3.11", "linux-x64", folder=tmp_path)

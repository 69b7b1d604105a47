"""The packages that came along are compared with what was packed."""

import hashlib
import json
import sys
import zipfile

import pytest

from smirk_blender.capture.packed import LIST_NAME, came_along, packed_findings

RUNNING = ".".join(map(str, sys.version_info[:2]))
RECORD = "pear-1.2.dist-info/RECORD"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return the roots of an add-on with one wheel, and of what was unpacked from it; both may be spoilt."""
    root, unpacked = tmp_path / "addon", tmp_path / "site-packages"
    (root / "wheels").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(unpacked))
    files = {
        "pear/__init__.py": "size = 3\n",
        "pear-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: pear\nVersion: 1.2\n",
    }
    files[RECORD] = "".join(f"{name},,\n" for name in (*files, RECORD))
    wheel = root / "wheels" / "pear-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.extractall(unpacked)
        archive.writestr("pear-1.2.data/scripts/a", "of which Blender unpacks nothing here")
    (unpacked / RECORD).write_text("as Blender writes it")
    entry = dict(file=wheel.name, name="pear", version="1.2", pinned=True)
    write_list(root, [entry | {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}])
    return root, unpacked


def write_list(root, wheels, **changes):
    content = {"size": "landmarks", "python": RUNNING, "platform": "linux-x64", "wheels": wheels}
    (root / "wheels.json").write_text(json.dumps(content | changes))


def told(root, *folders):
    """Return the state and the text of the one finding."""
    (line,) = packed_findings([str(folder) for folder in folders], root)
    assert line.subject == "Packages"
    return line.state, line.text


def test_what_is_as_it_was_packed_is_good(installed):
    assert told(*installed) == ("good", f"landmarks, for linux-x64 and Python {RUNNING}: 1, as they were packed")


def test_where_the_addon_runs_from_its_sources_nothing_is_said(tmp_path):
    assert packed_findings([], tmp_path) == [] and not came_along([], tmp_path)


def test_a_light_package_says_where_the_packages_come_from(tmp_path):
    write_list(tmp_path, [], size="light")
    assert told(tmp_path) == ("good", "light: none came along; the worker's Python must have them")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda wheel, pear, info: wheel.write_bytes(b"x"), "is not what was packed: sha256 2d711642"),
        (lambda wheel, pear, info: wheel.unlink(), "pear-1.2-py3-none-any.whl cannot be read: No such file"),
        (lambda wheel, pear, info: pear.unlink(), "__init__.py cannot be read: No such file"),
        (lambda wheel, pear, info: pear.write_text("1"), "__init__.py has 1 bytes, not 9 as packed"),
        (lambda wheel, pear, info: pear.write_text("size = 4\n"), "__init__.py has other bytes than were packed"),
        (lambda wheel, pear, info: info.rename(info.with_name("gone")), "pear 1.2 was not unpacked into"),
        (lambda wheel, pear, info: info.rename(info.with_name("pear-1.1.dist-info")), "pear is 1.1 in"),
        (lambda wheel, *_: (wheel.parents[1] / LIST_NAME).write_text('{"size": "full"}'), "is damaged ('wheels')"),
    ],
)
def test_what_is_not_is_named_with_what_to_do(installed, spoil, said):
    root, unpacked = installed
    spoil(next(root.glob("wheels/*.whl")), unpacked / "pear" / "__init__.py", unpacked / "pear-1.2.dist-info")
    state, text = told(*installed)
    assert state == "bad" and said in text and text.endswith("Install the extension again")


def test_packages_for_another_python_are_told(installed):
    root, unpacked = installed
    wheels = json.loads((root / "wheels.json").read_text())["wheels"]
    write_list(root, wheels, python="3.1")
    state, text = told(root, unpacked)
    assert state == "bad" and f"they are for Python 3.1, and this is {RUNNING}" in text


def test_a_newer_version_of_another_extension_is_a_warning(installed):
    root, unpacked = installed
    (unpacked / "pear-1.2.dist-info").rename(unpacked / "pear-1.10.dist-info")
    state, text = told(root, unpacked)
    said = f"pear is 1.10 in {unpacked}, not 1.2: another extension brings it. Should a solve fail, "
    assert state == "warning" and text.endswith(said + "disable that extension")


def test_a_copy_of_blenders_own_matters_only_where_python_finds_it_first(installed, tmp_path, monkeypatch):
    root, unpacked = installed
    blenders = tmp_path / "blender" / "site-packages"
    info = blenders / "pear-0.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pear\nVersion: 0.9\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(blenders)])
    assert told(root, unpacked)[0] == "good"
    monkeypatch.syspath_prepend(str(blenders))
    state, text = told(root, unpacked)
    assert state == "warning" and text.endswith(
        f"pear is 0.9 in {blenders}, which Python finds before the 1.2 that came along. "
        "Should a solve fail, remove it there"
    )


def test_for_a_python_of_the_users_they_are_not_used(installed, monkeypatch):
    root, unpacked = installed
    write_list(root, json.loads((root / "wheels.json").read_text())["wheels"], python="3.1")
    assert came_along([str(unpacked)], root)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(unpacked)])
    assert not came_along([str(unpacked)], root)
    said = f"landmarks, for linux-x64 and Python 3.1: not used, {sys.executable} has its own"
    assert told(root, unpacked) == ("good", said)

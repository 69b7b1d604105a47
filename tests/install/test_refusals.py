"""Packages that Blender refuses, and what it says then, word for word: nothing of ours has run yet."""

import platform
import sys

import pytest

from .packages import MANIFEST, RUNNING, WHEEL_TEXT, changed, with_wheel
from .sandbox import ADDON, Sandbox

VERSION_MIN = 'blender_version_min = "4.2.0"'
linux = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="names Linux on 64-bit Intel, which this is not"
)
NOTHING = {"said": "", "enabled": []}


def refused(sandbox: Sandbox, package) -> str:
    """Return the line with which Blender refuses a package; it must leave nothing."""
    ran = sandbox.blender(("install", {"path": str(package)}))
    assert ran.answers == [NOTHING] and sandbox.files() == set()
    (line,) = [line for line in ran.printed.splitlines() if line.startswith("ERROR ")]
    return line.removeprefix("ERROR ")


def blender_version(sandbox: Sandbox) -> str:
    return sandbox.blender("blender_version").answers[0]


def test_half_a_package_is_refused(sandbox, light_package, tmp_path):
    half = tmp_path / "half.zip"
    half.write_bytes(light_package.read_bytes()[: light_package.stat().st_size // 2])
    assert refused(sandbox, half) == "Error extracting archive: File is not a zip file"


def test_a_package_with_damaged_bytes_is_refused(sandbox, light_package, tmp_path):
    content = bytearray(light_package.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(content)
    assert refused(sandbox, damaged).startswith('Failed to extract files for "smirk_blender": ')


def test_a_package_without_a_manifest_is_refused(sandbox, light_package, tmp_path):
    package = changed(light_package, tmp_path / "bare.zip", files={MANIFEST: None})
    ran = sandbox.blender(("install", {"path": str(package)}))
    assert ADDON not in ran.answers[0]["enabled"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ('blender_version_min = "9.0.0"', "doesn't meet the minimum supported version (9.0.0)"),
        (f'{VERSION_MIN}\nblender_version_max = "4.2.1"', "must be less than the maximum version (4.2.1)"),
    ],
)
def test_another_blender_version_is_named(sandbox, light_package, tmp_path, limit, said):
    package = changed(light_package, tmp_path / "other.zip", manifest=(VERSION_MIN, limit))
    assert refused(sandbox, package) == f"smirk_blender: This Blender version ({blender_version(sandbox)}) {said}"


@linux
def test_another_system_is_named(sandbox, light_package, tmp_path):
    limit = f'platforms = ["windows-x64"]\n{VERSION_MIN}'
    package = changed(light_package, tmp_path / "other.zip", manifest=(VERSION_MIN, limit))
    assert refused(sandbox, package) == "smirk_blender: This platform (linux-x64) isn't one of (windows-x64)"


@linux
def test_wheels_for_another_python_are_named_and_nothing_is_enabled(sandbox, light_package, tmp_path):
    package = with_wheel(light_package, tmp_path / "other.zip", "cp399-cp399-manylinux_2_28_x86_64")
    installed, uninstalled = sandbox.blender(("install", {"path": str(package)}), "uninstall").answers
    assert installed["enabled"] == [] and uninstalled == ""
    assert installed["said"] == (
        f"Extension {ADDON} is incompatible (This Python version ({RUNNING}) isn't compatible with (3.99))"
    )
    assert sandbox.files() == set()


def test_a_wheel_is_there_for_the_add_on_and_gone_with_it(sandbox, light_package, tmp_path):
    package = with_wheel(light_package, tmp_path / "whole.zip", "py3-none-any")
    installed, _, _ = sandbox.blender(("install", {"path": str(package)}), "disable", "uninstall").answers
    assert installed == {"said": "", "enabled": [ADDON]} and sandbox.files() == set()


def test_a_wheel_whose_bytes_were_changed_is_said(sandbox, light_package, tmp_path):
    damage = (WHEEL_TEXT, WHEEL_TEXT.replace(b"42", b"43"))
    package = with_wheel(light_package, tmp_path / "damaged.zip", "py3-none-any", damage=damage)
    installed, uninstalled = sandbox.blender(("install", {"path": str(package)}), "uninstall").answers
    path = f"lib/python{RUNNING}/site-packages/smirk_probe/__init__.py"
    assert installed["said"] == f"Bad CRC-32 for file '{path}'" and uninstalled == ""
    until_the_next_start = {"user/config/stale-pending", "user/extensions/.local/.~stale~"}
    broken_off = f"user/extensions/.local/{path.removesuffix('__init__.py')}"  # by Blender, which leaves the folder
    assert sandbox.files() <= until_the_next_start | {broken_off}


def test_a_wheel_that_is_no_archive_is_said_and_the_add_on_not_enabled(sandbox, light_package, tmp_path):
    package = with_wheel(light_package, tmp_path / "damaged.zip", "py3-none-any", damage=(b"PK\x05\x06", b"pk\x05\x06"))
    installed, uninstalled = sandbox.blender(("install", {"path": str(package)}), "uninstall").answers
    assert "File is not a zip file" in installed["said"] and installed["enabled"] == [] and uninstalled == ""
    assert sandbox.files() == set()

"""An installed add-on of which something was lost: it says so, and that it is to be installed again."""

import shutil
import sys

import pytest

from .packages import RUNNING, changed, digest, with_wheel


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("ui/reconnect.py", None, "cannot import name 'reconnect'"),
        ("ui/text.py", None, "No module named 'bl_ext.user_default.smirk_blender.ui.text'"),
        ("rig/memory.py", b"def half(:\n", "invalid syntax (memory.py, line 1)"),
    ],
)
def test_without_a_module_it_is_not_enabled_and_says_why(sandbox, light_package, tmp_path, name, content, what):
    package = changed(light_package, tmp_path / "damaged.zip", files={name: content})
    installed, registered = sandbox.blender(("install", {"path": str(package)}), "registered").answers
    assert installed["said"] == f"The add-on in {sandbox.extension} is damaged: {what}. Install it again"
    assert installed["enabled"] == [] and registered == []


def test_a_module_that_is_missing_only_when_it_is_needed_is_said_by_the_button(sandbox, light_package, tmp_path):
    package = changed(light_package, tmp_path / "damaged.zip", files={"rig/actions.py": None})
    installed, solved = sandbox.blender(("install", {"path": str(package)}), "solve").answers
    what = "No module named 'bl_ext.user_default.smirk_blender.rig.actions'"
    assert solved["said"] == f"The add-on in {sandbox.extension} is damaged: {what}. Install it again"
    assert solved["text"] == solved["said"] and solved["state"] == "failed"


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("solvers", None, "No module named 'smirk_blender.capture.solvers'"),
        ("solvers", b"", "cannot import name 'Solved'"),
        ("solvers", b"\0" * 400, "solvers.py holds NUL bytes"),
        ("worker", b"def half(:\n", "invalid syntax (worker.py, line 1)"),
    ],
)
def test_a_module_that_only_the_worker_lacks_is_said_by_the_solve(
    sandbox, light_package, tmp_path, worker_python, name, content, what
):
    package = changed(light_package, tmp_path / "damaged.zip", files={f"capture/{name}.py": content})
    _, _, solved = sandbox.blender(
        ("install", {"path": str(package)}), ("set_preferences", {"worker_python": worker_python}), "solve"
    ).answers
    if "NUL" in what:
        what = f"{sandbox.extension / 'capture'}/{what}"
    assert solved["said"] == f"The add-on in {sandbox.extension} is damaged: {what}. Install it again"
    assert solved["takes"] == []


def test_without_packages_the_solve_says_where_they_are_missing(sandbox, light_package, lacking_packages):
    _, solved = sandbox.blender(("install", {"path": str(light_package)}), "solve").answers
    assert solved["said"] == (
        f"{sys.executable} lacks SciPy, OpenCV, MediaPipe, which the worker needs\n"
        "The add-on's preferences have the command that installs what is missing"
    )


def test_a_package_that_was_unpacked_and_is_gone_is_a_reason_to_install_again(
    sandbox, light_package, tmp_path, lacking_packages
):
    package = with_wheel(light_package, tmp_path / "whole.zip", "py3-none-any", module="cv2")
    sandbox.blender(("install", {"path": str(package)}))
    (unpacked,) = (sandbox.user / "extensions" / ".local").rglob("site-packages/cv2")
    shutil.rmtree(unpacked)
    _, solved = sandbox.blender("enable", "solve").answers
    assert solved["said"] == (
        f"{sys.executable} cannot find the package cv2, which the add-on brings along\nInstall the add-on again"
    )


@pytest.mark.parametrize("exchanged", [False, True])
def test_the_doctor_says_of_a_wheel_whether_it_is_what_was_packed(
    sandbox, light_package, tmp_path, lacking_packages, exchanged
):
    name = "smirk_probe-1.0-py3-none-any.whl"
    sha256 = "0" * 64 if exchanged else ""
    package = with_wheel(light_package, tmp_path / "exchanged.zip", "py3-none-any", sha256=sha256)
    ran = sandbox.blender(("install", {"path": str(package)}), "check_installation")
    path, what = sandbox.extension / "wheels" / name, f"Packages: full, for linux-x64 and Python {RUNNING}"
    if exchanged:
        said = f"{path} is not what was packed: sha256 {digest(path.read_bytes())[:8]}\u2026, not 00000000\u2026. "
        assert f"{what}: {said}Install the extension again" in ran.printed
    else:
        assert f"Info: {what}: 1, as they were packed" in ran.printed


@pytest.mark.parametrize("content", [b"", b"\0" * 400], ids=["empty", "NULs"])
def test_the_sound_package_over_a_damaged_one_repairs_it_in_the_same_blender(sandbox, light_package, tmp_path, content):
    package = changed(light_package, tmp_path / "damaged.zip", files={"ui/preview.py": content})
    install, install_sound = (("install", {"path": str(path)}) for path in (package, light_package))
    ran = sandbox.blender(install, "registered", "enable", install_sound, "enabled")
    damaged, registered, again, sound, enabled = ran.answers
    path = sandbox.extension / "ui" / "preview.py"
    module = "bl_ext.user_default.smirk_blender.ui.preview"
    what = f"{path} holds NUL bytes" if content else f"module '{module}' has no attribute 'register'"
    assert damaged["said"] == again == f"The add-on in {sandbox.extension} is damaged: {what}. Install it again"
    assert damaged["enabled"] == registered == []
    assert sound["said"] == "" and sound["enabled"] == enabled == ["bl_ext.user_default.smirk_blender"]

"""Folders that may not be written: installing there says so; from there the add-on works."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

REMOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


@pytest.fixture
def read_only():
    """Return a function: the command that runs another for which a folder is read-only, even if that is root's."""
    trial = ("unshare", "--mount", "true")
    if shutil.which(trial[0]) is None or subprocess.run(trial, capture_output=True).returncode:
        pytest.skip("this system does not let us mount a folder read-only (unshare --mount)")
    return lambda folder: ("unshare", "--mount", "sh", "-c", REMOUNT, str(folder))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_installing_into_a_read_only_folder_says_so(sandbox, light_package, read_only):
    folder = sandbox.user / "extensions" / "user_default"
    folder.mkdir(parents=True)
    sandbox.before = read_only(sandbox.user / "extensions")
    ran = sandbox.blender(("install", {"path": str(light_package)}))
    assert ran.answers[0]["enabled"] == [] and sandbox.files() == {"user/extensions/user_default/"}
    assert ran.answers[0]["said"].splitlines()[0] == (  # Blender's own words
        'Repository "User Default": lock directory could not be created '
        f"([Errno 30] Read-only file system: '{folder / '.blender_ext'}')"
    )


def test_a_copy_in_a_read_only_place_for_all_users_works(sandbox, light_package, read_only, worker_python):
    place = sandbox.folder / "site" / "system" / "smirk_blender"
    place.mkdir(parents=True)
    with zipfile.ZipFile(light_package) as archive:
        archive.extractall(place)
    before = contents(place)
    sandbox.more_environment = {"BLENDER_SYSTEM_EXTENSIONS": str(sandbox.folder / "site")}
    sandbox.before = read_only(sandbox.folder / "site")
    ran = sandbox.blender(
        ("use", {"repository": "system"}),
        "enable",
        ("set_preferences", {"worker_python": worker_python}),
        "check_installation",
        "solve",
        "folders",
        "enabled",
    )
    _, said, _, checked, solved, folders, enabled = ran.answers
    assert said == checked == "" and enabled == ["bl_ext.system.smirk_blender"]
    assert (solved["state"], solved["said"]) == ("done", "") and contents(place) == before
    assert folders["cache"] == str(sandbox.user / "extensions/.user/system/smirk_blender/smirk_cache")
    assert folders["data"] == str(sandbox.user / "datafiles" / "smirk_blender")
    assert ran.reports("Warning") == {} and ran.complaints == []


def test_a_user_folder_that_became_read_only_is_named_with_a_way_out(sandbox, light_package, read_only, worker_python):
    sandbox.blender(("install", {"path": str(light_package)}))
    before = sandbox.files()
    sandbox.before = read_only(sandbox.user)
    ran = sandbox.blender(
        "enable",
        ("set_preferences", {"worker_python": worker_python}),
        "solve",
        ("set_preferences", {"cache_folder": str(sandbox.work / "cache")}),
        "solve",
        ("set_preferences", {"takes_folder": str(sandbox.work / "takes")}),
        "solve",
    )
    _, _, first, _, second, _, third = ran.answers
    logs = sandbox.user / "extensions/.user/user_default/smirk_blender/smirk_cache/logs"
    takes = sandbox.user / "datafiles/smirk_blender/takes"
    assert first["said"] == (
        f"Cannot write to {logs}: Read-only file system. Choose another cache folder in the preferences"
    )
    assert second["said"] == (
        f"Cannot write to {takes}: Read-only file system. Save the .blend where you may write, or choose other folders "
        "in the preferences"
    )
    assert third["said"] == "" and third["takes"][0]["path"] == str(sandbox.work / "takes" / "sample.take.npz")
    assert {name for name in sandbox.files() if name.startswith("user/")} == {
        name for name in before if name.startswith("user/")
    }

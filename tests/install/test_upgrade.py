"""Another version over the one that is installed: preferences, model files, takes and .blend files go on working."""

import re
import zipfile
from pathlib import Path

import pytest

from .packages import MANIFEST, changed

OTHER_VERSION = "0.0.9"
MARK = "OF_ANOTHER_VERSION"  # a name in a module of the other version alone
MODULES = ("errors", "ui.text", "ui.preferences", "rig.compat")


def version_of(package: Path) -> str:
    with zipfile.ZipFile(package) as archive:
        return re.search(r'^version = "(.+)"', archive.read(MANIFEST).decode(), re.MULTILINE)[1]


@pytest.fixture
def other_package(light_package, tmp_path) -> Path:
    """The same sources as another version; each of MODULES has a name more."""
    with zipfile.ZipFile(light_package) as archive:
        names = [f"{module.replace('.', '/')}.py" for module in MODULES]
        files = {name: archive.read(name) + f"\n{MARK} = True\n".encode() for name in names}
    manifest = (f'\nversion = "{version_of(light_package)}"', f'\nversion = "{OTHER_VERSION}"')
    return changed(light_package, tmp_path / "other.zip", manifest=manifest, files=files)


def all_preferences(sandbox, worker_python: str) -> dict[str, str]:
    """Return a value other than the default for every preference; the files are there."""
    data = sandbox.user / "datafiles" / "smirk_blender"
    model, weights = data / "models" / "face_landmarker.task", sandbox.work / "SMIRK_em1.pt"
    for path in (model, weights):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    return {
        "weights": str(weights),
        "flame_model": str(sandbox.work / "generic_model.pkl"),
        "eyelid_folder": str(data / "models"),
        "landmark_model": str(model),
        "worker_python": worker_python,
        "cache_folder": str(sandbox.work / "cache"),
        "takes_folder": str(sandbox.work / "takes"),
        "device": "cpu",
    }


@pytest.mark.parametrize("newer", [True, False], ids=["upgrade", "downgrade"])
def test_another_version_keeps_preferences_model_files_and_takes(
    sandbox, light_package, other_package, worker_python, newer
):
    first, second = (other_package, light_package) if newer else (light_package, other_package)
    versions = [OTHER_VERSION, version_of(light_package)][:: 1 if newer else -1]
    chosen, blend = all_preferences(sandbox, worker_python), str(sandbox.work / "shot.blend")
    marks = [("has", {"name": MARK, "modules": MODULES}), "version"]
    ran = sandbox.blender(
        ("install", {"path": str(first)}),
        *marks,
        ("set_preferences", {"worker_python": worker_python}),
        "solve",
        ("set_preferences", chosen),
        "folders",
        ("install", {"path": str(second)}),
        *marks,
        "preferences",
        "folders",
        "takes",
        "bake",
        ("save_file", {"path": blend}),
        "save_preferences",
    )
    _, before, first_version, _, solved, _, folders, installed, after, second_version, preferences, *rest = ran.answers
    assert (first_version, second_version) == tuple(versions)
    assert before == [newer] * len(MODULES) and after == [not newer] * len(MODULES)
    assert installed["said"] == "" and preferences == chosen
    assert rest == [folders, solved["takes"], "", "", ""] and solved["state"] == "done"
    (take,) = solved["takes"]
    assert take["path"].startswith(str(sandbox.user / "datafiles")) and Path(take["path"]).is_file()
    assert ran.complaints == []

    loaded, version, preferences, _, takes, keys, baked = sandbox.blender(
        ("start_again", chosen), "version", "preferences", ("open_file", {"path": blend}), "takes", "num_keys", "bake"
    ).answers
    assert version == versions[1] and preferences == chosen
    assert takes == solved["takes"] and keys > 0 and baked == ""
    for name in ("weights", "landmark_model"):
        assert Path(chosen[name]).read_text() == Path(chosen[name]).name
    assert sandbox.processes() == {}

"""Takes and model files of older versions, in the folder that goes with the add-on."""

from pathlib import Path

import pytest

from smirk_blender.ui import rescue
from smirk_blender.ui.preferences import preferences


@pytest.fixture
def folders(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """The folder that goes with the add-on, and the one that stays."""
    old, new = tmp_path / "old", tmp_path / "new"
    monkeypatch.setattr(rescue, "passing_folder", lambda: old)
    monkeypatch.setattr(rescue, "data_folder", lambda: new)
    for name in ("models/face_landmarker.task", "takes/deep/actor.take.npz", "smirk_cache/logs/a.log"):
        (old / name).parent.mkdir(parents=True)
        (old / name).write_text(name)
    return old, new


def files_in(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("same_disk", [True, False])
def test_files_that_would_go_with_the_add_on_are_found_where_they_stay(folders, monkeypatch, same_disk):
    old, new = folders
    if not same_disk:
        for name in ("link", "rename"):
            monkeypatch.setattr(rescue.os, name, lambda *paths: (_ for _ in ()).throw(OSError("another disk")))
    (new / "models").mkdir(parents=True)
    before = files_in(old)
    preferences().landmark_model = str(old / "models" / "face_landmarker.task")
    preferences().takes_folder, preferences().cache_folder = str(old / "takes"), str(old / "smirk_cache")
    preferences().weights = "/elsewhere/SMIRK_em1.pt"
    rescue.rescue_files()
    wanted = ("models/face_landmarker.task", "takes/deep/actor.take.npz")
    moved = wanted[:1] if same_disk else ()
    assert files_in(new) == {name: name for name in wanted}
    assert files_in(old).pop(rescue.MARKER).endswith(f"{new}\n")
    assert files_in(old).keys() - {rescue.MARKER} == before.keys() - set(moved)
    assert preferences().landmark_model == str(new / "models" / "face_landmarker.task")
    assert preferences().takes_folder == str(new / "takes") and preferences().weights == "/elsewhere/SMIRK_em1.pt"
    assert preferences().cache_folder == str(old / "smirk_cache")


@pytest.mark.parametrize("same_disk", [True, False])
def test_what_is_deleted_after_it_was_rescued_does_not_come_back(folders, monkeypatch, same_disk):
    old, new = folders
    if not same_disk:
        for name in ("link", "rename"):
            monkeypatch.setattr(rescue.os, name, lambda *paths: (_ for _ in ()).throw(OSError("another disk")))
    rescue.rescue_files()
    for name in files_in(new):
        (new / name).unlink()
    rescue.rescue_files()  # as at the next start
    assert files_in(new) == {}


def test_a_file_that_stays_is_not_written_over(folders):
    old, new = folders
    (new / "models").mkdir(parents=True)
    (new / "models" / "face_landmarker.task").write_text("newer")
    rescue.rescue_files()
    assert files_in(new)["models/face_landmarker.task"] == "newer"


def test_a_file_that_cannot_be_copied_is_named(folders, capsys):
    old, new = folders
    new.write_text("a file where the folder should be")
    rescue.rescue_files()
    printed = capsys.readouterr().out
    assert f"Cannot copy {old / 'models' / 'face_landmarker.task'} to" in printed and "Uninstalling" in printed
    assert files_in(old)["models/face_landmarker.task"] == "models/face_landmarker.task"
    new.unlink()
    rescue.rescue_files()  # at the next start it can be
    assert files_in(new)["takes/deep/actor.take.npz"] == "takes/deep/actor.take.npz"

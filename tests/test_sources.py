"""Which of the add-on's own files are packed."""

import shutil
import subprocess

import pytest

from addon_manifest import sources
from addon_manifest.sources import addon_files
from tests.conftest import REPOSITORY
from wheels import BuildError


@pytest.fixture
def addon(tmp_path):
    """A folder of files as an add-on's, in a repository's folder without git."""
    addon = tmp_path / "repository" / "addon"
    (addon / "ui").mkdir(parents=True)
    for name in ("__init__.py", "ui/text.py", ".hidden"):
        (addon / name).write_text(name)
    return addon


@pytest.fixture
def tracked(addon):
    """The same, all of it tracked by git, but for bytecode."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    (addon.parent / ".gitignore").write_text("__pycache__/\n")
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=addon.parent, check=True)
    return addon


def names(addon) -> list[str]:
    return [path.relative_to(addon).as_posix() for path in addon_files(addon.parent, addon)]


def test_an_archive_of_the_sources_is_packed_as_it_lies_there(addon):
    (addon / "__pycache__").mkdir()
    (addon / "__pycache__" / "x.pyc").write_text("")
    (addon / "more.py").write_text("")
    assert names(addon) == ["__init__.py", "more.py", "ui/text.py"]


def test_what_git_tracks_is_packed_and_what_it_ignores_is_not(tracked):
    (tracked / "__pycache__").mkdir()
    (tracked / "__pycache__" / "x.pyc").write_text("")
    assert names(tracked) == [".hidden", "__init__.py", "ui/text.py"]


def test_a_file_that_git_does_not_know_is_refused_by_name(tracked):
    (tracked / "ui" / "generic_model.pkl").write_text("weights")
    with pytest.raises(BuildError, match="git does not know .*generic_model.pkl. Add"):
        addon_files(tracked.parent, tracked)


def test_a_tracked_file_that_is_gone_is_named(tracked):
    (tracked / "ui" / "text.py").unlink()
    with pytest.raises(BuildError, match="text.py is gone.*git checkout"):
        addon_files(tracked.parent, tracked)


def test_what_git_says_is_passed_on_where_it_fails(addon):
    if shutil.which("git") is None:
        pytest.skip("no git")
    (addon.parent / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(BuildError, match="git does not say .*/nowhere"):
        addon_files(addon.parent, addon)


def test_where_git_is_not_installed_the_folder_is_packed_as_it_lies_there(tracked, monkeypatch):
    monkeypatch.setattr(sources.shutil, "which", lambda name: None)
    assert names(tracked) == ["__init__.py", "ui/text.py"]


def test_a_checkout_has_the_same_bytes_on_every_system():
    lines = (REPOSITORY / ".gitattributes").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["* -text"]

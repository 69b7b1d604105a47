"""Fixtures for all tests."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from smirk_blender.flame import Head, builtin_head, load_head
from tests.builders import tiny_head

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of test material that is not in the repository: $SMIRK_SHARED, or `shared` beside it."""
    folder = Path(os.environ.get("SMIRK_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no test material at {folder}; set SMIRK_SHARED to its folder")
    return folder


@pytest.fixture(scope="session", params=["builtin", "flame"])
def either_head(request) -> Head:
    """The built-in head, and a FLAME file's."""
    if request.param == "builtin":
        return builtin_head()
    folder = request.getfixturevalue("shared_folder") / "flame"
    return load_head(folder / "generic_model.pkl", folder)


@pytest.fixture(scope="session")
def encoder_reference(shared_folder) -> dict[str, np.ndarray]:
    """What the authors' own code gives for nine frames of actor_a.mp4."""
    with np.load(shared_folder / "reference" / "smirk_like_expected.npz") as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(params=["tiny", "generic_model.pkl", "builtin"])
def any_head(request) -> Head:
    """A head of each kind: a made-up ball, a FLAME file where there is one, and the built-in head."""
    if request.param == "tiny":
        return tiny_head()
    if request.param == "builtin":
        return builtin_head()
    folder = request.getfixturevalue("shared_folder") / "flame"
    return load_head(folder / request.param, folder)


FIGURES = pytest.StashKey[list]()
STATUS = pytest.StashKey[int]()


def pytest_sessionfinish(session, exitstatus):
    session.config.stash[STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """End at once where Blender is a module: 4.2 may crash while Python shuts down, and 4.5 wait for ever."""
    bpy = sys.modules.get("bpy")
    if bpy is not None and STATUS in config.stash and not bpy.app.binary_path:
        config.get_terminal_writer().flush()
        sys.stdout.flush()
        os._exit(config.stash[STATUS])


@pytest.fixture
def figure(request):
    """Return a function that notes a measured figure, to be shown after the run: figure("median error", 0.021, "%")."""
    notes = request.config.stash.setdefault(FIGURES, [])
    return lambda what, value, unit="": notes.append(f"{request.node.name}: {what} {value:.3g} {unit}".rstrip())


def pytest_terminal_summary(terminalreporter, config):
    if config.stash.get(FIGURES, []):
        terminalreporter.section("measured")
        for note in config.stash[FIGURES]:
            terminalreporter.line(note)

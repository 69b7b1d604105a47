"""Packages and sandboxes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import build
from tests.conftest import REPOSITORY

from .network import Network
from .sandbox import Sandbox

ENVIRONMENT = ".venv"  # build.py's, with the worker's packages


@pytest.fixture(scope="session")
def light_package(tmp_path_factory) -> Path:
    """The package without wheels."""
    return build.pack(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def full_package(lacking_packages) -> Path:
    """A package with all wheels for this system and Python: $SMIRK_PACKAGE."""
    if "SMIRK_PACKAGE" not in os.environ:
        pytest.skip("no package with wheels: set SMIRK_PACKAGE to a zip that build.py package has written")
    return Path(os.environ["SMIRK_PACKAGE"]).resolve()


@pytest.fixture(scope="session")
def worker_python() -> str:
    """A Python with the worker's packages: $SMIRK_WORKER_PYTHON, or the one of build.py's environment."""
    candidates = (os.environ.get("SMIRK_WORKER_PYTHON"), REPOSITORY / ENVIRONMENT / "bin" / "python", sys.executable)
    for candidate in filter(None, candidates):
        if can_import(candidate, "mediapipe"):
            return str(candidate)
    pytest.skip("no Python with the worker's packages: run build.py test, or set SMIRK_WORKER_PYTHON")


@pytest.fixture(scope="session")
def lacking_packages() -> None:
    """A Blender whose Python has none of the worker's packages."""
    if can_import(sys.executable, "cv2"):
        pytest.skip(f"{sys.executable} has the worker's packages")


@pytest.fixture
def sandbox(tmp_path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path / "box")
    yield made
    made.close()


@pytest.fixture
def network(tmp_path, figure) -> Network:
    """The network, cut off where the system lets us; the figure tells."""
    made = Network(tmp_path)
    if not made.is_cut:
        figure("THE NETWORK WAS NOT CUT OFF (no unshare --net); networks that were:", 0)
    if made.calls_path is None:
        figure("NOBODY WATCHED what the worker calls (no strace); calls that were seen:", 0)
    return made


def can_import(python: str | Path, module: str) -> bool:
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    try:
        return subprocess.run([python, "-I", "-c", code], timeout=60).returncode == 0
    except OSError:
        return False

"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of test material that is not in the repository: $SMIRK_SHARED, or `shared` beside it."""
    folder = Path(os.environ.get("SMIRK_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no test material at {folder}; set SMIRK_SHARED to its folder")
    return folder

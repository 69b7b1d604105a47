"""Folders for what is needed only while something runs."""

import os
import time

import pytest

from smirk_blender.errors import SmirkError
from smirk_blender.ui import passing, preferences


@pytest.fixture(autouse=True)
def cache(tmp_path):
    preferences.preferences().cache_folder = str(tmp_path / "cache")


def test_what_a_crash_left_goes_and_what_runs_stays():
    old, running = passing.new_folder("parts", "old"), passing.new_folder("parts", "running")
    (old / "part.npz").write_text("")
    os.utime(old, (0, time.time() - passing.STALE_S - 60))  # seconds
    new = passing.new_folder("parts", "new")
    assert not old.exists() and running.is_dir() and new.is_dir() and new.parent == preferences.cache_folder("parts")


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(SmirkError, match="Cannot write to .*parts.*choose other folders in the preferences"):
        passing.new_folder("parts", "x")

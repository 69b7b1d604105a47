"""What enabling the add-on imports: what bakes and cleans waits until it is asked for."""

import json
import os
import subprocess
import sys

import bpy
import pytest

from tests.conftest import REPOSITORY

LATE = ("clean.chain", "clean.fewer_keys", "clean.keys", "flame.head", "rig.actions", "rig.compare", "ui.clean_task")
PROGRAM = """
import json, sys
import bpy, smirk_blender
smirk_blender.register()
print(json.dumps(sorted(sys.modules)))
smirk_blender.unregister()
"""


def test_enabling_imports_nothing_that_bakes_or_cleans():
    if bpy.app.binary_path:
        pytest.skip("here bpy is inside Blender; only the bpy module runs as `python -c`")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60)
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert "smirk_blender.ui.clean_up" in modules
    assert not modules & {"scipy", *(f"smirk_blender.{name}" for name in LATE)}

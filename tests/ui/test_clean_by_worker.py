"""Cleaning where Blender's own Python has no SciPy: the worker's has."""

import os
import sys
from importlib.util import find_spec

import bpy
import numpy as np
import pytest

from smirk_blender.flame import save_head
from smirk_blender.take import CleanUp, save_take
from smirk_blender.take.clean_up import Fill, Smoothing, Spikes, Timing
from smirk_blender.take.parts import part_of
from smirk_blender.ui import clean_steps, tasks
from smirk_blender.ui.clean_task import JudgeTask
from smirk_blender.ui.preferences import preferences
from tests.builders import make_take, tiny_head
from tests.rig.scenes import flame_vertices, played_vertices

WORKER = os.environ.get("SMIRK_WORKER_PYTHON", sys.executable)  # of the main environment, where this is another
TRIMMED = CleanUp(
    spikes=Spikes(enabled=False), fill=Fill(enabled=False), smoothing=Smoothing(enabled=False), timing=Timing(5, 20)
)


@pytest.fixture
def item(tmp_path, monkeypatch):
    if WORKER == sys.executable and find_spec("scipy") is None:
        pytest.skip("no Python with the worker's packages; name one in SMIRK_WORKER_PYTHON")
    monkeypatch.setattr(clean_steps, "find_spec", lambda name: None)
    save_head(tiny_head(), tmp_path / "tiny.npz")
    bpy.ops.smirk.import_flame(filepath=str(tmp_path / "tiny.npz"), lids='exact')
    path = str(save_take(make_take(30, tiny_head()), tmp_path / "line.take.npz"))
    bpy.ops.smirk.open_take(filepath=path)
    bpy.ops.smirk.bake_take(filepath=path)
    item = bpy.context.scene.smirk.active_take()
    item.clean_up.show(TRIMMED)
    return item


def test_the_worker_cleans_and_the_head_plays_it(item):
    preferences().worker_python = WORKER
    assert bpy.ops.smirk.clean_take() == {'FINISHED'}
    wanted = flame_vertices(tiny_head(), part_of(make_take(30, tiny_head()), slice(5, 21)))
    played = played_vertices(bpy.context.object, 6 + np.arange(16))
    assert np.abs(played - wanted).max() < 1e-5  # metres


def test_the_worker_says_what_was_found(item):
    preferences().worker_python = WORKER
    task = JudgeTask(bpy.context.scene, item.path)
    tasks.run_to_end(tasks.start(task))
    assert item.quality.startswith("Spikes: ") and "->" in item.quality
    assert item.rests and item.neutral_found == ""  # the settings do not ask
    item.clean_up.neutral_source = 'auto'
    tasks.run_to_end(tasks.start(JudgeTask(bpy.context.scene, item.path)))
    assert item.neutral_found.startswith("about frame ")


def test_a_worker_that_cannot_be_started_is_named_and_the_head_stays(item, tmp_path):
    preferences().worker_python = str(tmp_path / "none")
    with pytest.raises(RuntimeError, match="Cannot start the worker's Python .*none"):
        bpy.ops.smirk.clean_take()
    wanted = flame_vertices(tiny_head(), make_take(30, tiny_head()))
    assert np.abs(played_vertices(bpy.context.object, 1 + np.arange(30)) - wanted).max() < 1e-5  # metres

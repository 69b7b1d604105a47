"""Live Link Face CSV by button: a recording becomes a take, a take a recording."""

from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.retarget.live_link import read_live_link, write_live_link
from smirk_blender.take import load_take, save_take
from smirk_blender.ui.takes import absolute_path
from tests.builders import make_take, tiny_head
from tests.retarget.curves import made_up_curves

FPS = Fraction(60)
WEIGHT_ERROR = 0.05  # of a weight, through the built-in head and back, in the median


@pytest.fixture
def recording(tmp_path, monkeypatch):
    monkeypatch.setattr("smirk_blender.ui.live_link.new_take_path", lambda name: tmp_path / f"{name}.take.npz")
    curves = made_up_curves(20, fps=FPS)
    write_live_link(curves, str(tmp_path / "phone.csv"))
    return curves


def test_a_recording_becomes_a_take_and_a_recording_again(recording, tmp_path):
    assert bpy.ops.smirk.import_live_link(filepath=str(tmp_path / "phone.csv")) == {'FINISHED'}
    item = bpy.context.scene.smirk.active_take()
    assert (item.name, item.num_frames, item.fps) == ("phone", 20, 60.0)
    assert load_take(absolute_path(item)).models["head"]
    item.clean_up.enabled = False
    out = tmp_path / "again.csv"
    assert bpy.ops.smirk.export_live_link(filepath=str(out)) == {'FINISHED'}
    again = read_live_link(out)
    assert again.weights.shape == recording.weights.shape
    assert np.median(np.abs(again.weights - recording.weights)) < WEIGHT_ERROR


def test_what_is_no_recording_is_named_and_no_take_is_added(tmp_path):
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RuntimeError, match="list.csv"):
        bpy.ops.smirk.import_live_link(filepath=str(tmp_path / "list.csv"))
    assert len(bpy.context.scene.smirk.takes) == 0


def test_a_take_of_a_head_without_names_is_not_exported(tmp_path):
    assert not bpy.ops.smirk.export_live_link.poll()
    bpy.ops.smirk.open_take(filepath=str(save_take(make_take(5, tiny_head()), tmp_path / "line.take.npz")))
    with pytest.raises(RuntimeError):
        bpy.ops.smirk.export_live_link(filepath=str(tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()

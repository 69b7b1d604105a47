"""What the panels say in each state; and that the add-on takes everything away again."""

from fractions import Fraction

import bpy
import numpy as np
import pytest

import smirk_blender
from smirk_blender.flame import save_head
from smirk_blender.take import save_take
from smirk_blender.ui import footage, overlay, tasks
from smirk_blender.ui.solve_task import SolveRequest, SolveTask
from smirk_blender.ui.takes import SMIRK_UL_takes
from smirk_blender.ui.tasks import Outcome, Task
from tests.builders import make_take, tiny_head
from tests.rig.scenes import write_code_movie
from tests.ui.fake_layout import Context, Layout, drawn_text, panels

FIRST_PANELS = {"SMIRK_PT_head", "SMIRK_PT_footage", "SMIRK_PT_solve", "SMIRK_PT_take", "SMIRK_PT_bake"}


class Idle(Task):
    """Does nothing, and does not end."""

    def steps(self):
        while True:
            yield tasks.WAIT


@pytest.fixture
def head_object(tmp_path):
    save_head(tiny_head(), tmp_path / "tiny.npz")
    bpy.ops.smirk.import_flame(filepath=str(tmp_path / "tiny.npz"))
    return bpy.context.object


@pytest.fixture
def take_file(tmp_path):
    gap = [False, False, True, True, False]
    take = make_take(5, tiny_head(), fps=Fraction(30000, 1001), gap=gap, confidence=np.where(gap, 0.0, 0.4))
    return str(save_take(take, tmp_path / "line.take.npz"))


@pytest.fixture(autouse=True)
def no_tasks():
    yield
    tasks.abandon_all("the test is over")


def settings():
    return bpy.context.scene.smirk


def test_a_fresh_scene_is_told_what_to_do_first():
    text = drawn_text()
    for said in ("Choose the video of an actor", "smirk.use_sample", "smirk.add_builtin_head", "No head yet"):
        assert said in text
    assert FIRST_PANELS <= {panel.__name__ for panel in panels()}
    for kind, said in (('STRIP', "Select a movie or image strip in the Sequencer"), ('CLIP', "Choose a movie clip")):
        settings().footage_kind = kind
        assert said in drawn_text() and "smirk.use_sample" not in drawn_text()


def test_footage_shows_its_facts_or_what_is_wrong_with_it(tmp_path):
    path = write_code_movie(tmp_path / "codes.mp4", 8, Fraction(30000, 1001))
    settings().footage_path = str(path)
    drawn_text()
    footage._read_wanted()
    for said in ("codes.mp4", "64 × 48", "29.97 fps", "8 frames"):
        assert said in drawn_text()
    settings().footage_path = str(tmp_path / "none.mp4")
    drawn_text()
    footage._read_wanted()
    assert "No file at" in drawn_text() and "64 × 48" not in drawn_text()


def test_what_runs_and_what_waits_is_shown_and_can_be_stopped(tmp_path):
    running = tasks.start(Idle("Adding a head", "Scene"))
    drawn_text()
    running.fraction, running.text = 0.42, "Making the head"
    tasks.start(Idle("Solving codes.mp4", "Scene"))
    tasks.start(Idle("Solving other.mp4", "Elsewhere"))
    text = drawn_text()
    for said in ("Adding a head", "42 %", "Making the head", "Next: Solving codes.mp4", "Solve Another"):
        assert said in text
    assert "1 more in other scenes" in text and "smirk.cancel_task" in text
    assert "smirk.finish_solve" not in text and "other.mp4" not in text


def test_a_solve_can_be_finished_early(tmp_path):
    chosen = footage.ChosenFootage(footage.file_footage(write_code_movie(tmp_path / "codes.mp4", 2, Fraction(30))))
    request = SolveRequest(chosen, {}, tmp_path / "log", None, None, True)
    tasks.start(SolveTask(bpy.context.scene, request, "", []))
    assert "smirk.finish_solve" in drawn_text()


@pytest.mark.parametrize("state", ["done", "cancelled", "failed"])
def test_how_it_ended_is_said_with_the_advice_and_the_log(state):
    tasks.set_outcome("Scene", Outcome(state, "It ended so", "Do that", "/somewhere/a.log"))
    text = drawn_text()
    assert "It ended so" in text and "Do that" in text and "smirk.show_log" in text
    tasks.set_outcome("Scene", Outcome(state, "It ended so"))
    assert "smirk.show_log" not in drawn_text()


def test_a_take_says_what_to_look_at(head_object, take_file):
    bpy.ops.smirk.open_take(filepath=take_file)
    text = drawn_text()
    for said in ("5 frames, 2 without a face", "Confidence 0.40", "29.97 fps, made up, tiny 0"):
        assert said in text
    row = Layout()
    SMIRK_UL_takes.draw_item(None, Context(), row, settings(), settings().takes[0], 0, settings(), "take_index")
    assert row.drawn == ["name", "5"]
    assert "Footage 29.97 fps, scene 24: the scene will change" in text
    settings().bake.timing = 'resample'
    assert "the take will be resampled" in drawn_text()
    bpy.ops.smirk.bake_take()
    settings().bake.timing = 'set'
    bpy.ops.smirk.bake_take()
    assert "The take has" not in drawn_text()


def test_a_head_has_tools_and_several_are_told_apart(head_object, tmp_path):
    text = drawn_text()
    assert "Head: tiny 0" in text and "smirk.set_lids" in text and "smirk.drive_pose_keys" in text
    assert "No head yet" not in text
    bpy.ops.smirk.import_flame(filepath=str(tmp_path / "tiny.npz"))
    bpy.context.view_layer.objects.active = None
    assert "smirk.set_lids" not in drawn_text() and "No head yet" not in drawn_text()


def test_an_overlay_that_is_shown_can_be_hidden(head_object, take_file):
    bpy.ops.smirk.open_take(filepath=take_file)
    assert "smirk.show_overlay" in drawn_text() and "smirk.hide_overlay" not in drawn_text()
    bpy.ops.smirk.show_overlay()
    assert overlay.state() is not None
    assert "smirk.hide_overlay" in drawn_text() and "opacity" in drawn_text()


def traces():
    """Return everything of ours that Blender knows."""
    handlers = [
        function
        for name in dir(bpy.app.handlers)
        for function in (getattr(bpy.app.handlers, name) if isinstance(getattr(bpy.app.handlers, name), list) else ())
        if "smirk" in getattr(function, "__module__", "")
    ]
    kinds = (bpy.types.Panel, bpy.types.Operator, bpy.types.PropertyGroup, bpy.types.UIList, bpy.types.AddonPreferences)
    registered = [each.__name__ for kind in kinds for each in kind.__subclasses__() if each.is_registered]
    types = sorted({name for name in (*dir(bpy.types), *registered) if "SMIRK" in name})
    properties = [name for name in bpy.types.Scene.bl_rna.properties.keys() if "smirk" in name]
    timers = [function for function in (tasks._tick, footage._read_wanted) if bpy.app.timers.is_registered(function)]
    addon_keys = bpy.context.window_manager.keyconfigs.addon
    keys = [item.idname for keymap in (addon_keys.keymaps if addon_keys else ()) for item in keymap.keymap_items]
    operators = dir(bpy.ops.smirk)
    return handlers, types, properties, timers, [key for key in keys if key.startswith("smirk.")], operators


def test_switching_the_add_on_off_leaves_nothing_and_on_again_the_same(head_object, take_file):
    before = traces()
    assert before[0] and len(before[1]) > 20 and len(before[2]) == 2 and len(before[5]) > 10
    settings().footage_path = take_file
    drawn_text()
    bpy.ops.smirk.open_take(filepath=take_file)
    bpy.ops.smirk.show_overlay()
    tasks.start(Idle("Idle", "Scene"))
    for _ in range(2):
        smirk_blender.unregister()
        assert traces() == ([], [], [], [], [], []) and overlay.state() is None
        smirk_blender.register()
        assert traces() == (*before[:3], [], *before[4:]) and not tasks.tasks()  # but for what had run

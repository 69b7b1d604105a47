"""Saving and applying expressions by operators."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from smirk_blender.rig import compat
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.pose_assets import FACE
from smirk_blender.take import save_take
from smirk_blender.ui import expression_task
from smirk_blender.ui.asset_menu import draw_apply
from smirk_blender.ui.expression_task import SaveExpressionTask
from smirk_blender.ui.expressions import SMIRK_MT_expressions, draw_expressions
from tests.builders import make_take, tiny_head
from tests.rig.scenes import evaluated_points
from tests.ui.fake_layout import Context, Layout

BAR_M = 1e-5  # metres


@pytest.fixture
def take(head_object, tmp_path):
    """A take that the head plays at its third frame."""
    take = make_take(5, tiny_head(), models={}, shape=np.zeros(14))
    bpy.ops.smirk.bake_take(filepath=str(save_take(take, tmp_path / "line.take.npz")))
    bpy.context.scene.frame_set(3)
    return take


def rest(head_object):
    """Let a head show nothing, and play nothing."""
    for thing in (head_object.data.shape_keys, head_object.parent):
        thing.animation_data_clear()
    for key in head_object.data.shape_keys.key_blocks:
        key.value = 0.0
    for bone in head_object.parent.pose.bones:
        bone.matrix_basis.identity()


def expected(take, row=2):
    names = ("expression", "eyelid", "jaw_pose", "eye_pose")
    return to_blender(tiny_head().vertices(**{name: getattr(take, name)[row : row + 1] for name in names})[0])


def test_what_the_head_shows_comes_back_and_can_be_undone(head_object, take):
    assert bpy.ops.smirk.save_expression(name="Smile", catalog="") == {'FINISHED'}
    action = bpy.data.actions["Smile"]
    assert action.asset_data is not None and action.asset_data.catalog_id == "00000000-0000-0000-0000-000000000000"
    rest(head_object)
    resting = evaluated_points(head_object)
    assert bpy.ops.smirk.apply_expression(action="Smile") == {'FINISHED'}
    np.testing.assert_allclose(evaluated_points(head_object), expected(take), atol=BAR_M)
    rest(head_object)
    bpy.ops.ed.undo_push(message="rest")
    bpy.ops.smirk.apply_expression('EXEC_DEFAULT', True, action="Smile")
    name = head_object.name
    bpy.ops.ed.undo()
    head_object = bpy.data.objects[name]
    np.testing.assert_allclose(evaluated_points(head_object), resting, atol=1e-7)
    bpy.ops.smirk.apply_expression(action="Smile", blend=0.0)
    np.testing.assert_allclose(evaluated_points(head_object), resting, atol=1e-7)


def test_with_auto_keying_it_is_kept_at_the_frame(head_object, take):
    bpy.ops.smirk.save_expression(name="Smile")
    rest(head_object)
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = True
    bpy.context.scene.frame_set(40)
    bpy.ops.smirk.apply_expression(action="Smile")
    bpy.context.scene.frame_set(41)
    np.testing.assert_allclose(evaluated_points(head_object), expected(take), atol=BAR_M)
    keys = [compat.read_fcurve(curve)[0] for curve in compat.fcurves(head_object.data.shape_keys.animation_data.action)]
    assert keys and all(frames.tolist() == [40] for frames in keys)


def test_what_plays_on_is_said(head_object, take, capfd):
    bpy.ops.smirk.save_expression(name="Smile")
    bpy.ops.smirk.apply_expression(action="Smile")
    assert "until the frame changes: turn Auto Keying on" in capfd.readouterr().out
    rest(head_object)
    bpy.ops.smirk.apply_expression(action="Smile")
    assert "until" not in capfd.readouterr().out


def test_one_that_is_undone_while_it_is_drawn_stays_away(head_object, take, monkeypatch):
    def drawn_later(function, *arguments):
        yield
        return function(*arguments)

    monkeypatch.setattr(expression_task, "elsewhere", drawn_later)
    task = SaveExpressionTask(bpy.context.scene, head_object, "Smile", parts=FACE, catalog="", description="")
    steps = task.steps()
    next(steps)
    bpy.data.actions.remove(bpy.data.actions["Smile"])
    list(steps)
    assert task.outcome.state == "cancelled" and "Smile" not in bpy.data.actions


def test_a_saved_blend_gets_the_catalogue(head_object, take, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.smirk.save_expression(name="Smile", catalog="Faces/Happy")
    line = (tmp_path / "blender_assets.cats.txt").read_text().splitlines()[-1]
    assert line == f"{bpy.data.actions['Smile'].asset_data.catalog_id}:Faces/Happy:Faces-Happy"


def test_an_asset_of_another_blend_is_appended_once(head_object, take, tmp_path):
    library = tmp_path / "library.blend"
    bpy.ops.smirk.save_expression(name="Smile")
    bpy.ops.wm.save_as_mainfile(filepath=str(library), copy=True)
    bpy.data.actions.remove(bpy.data.actions["Smile"])
    rest(head_object)
    count = len(bpy.data.actions)
    for _ in range(2):
        bpy.ops.smirk.apply_expression(action="Smile", library=str(library))
        assert len(bpy.data.actions) == count + (1 if compat.has_slots() else 2)
    np.testing.assert_allclose(evaluated_points(head_object), expected(take), atol=BAR_M)
    with pytest.raises(RuntimeError, match="has no expression Frown"):
        bpy.ops.smirk.apply_expression(action="Frown", library=str(library))


def test_what_is_not_there_is_said(head_object):
    with pytest.raises(RuntimeError, match="No expression 'Frown' is in this .blend"):
        bpy.ops.smirk.apply_expression(action="Frown")
    bpy.ops.object.select_all(action='DESELECT')
    bpy.data.objects.remove(head_object)
    with pytest.raises(RuntimeError, match="Select a SMIRK head"):
        bpy.ops.smirk.save_expression()


def test_the_asset_browser_offers_it_for_actions(monkeypatch):
    for kind, shown in (('ACTION', True), ('MATERIAL', False)):
        layout = Layout()
        context = SimpleNamespace(asset=SimpleNamespace(id_type=kind))
        draw_apply(SimpleNamespace(layout=layout), context)
        assert ("smirk.apply_expression" in layout.drawn) == shown


def test_panel_and_menu_are_drawn(head_object, take):
    bpy.ops.smirk.save_expression(name="Smile")
    layout = Layout()
    draw_expressions(layout, Context())
    SMIRK_MT_expressions.draw(SimpleNamespace(layout=layout), Context())
    assert "smirk.save_expression" in layout.drawn and "Smile" in layout.drawn

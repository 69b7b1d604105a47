"""The overlay's state; what it draws is looked at in a window."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import smirk_blender
from smirk_blender.flame import save_head
from smirk_blender.take import save_take
from smirk_blender.take.parts import part_of
from smirk_blender.ui import overlay, overlay_drawing
from smirk_blender.ui.preview import SMIRK_PG_overlay
from tests.builders import make_take, tiny_head


@pytest.mark.parametrize(
    ("scene_frames", "expected"),
    [
        ([10, 11, 12], {9.4: None, 9.6: 0, 10: 0, 10.4: 0, 10.6: 1, 12: 2, 12.5: 2, 12.6: None}),
        ([1, 3, 5], {0.5: 0, 1.9: 0, 2.1: 1, 5.9: 2, 6.1: None, -0.5: None}),  # slowed down
        ([1.0, 1.4, 1.8], {1.3: 1, 1.5: 1, 1.7: 2, 2.2: 2, 2.4: None}),  # sped up
        ([7], {6.4: None, 7: 0, 7.5: 0, 8: None}),
    ],
)
def test_a_scene_frame_shows_the_nearest_row(scene_frames, expected):
    take = make_take(len(scene_frames))
    overlay.show(take, None, np.array(scene_frames))
    assert {frame: overlay.state().row_at(frame) for frame in expected} == expected


def test_gaps_have_no_lines():
    overlay.show(make_take(3, gap=[False, True, False]), None, np.arange(3))
    assert overlay.state().lines_at(1) is None and overlay.state().lines_at(2) is not None


def test_a_mesh_needs_the_takes_own_head():
    head = tiny_head()
    take = make_take(3, head)
    for given, has_mesh in ((head, True), (tiny_head(1), False), (None, False)):
        overlay.show(take, given, np.arange(3), style='MESH')
        assert (len(overlay.state().lines_at(0).dots) == 0) is has_mesh


def test_a_growing_take_keeps_its_wire():
    head = tiny_head()
    take = make_take(6, head)
    overlay.show(part_of(take, slice(0, 3)), head, np.arange(3), style='MESH')
    first = overlay.state().lines_at(2)
    wire = overlay.state().mesh._wire
    overlay.show(take, head, np.arange(6), style='MESH')
    np.testing.assert_array_equal(overlay.state().lines_at(2).points_px, first.points_px)
    assert overlay.state().mesh._wire is wire
    overlay.show(make_take(3, head, shape=take.shape + 1), head, np.arange(3), style='MESH')
    overlay.state().lines_at(0)
    assert overlay.state().mesh._wire is not wire


def test_the_look_changes_with_the_settings():
    bpy.types.Scene.smirk_overlay_test = bpy.props.PointerProperty(type=SMIRK_PG_overlay)
    try:
        overlay.show(make_take(2), None, np.arange(2))
        settings = bpy.context.scene.smirk_overlay_test
        settings.style, settings.opacity = 'MESH', 0.25
        assert (overlay.state().style, overlay.state().opacity) == ('MESH', 0.25)
    finally:
        del bpy.types.Scene.smirk_overlay_test


def test_operators_show_and_hide_a_take(tmp_path):
    head, take_path, model = tiny_head(), tmp_path / "a.take.npz", tmp_path / "tiny.npz"
    save_head(head, model)
    save_take(make_take(4, head), take_path)
    with pytest.raises(RuntimeError, match="No overlay is shown"):
        bpy.ops.smirk.hide_overlay()
    bpy.ops.smirk.show_overlay(take_path=str(take_path), head=str(model), scene_frame_start=10, style='MESH')
    assert overlay.state().row_at(12) == 2 and overlay.state().mesh is not None
    bpy.ops.smirk.hide_overlay()
    assert overlay.state() is None
    with pytest.raises(RuntimeError, match="none.npz"):
        bpy.ops.smirk.show_overlay(take_path=str(tmp_path / "none.npz"))


def test_unregistering_takes_the_overlay_away():
    overlay.show(make_take(2), None, np.arange(2))
    assert overlay._handlers
    smirk_blender.unregister()
    assert overlay.state() is None and not overlay._handlers
    smirk_blender.register()


def test_only_viewports_through_a_camera_show_its_background():
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    lamp = bpy.data.objects.new("Empty", None)
    scene.camera = camera
    looking, turned = (SimpleNamespace(view_perspective=kind) for kind in ('CAMERA', 'PERSP'))
    space = SimpleNamespace(use_local_camera=False, camera=other)
    assert overlay._camera_of(scene, space, looking) is camera
    assert overlay._camera_of(scene, space, turned) is None
    assert overlay._camera_of(scene, SimpleNamespace(use_local_camera=True, camera=other), looking) is other
    scene.camera = lamp
    assert overlay._camera_of(scene, space, looking) is None


def test_confidence_is_seen_in_the_colour():
    low, middle, high = (np.array(overlay_drawing.color_of(value)) for value in (0.0, 0.5, 1.0))
    weights = (0.2126, 0.7152, 0.0722)
    assert low @ weights < middle @ weights < high @ weights
    np.testing.assert_array_equal(overlay_drawing.color_of(7.0), high)

"""A head that goes to another Blender with all that moves it."""

import bpy
import numpy as np
import pytest

from smirk_blender.errors import ExportError
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.handed_over import hand_over, take_over
from smirk_blender.rig.movie import set_fps
from tests.builders import make_take, tiny_head
from tests.rig.reimport import NTSC, shown_points

BAR_M = 1e-6  # metres
NUM_FRAMES = 5


def test_it_moves_as_before_by_actions_drivers_and_constraints(empty_scene, tmp_path):
    head = tiny_head()
    head_object = build_head(head, name="Anna")
    bake_take(head_object, head, make_take(NUM_FRAMES, head), scene_frame_start=7)
    scene = bpy.context.scene
    handle = bpy.data.objects.new("handle", None)
    scene.collection.objects.link(handle)
    for frame, height in ((7, 0.0), (11, 1.0)):
        handle.location.z = height
        handle.keyframe_insert("location", frame=frame)
    head_object.parent.constraints.new('COPY_LOCATION').target = handle
    driver = head_object.data.shape_keys.key_blocks["shape_000"].driver_add("value").driver
    driver.type = 'SUM'
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = handle, "location.z"
    set_fps(scene, NTSC)
    wanted = shown_points(head_object, NUM_FRAMES)
    assert np.ptp(wanted[:, 0, 2]) > 0.5
    more = hand_over(head_object, scene, tmp_path / "playing.blend")
    scene, head_object = take_over(tmp_path / "playing.blend", more)
    assert head_object.name == "Anna"
    assert (scene.render.fps, scene.render.fps_base) == (30, pytest.approx(1.001))
    np.testing.assert_allclose(shown_points(head_object, NUM_FRAMES), wanted, atol=BAR_M)


def test_one_that_is_linked_is_refused(empty_scene, tmp_path):
    build_head(tiny_head())
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"), copy=True)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (there, wanted):
        wanted.objects = ["Head"]
    with pytest.raises(ExportError, match="Head is linked from .*library.blend. Export it there"):
        hand_over(wanted.objects[0], bpy.context.scene, tmp_path / "playing.blend")


def test_a_file_that_is_gone_is_said(empty_scene, tmp_path):
    with pytest.raises(ExportError, match="Cannot read .*gone.blend"):
        take_over(tmp_path / "gone.blend", {"name": "Head", "render": {}, "scale_length": 1.0})

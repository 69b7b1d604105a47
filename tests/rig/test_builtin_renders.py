"""The built-in head as MediaPipe sees it: rendered by Blender, found from three sides."""

import math

import bpy
import numpy as np
import pytest

from smirk_blender.flame import builtin_head
from smirk_blender.flame.rotations import quaternions_from_axis_angle
from smirk_blender.rig import build_head
from smirk_blender.rig.stage import set_stage

SIZE_PX = 320


@pytest.mark.parametrize("yaw_deg", [-30, 0, 30])
def test_mediapipe_finds_the_face(empty_scene, tmp_path, yaw_deg):
    face_mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh", reason="no mediapipe beside this Blender")
    import cv2

    head = builtin_head()
    thing = build_head(head)
    scene = empty_scene
    scene.render.resolution_x = scene.render.resolution_y = SIZE_PX
    set_stage(scene, thing, beside_footage=False)
    rig = thing.parent
    rig.rotation_mode = 'QUATERNION'
    rig.rotation_quaternion = quaternions_from_axis_angle([[0, 0, math.radians(yaw_deg)]])[0]
    scene.render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising = 4, True
    scene.render.filepath = str(tmp_path / "view.png")
    bpy.ops.render.render(write_still=True)
    rgb = cv2.cvtColor(cv2.imread(scene.render.filepath), cv2.COLOR_BGR2RGB)
    with face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as finder:
        faces = finder.process(rgb).multi_face_landmarks
    assert faces, "no face found"
    points = np.array([(point.x, point.y, point.z) for point in faces[0].landmark])
    # MediaPipe's depth grows away from the camera; turned to the actor's left, the left eye goes back.
    found_yaw = math.degrees(math.atan2(points[263, 2] - points[33, 2], points[263, 0] - points[33, 0]))
    assert abs(found_yaw - yaw_deg) < 12

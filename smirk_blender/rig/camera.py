"""The camera of the shot: through it the baked head lies on the actor, and the footage fills its picture.

It stands where the rig's own transform puts it, so a head that was moved, turned or evenly scaled before is matched where
it is. It is not parented: move the rig later, and the head leaves the actor, until it is matched again.
"""

import math
from pathlib import Path
from typing import Literal, NamedTuple

import bpy
import numpy as np
from bpy.types import Action, Object, Scene
from mathutils import Matrix, Quaternion, Vector

from ..errors import HeadError
from ..flame.head import Head
from ..retarget.perspective import SENSOR_MM
from ..retarget.view import View, orthographic_view, perspective_view
from ..take import Take
from . import compat
from .actions import Wearing, bake_take, check_bake, scene_frames_of
from .axes import BLENDER_FROM_FLAME, to_blender
from .footage import match_take
from .memory import world_placement

UPRIGHT = Matrix.Rotation(math.pi / 2, 4, 'X')  # a camera looks along its own -Z; so it looks along +Y, at a face
STEADY_PICTURE = 1e-6  # relative; a picture that changes less needs no keys
# Of the distance to the nearest and the farthest head, as a viewport's depth buffer likes it and a set needs it.
CLIP_NEAR, CLIP_FAR = 0.05, 50.0
DISPLAY_SIZE = 0.1  # of the distance: the camera's wires


class Matched(NamedTuple):
    """What `bake_in_shot` made."""

    action: Action
    camera: Object
    view: View


def bake_in_shot(
    scene: Scene,
    head_object: Object,
    head: Head,
    take: Take,
    *,
    projection: Literal["ORTHO", "PERSP"] = 'ORTHO',
    focal_mm: float | None = None,
    scene_frame_start: int = 1,
    action_name: str | None = None,
    identity: Wearing = "keys",
    action: Action | None = None,
    camera: Object | None = None,
    tolerance_mm: float | None = None,
    bind: bool = True,
) -> Matched:
    """Bake a take so that its head lies on the actor, before a new camera, which becomes the scene's.

    Args:
        scene: gets the camera, and the take's rate, range and picture size.
        head_object, head, take, scene_frame_start, action_name, identity, tolerance_mm, bind: see `bake_take`.
        projection: 'ORTHO' as solvers see, exact; or 'PERSP', with a lens of fixed length.
        focal_mm: of the perspective camera, 36 mm being the picture's longer side; estimated where left out.
        action, camera: of an earlier one, to be made anew; new ones where left out.
    Raises:
        HeadError, TakeError: see `bake_take`, `orthographic_view`, `perspective_view` and `match_camera`.
    """
    check_bake(head_object, head, take, identity=identity)
    _rig_transform(scene, head_object)
    view = orthographic_view(take) if projection == 'ORTHO' else perspective_view(take, head, focal_mm=focal_mm)
    baked = bake_take(
        head_object,
        head,
        view.take,
        scene_frame_start=scene_frame_start,
        action_name=action_name,
        identity=identity,
        translation=view.translation,
        action=action,
        tolerance_mm=tolerance_mm,
        bind=bind,
    )
    camera = match_camera(scene, head_object, view, scene_frame_start=scene_frame_start, camera=camera)
    return Matched(baked, camera, view)


def match_camera(
    scene: Scene, head_object: Object, view: View, *, scene_frame_start: int = 1, camera: Object | None = None
) -> Object:
    """Return a camera, the scene's from now on, that shows a baked head where the take saw it; others stay.

    The scene gets the take's rate, frame range and picture size.
    Args:
        scene: gets the camera.
        head_object: `view.take` was baked on it, with `view.translation`.
        view: from `orthographic_view` or `perspective_view`.
        scene_frame_start: scene frame of the take's first frame.
        camera: an earlier one, to be placed anew; a new one where left out, or where it was deleted from the scene.
    Raises:
        HeadError: the head lost its armature, or is mirrored or scaled unevenly.
    """
    location, rotation, scale = _rig_transform(scene, head_object)
    match_take(scene, view.take, scene_frame_start=scene_frame_start)
    if camera is None or scene.objects.get(camera.name) != camera:
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        scene.collection.objects.link(camera)
    place = Matrix.LocRotScale(location, rotation, Vector((scale,) * 3)) @ Matrix.Translation(
        to_blender(view.camera_location)
    )
    camera.rotation_mode = 'QUATERNION'
    camera.location = place.translation
    camera.rotation_quaternion = rotation @ UPRIGHT.to_quaternion()
    data = camera.data
    data.sensor_fit, data.sensor_width = 'AUTO', SENSOR_MM  # the width goes along the longer side
    data.type = 'ORTHO' if view.focal_mm is None else 'PERSP'
    if view.focal_mm is None:
        _key_picture(camera, view, scale, scene_frames_of(view.take, scene_frame_start))
    else:
        data.lens = view.focal_mm
    depth = scale * (view.camera_location[2] - view.translation[:, 2])  # of the root joint, or near it
    data.clip_start, data.clip_end = CLIP_NEAR * float(depth.min()), CLIP_FAR * float(depth.max())
    data.display_size = DISPLAY_SIZE * float(depth.min())
    scene.camera = camera
    return camera


def _key_picture(camera: Object, view: View, scale: float, scene_frames: np.ndarray) -> None:
    """Key how much of the scene an orthographic camera shows, or set it where it does not change."""
    picture = scale * view.picture_m
    camera.data.ortho_scale = float(picture[0])
    animation = camera.data.animation_data
    action = animation.action if animation is not None else None
    if np.ptp(picture) < STEADY_PICTURE * picture[0]:
        if action is not None:
            camera.data.animation_data_clear()
        return
    if action is None:
        action = bpy.data.actions.new(f"{Path(view.take.source.name).stem} camera")
        compat.use_action(camera.data, action)
    compat.write_fcurve(compat.ensure_fcurve(action, camera.data, "ortho_scale", group="Camera"), scene_frames, picture)


def _rig_transform(scene: Scene, head_object: Object) -> tuple[Vector, Quaternion, float]:
    """Return where in the world an upright head of metres would stand to be this one: location, rotation, scale."""
    for view_layer in scene.view_layers:
        view_layer.update()  # a transform set by a script is not in the world matrix before
    placement = world_placement(head_object)
    if np.linalg.det(placement.axes) < 0:
        raise HeadError(f"{head_object.name} is mirrored, and no camera sees like that. Give it positive scales")
    rotation = Matrix(placement.axes @ BLENDER_FROM_FLAME.T).to_quaternion()
    return Vector(placement.shift), rotation, placement.scale

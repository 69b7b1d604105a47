"""Where a head is seen: camera, lights, world and the viewport, laid out for the footage beside it.

The camera's picture is split down the middle. The footage, as the camera's background, fills the left
half; the camera is aimed so that the head stands in the middle of the right half. Being orthographic,
it shows the head from straight ahead although it stands to the side, as solvers see faces.

The camera through which the head lies on the actor instead is in `camera`; its lights and world are these.
"""

import math

import bpy
import numpy as np
from bpy.types import Light, Object, Scene
from mathutils import Vector

from . import compat
from .memory import is_head

FOOTAGE_SCALE = 0.5  # of the camera's picture
FOOTAGE_OFFSET = (-0.25, 0.0)  # of the camera's picture, from its middle: the middle of the left half
HEAD_ROOM = 1.15  # times the box that the head moves in
NUM_POSES = 20  # of the performance, whose boxes are joined
CAMERA_DISTANCE = 6.0  # in head heights
WORLD_COLOR = (0.05, 0.055, 0.065)  # linear RGB
DEFAULT_BOX = (np.array([-0.1, -0.1, -0.15]), np.array([0.1, 0.1, 0.15]))  # metres; where the scene has no head

# Name, direction from the head as the camera sees it (right, towards the camera, up), power in watts for a
# head of 0.3 m, size in head heights.
LIGHTS = (
    ("Key", (-0.8, 1.0, 0.7), 9.0, 1.5),
    ("Fill", (1.0, 0.8, 0.1), 2.0, 3.0),
    ("Rim", (0.6, -1.0, 0.9), 10.0, 1.0),
)
LANDSCAPE_ZOOM = 24.0  # of a viewport in camera view: 90 % of its width; others would overflow its height
LIGHT_DISTANCE = 3.0  # in head heights
REFERENCE_HEIGHT_M = 0.3


def set_stage(scene: Scene, head_object: Object | None = None, *, beside_footage: bool = True) -> Object:
    """Give a scene a camera, three lights and a world, around a head; return the camera, which is the scene's now.

    Frame range, picture size and action must be there before: the head is to stay in its part of the picture.
    Args:
        scene: gets them.
        head_object: the head to look at; the scene's first where left out.
        beside_footage: whether to leave the left half of the picture free.
    """
    low, high = _stage_box(scene, head_object)
    camera = _add_camera(scene, low, high, beside_footage)
    _light_box(scene, low, high)
    return camera


def light_stage(scene: Scene, head_object: Object | None = None) -> None:
    """Give a scene three lights around a head, a world where it has none, and colours as the footage shows them.

    Frame range and action must be there before.
    Args:
        scene: gets them.
        head_object: the head to light; the scene's first where left out.
    """
    _light_box(scene, *_stage_box(scene, head_object))


def show_camera_view(scene: Scene) -> None:
    """Turn every 3D viewport to the camera, solid, without grid, lamps or bones: the file opens ready to play."""
    colored = [len(thing.data.color_attributes) > 0 for thing in scene.objects if is_head(thing)]
    landscape = scene.render.resolution_x > scene.render.resolution_y
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in area.spaces:
                if space.type == 'VIEW_3D':
                    space.region_3d.view_perspective = 'CAMERA'
                    space.shading.type = 'SOLID'
                    space.region_3d.view_camera_zoom = LANDSCAPE_ZOOM if landscape else 0.0
                    space.shading.color_type = 'VERTEX' if colored and all(colored) else 'MATERIAL'
                    overlay = space.overlay
                    overlay.show_floor = overlay.show_axis_x = overlay.show_axis_y = False
                    overlay.show_cursor = overlay.show_extras = False
                    overlay.show_bones = False  # they would lie across the face; one click brings them back


def _add_camera(scene: Scene, low: np.ndarray, high: np.ndarray, beside_footage: bool) -> Object:
    """Add an orthographic camera that sees the box from `low` to `high`, metres, in its right half or its middle."""
    size = high - low
    render = scene.render
    aspect = (render.resolution_x * render.pixel_aspect_x) / (render.resolution_y * render.pixel_aspect_y)
    picture_width = HEAD_ROOM * max((2.0 if beside_footage else 1.0) * size[0], size[2] * aspect)
    head_shift = picture_width / 4.0 if beside_footage else 0.0
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.type = 'ORTHO'
    camera.data.sensor_fit = 'HORIZONTAL'  # ortho_scale is the picture's width
    camera.data.ortho_scale = picture_width
    middle = (low + high) / 2
    camera.location = middle + (-head_shift, -CAMERA_DISTANCE * size[2], 0.0)
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
    camera.data.clip_start, camera.data.clip_end = 0.01 * size[2], 100.0 * size[2]
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def _light_box(scene: Scene, low: np.ndarray, high: np.ndarray) -> None:
    """Light the box from `low` to `high`, metres; see `light_stage`."""
    _add_lights(scene, Vector((low + high) / 2), float(high[2] - low[2]))
    if scene.world is None:
        scene.world = bpy.data.worlds.new("World")
        tree = compat.node_tree(scene.world)
        background = next(node for node in tree.nodes if node.type == 'BACKGROUND')
        background.inputs["Color"].default_value = (*WORLD_COLOR, 1.0)
        scene.world.color = WORLD_COLOR
    compat.set_view_transform(scene, 'Standard')  # AgX is for rendered light; it would grey the footage


def _add_lights(scene: Scene, middle: Vector, height: float) -> None:
    for name, (right, forward, up), power, size in LIGHTS:
        data: Light = bpy.data.lights.new(name, 'AREA')
        data.energy = power * (height / REFERENCE_HEIGHT_M) ** 2
        data.size = size * height
        light = bpy.data.objects.new(name, data)
        towards = Vector((right, -forward, up)).normalized()
        light.location = middle + LIGHT_DISTANCE * height * towards
        light.rotation_euler = towards.to_track_quat('Z', 'Y').to_euler()  # a light shines along -Z
        light.visible_camera = False  # a matched camera may have one in its picture
        scene.collection.objects.link(light)


def _stage_box(scene: Scene, head_object: Object | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the box of a head's performance, of the scene's first head, or where there is none, of a usual one."""
    head_object = head_object or next((thing for thing in scene.objects if is_head(thing)), None)
    return DEFAULT_BOX if head_object is None else _performance_box(scene, head_object)


def _performance_box(scene: Scene, head_object: Object) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest corner, metres, that the head reaches within the frame range."""
    scene_frame_now, step = scene.frame_current, max(1, (scene.frame_end - scene.frame_start) // NUM_POSES)
    corners = []
    try:
        for scene_frame in range(scene.frame_start, scene.frame_end + 1, step):
            scene.frame_set(scene_frame)
            evaluated = head_object.evaluated_get(scene.view_layers[0].depsgraph)
            corners += [evaluated.matrix_world @ Vector(corner) for corner in evaluated.bound_box]
    finally:
        scene.frame_set(scene_frame_now)
    return np.min(corners, axis=0), np.max(corners, axis=0)

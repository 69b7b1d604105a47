"""A Blender scene with a head in it, and MediaPipe looking at its pictures: for the tools that make the built-in head's data."""

import math
import tempfile
from pathlib import Path

import bpy
import cv2
import numpy as np
from mathutils import Matrix, Vector

from smirk_blender.flame import Head

SIZE_PX = 448
VIEW_HEIGHT = 0.30  # metres of the scene that the picture shows from top to bottom
VIEW_CENTRE = np.array([0.0, 0.010, 0.0])
CAMERA_DISTANCE = 2.0  # metres
SAMPLES = 8
LIGHTS = (  # place in metres, watts, size; the same on both sides, so that shadows do not lead the landmarks astray
    ((-0.8, 0.7, 1.0), 9.0, 0.7),
    ((0.8, 0.7, 1.0), 9.0, 0.7),
)


def posed(head: Head, *, jaw: float = 0.0, lids: float = 0.0, **expressions: float) -> np.ndarray:
    """Return vertices (V, 3), metres; an expression without its _L or _R means both."""
    coefficients = np.zeros((1, head.num_expression))
    for column, name in enumerate(head.expression_names):
        coefficients[0, column] = expressions.get(
            name, expressions.get(name[:-2] if name[-2:] in ("_L", "_R") else name, 0.0)
        )
    return head.vertices(
        expression=coefficients, jaw_pose=np.array([[jaw, 0.0, 0.0]]), eyelid=np.array([[lids, lids]])
    )[0]


class Studio:
    """A Blender scene with the head, and MediaPipe looking at its pictures."""

    def __init__(self, head: Head) -> None:
        self.head = head

    def __enter__(self) -> "Studio":
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._folder = tempfile.TemporaryDirectory()
        self._finder = FaceMesh(
            static_image_mode=True, refine_landmarks=True, max_num_faces=1, min_detection_confidence=0.3
        )
        self._mesh, self._camera = _build_scene(self.head)
        return self

    def __exit__(self, *_) -> None:
        self._finder.close()
        self._folder.cleanup()

    def landmarks(self, vertices: np.ndarray, yaw_deg: float, pitch_deg: float) -> np.ndarray | None:
        """Return MediaPipe's landmarks (478, 2) in picture units (see `project`), or None where it finds no face."""
        found = self._finder.process(cv2.cvtColor(self.picture(vertices, yaw_deg, pitch_deg), cv2.COLOR_BGR2RGB))
        if not found.multi_face_landmarks:
            return None
        marks = np.array([(mark.x, mark.y) for mark in found.multi_face_landmarks[0].landmark])
        return np.column_stack([marks[:, 0] - 0.5, 0.5 - marks[:, 1]])

    def picture(self, vertices: np.ndarray, yaw_deg: float, pitch_deg: float) -> np.ndarray:
        """Return a rendering (SIZE_PX, SIZE_PX, 3), uint8, blue first."""
        self._mesh.vertices.foreach_set("co", np.asarray(vertices, np.float32).ravel())
        self._mesh.update()
        axes = view_axes(yaw_deg, pitch_deg)
        self._camera.matrix_world = (
            Matrix.Translation(VIEW_CENTRE + CAMERA_DISTANCE * axes[2]) @ Matrix(axes.T.tolist()).to_4x4()
        )
        path = str(Path(self._folder.name) / "view.png")
        bpy.context.scene.render.filepath = path
        bpy.ops.render.render(write_still=True)
        return cv2.imread(path)


def view_axes(yaw_deg: float, pitch_deg: float) -> np.ndarray:
    """Return the camera's right, up and backward unit vectors, (3, 3) by rows."""
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    backward = np.array([math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)])
    right = np.array([math.cos(yaw), 0.0, -math.sin(yaw)])
    return np.stack([right, np.cross(backward, right), backward])


def project(points: np.ndarray, yaw_deg: float, pitch_deg: float) -> np.ndarray:
    """Return (N, 3): right and up in picture heights from the middle, and metres towards the camera."""
    seen = (points - VIEW_CENTRE) @ view_axes(yaw_deg, pitch_deg).T
    scale = CAMERA_DISTANCE / (CAMERA_DISTANCE - seen[:, 2:]) / VIEW_HEIGHT
    return np.column_stack([seen[:, :2] * scale, seen[:, 2]])


def _build_scene(head: Head):
    """Return the head's mesh and the camera in a fresh, lit scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = SAMPLES, True, 3
    scene.render.resolution_x = scene.render.resolution_y = SIZE_PX
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("studio")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (0.30, 0.32, 0.35, 1.0)
    for place, power, size in LIGHTS:
        light = bpy.data.objects.new("light", bpy.data.lights.new("light", "AREA"))
        light.data.energy, light.data.size = power, size
        light.location = place
        light.rotation_euler = (-Vector(place)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(light)

    mesh = bpy.data.meshes.new("head")
    mesh.from_pydata(head.template.tolist(), [], head.surface.polygons.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    mesh.polygons.foreach_set("material_index", head.surface.material_index.astype(np.int32))
    colors = mesh.color_attributes.new("base_color", "FLOAT_COLOR", "POINT")
    colors.data.foreach_set(
        "color", np.column_stack([head.surface.colors, np.ones(len(head.template))]).astype(np.float32).ravel()
    )
    for name, _, roughness in head.surface.materials:
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        attribute = nodes.new("ShaderNodeVertexColor")
        attribute.layer_name = "base_color"  # an attribute called "color" comes out black in Cycles
        links.new(attribute.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
        nodes["Principled BSDF"].inputs["Roughness"].default_value = roughness
        mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("head", mesh))

    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.sensor_width = 36.0
    camera.data.lens = 36.0 * CAMERA_DISTANCE / VIEW_HEIGHT
    scene.collection.objects.link(camera)
    scene.camera = camera
    return mesh, camera

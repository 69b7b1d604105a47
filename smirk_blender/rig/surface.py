"""How a head looks: its polygons as a mesh, texture coordinates, vertex colours and materials."""

from collections.abc import Callable
from functools import partial

import bpy
import numpy as np
from bpy.types import Material, Object

from ..flame.head import Head, Surface
from . import compat
from .axes import to_blender

COLOR_ATTRIBUTE = "Color"


def surface_steps(head: Head) -> list[Callable[[Object], None]]:
    """Return what makes an object's empty mesh the template in Blender's axes, smooth, with the head's surface.

    Each is to be called once, in order, with the object. Arrays go in through attributes, which Blender copies whole.
    """
    surface = head.surface
    steps = [partial(_add_vertices, head), partial(_add_polygons, surface)]
    if surface.uv is not None:
        steps.append(partial(_add_uv, surface.uv))
    if surface.colors is not None:
        steps.append(partial(_add_colors, surface.colors))
    steps += [partial(_add_material, described, surface.colors is not None) for described in surface.materials]
    return [*steps, _finish]


def _add_vertices(head: Head, thing: Object) -> None:
    mesh = thing.data
    mesh.vertices.add(len(head.template))
    mesh.attributes["position"].data.foreach_set("vector", to_blender(head.template).astype(np.float32).ravel())


def _add_polygons(surface: Surface, thing: Object) -> None:
    mesh, corners = thing.data, surface.polygons.shape[1]
    mesh.loops.add(surface.polygons.size)
    mesh.attributes[".corner_vert"].data.foreach_set("value", surface.polygons.astype(np.int32).ravel())
    mesh.polygons.add(len(surface.polygons))
    mesh.polygons.foreach_set("loop_start", np.arange(0, surface.polygons.size, corners, dtype=np.int32))
    material_index = mesh.attributes.new("material_index", 'INT', 'FACE')
    material_index.data.foreach_set("value", surface.material_index.astype(np.int32))


def _add_uv(uv: np.ndarray, thing: Object) -> None:
    uv_layer = thing.data.uv_layers.new(name="UVMap")
    uv_layer.uv.foreach_set("vector", uv.astype(np.float32).ravel())


def _add_colors(colors: np.ndarray, thing: Object) -> None:
    rgba = np.column_stack([colors, np.ones(len(colors))])  # (V, 4)
    attribute = thing.data.color_attributes.new(COLOR_ATTRIBUTE, 'FLOAT_COLOR', 'POINT')
    attribute.data.foreach_set("color", rgba.astype(np.float32).ravel())


def _add_material(described: tuple[str, tuple[float, float, float], float], colored: bool, thing: Object) -> None:
    thing.data.materials.append(_build_material(*described, colored=colored))


def _finish(thing: Object) -> None:
    thing.data.update(calc_edges=True)
    thing.data.shade_smooth()


def _build_material(name: str, rgb: tuple[float, float, float], roughness: float, *, colored: bool) -> Material:
    material = bpy.data.materials.new(name)
    material.diffuse_color = (*rgb, 1.0)  # what solid shading shows
    material.roughness = roughness
    tree = compat.node_tree(material)
    shader = next(node for node in tree.nodes if node.type == 'BSDF_PRINCIPLED')
    shader.inputs["Base Color"].default_value = (*rgb, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    if colored:
        color = tree.nodes.new('ShaderNodeVertexColor')
        color.layer_name = COLOR_ATTRIBUTE
        color.location = (shader.location[0] - 200, shader.location[1])
        tree.links.new(color.outputs["Color"], shader.inputs["Base Color"])
    return material

"""How a head looks: its polygons as a mesh, texture coordinates, vertex colours and materials."""

import bpy
import numpy as np
from bpy.types import Material, Mesh

from ..flame.head import Head, Surface
from . import compat
from .axes import to_blender

COLOR_ATTRIBUTE = "Color"


def build_mesh(head: Head, name: str) -> Mesh:
    """Return a new mesh: the template in Blender's axes, smooth, with the head's surface."""
    surface = head.surface
    corners = surface.polygons.shape[1]
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(head.template))
    mesh.vertices.foreach_set("co", to_blender(head.template).astype(np.float32).ravel())
    mesh.loops.add(surface.polygons.size)
    mesh.loops.foreach_set("vertex_index", surface.polygons.astype(np.int32).ravel())
    mesh.polygons.add(len(surface.polygons))
    mesh.polygons.foreach_set("loop_start", np.arange(0, surface.polygons.size, corners, dtype=np.int32))
    mesh.polygons.foreach_set("material_index", surface.material_index.astype(np.int32))
    if surface.uv is not None:
        uv_layer = mesh.uv_layers.new(name="UVMap")
        uv_layer.uv.foreach_set("vector", surface.uv.astype(np.float32).ravel())
    if surface.colors is not None:
        rgba = np.column_stack([surface.colors, np.ones(len(surface.colors))])  # (V, 4)
        attribute = mesh.color_attributes.new(COLOR_ATTRIBUTE, 'FLOAT_COLOR', 'POINT')
        attribute.data.foreach_set("color", rgba.astype(np.float32).ravel())
    for material in build_materials(surface):
        mesh.materials.append(material)
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    return mesh


def build_materials(surface: Surface) -> list[Material]:
    """Return a new Principled material for each of the surface's."""
    return [_build_material(*described, colored=surface.colors is not None) for described in surface.materials]


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

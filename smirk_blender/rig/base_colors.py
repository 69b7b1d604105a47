"""The colours of a mesh's materials, without light, as a simple drawing shows them."""

import numpy as np
from bpy.types import Image, Material, Mesh, Node, NodeSocket, Object

NO_MATERIAL = (0.6, 0.6, 0.6)  # linear RGB
MOST_PIXELS = 4096 * 4096  # of an image; reading a larger one takes too long, and its place is taken by grey
BYTE_GAMMA = 2.2  # nearly sRGB's, in which 8-bit images are stored
FURTHEST_NODE = 6  # nodes between a material's base colour and its image


def corner_colors(mesh_object: Object) -> np.ndarray:
    """Return the base colour at each triangle's corners, (F, 3, 3) float32 linear RGB, in `mesh_triangles`' order."""
    mesh = mesh_object.data
    mesh.calc_loop_triangles()
    loops = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    slots = np.empty(len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("material_index", slots)
    loops = loops.reshape(-1, 3)
    colors = np.full((len(loops), 3, 3), NO_MATERIAL, np.float32)
    for index, slot in enumerate(mesh_object.material_slots):
        last = index == len(mesh_object.material_slots) - 1
        triangles = np.flatnonzero((slots >= index) if last else (slots == index))  # beyond the last means the last
        if slot.material is not None and len(triangles):
            colors[triangles] = _of_material(slot.material, mesh, loops[triangles])
    return colors


def _of_material(material: Material, mesh: Mesh, loops: np.ndarray) -> np.ndarray:
    """Return a material's colours, (3,) or (N, 3, 3), at loops (N, 3)."""
    shader = _shader(material)
    if shader is None:
        return np.array(material.diffuse_color[:3])
    socket = shader.inputs["Base Color"]
    node = _behind(socket, ("TEX_IMAGE", "VERTEX_COLOR"))
    if node is not None and node.type == "TEX_IMAGE":
        colors = _of_image(node.image, mesh, loops)
    elif node is not None:
        colors = _of_attribute(mesh, node.layer_name, loops)
    else:
        colors = None if socket.is_linked else np.array(socket.default_value[:3])
    return np.array(NO_MATERIAL) if colors is None else colors


def _shader(material: Material) -> Node | None:
    if material.node_tree is None:
        return None
    return next((node for node in material.node_tree.nodes if node.type == 'BSDF_PRINCIPLED'), None)


def _behind(socket: NodeSocket, types: tuple[str, ...], steps: int = FURTHEST_NODE) -> Node | None:
    """Return the first node of these types that leads to a socket."""
    for link in socket.links if steps else ():
        if link.from_node.type in types:
            return link.from_node
        for before in link.from_node.inputs:
            found = _behind(before, types, steps - 1)
            if found is not None:
                return found
    return None


def _of_image(image: Image | None, mesh: Mesh, loops: np.ndarray) -> np.ndarray | None:
    """Return an image's colours (N, 3, 3) at loops (N, 3); None where it cannot be read."""
    layer = next((layer for layer in mesh.uv_layers if layer.active_render), None)
    if image is None or layer is None:
        return None
    width, height = image.size
    size = width * height * image.channels
    if not 0 < width * height <= MOST_PIXELS or image.channels < 3 or len(image.pixels) != size:
        return None
    pixels = np.empty(size, np.float32)
    image.pixels.foreach_get(pixels)
    uv = np.empty(2 * len(mesh.loops), np.float32)
    layer.data.foreach_get("uv", uv)
    u, v = np.moveaxis(uv.reshape(-1, 2)[loops] % 1.0, -1, 0)
    row, column = (v * height).astype(int), (u * width).astype(int)
    found = pixels.reshape(height, width, -1)[np.minimum(row, height - 1), np.minimum(column, width - 1), :3]
    return found if image.is_float else found**BYTE_GAMMA


def _of_attribute(mesh: Mesh, name: str, loops: np.ndarray) -> np.ndarray | None:
    """Return a colour attribute's colours (N, 3, 3) at loops (N, 3); None where there is none."""
    attribute = mesh.color_attributes.get(name) or mesh.color_attributes.active_color
    if attribute is None:
        return None
    values = np.empty(4 * len(attribute.data), np.float32)
    attribute.data.foreach_get("color", values)
    if attribute.domain == 'CORNER':
        return values.reshape(-1, 4)[loops, :3]
    vertices = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", vertices)
    return values.reshape(-1, 4)[vertices[loops], :3]

"""What is gathered of a scene to find landmarks on a character, and what is found on one."""

import bpy
import numpy as np
import pytest
from mathutils import Euler

from smirk_blender.errors import RetargetError
from smirk_blender.retarget.drawable import Drawable
from smirk_blender.rig import compat
from smirk_blender.rig.base_colors import corner_colors
from smirk_blender.rig.drawable import drawable_of
from tests.rig.characters import add_character, add_rig

# Vertices of facecap.glb's head that were looked up in zoomed drawings of its mesh, by MediaPipe's landmark: lids at
# their edges, mouth corners where both lips begin, the rest by the shape. Several stand for their middle.
FACECAP_PLACES = {
    33: (1207,),  # right eye: outer corner
    133: (1254,),  # inner corner
    159: (1193,),  # upper lid
    145: (1220,),  # lower lid
    263: (1745,),  # left eye: outer corner
    362: (1720,),  # inner corner
    386: (1731,),  # upper lid
    374: (1767,),  # lower lid
    61: (1441,),  # right mouth corner
    291: (1107,),  # left mouth corner
    0: (1480,),  # middle of the upper lip's outer border
    13: (1453,),  # of its inner border
    14: (1095,),  # of the lower lip's inner border
    17: (952,),  # of its outer border
    4: (1331, 1346),  # tip of the nose
    2: (1598,),  # where the nose meets the lip
    64: (1836,),  # right wing of the nose
    294: (1663,),  # left wing of the nose
    168: (1051, 1060),  # bridge of the nose
    152: (668,),  # chin
}
FACECAP_CHEEKS = (869, 1007)  # vertices of the outline at the cheekbones, in front of the ears


@pytest.fixture
def facecap(shared_folder) -> bpy.types.Object:
    """The head of facecap.glb, as Blender imports it."""
    bpy.ops.import_scene.gltf(filepath=str(shared_folder / "rigs" / "facecap.glb"))
    return next(thing for thing in bpy.context.scene.objects if thing.type == 'MESH' and thing.data.shape_keys)


def found_on(mesh_object: bpy.types.Object) -> tuple[Drawable, np.ndarray]:
    """Return what is drawn of a mesh, and the places of the landmarks found on it, (478, 3), NaN for none."""
    pytest.importorskip("mediapipe", reason="no MediaPipe in this Python")
    from smirk_blender.capture.face_mesh import open_face_mesh
    from smirk_blender.capture.find_landmarks import landmarks_on
    from smirk_blender.errors import ModelError

    drawable = drawable_of(bpy.context, mesh_object)
    try:
        face_mesh = open_face_mesh(every_frame=False)
    except ModelError as error:
        pytest.skip(str(error))
    try:
        landmarks = landmarks_on(drawable, face_mesh).landmarks
    finally:
        face_mesh.close()
    places = np.full((478, 3), np.nan)
    places[landmarks.indices] = landmarks.points(drawable.vertices[None])[0]
    return drawable, places


def errors_of(drawable: Drawable, places: np.ndarray, width: float) -> np.ndarray:
    checked = np.array([drawable.vertices[list(vertices)].mean(axis=0) for vertices in FACECAP_PLACES.values()])
    return np.linalg.norm(places[list(FACECAP_PLACES)] - checked, axis=1) / width


def face_width(drawable: Drawable) -> float:
    right, left = drawable.vertices[list(FACECAP_CHEEKS)]
    return float(np.linalg.norm(left - right))


def test_landmarks_of_facecap_are_found_where_they_were_looked_up(facecap, figure):
    drawable, places = found_on(facecap)
    errors = errors_of(drawable, places, face_width(drawable))
    figure("median distance", 100 * np.nanmedian(errors), "% of face width")
    figure("greatest", 100 * np.nanmax(errors), "% of face width")
    assert np.isfinite(errors).all()
    assert np.median(errors) < 0.03
    assert errors.max() < 0.08


def test_a_character_that_lies_mirrored_and_a_hundred_times_as_large_is_found_too(facecap, figure):
    top = facecap
    while top.parent is not None:
        top = top.parent
    top.rotation_mode = 'XYZ'
    top.rotation_euler = Euler((0.0, -1.4, 0.3))
    top.scale = (-1000.0, 1000.0, 1000.0)  # of 10
    bpy.context.view_layer.update()
    drawable, places = found_on(facecap)
    mirrored = places.copy()  # the actor's left in the picture is the mesh's right
    for right, left in ((33, 263), (133, 362), (159, 386), (145, 374), (61, 291), (64, 294)):
        mirrored[[right, left]] = places[[left, right]]
    errors = errors_of(drawable, mirrored, face_width(drawable))
    figure("median distance", 100 * np.nanmedian(errors), "% of face width")
    assert np.nanmedian(errors) < 0.03


def test_a_character_is_drawn_at_rest_whatever_plays(facecap):
    still = drawable_of(bpy.context, facecap)
    bpy.context.scene.frame_set(40)
    for key in facecap.data.shape_keys.key_blocks[1:]:
        key.value = 0.5
    bpy.context.view_layer.update()
    now = drawable_of(bpy.context, facecap)
    np.testing.assert_array_equal(now.points[: now.num_vertices], still.points[: still.num_vertices])
    assert len(now.points) == 2694 + 530 + 530 + 614  # head, eyes, teeth
    assert now.own.sum() == 5032


def test_only_what_is_visible_and_belongs_to_the_character_is_drawn():
    mesh_object = add_character()
    beside = add_character("Beside", key_names=())
    number = drawable_of(bpy.context, mesh_object).points.shape[0]
    beside.parent = mesh_object
    bpy.context.view_layer.update()
    assert drawable_of(bpy.context, mesh_object).points.shape[0] == number + len(beside.data.vertices)
    beside.hide_set(True)
    assert drawable_of(bpy.context, mesh_object).points.shape[0] == number


def test_a_mirror_shows_its_other_half_which_is_not_the_mesh_s_own():
    mesh_object = add_character()
    mesh_object.modifiers.new("Mirror", 'MIRROR').use_axis = (True, False, False)
    bpy.context.view_layer.update()
    drawable = drawable_of(bpy.context, mesh_object)
    own, other = drawable.points[: drawable.num_vertices], drawable.points[drawable.num_vertices :]
    np.testing.assert_allclose(other, own * [-1, 1, 1], atol=1e-6)  # metres
    assert drawable.own.sum() == len(drawable.own) / 2


def test_a_jaw_bone_opens_the_mouth_of_a_character_without_keys():
    mesh_object = add_character(key_names=())
    add_rig(mesh_object)
    drawable = drawable_of(bpy.context, mesh_object)
    assert drawable.key_offsets.shape == (6, drawable.num_vertices, 3)
    assert np.abs(drawable.key_offsets).max(axis=(1, 2)).min() > 1e-3  # metres


def test_colors_are_the_materials_and_images_are_looked_up_by_texture_coordinates():
    mesh_object = add_character(key_names=())
    plain, textured = bpy.data.materials.new("plain"), bpy.data.materials.new("textured")
    for material in (plain, textured):
        compat.node_tree(material)
        mesh_object.data.materials.append(material)
    plain.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.1, 0.2, 0.3, 1.0)
    image = bpy.data.images.new("halves", 4, 2, float_buffer=True)
    image.pixels.foreach_set(np.tile([1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1], 2).astype(np.float32))
    node = textured.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    textured.node_tree.links.new(
        node.outputs["Color"], textured.node_tree.nodes["Principled BSDF"].inputs["Base Color"]
    )
    mesh = mesh_object.data
    mesh.polygons.foreach_set("material_index", np.arange(len(mesh.polygons), dtype=np.int32) % 2)
    right = np.arange(len(mesh.loops)) % 6 >= 4
    mesh.uv_layers.new().data.foreach_set("uv", np.column_stack([0.25 + 0.5 * right, right]).astype(np.float32).ravel())
    colors = corner_colors(mesh_object)
    np.testing.assert_allclose(colors[0::2], np.broadcast_to([0.1, 0.2, 0.3], colors[0::2].shape), atol=1e-6)
    loops = np.arange(len(mesh.loops)).reshape(-1, 3)[1::2]
    expected = np.where(right[loops][..., None], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(colors[1::2], expected, atol=1e-6)


def test_gathering_changes_nothing_in_the_scene():
    mesh_object = add_character()
    mesh_object.data.shape_keys.key_blocks[1].value = 0.25
    bpy.context.view_layer.update()
    before = (bpy.context.scene.frame_current, len(bpy.data.objects), len(bpy.data.meshes), mesh_object.mode)
    drawable_of(bpy.context, mesh_object)
    assert (bpy.context.scene.frame_current, len(bpy.data.objects), len(bpy.data.meshes), mesh_object.mode) == before
    assert mesh_object.data.shape_keys.key_blocks[1].value == 0.25


def test_a_mesh_without_faces_is_refused_by_name():
    mesh = bpy.data.meshes.new("Points")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0)], [], [])
    thing = bpy.data.objects.new("Points", mesh)
    bpy.context.scene.collection.objects.link(thing)
    with pytest.raises(RetargetError, match="Points has no faces"):
        drawable_of(bpy.context, thing)

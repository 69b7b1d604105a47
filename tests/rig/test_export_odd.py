"""Exports of what is seldom so: odd frames, masked keys, stretched bones, several meshes; and their bytes."""

import bpy
import numpy as np
import pytest

from smirk_blender.errors import ExportError
from smirk_blender.exchange.glb import COMPONENTS, WIDTHS, Glb
from smirk_blender.rig import bake_take
from smirk_blender.rig.export import action_frames, export_head, meshes_with
from smirk_blender.rig.movie import set_fps
from tests.builders import make_take, tiny_head
from tests.rig.characters import add_character, add_rig
from tests.rig.reimport import BAR_M, IMPORTERS, NTSC, greatest_error_m, nearest_of, need, shown_points
from tests.rig.scenes import flame_vertices
from tests.rig.test_export import played_head


@pytest.mark.parametrize("kind", ["glb", "fbx", "abc", "usdc"])
def test_frames_before_the_scene_s_first_are_exported_from_0_on(kind, tmp_path):
    need(kind)
    head = tiny_head()
    take = make_take(6, head, fps=NTSC)
    head_object = played_head(head, take)
    bake_take(head_object, head, take, scene_frame_start=-10)
    path = export_head(head_object, tmp_path / f"face.{kind}", frames=(-10, -5))
    assert greatest_error_m(path, flame_vertices(head, take), first=0) < BAR_M


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_a_single_frame_is_exported_as_it_stands(kind, tmp_path):
    head = tiny_head()
    take = make_take(6, head, fps=NTSC)
    path = export_head(played_head(head, take), tmp_path / f"face.{kind}", frames=(10, 10))
    assert greatest_error_m(path, flame_vertices(head, take)[3:4], first=10) < BAR_M


@pytest.mark.parametrize("kind", ["glb", "fbx", "abc"])
def test_masked_and_muted_keys_and_keys_of_keys_add_what_they_add_in_blender(kind, tmp_path):
    need(kind)
    head = tiny_head()
    head_object = played_head(head, make_take(5, head, fps=NTSC))
    blocks = head_object.data.shape_keys.key_blocks
    blocks["expression_000"].mute = True
    blocks["expression_001"].vertex_group = head_object.vertex_groups[0].name
    blocks["expression_002"].relative_key = blocks["expression_003"]
    expected = shown_points(head_object, 5)
    assert greatest_error_m(export_head(head_object, tmp_path / f"face.{kind}"), expected) < BAR_M


def test_bones_that_stand_as_they_were_put_and_have_no_keys_are_not_at_rest_in_a_glb(tmp_path):
    head = tiny_head()
    head_object = played_head(head, make_take(3, head, fps=NTSC))
    head_object.parent.animation_data_clear()
    jaw = head_object.parent.pose.bones["jaw"]
    jaw.rotation_mode, jaw.rotation_euler = 'XYZ', (0.3, 0.0, 0.1)
    expected = shown_points(head_object, 3)
    assert greatest_error_m(export_head(head_object, tmp_path / "face.glb"), expected) < BAR_M


@pytest.mark.parametrize("kind", ["glb", "usda"])
def test_the_same_export_has_the_same_bytes_and_nothing_that_only_the_add_on_knows(kind, tmp_path):
    need(kind)
    head = tiny_head()
    head_object = played_head(head, make_take(4, head, fps=NTSC))
    once, again = (export_head(head_object, tmp_path / f"{name}.{kind}").read_bytes() for name in ("once", "again"))
    assert once == again
    assert b"smirk_" not in once and b"_CORNER" not in once


def test_a_sheared_head_and_absolute_keys_are_refused(tmp_path):
    head = tiny_head()
    head_object = played_head(head, make_take(3, head, fps=NTSC))
    holder = bpy.data.objects.new("holder", None)
    bpy.context.scene.collection.objects.link(holder)
    holder.scale, head_object.parent.parent, head_object.parent.rotation_euler = (1, 1, 3), holder, (0.3, 0.4, 0.5)
    with pytest.raises(ExportError, match="Head Rig is sheared: .* Apply that scale"):
        export_head(head_object, tmp_path / "face.abc")
    holder.scale = (2, 2, 2)
    head_object.data.shape_keys.use_relative = False
    with pytest.raises(ExportError, match="shape keys are absolute"):
        export_head(head_object, tmp_path / "face.glb")
    assert not list(tmp_path.iterdir())


def read(glb, index):
    """Return an accessor's values, where zeros are left out too."""
    accessor = glb.document["accessors"][index]
    if "sparse" not in accessor:
        return glb.values(index).astype(float)
    values = np.zeros((accessor["count"], WIDTHS[accessor["type"]]))

    def view(part, kind):
        place = glb.document["bufferViews"][part["bufferView"]]
        found = bytes(glb.binary[place["byteOffset"] : place["byteOffset"] + place["byteLength"]])
        return np.frombuffer(found, COMPONENTS[kind])

    sparse = accessor["sparse"]
    rows = view(sparse["indices"], sparse["indices"]["componentType"])
    values[rows] = view(sparse["values"], accessor["componentType"]).reshape(len(rows), -1)
    return values


@pytest.mark.parametrize("smooth", [True, False])
def test_normals_follow_the_keys_of_a_glb(smooth, tmp_path):
    face = add_character()
    face.data.polygons.foreach_set("use_smooth", [smooth] * len(face.data.polygons))
    face.location, face.scale = (1, 2, 3), (1, 2, 1)
    set_fps(bpy.context.scene, NTSC)
    glb = Glb(export_head(face, tmp_path / "face.glb", frames=(1, 2)))
    (mesh,) = glb.document["meshes"]
    (primitive,) = mesh["primitives"]
    position, normal = (read(glb, primitive["attributes"][name]) for name in ("POSITION", "NORMAL"))
    corners = read(glb, primitive["indices"]).astype(int).reshape(-1, 3)
    for target in primitive["targets"]:
        moved, turned = position + read(glb, target["POSITION"]), normal + read(glb, target["NORMAL"])
        np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1, atol=2e-4)
        a, b, c = moved[corners].transpose(1, 0, 2)
        flat = np.cross(b - a, c - a)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        if smooth:
            assert len(position) == len(face.data.vertices)
            assert np.median(np.sum(turned[corners[:, 0]] * flat, axis=1)) > 0.5
        else:
            np.testing.assert_allclose(turned[corners], np.repeat(flat[:, None], 3, axis=1), atol=1e-3)


def eyed_character():
    """Return a character on an armature whose jaw stretches, with two eyes that turn, each on its own."""
    face = add_character("Face")
    rig = add_rig(face)
    things = [face]
    for side, name in ((1, "Left"), (-1, "Right")):
        eye = add_character(f"Eye {name}", key_names=(), size=0.2)
        eye.parent, eye.location = rig, (0.03 * side, -0.05, 0.03)
        eye.rotation_euler = (0, 0, 0)
        eye.keyframe_insert("rotation_euler", frame=1)
        eye.rotation_euler = (0.1, 0, 0.4 * side)
        eye.keyframe_insert("rotation_euler", frame=6)
        things.append(eye)
    key = face.data.shape_keys.key_blocks["jawOpen"]
    bones = rig.pose.bones
    bones["jaw"].rotation_mode = 'XYZ'
    for scene_frame, amount in ((1, 0.0), (6, 1.0)):
        key.value, bones["head"].scale, bones["jaw"].rotation_euler = amount, (1, 1 + amount, 1), (amount, 0.3, 0)
        key.keyframe_insert("value", frame=scene_frame)
        bones["head"].keyframe_insert("scale", frame=scene_frame)
        bones["jaw"].keyframe_insert("rotation_euler", frame=scene_frame)
    return things


@pytest.mark.parametrize("kind", ["glb", "fbx", "abc", "usdc"])
def test_a_character_brings_its_eyes_along_and_stretched_bones_deform_it_as_in_blender(kind, tmp_path):
    need(kind)
    face, *eyes = eyed_character()
    hidden = add_character("Hidden")
    hidden.parent, hidden.hide_render = face.parent, True
    scene = bpy.context.scene
    set_fps(scene, 25)
    assert set(meshes_with(scene, face)) == set(eyes) and action_frames(face) == (1, 6)
    expected = {thing.name: shown_points(thing, 6, 1) for thing in (face, *eyes)}
    path = export_head(face, tmp_path / f"face.{kind}", frames=(1, 6))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    set_fps(bpy.context.scene, 25)
    IMPORTERS[kind](str(path))
    first = {"glb": 0, "fbx": 2}.get(kind, 1)  # see reimport.imported
    for name, points in expected.items():
        spelled = (name, name.replace(" ", "_"))
        mesh = next(thing for thing in bpy.data.objects if thing.type == 'MESH' and thing.name.startswith(spelled))
        shown = shown_points(mesh, 6, first)
        same, _ = nearest_of(points[3], shown[3])  # importers may split vertices
        assert np.abs(shown - points[:, same]).max() < BAR_M, name

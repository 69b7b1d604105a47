"""Expressions as assets, and back onto a head."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.cli import main
from smirk_blender.errors import HeadError
from smirk_blender.exchange.portrait import portrait
from smirk_blender.flame import builtin_head, save_head
from smirk_blender.rig import bake_take, build_head, compat
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.memory import RIG_ACTION
from smirk_blender.rig.pose_assets import FACE, add_expression, apply_expression, face_of, keys_of_parts, library_folder
from smirk_blender.take import save_take
from tests.builders import make_take, tiny_head
from tests.rig.scenes import evaluated_points

BAR_M = 1e-5  # metres
SCENE_FRAME = 4


def showing(head, take, scene_frame=SCENE_FRAME):
    """Return a head that plays a take, at a frame."""
    head_object = build_head(head)
    bake_take(head_object, head, take, identity="keep")
    bpy.context.scene.frame_set(scene_frame)
    return head_object


def expected_points(head, take, row):
    """Return what FLAME shows of a row without head, neck and identity, in Blender's axes."""
    names = ("expression", "eyelid", "jaw_pose", "eye_pose")
    parameters = {name: getattr(take, name)[row : row + 1] for name in names}
    return to_blender(head.vertices(**parameters)[0])


@pytest.mark.parametrize("armature", [True, False])
def test_an_expression_applied_to_a_resting_head_is_the_frame_it_was_made_of(armature):
    head = tiny_head()
    take = make_take(8, head)
    take.expression[SCENE_FRAME - 1, 2] = 9.5  # beyond the other head's slider
    action = add_expression(showing(head, take), "Smile")
    other = build_head(head, name="Other", armature=armature)
    applied = apply_expression(other, action)
    if armature:
        assert (applied.num_bones, applied.missing) == (3, ())
        np.testing.assert_allclose(evaluated_points(other), expected_points(head, take, SCENE_FRAME - 1), atol=BAR_M)
    else:
        assert applied.num_bones == 0 and set(applied.missing) == {"jaw", "eye_L", "eye_R"}


def test_an_expression_can_be_blended_in():
    head = tiny_head()
    take = make_take(8, head)
    action = add_expression(showing(head, take), "Smile")
    other, row = build_head(head, name="Other"), SCENE_FRAME - 1
    apply_expression(other, action, blend=0.25)
    values = [other.data.shape_keys.key_blocks[name].value for name in head.expression_names]
    np.testing.assert_allclose(values, 0.25 * take.expression[row], atol=1e-6)
    angle = other.parent.pose.bones["jaw"].rotation_quaternion.angle
    assert angle == pytest.approx(0.25 * np.linalg.norm(take.jaw_pose[row]), abs=1e-5)  # radians
    apply_expression(other, action)
    apply_expression(other, action, blend=0.0)
    np.testing.assert_allclose(evaluated_points(other), expected_points(head, take, row), atol=BAR_M)


def test_bones_of_any_rotation_mode_and_keys_in_the_action_that_plays():
    head = tiny_head()
    take = make_take(8, head)
    action = add_expression(showing(head, take), "Smile")
    other = build_head(head, name="Other")
    other.parent.pose.bones["jaw"].rotation_mode = 'XYZ'
    other.parent.pose.bones["eye_L"].rotation_mode = 'AXIS_ANGLE'
    bpy.context.scene.frame_set(1)
    apply_expression(other, action, key_frame=20)
    bpy.context.scene.frame_set(20)
    np.testing.assert_allclose(evaluated_points(other), expected_points(head, take, SCENE_FRAME - 1), atol=BAR_M)
    shape_keys = other.data.shape_keys
    keyed = {fcurve.data_path for fcurve in compat.fcurves(shape_keys.animation_data.action)}
    assert keyed == {shape_keys.key_blocks[name].path_from_id("value") for name in keys_of_parts(other, FACE)}


def test_an_expression_says_nothing_of_identity_and_the_heads_turn():
    head = tiny_head()
    action = add_expression(showing(head, make_take(8, head)), "Smile")
    actions = [action, *filter(None, [action.get(RIG_ACTION)])]
    paths = {fcurve.data_path for each in actions for fcurve in compat.fcurves(each)}
    assert not [path for path in paths if "shape_" in path or '"root"' in path or "neck" in path]
    assert [path for path in paths if '"jaw"' in path] and [path for path in paths if "expression_007" in path]


def test_an_action_of_something_else_is_refused():
    head_object = build_head(tiny_head())
    cube = bpy.data.objects.new("cube", None)
    cube.keyframe_insert("location", frame=1)
    with pytest.raises(HeadError, match="moves nothing that Head has"):
        apply_expression(head_object, cube.animation_data.action)


def test_the_preview_looks_straight_ahead_and_shows_the_expression():
    head = builtin_head()
    still = {name: np.zeros_like(getattr(make_take(1, head), name)) for name in ("expression", "neck_pose", "eyelid")}
    still |= dict(jaw_pose=np.zeros((1, 3)), eye_pose=np.zeros((1, 6)))
    turned = make_take(1, head, **still)
    opened = replace(turned, jaw_pose=np.float32([[0.4, 0, 0]]))
    draw = lambda head_object: portrait(*face_of(head_object), size_px=48)
    resting = draw(build_head(head))
    pictures = [draw(showing(head, take, 1)) for take in (turned, opened)]
    same, other = (np.abs(picture - resting).mean() for picture in pictures)
    assert same < 0.001 < 0.003 < other


@pytest.fixture
def smirk(tmp_path, capfd):
    def run(*arguments, code=0):
        assert main(["pose", *map(str, arguments)]) == code, capfd.readouterr().err
        printed = capfd.readouterr()
        return printed.err if code else printed.out

    return run


def test_a_library_gets_expressions_and_nothing_else(smirk, tmp_path):
    head = tiny_head()
    take = make_take(8, head, first_frame=100)
    save_head(head, tmp_path / "head.npz")
    save_take(take, tmp_path / "face.take.npz")
    library = tmp_path / "lib" / "faces.blend"
    common = (tmp_path / "face.take.npz", "--head", tmp_path / "head.npz", "--out", library)
    said = smirk(*common, "--frame", 103, "--name", "Smile", "--tag", "happy", "--description", "Wide")
    assert said.endswith(f"Added Smile to {library}\n")
    smirk(*common, "--name", "Frown", "--catalog", "Expressions/Bad")
    smirk(*common, "--frame", 105, "--name", "Smile")  # once more
    said = smirk(*common, "--frame", 99, "--name", "x", code=1)
    assert "no frame 99. Choose one from 100 to 107" in said
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(library), assets_only=True) as (found, wanted):
        assert set(found.actions) == {"Smile", "Frown"}
        wanted.actions = list(found.actions)
    with bpy.data.libraries.load(str(library)) as (found, _):
        assert not (found.objects or found.meshes or found.materials or found.armatures)
    catalogs = (library.parent / "blender_assets.cats.txt").read_text()
    for action in wanted.actions:
        assert action.asset_data.catalog_id in catalogs
        assert tuple(action.preview.image_size) == (256, 256) and np.any(action.preview.image_pixels_float)
    other = build_head(head)
    apply_expression(other, bpy.data.actions["Smile"])
    np.testing.assert_allclose(evaluated_points(other), expected_points(head, take, 5), atol=BAR_M)


def test_catalogues_lie_in_the_asset_library_that_holds_the_blend(tmp_path):
    blend = tmp_path / "library" / "faces" / "smiles.blend"
    assert library_folder(blend) == blend.parent
    libraries = bpy.context.preferences.filepaths.asset_libraries
    library = libraries.new(name="Ours", directory=str(tmp_path / "library"))
    try:
        assert library_folder(blend) == tmp_path / "library"
        assert library_folder(tmp_path / "other.blend") == tmp_path
    finally:
        libraries.remove(library)

"""Bones of made-up rigs and of Rigify's, found, watched and moved: what Blender shows is what the take does."""

import bpy
import numpy as np
import pytest
from bpy.types import Object
from mathutils import Matrix

from smirk_blender.flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from smirk_blender.retarget.bone_motion import (
    FLAME_TO_WORLD,
    carried_offsets,
    orthogonal,
    role_turns,
    sided,
    turned_vectors,
    turning_curves,
    world_axes,
)
from smirk_blender.retarget.character import BoneCurves, Character
from smirk_blender.retarget.face_bones import FaceBones, routed
from smirk_blender.retarget.followers import carried_places, follow, follower_curves, surface_at
from smirk_blender.retarget.profile import Follower, RetargetProfile, Route
from smirk_blender.rig.character import read_character
from smirk_blender.rig.control_rig import find_bones, watch_rig
from smirk_blender.rig.rest import resting_matrix
from tests.builders import make_take
from tests.rig.rigify_faces import add_skin, appended_face, generated_faces
from tests.rig.scenes import evaluated_points, make_active

TURN = 0.05  # degrees: Blender's poses are single precision
JAW_OPEN = np.radians([[0.0, 0, 0], [22, 0, 0], [10, 5, 0]])  # in a take's axes
LOOK = np.radians([[0.0, 0, 0], [-8, 15, 0], [5, -20, 0]])

AS_MODELLED = FLAME_TO_WORLD  # a take's axes in a mesh that was modelled facing -Y, whatever its object does

# Name, head, tail, roll (degrees), parent: a face that looks to -Y, with odd rolls and a jaw that hangs open a little.
FACE_BONES = (
    ("spine", (0, 0.1, -1), (0, 0.1, 0), 30, ""),
    ("neck", (0, 0.1, 0), (0, 0.05, 0.3), -15, "spine"),
    ("head", (0, 0.05, 0.3), (0, 0.1, 1.2), 77, "neck"),
    ("jaw", (0, -0.1, 0.5), (0, -0.7, 0.15), 40, "head"),
    ("eye.L", (0.3, -0.5, 0.8), (0.3, -0.8, 0.8), 10, "head"),
    ("eye.R", (-0.3, -0.5, 0.8), (-0.35, -0.8, 0.75), -60, "head"),
    ("lip.T", (0, -0.72, 0.42), (0, -0.9, 0.42), 20, "head"),
    ("lip.B", (0, -0.72, 0.38), (0, -0.9, 0.36), 120, "jaw"),
    ("chin", (0, -0.7, 0.15), (0, -0.8, 0.1), 0, "jaw"),
    ("brow.L", (0.3, -0.75, 0.95), (0.3, -0.9, 1.0), 5, "head"),
)
MIRRORED_SPIN = 2.0  # radians
TRANSFORMS = {
    "as it was built": Matrix.Identity(4),
    "turned and small": Matrix.LocRotScale((1, 2, 3), Matrix.Rotation(0.8, 3, 'X').to_quaternion(), (0.01,) * 3),
    "mirrored and large": Matrix.LocRotScale(
        (0, 5, 0), Matrix.Rotation(MIRRORED_SPIN, 3, 'Z').to_quaternion(), (-100, 100, 100)
    ),
}


def face_sheet(size: int = 15) -> np.ndarray:
    x, z = np.meshgrid(np.linspace(-0.5, 0.5, size), np.linspace(0.05, 1.15, size))
    return np.stack([x, -0.75 + 0.4 * x**2, z], axis=-1).reshape(-1, 3)


def add_face(transform: Matrix = Matrix.Identity(4), bones=FACE_BONES) -> Object:
    """Return a sheet that an armature of these bones deforms: its lower part follows the jaw, the rest the head."""
    armature = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", armature)
    bpy.context.scene.collection.objects.link(rig)
    make_active(rig, 'EDIT')
    for name, head, tail, roll, parent in bones:
        bone = armature.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = head, tail, np.radians(roll)
        bone.parent = armature.edit_bones[parent] if parent else None
    make_active(rig, 'OBJECT')
    rig.matrix_world = transform
    sheet = face_sheet()
    skin = add_skin(rig, sheet, "Face")
    low = np.clip((0.4 - sheet[:, 2]) / 0.2, 0, 1)
    for name, shares in (("jaw", low), ("head", 1 - low)):
        if name in armature.bones:
            group = skin.vertex_groups.new(name=name)
            for index, share in enumerate(shares):
                group.add([index], float(share), 'REPLACE')
    bpy.context.view_layer.update()
    return skin


def read(skin: Object, profile: RetargetProfile = RetargetProfile()) -> tuple[Character, FaceBones]:
    bones = routed(find_bones(skin), profile, keys_move_face=False)
    return read_character(skin, profile, bones=bones.names()), bones


def pose(curves: tuple[BoneCurves, ...], frame: int) -> None:
    for curve in curves:
        bone = bpy.data.objects[curve.owner].pose.bones[curve.name]
        bone.rotation_mode = 'QUATERNION'
        if curve.rotation is not None:
            bone.rotation_quaternion = curve.rotation[frame]
        if curve.location is not None:
            bone.location = curve.location[frame]
    bpy.context.view_layer.update()


def turned_by(rig: Object, name: str) -> np.ndarray:
    """Return how a bone is turned from its rest, (3, 3), in its armature's axes."""
    bone = rig.pose.bones[name]
    return orthogonal(np.array(bone.matrix)[:3, :3]) @ orthogonal(np.array(bone.bone.matrix_local)[:3, :3]).T


def degrees_between(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.degrees(np.linalg.norm(axis_angle_from_matrices(first @ second.T))))


@pytest.fixture(scope="module")
def rigify_faces(tmp_path_factory):
    """A .blend with Rigify's faces."""
    path = tmp_path_factory.mktemp("rigify") / "faces.blend"
    if not generated_faces(path):
        pytest.skip("this Blender comes without Rigify")
    return path


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_jaw_eyes_neck_and_head_turn_as_the_take_does_in_blender(transform):
    skin = add_face(transform)
    rig = skin.parent
    take = make_take(4)
    profile = RetargetProfile()
    found = find_bones(skin)
    bones = FaceBones(**{role: getattr(found, role) for role in ("jaw", "eye_L", "eye_R", "head", "neck")})
    character = read_character(skin, bones=bones.names())
    axes = AS_MODELLED
    curves, taken, notes = turning_curves(role_turns(take, profile, axes), character, bones)
    assert taken == ("jaw", "eye_L", "eye_R", "head") and notes == ()
    by_bone = {"jaw": take.jaw_pose, "eye.L": take.eye_pose[:, :3], "eye.R": take.eye_pose[:, 3:]}
    for frame in range(len(take)):
        pose(curves, frame)
        skull = matrices_from_axis_angle(take.head_pose[frame]) @ matrices_from_axis_angle(take.neck_pose[frame])
        assert degrees_between(turned_by(rig, "head"), axes @ skull @ axes.T) < TURN
        for name, vectors in by_bone.items():
            wanted = axes @ skull @ matrices_from_axis_angle(vectors[frame]) @ axes.T
            assert degrees_between(turned_by(rig, name), wanted) < TURN


def test_a_take_that_opens_the_jaw_by_20_degrees_lowers_the_chin_in_the_world():
    skin = add_face(TRANSFORMS["turned and small"])
    rig = skin.parent
    character, bones = read(skin)
    turns = {"jaw": turned_vectors(np.radians([[20.0, 0, 0]]), AS_MODELLED), "head": np.zeros((1, 3))}
    chin = lambda: np.array(rig.matrix_world @ rig.pose.bones["chin"].head)
    hinge = np.array(rig.matrix_world @ rig.pose.bones["jaw"].head)
    before = chin() - hinge
    pose(turning_curves(turns, character, FaceBones(jaw=bones.jaw))[0], 0)
    after = chin() - hinge
    angle = np.degrees(np.arccos(before @ after / np.linalg.norm(before) / np.linalg.norm(after)))
    assert angle == pytest.approx(20, abs=TURN)
    assert (after - before) @ np.array(rig.matrix_world)[:3, 2] < 0


def test_an_eye_looks_to_the_actors_left_on_a_mirrored_character_too():
    skin = add_face(TRANSFORMS["mirrored and large"])
    rig = skin.parent
    facing = np.array(Matrix.Rotation(MIRRORED_SPIN, 3, 'Z'))
    axes = orthogonal(np.linalg.inv(resting_matrix(skin)[:3, :3])) @ facing @ FLAME_TO_WORLD
    character, bones = read(skin)
    bones = sided(character, bones, axes)
    assert bones.eye_L == ("Rig", "eye.R")  # the mirror has exchanged them
    look = dict.fromkeys(("eye_L", "head"), turned_vectors(np.radians([[0.0, 25, 0]]), axes))
    pose(turning_curves(look, character, FaceBones(eye_L=bones.eye_L))[0], 0)
    along = lambda matrix: np.array((rig.matrix_world @ matrix).to_3x3().col[1].normalized())
    sideways = along(rig.pose.bones["eye.R"].matrix) - along(rig.data.bones["eye.R"].matrix_local)
    assert sideways @ facing[:, 0] > 0.3


def test_followers_end_where_the_surface_is_though_the_jaw_carries_some_of_them(figure):
    skin = add_face()
    rig = skin.parent
    character, bones = read(skin)
    axes = AS_MODELLED
    character, following = watch_rig(skin, character, bones, axes)
    points = character.vertices
    turns = {"jaw": turned_vectors(JAW_OPEN, axes)}
    shares = character.bone(*bones.jaw).skinning
    x, _, z = points.T
    smile = 0.06 * np.stack([np.sin(3 * x), 0 * x, np.cos(2 * x) * z], axis=-1)
    displacements = carried_offsets(character.bone(*bones.jaw), turns["jaw"], points, shares)
    displacements = displacements + np.array([0, 1, 0.5])[:, None, None] * smile
    up = axes[:, 1]
    curves = follower_curves(following, turns, points, displacements, up=up)
    turning = turning_curves(turns | {"head": np.zeros((3, 3))}, character, FaceBones(jaw=bones.jaw))[0]
    rest = {item.bone: np.array(rig.data.bones[item.bone].head_local) for item in following.followers}
    assert set(rest) == {"lip.T", "lip.B", "chin", "brow.L"}
    wanted = surface_at(following.carriage.places, points, displacements, up=up, leans=following.leans)
    missed = []
    for frame in range(3):
        pose((*turning, *curves), frame)
        for index, item in enumerate(following.followers):
            moved = np.array(rig.pose.bones[item.bone].head) - rest[item.bone]
            missed.append(np.linalg.norm(moved - wanted[frame, index]))
    figure("farthest off", 100 * max(missed), "% of the face's width")
    assert max(missed) < 0.01  # the sheet is 1 wide


def test_the_jaws_skin_is_what_blender_moves():
    skin = add_face()
    character, bones = read(skin)
    axes = AS_MODELLED
    character, _ = watch_rig(skin, character, bones, axes)
    turns = {"jaw": turned_vectors(JAW_OPEN, axes), "head": np.zeros((3, 3))}
    jaw = character.bone(*bones.jaw)
    expected = carried_offsets(jaw, turns["jaw"], character.vertices, jaw.skinning)
    for frame in range(3):
        pose(turning_curves(turns, character, FaceBones(jaw=bones.jaw))[0], frame)
        np.testing.assert_allclose(evaluated_points(skin) - character.vertices, expected[frame], atol=1e-5)


@pytest.mark.parametrize("follows", [True, False])
def test_a_neck_takes_part_in_the_heads_turn_whether_or_not_the_head_follows_it(follows):
    skin = add_face()
    rig = skin.parent
    rig.data.bones["head"].use_inherit_rotation = follows
    take = make_take(3)
    character, bones = read(skin, RetargetProfile(neck=Route()))
    assert bones.neck == ("Rig", "neck")
    character, following = watch_rig(skin, character, bones, AS_MODELLED)
    assert following.neck_carries == pytest.approx(float(follows), abs=1e-3)
    turns = role_turns(take, RetargetProfile(), AS_MODELLED)
    curves, _, _ = turning_curves(turns, character, bones, neck_carries=following.neck_carries)
    for frame in range(3):
        pose(curves, frame)
        whole = matrices_from_axis_angle(take.head_pose[frame]) @ matrices_from_axis_angle(take.neck_pose[frame])
        assert degrees_between(turned_by(rig, "head"), AS_MODELLED @ whole @ AS_MODELLED.T) < TURN


def test_a_rig_that_lacks_bones_is_no_error():
    skin = add_face(bones=FACE_BONES[:3])
    character, bones = read(skin)
    assert (bones.jaw, bones.eye_L, bones.head) == (None, None, ("Rig", "head"))
    character, following = watch_rig(skin, character, bones, AS_MODELLED)
    assert following.followers == ()
    gone = RetargetProfile(followers=(Follower("Rig", "lip.T"), Follower("Elsewhere", "brow")))
    character, bones = read(skin, gone)
    _, following = watch_rig(skin, character, bones, AS_MODELLED)
    assert following.followers == ()
    assert any("lip.T" in note for note in character.notes)


def test_eyes_that_are_objects_are_found_beside_the_mesh():
    skin = add_face(bones=FACE_BONES[:1])
    for name, x in (("grp_eyeLeft", 0.3), ("grp_eyeRight", -0.3)):
        group = bpy.data.objects.new(name, None)
        bpy.context.scene.collection.objects.link(group)
        group.parent = skin.parent
        group.location = (x, -0.5, 0.8)
    found = find_bones(skin)
    assert (found.eye_L, found.eye_R) == (("grp_eyeLeft", ""), ("grp_eyeRight", ""))
    character = read_character(skin, bones=found.names())
    np.testing.assert_allclose(character.bone("grp_eyeLeft", "").matrix[:3, 3], [0.3, -0.5, 0.8], atol=1e-6)


def test_watching_leaves_the_scene_the_pose_and_the_actions_as_they_were():
    skin = add_face()
    rig = skin.parent
    rig.pose.bones["jaw"].keyframe_insert("rotation_quaternion", frame=1)
    rig.pose.bones["jaw"].rotation_quaternion = (0.9, 0.1, 0.2, 0.3)
    rig.pose.bones["lip.T"].location = (0.1, 0.2, 0.3)
    bpy.context.scene.frame_set(7)
    rig.pose.bones["brow.L"].location = (0.3, 0, 0)
    counts = lambda: [len(getattr(bpy.data, kind)) for kind in ("objects", "scenes", "actions", "armatures", "meshes")]
    basis = lambda: np.array([bone.matrix_basis for bone in rig.pose.bones])
    before = (counts(), rig.animation_data.action, bpy.context.scene, bpy.context.scene.frame_current)
    posed = basis()
    character, bones = read(skin)
    _, following = watch_rig(skin, character, bones, AS_MODELLED)
    assert (counts(), rig.animation_data.action, bpy.context.scene, bpy.context.scene.frame_current) == before
    np.testing.assert_array_equal(basis(), posed)
    resting = np.array([rig.data.bones[item.bone].head_local for item in following.followers])
    np.testing.assert_allclose(following.carriage.places, resting, atol=1e-6)  # the pose plays no part


@pytest.mark.parametrize("upgraded", [False, True], ids=["old", "upgraded"])
def test_a_rigify_face_follows_the_surface_by_its_controls(upgraded, rigify_faces, figure):
    rig = appended_face(rigify_faces, "upgraded" if upgraded else "old")
    starts = np.array([bone.head_local for bone in rig.data.bones if bone.use_deform])
    skin = add_skin(rig, starts)
    character, bones = read(skin)
    assert bones.jaw == (rig.name, "jaw_master") and bones.aim_L == (rig.name, "eye.L")
    assert {"lid.T.L.002", "brow.T.L.001", "lip.T", "chin", "nose.002"} <= {item.bone for item in bones.followers}
    assert not [item.bone for item in bones.followers if item.bone.startswith(("ORG-", "DEF-", "MCH-", "tweak"))]
    character, following = watch_rig(skin, character, bones, AS_MODELLED)
    places = following.carriage.places
    width = float(np.ptp(places[:, 0]))

    share = np.linspace(0, 1, 4)
    turns = {
        "jaw": turned_vectors(share[:, None] * np.radians([18.0, 3, 0]), AS_MODELLED),
        "eye_L": turned_vectors(share[:, None] * np.radians([5.0, 15, 0]), AS_MODELLED),
        "eye_R": turned_vectors(share[:, None] * np.radians([5.0, 15, 0]), AS_MODELLED),
        "head": np.zeros((4, 3)),
    }
    x, _, z = (places / width).T
    grimace = 0.06 * width * np.stack([np.sin(5 * z), 0.5 * np.cos(4 * x), np.cos(5 * x + 2 * z)], axis=-1)
    wanted = share[:, None, None] * grimace + carried_places(following.carriage.carried["jaw"], turns["jaw"])
    lids = [index for index, item in enumerate(following.followers) if item.bone.startswith("lid")]
    for index in lids:  # slide over the eyeball: the upper ones blink, the lower rise a little, the corners stay
        lid = following.followers[index].bone
        eye = np.array(rig.data.bones[f"ORG-eye.{lid[6]}"].head_local)
        opening = 0.0 if lid[-1] in "LR" else 35.0 if following.leans[index] > 0 else -4.0
        blink = turned_vectors(share[:, None] * np.radians([opening, 0, 0]), AS_MODELLED)
        wanted[:, index] = (matrices_from_axis_angle(blink) - np.eye(3)) @ (places[index] - eye)
    location = follow(wanted, following.carriage, turns)
    moving = [BoneCurves(bone.owner, bone.name, location=location[:, i]) for i, bone in enumerate(following.bones)]
    turning, taken, _ = turning_curves(turns, character, bones)
    assert taken == ("jaw", "eye_L", "eye_R")

    missed = np.empty(wanted.shape[:2])
    for frame in range(4):
        pose((*turning, *moving), frame)
        for index, item in enumerate(following.followers):
            missed[frame, index] = np.linalg.norm(deformed_place(rig, item.bone) - places[index] - wanted[frame, index])
        shown = turned_by(rig, "DEF-eye.L" if upgraded else "MCH-eye.L")
        looked = matrices_from_axis_angle(turns["eye_L"][frame])
        assert degrees_between(shown, looked) < TURN
    figure("goes, farthest", 100 * np.linalg.norm(wanted, axis=-1).max() / width, "% of the face's width")
    figure("missed at the 95th percentile", 100 * np.percentile(missed[1:], 95) / width, "% of the face's width")
    figure("missed at most", 100 * missed.max() / width, "% of the face's width")
    assert missed[0].max() < 1e-5
    assert np.percentile(missed[1:], 95) < 0.01 * width
    assert missed.max() < 0.05 * width


def deformed_place(rig: Object, control: str) -> np.ndarray:
    """Return where a pose puts the end of the deforming bone that lies, at rest, where a control does."""
    place = rig.data.bones[control].head_local
    for at, posed in (("head_local", "head"), ("tail_local", "tail")):
        for bone in rig.data.bones:
            if bone.use_deform and (getattr(bone, at) - place).length < 1e-4:
                return np.array(getattr(rig.pose.bones[bone.name], posed))
    return np.array(rig.pose.bones[control].head)


def test_a_linked_rig_can_be_watched(tmp_path):
    skin = add_face()
    expected = watch_rig(skin, *read(skin), AS_MODELLED)[1]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "face.blend"), link=True) as (_, wanted):
        wanted.objects = ["Face", "Rig"]
    for thing in wanted.objects:
        bpy.context.scene.collection.objects.link(thing)
        if thing.type == 'MESH':
            thing.override_create()
    skin = next(thing for thing in bpy.data.objects if thing.type == 'MESH' and thing.library is None)
    before = len(bpy.data.objects)
    found = watch_rig(skin, *read(skin), AS_MODELLED)[1]
    assert len(bpy.data.objects) == before
    np.testing.assert_allclose(found.carriage.places, expected.carriage.places, atol=1e-6)
    np.testing.assert_allclose(found.carriage.carried["jaw"], expected.carriage.carried["jaw"], atol=1e-4)


def test_facecaps_eyes_are_objects_that_are_named_by_what_the_viewer_sees(shared_folder):
    bpy.ops.import_scene.gltf(filepath=str(shared_folder / "rigs" / "facecap.glb"))
    skin = next(thing for thing in bpy.data.objects if thing.type == 'MESH' and thing.data.shape_keys is not None)
    bones = routed(find_bones(skin), RetargetProfile(), keys_move_face=True)
    assert bones.eye_L == ("grp_eyeLeft", "") and bones.jaw is None
    character = read_character(skin, bones=bones.names())
    axes = world_axes(resting_matrix(skin))
    eyes = sided(character, bones, axes)
    assert eyes.eye_L == ("grp_eyeRight", "")  # its keys are named by the actor's sides
    blink = character.key_offsets[character.key_names.index("eyeBlink_L")]
    moving = character.vertices[np.linalg.norm(blink, axis=1) > 0.5 * np.linalg.norm(blink, axis=1).max()].mean(axis=0)
    places = [character.bone(*name).matrix[:3, 3] @ axes[:, 0] for name in (eyes.eye_L, eyes.eye_R)]
    assert abs(places[0] - moving @ axes[:, 0]) < abs(places[1] - moving @ axes[:, 0])

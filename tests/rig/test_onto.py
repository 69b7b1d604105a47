"""Takes on characters as Blender plays them: an actor on an ARKit head, a jaw bone beside keys, a face of bones."""

from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest
from bpy.types import Object

from smirk_blender.cli import main
from smirk_blender.flame import Head, builtin_head
from smirk_blender.flame.measures import face_measures, without_head_motion
from smirk_blender.retarget.arkit_curves import JAW_OPEN_RAD
from smirk_blender.retarget.bone_motion import FLAME_TO_WORLD
from smirk_blender.retarget.by_names import keys_by_name
from smirk_blender.retarget.character import Character
from smirk_blender.retarget.face_bones import FaceBones
from smirk_blender.retarget.followers import FollowingRig, free_carriage
from smirk_blender.retarget.lip_landmarks import settle_lips
from smirk_blender.retarget.live_link import read_live_link, write_live_link
from smirk_blender.retarget.onto import Recipient, retargeted, way_of
from smirk_blender.retarget.profile import RetargetProfile
from smirk_blender.rig.recipient import recipient_of
from smirk_blender.rig.retarget_actions import bake_retargeted
from tests.retarget.curves import made_up_curves
from tests.retarget.facecap import MEASURES, facecap, measures
from tests.retarget.test_correspondence import moved, still_take
from tests.rig.scenes import go_to, make_active, played_vertices

FRAMES = 12
OPENING = 0.25  # radians
JAW_JOINT = 2
CHIN = 152
FACE_BONES = {"lip.T": 0, "lip.B": 17, "brow.T.L": 334, "brow.T.R": 105, "cheek.T.L": 280, "chin": 199}  # and landmark


@pytest.fixture
def face(shared_folder) -> Object:
    """facecap.glb's head as Blender imports it, without the animation that comes with it."""
    path = shared_folder / "rigs" / "facecap.glb"
    if not path.is_file():
        pytest.skip(f"no character at {path}")
    bpy.ops.import_scene.gltf(filepath=str(path))
    (mesh_object,) = (thing for thing in bpy.data.objects if thing.type == 'MESH' and thing.data.shape_keys)
    mesh_object.data.shape_keys.animation_data_clear()
    return mesh_object


def brought_onto(mesh_object: Object, take, head: Head, profile: RetargetProfile):
    """Retarget and bake; return the result, and what Blender shows, (T, V, 3) in the mesh's units and a take's axes."""
    recipient, scene_frames = recipient_of(mesh_object, head, profile), 1.0 + np.arange(len(take))
    result = retargeted(take, head, recipient, profile)
    bake_retargeted(mesh_object, result, scene_frames, action_name="line")
    return result, played_vertices(mesh_object, scene_frames) @ recipient.axes


def test_a_character_does_what_the_actor_does(face, shared_folder, tmp_path, figure):
    capture = pytest.importorskip("smirk_blender.capture", reason="this Python cannot solve actor_a.mp4")
    for package in ("cv2", "mediapipe"):
        pytest.importorskip(package, reason=f"no {package} beside this Blender: actor_a.mp4 cannot be solved")
    from smirk_blender.capture.cleaner import clean_file
    from smirk_blender.clean.chain import cleaned
    from smirk_blender.take import load_take

    path = tmp_path / "actor.take.npz"
    list(capture.solve_video(shared_folder / "footage" / "actor_a.mp4", path))
    list(clean_file("refine", str(path)))
    raw, head = load_take(path), builtin_head()
    character, landmarks = facecap(shared_folder)
    settled = settle_lips(character.vertices, character.triangles, landmarks)
    take = cleaned(raw, head)
    result, shown = brought_onto(face, take, head, RetargetProfile(landmarks=landmarks))
    seen = face_measures(without_head_motion(raw.landmarks * [1.0, -1.0, -1.0]))
    found_by = {"names and geometry": measures(shown, settled)}
    nameless = replace(character, key_names=tuple(f"key_{row:02d}" for row in range(len(character.key_names))))
    recipient = Recipient(nameless, FaceBones(), FollowingRig((), (), np.zeros(0), free_carriage(())), np.eye(3))
    weights = retargeted(take, head, recipient, RetargetProfile(landmarks=landmarks)).weights
    found_by["geometry, whatever the keys' names"] = measures(moved(character, weights), settled)
    figure("missed in the mean", 100 * float(np.nanmean(result.missed)), "% of the face's width")
    for way, found in found_by.items():
        correlations = {name: np.corrcoef(found[name], seen[name])[0, 1] for name in MEASURES}
        for name, correlation in correlations.items():
            figure(f"{name} by {way}, correlation with the video's", correlation)
        assert min(correlations.values()) >= 0.9, (way, correlations)


def test_a_file_of_live_link_face_comes_straight_onto_an_arkit_character(shared_folder, tmp_path, capfd):
    path = shared_folder / "rigs" / "facecap.glb"
    if not path.is_file():
        pytest.skip(f"no character at {path}")
    csv = write_live_link(made_up_curves(20, fps=Fraction(30)), tmp_path / "phone.csv")
    arguments = ["retarget", str(csv), str(path), "--out", str(tmp_path / "out.blend")]
    assert main(arguments) == 0, capfd.readouterr().err
    assert "Retargeted 20 frames to phone on Mesh_2: 52 keys" in capfd.readouterr().out
    curves = read_live_link(csv)
    keys = bpy.data.objects["Mesh_2"].data.shape_keys.key_blocks
    character = Character("", np.zeros((1, 3)), np.empty((0, 3), int), tuple(keys.keys()))
    names = keys_by_name(character, RetargetProfile())
    for frame in range(20):
        go_to(bpy.context.scene, 1.0 + frame)
        shown = [keys[key].value for key in names.values()]
        np.testing.assert_allclose(shown, [curves.weight(name)[frame] for name in names], atol=1e-5)


def add_built_in_head(jaw_name: str, *, keys: bool, bones: dict[str, int] = {}) -> Object:
    """Return the built-in head as a mesh, Z up, which an armature deforms: a head bone, a jaw and followers.

    Args:
        jaw_name: of the jaw bone.
        keys: whether it has its expressions and an opened jaw as keys.
        bones: further bones, without weights, each with the landmark at which it lies.
    """
    head = builtin_head()
    upright = lambda points: np.asarray(points, np.float64) @ FLAME_TO_WORLD.T
    mesh = bpy.data.meshes.new("Twin")
    mesh.from_pydata(upright(head.template).tolist(), [], head.triangles.tolist())
    twin = bpy.data.objects.new("Twin", mesh)
    bpy.context.scene.collection.objects.link(twin)
    if keys:
        twin.shape_key_add(name="Basis", from_mix=False)
        opened = head.vertices(jaw_pose=np.array([[JAW_OPEN_RAD, 0.0, 0.0]]))[0] - head.template
        offsets = np.concatenate([np.moveaxis(head.expression_directions, -1, 0), opened[None]])
        for name, moves in zip((*head.expression_names, "jawOpen"), offsets):
            key = twin.shape_key_add(name=name, from_mix=False)
            key.points.foreach_set("co", upright(head.template + moves).astype(np.float32).ravel())
            key.value = 0.0
    armature = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", armature)
    bpy.context.scene.collection.objects.link(rig)
    make_active(rig, 'EDIT')
    joint = upright(head.joints()[0][JAW_JOINT])
    landmarks = upright(head.landmarks.points(head.template[None])[0])
    at = lambda index: landmarks[np.flatnonzero(head.landmarks.indices == index)[0]]
    places = {"head": joint + [0, 0.05, 0], jaw_name: joint} | {name: at(index) for name, index in bones.items()}
    for name, place in places.items():
        bone = armature.edit_bones.new(name)
        bone.head, bone.tail = place, place + [0, -0.02, 0.005]
        bone.parent = armature.edit_bones["head"] if name != "head" else None
    make_active(rig, 'OBJECT')
    twin.parent = rig
    twin.modifiers.new("Armature", 'ARMATURE').object = rig
    on_jaw = head.skinning_weights[:, JAW_JOINT]
    for name, shares in ((jaw_name, on_jaw), ("head", 1.0 - on_jaw)):
        group = twin.vertex_groups.new(name=name)
        for index in np.flatnonzero(shares > 0):
            group.add([int(index)], float(shares[index]), 'REPLACE')
    bpy.context.view_layer.update()
    return twin


def performance(head: Head):
    """Return a take that opens the jaw and smiles."""
    way = np.sin(np.linspace(0.0, np.pi, FRAMES)) ** 2
    expression = np.zeros((FRAMES, head.num_expression))
    expression[:, [head.expression_names.index(f"mouthSmile_{side}") for side in "LR"]] = 0.5 * way[:, None]
    jaw_pose, still = np.outer(OPENING * way, [1.0, 0.0, 0.0]), np.zeros((FRAMES, 3))
    return still_take(head, FRAMES, jaw_pose=jaw_pose, expression=expression, head_pose=still, neck_pose=still)


@pytest.mark.parametrize("way", ["names", "geometry", "both"])
def test_a_jaw_bone_and_keys_together_open_a_mouth_once(way, figure):
    head = builtin_head()
    twin, take = add_built_in_head("jaw", keys=True), performance(head)
    profile = RetargetProfile(by=way, landmarks=head.landmarks)
    result, shown = brought_onto(twin, take, head, profile)
    assert way_of(recipient_of(twin, head, profile).character, profile) == way
    assert "jaw" in [curve.name for curve in result.bones]
    own = head.vertices(take.shape[None], take.expression, jaw_pose=take.jaw_pose)
    off = np.linalg.norm(head.landmarks.points(shown) - head.landmarks.points(own), axis=-1)
    chin = head.landmarks.points(own)[:, np.flatnonzero(head.landmarks.indices == CHIN)[0]]
    figure("greatest distance from the head's own", 1000 * off.max(), "mm")
    assert np.linalg.norm(chin - chin[0], axis=-1).max() > 0.015  # metres: what would be off by as much, doubled
    assert off.max() < 0.003


def test_a_face_of_bones_follows_the_take(figure):
    head = builtin_head()
    twin, take = add_built_in_head("jaw", keys=False, bones=FACE_BONES), performance(head)
    result, _ = brought_onto(twin, take, head, RetargetProfile(landmarks=head.landmarks))
    assert {curve.name for curve in result.bones if curve.location is not None} == set(FACE_BONES)
    own = head.landmarks.points(head.vertices(take.shape[None], take.expression, jaw_pose=take.jaw_pose))
    rig, missed, went = bpy.data.objects["Rig"], [], []
    for frame in range(FRAMES):
        go_to(bpy.context.scene, 1.0 + frame)
        pose = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        for name, index in FACE_BONES.items():
            row = np.flatnonzero(head.landmarks.indices == index)[0]
            missed.append(np.array(pose[name].head) @ FLAME_TO_WORLD - own[frame, row])
            went.append(own[frame, row] - own[0, row])
    figure("farthest off", 1000 * np.linalg.norm(missed, axis=-1).max(), "mm")
    figure("farthest way", 1000 * np.linalg.norm(went, axis=-1).max(), "mm")
    assert np.linalg.norm(missed, axis=-1).max() < 0.003

"""`smirk retarget`: takes onto characters from the command line."""

import inspect
import re
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.capture import solving
from smirk_blender.capture.protocol import Done, Failed
from smirk_blender.cli import main
from smirk_blender.flame import builtin_head
from smirk_blender.retarget.drawable import FoundLandmarks, load_drawable, save_found
from smirk_blender.retarget.profile_files import load_retarget_profile
from smirk_blender.rig import profile_property
from smirk_blender.rig.retarget_actions import retargeted_action
from smirk_blender.rig.retarget_memory import profile_of
from smirk_blender.take import save_take
from tests.builders import make_take
from tests.rig.characters import add_character
from tests.rig.scenes import actions_content

FPS = Fraction(25)
SEARCH_ARGUMENTS = {"drawable_path", "out_path", "landmark_model"}


@pytest.fixture
def take_path(tmp_path):
    head = builtin_head()
    still = make_take(10, head, fps=FPS)
    return save_take(make_take(10, head, fps=FPS, expression=0.3 * still.expression), tmp_path / "line.take.npz")


@pytest.fixture(autouse=True)
def unregistered():
    yield
    profile_property.unregister()


def key_range(action):
    frames = [keys[:, 0] for keys in actions_content(action).values() if len(keys) > 1]
    return min(map(min, frames)), max(map(max, frames))


def test_a_take_comes_onto_a_glb_by_names_and_again_at_the_rate_of_its_blend(take_path, shared_folder, tmp_path, capfd):
    out = tmp_path / "out.blend"
    character = str(shared_folder / "rigs" / "facecap.glb")
    assert main(["retarget", str(take_path), character, "--gain", "mouth=1.5", "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert "Retargeted 10 frames to line on Mesh_2: 52 keys" in said and f"Saved {out}" in said
    scene, face = bpy.context.scene, bpy.data.objects["Mesh_2"]
    assert scene.render.fps / scene.render.fps_base == FPS and (scene.frame_start, scene.frame_end) == (1, 10)
    action = retargeted_action(face, "line")
    assert face.data.shape_keys.animation_data.action == action and key_range(action) == (1, 10)
    assert profile_of(face).regions == {"mouth": 1.5}
    scene.render.fps, scene.render.fps_base = 50, 1.0
    bpy.ops.wm.save_mainfile()
    profile = str(tmp_path / "face.retarget.json")
    again = ["--mesh", "Mesh_2", "--start", "21", "--mode", "strip", "--save-profile", profile]
    assert main(["retarget", str(take_path), str(out), *again, "--out", str(out)]) == 0
    face = bpy.data.objects["Mesh_2"]
    assert key_range(retargeted_action(face, "line")) == (21, 40)  # 0.4 s
    assert bpy.context.scene.render.fps == 50 and bpy.context.scene.frame_end == 40
    assert load_retarget_profile(profile)[0].regions == {"mouth": 1.5}


class Search:
    """Stands for the worker's job: finds the built-in head's landmarks on a copy of it, or ends as it is told."""

    ending, ended = None, False

    def __init__(self, python, module, arguments, log_path, *, site_packages):
        assert module == "capture.find_landmarks" and set(arguments) == SEARCH_ARGUMENTS
        assert load_drawable(arguments["drawable_path"]).num_vertices == len(builtin_head().template)
        landmarks = builtin_head().landmarks
        found = FoundLandmarks(landmarks, np.ones(len(landmarks), np.float32), ("Its ears were not looked at",))
        save_found(found, arguments["out_path"])
        self.out_path = arguments["out_path"]

    def poll(self):
        return [self.ending or Done([self.out_path], num_faces=1, peak_memory_mb=0.0)]

    def close(self):
        pass


@pytest.fixture
def twin(tmp_path):
    """A file with the built-in head as a mesh, and shape keys of names that tell nothing."""
    head = builtin_head()
    mesh = bpy.data.meshes.new("Twin")
    mesh.from_pydata(head.template.tolist(), [], head.triangles.tolist())
    face = bpy.data.objects.new("Twin", mesh)
    bpy.context.scene.collection.objects.link(face)
    face.shape_key_add(name="Basis", from_mix=False)
    for index in range(12):
        key = face.shape_key_add(name=f"key_{index}", from_mix=False)
        points = head.template + head.expression_directions[..., index]
        key.points.foreach_set("co", points.astype(np.float32).ravel())
        key.value = 0.0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "twin.blend"))
    return str(tmp_path / "twin.blend")


def test_landmarks_are_found_where_geometry_needs_them_and_kept(take_path, twin, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(solving, "Job", Search)
    profile = tmp_path / "face.retarget.json"
    arguments = ["retarget", str(take_path), twin, "--out", str(tmp_path / "out.blend")]
    assert main([*arguments, "--save-profile", str(profile)]) == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    assert "Looking for the face of Twin" in said and "Its ears were not looked at" in said
    assert "12 keys" in said and "% of the face's width off in the mean" in said
    found = profile_of(bpy.data.objects["Twin"]).landmarks
    np.testing.assert_array_equal(found.corners, builtin_head().landmarks.corners)
    for options in (["--landmarks", str(profile)], ["--profile", str(profile)]):
        assert main([*arguments, *options]) == 0
        assert "Looking for the face" not in capfd.readouterr().out
        np.testing.assert_array_equal(profile_of(bpy.data.objects["Twin"]).landmarks.corners, found.corners)


def test_a_search_that_fails_is_the_command_s_error(take_path, twin, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(solving, "Job", Search)
    monkeypatch.setattr(Search, "ending", Failed("No face was found", "Pick points"))
    assert main(["retarget", str(take_path), twin, "--out", str(tmp_path / "out.blend")]) == 1
    assert "No face was found. Pick points" in capfd.readouterr().err


def test_the_search_is_asked_for_as_the_worker_knows_it():
    worker = pytest.importorskip("smirk_blender.capture.find_landmarks", exc_type=ImportError)
    assert set(inspect.signature(worker.find_landmarks).parameters) == {*SEARCH_ARGUMENTS, "send"}


def _save_scene(path):
    for name in ("Face", "Teeth"):
        add_character(name)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.blend"], "No file at .*none.blend"),
        (["line.take.npz"], "is no .blend, .glb or .gltf"),
        (["broken.blend"], "Cannot open .*broken.blend"),
        (["two.blend"], "has 2 meshes with shape keys. Name the face with --mesh; the meshes are .*Face"),
        (["two.blend", "--mesh", "Hair"], "has no object Hair"),
        (["two.blend", "--mesh", "Face", "--profile", "none.json"], "No retarget profile at"),
    ],
)
def test_what_is_wrong_with_a_character_s_file_is_said(take_path, tmp_path, arguments, expected, capfd):
    _save_scene(tmp_path / "two.blend")
    (tmp_path / "broken.blend").write_bytes(b"BLENDER")
    path, *options = arguments
    command = ["retarget", str(take_path), str(tmp_path / path), *options, "--out", str(tmp_path / "out.blend")]
    assert main(command) == 1
    assert re.search(expected, capfd.readouterr().err)
    assert not (tmp_path / "out.blend").exists()


@pytest.mark.parametrize(
    "options", [["--gain", "ears=1"], ["--gain", "mouth"], ["--smoothness", "2"], ["--by", "luck"], ["--mode", "other"]]
)
def test_settings_that_there_are_not_are_wrong_usage(options, capfd):
    assert main(["retarget", "a.npz", "b.blend", "--out", "c.blend", *options]) == 2
    assert "usage" in capfd.readouterr().err

"""`smirk_blender.api` and the README's examples, run as they stand there; what the functions refuse."""

import csv
import os
import re
import shutil
import subprocess
import sys

import bpy
import numpy as np
import pytest

from smirk_blender import api
from smirk_blender.errors import ExportError, NoPackageError, TakeError
from smirk_blender.flame import builtin_head
from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.rig.memory import is_head
from smirk_blender.take import CleanUp, Take
from tests.builders import make_take, tiny_head
from tests.conftest import REPOSITORY
from tests.jobs import LIMIT_S
from tests.rig.characters import add_character
from tests.rig.reimport import need
from tests.rig.scenes import actions_content, flame_vertices, played_vertices
from tests.tools.glb import read_glb_mesh

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
WITHOUT_BLENDER, IN_BLENDER = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
CLIP = REPOSITORY / "tests" / "clean" / "closed_loop.mp4"
NUM_FRAMES = 12  # that the first example solves
NEAR_M = 1e-5


@pytest.fixture(scope="module")
def acted(tmp_path_factory):
    """The folder in which the first example has run, without Blender, and what it printed."""
    pytest.importorskip("mediapipe", reason="no MediaPipe here to solve with")
    pytest.importorskip("scipy", reason="no SciPy here to clean with")
    folder = tmp_path_factory.mktemp("acted")
    shutil.copyfile(CLIP, folder / "actor.mp4")
    code = f"import sys; sys.modules['bpy'] = None; sys.path.insert(0, {str(REPOSITORY)!r})\n{WITHOUT_BLENDER}"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert found.returncode == 0, found.stderr
    return folder, found.stdout


def test_the_readme_s_example_without_blender_leaves_a_take_and_its_table(acted):
    folder, printed = acted
    raw = api.load(folder / "actor.take.npz")
    cleaned = api.clean(raw)
    assert len(raw) == NUM_FRAMES and raw.refined_eyelid is None and raw.clean_up is None
    assert printed.startswith(f"{NUM_FRAMES} 25.0 ({NUM_FRAMES}, ")
    with open(folder / "actor.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = np.array([[float(row[f"jaw_pose_{axis}"]) for axis in "xyz"] for row in rows])
    np.testing.assert_allclose(table, cleaned.jaw_pose, atol=1e-6)  # radians
    assert not np.allclose(table, raw.jaw_pose, atol=1e-6)


def test_the_readme_s_example_in_blender_moves_head_and_character_and_exports_it(acted, tmp_path, capfd):
    need(".glb")
    folder, _ = acted
    shutil.copyfile(folder / "actor.take.npz", tmp_path / "actor.take.npz")
    add_character(key_names=ARKIT_NAMES)
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "hero.glb"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        names = {}
        exec(compile(IN_BLENDER, "README.md", "exec"), names)
    finally:
        os.chdir(before)
    assert f"actor on Face 1.0 {NUM_FRAMES}.0" in capfd.readouterr().out
    shown = actions_content(names["action"])
    assert any(np.ptp(keys[:, 1]) > 0.01 for keys in shown.values() if len(keys) == NUM_FRAMES)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    (head_object,) = [thing for thing in bpy.data.objects if is_head(thing)]
    assert bpy.context.scene.frame_end == NUM_FRAMES and head_object.data.shape_keys.animation_data.action
    weights = read_glb_mesh(tmp_path / "hero_acts.glb").key_weights
    assert weights.shape == (NUM_FRAMES, len(ARKIT_NAMES)) and np.ptp(weights, axis=0).max() > 0.01


def test_a_take_that_is_baked_plays_as_flame_computes_it(empty_scene):
    head = tiny_head()
    take = make_take(4, head)
    head_object = api.bake(take, head=head, scene_frame_start=5)
    assert (empty_scene.frame_start, empty_scene.frame_end) == (5, 8)
    shown = played_vertices(head_object, 5 + np.arange(4))
    np.testing.assert_allclose(shown, flame_vertices(head, take), atol=NEAR_M)  # metres


def test_a_take_is_left_as_it_is(tmp_path):
    pytest.importorskip("scipy")
    take = make_take(8, builtin_head())
    kept = take.expression.copy()
    assert isinstance(api.clean(take, CleanUp()), Take) and take.clean_up is None
    np.testing.assert_array_equal(take.expression, kept)
    path = api.save(take, tmp_path / "a.take.npz")
    np.testing.assert_array_equal(api.load(path).expression, kept)


def test_each_format_of_a_take_is_told_by_suffix_or_name(tmp_path):
    take, head = make_take(3, tiny_head()), tiny_head()
    assert api.export(take, tmp_path / "a.npz") == [tmp_path / "a.npz"]
    assert len(api.export(take, tmp_path / "a.ply", head=head)) == 3
    assert [path.name for path in api.export(take, tmp_path / "b.obj", head=head, frame=1)] == ["b.obj"]
    phone = api.export(make_take(3, builtin_head()), tmp_path / "a.csv", format="livelink")
    assert phone[0].read_text().startswith("Timecode,")
    with pytest.raises(ExportError, match="bake it and export the head"):
        api.export(take, tmp_path / "a.glb")


def test_a_take_of_another_head_is_refused():
    take = make_take(3, tiny_head())
    for refused in (lambda: api.bake(take), lambda: api.retarget(take, add_character()), lambda: api.clean(take)):
        with pytest.raises((TakeError, NoPackageError), match="was solved on|SciPy"):
            refused()

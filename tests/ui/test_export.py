"""Exporting from the panel's buttons."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from smirk_blender.exchange.meshes import save_frames
from smirk_blender.rig.models import model_of
from smirk_blender.take import save_take
from smirk_blender.ui import export_panel, export_task, tasks
from smirk_blender.ui.clean_steps import ModelFiles
from smirk_blender.ui.export import SMIRK_OT_export_head, SMIRK_OT_export_take, draw_export
from smirk_blender.ui.export_task import ExportMeshTask, ExportTask
from smirk_blender.ui.preferences import cache_folder
from smirk_blender.ui.takes import add_take
from tests.builders import make_take, tiny_head
from tests.rig.reimport import need
from tests.ui.fake_layout import Context, Layout


@pytest.fixture
def take():
    return make_take(5, tiny_head(), models={})


@pytest.fixture
def listed(take, tmp_path):
    path = str(save_take(take, tmp_path / "line.take.npz"))
    add_take(bpy.context.scene, path, take)
    bpy.context.scene.smirk.active_take().clean_up.enabled = False
    return path


@pytest.mark.parametrize(("kind", "names"), [
    ("npz", ["line.npz"]),
    ("csv", ["line.csv"]),
    ("ply", [f"line_{row:05d}.ply" for row in range(5)]),
])  # fmt: skip
def test_the_active_take_is_written(head_object, listed, take, tmp_path, kind, names):
    out = tmp_path / "out"
    assert bpy.ops.smirk.export_take(filepath=str(out / f"line.{kind}"), format=kind) == {'FINISHED'}
    assert sorted(path.name for path in out.iterdir()) == names
    if kind == "npz":
        with np.load(out / "line.npz") as found:
            np.testing.assert_array_equal(found["jaw_params"], take.jaw_pose)


def test_the_head_is_written_as_it_plays(head_object, listed, tmp_path, monkeypatch):
    need("usda")
    bpy.ops.smirk.bake_take(filepath=listed, scene_frame_start=3)
    monkeypatch.chdir(tmp_path)  # not where the other Blender runs
    assert bpy.ops.smirk.export_head(filepath="face.usda", format='usdc') == {'FINISHED'}
    text = (tmp_path / "face.usda").read_text()
    assert "startTimeCode = 3" in text and "endTimeCode = 7" in text


def test_a_character_is_written_with_what_hangs_with_it(head_object, tmp_path):
    need("usda")
    with pytest.raises(RuntimeError, match="Choose a character in the Retarget panel"):
        bpy.ops.smirk.export_character(filepath=str(tmp_path / "hero.usda"), format='usdc')
    face, eye = cone("Face"), cone("Eye")
    eye.parent = face
    for frame in (2, 6):
        face.location.x = frame
        face.keyframe_insert("location", frame=frame)
    bpy.context.scene.smirk.retarget.character = face
    assert bpy.ops.smirk.export_character(filepath=str(tmp_path / "hero.usda"), format='usdc') == {'FINISHED'}
    text = (tmp_path / "hero.usda").read_text()
    assert "startTimeCode = 2" in text and "endTimeCode = 6" in text
    assert '"Face"' in text and '"Eye"' in text


def cone(name):
    bpy.ops.mesh.primitive_cone_add()
    made = bpy.context.object
    made.name = made.data.name = name
    return made


def test_a_stopped_export_leaves_the_file_that_was_there(head_object, listed, tmp_path):
    need("usda")
    bpy.ops.smirk.bake_take(filepath=listed)
    path = tmp_path / "face.usda"
    path.write_text("earlier")
    task = ExportMeshTask(bpy.context.scene, head_object, str(path), (1, 5), None)
    task.cancelled = True
    outcome = tasks.run_to_end(tasks.start(task))
    assert outcome.state == "cancelled" and "stays as it was" in outcome.text
    assert path.read_text() == "earlier" and not list(tmp_path.glob("*.part"))
    assert not list(cache_folder("exports").iterdir())


def test_meshes_are_written_one_by_one_until_it_is_stopped(head_object, listed, tmp_path, monkeypatch):
    path, model = str(tmp_path / "out" / "line.ply"), model_of(head_object)
    task = ExportTask(bpy.context.scene, listed, path, 'ply', None, model, ModelFiles.of(head_object))

    def save_and_stop_at_the_third(*arguments):
        save_frames(*arguments)
        task.cancelled = len(list((tmp_path / "out").iterdir())) == 3

    monkeypatch.setattr(export_task, "save_frames", save_and_stop_at_the_third)
    list(task.steps())
    assert task.outcome.text == "Exporting line.ply: cancelled after 3 of 5 frames"
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_head_that_was_deleted_meanwhile_is_said(head_object, tmp_path):
    task = ExportMeshTask(bpy.context.scene, head_object, str(tmp_path / "face.glb"), (1, 5), None)
    bpy.data.objects.remove(head_object)
    assert "was deleted before it was exported" in tasks.run_to_end(tasks.start(task)).text


def test_how_it_goes_and_ended_is_shown_below_the_buttons(head_object, listed, tmp_path):
    bpy.ops.smirk.export_take(filepath=str(tmp_path / "line.csv"), format='csv')
    layout = Layout()
    export_panel.draw(layout, Context())
    assert "Wrote line.csv to" in " ".join(map(str, layout.drawn))
    tasks.set_outcome(bpy.context.scene.name, tasks.Outcome("done", "Solved another"))
    layout = Layout()
    export_panel.draw(layout, Context())
    assert "Wrote" not in " ".join(map(str, layout.drawn))


@pytest.mark.parametrize(("model", "kind", "warned"), [
    ("builtin", "npz", True), ("builtin", "csv", False), ("flame.pkl", "npz", False),
])  # fmt: skip
def test_the_dialog_warns_of_flames_formats_on_the_built_in_head(head_object, model, kind, warned):
    head_object.data["smirk_model_path"] = model
    layout = Layout()
    SMIRK_OT_export_take.draw(Asked(layout=layout, format=kind), Context())
    assert layout.drawn[0] == "format" and (len(layout.drawn) > 1) == warned


@pytest.mark.parametrize(("kind", "shown"), [("glb", True), ("usdc", False)])
def test_shape_keys_are_asked_about_where_the_format_has_them(kind, shown):
    layout = Layout()
    SMIRK_OT_export_head.draw(Asked(layout=layout, format=kind), Context())
    assert ("weights" in layout.drawn) == shown


class Asked(SimpleNamespace):
    """Stands for an operator in its dialog."""

    bl_rna = SimpleNamespace(properties=("format", "frames", "weights"))


def test_what_cannot_be_is_said(head_object, listed, tmp_path):
    with pytest.raises(RuntimeError, match="does not end in .glb"):
        bpy.ops.smirk.export_head(filepath=str(tmp_path / "face.dae"))
    with pytest.raises(RuntimeError, match="No name for the export"):
        bpy.ops.smirk.export_take(filepath="")


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [("/a/face.glb", "fbx", "/a/face.fbx"), ("/a/face", "abc", "/a/face.abc"), ("/a/v1.2.glb", "glb", "/a/v1.2.glb")],
)
def test_the_name_follows_the_format(before, kind, after):
    suffix = SMIRK_OT_export_head.suffix.fget(SimpleNamespace(format=kind))
    asked = SimpleNamespace(filepath=before, format=kind, suffix=suffix)
    SMIRK_OT_export_head.check(asked, bpy.context)
    assert asked.filepath == after


def test_the_buttons_are_drawn():
    layout = Layout()
    draw_export(layout, Context())
    assert [name for name in layout.drawn if str(name).startswith("smirk.")] == [
        "smirk.export_head", "smirk.export_character", "smirk.export_take",
    ]

"""The panels' settings as a job for `smirk batch`."""

import json
import shutil
from fractions import Fraction

import bpy
import pytest

from smirk_blender.batch.job import load_job
from smirk_blender.cli import main
from smirk_blender.rig import compat
from smirk_blender.take import save_take
from smirk_blender.ui.takes import add_take
from tests.builders import make_take, tiny_head
from tests.conftest import REPOSITORY
from tests.rig.scenes import write_code_movie

CLIP = REPOSITORY / "tests" / "clean" / "closed_loop.mp4"


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "footage").mkdir()
    path = tmp_path / "footage" / "line.mp4"
    shutil.copyfile(CLIP, path)
    bpy.context.scene.smirk.footage_path = str(path)
    return path


def test_what_the_panels_say_is_what_the_batch_would_do(clip, tmp_path, capfd):
    settings = bpy.context.scene.smirk
    settings.solver, settings.bake.identity, settings.bake.head_motion = 'landmarks', 'basis', 'neck'
    settings.bake.fewer_keys, settings.bake.key_tolerance_mm = True, 0.5
    take = make_take(5, tiny_head(), models={})
    add_take(bpy.context.scene, str(save_take(take, tmp_path / "line.take.npz")), take)
    clean_up = settings.active_take().clean_up
    clean_up.enabled, clean_up.smoothing_jaw = True, 0.3
    path = tmp_path / "job.json"
    assert bpy.ops.smirk.save_job(filepath=str(path)) == {'FINISHED'}
    job = load_job(path)
    assert [each.video for each in job.clips] == [str(clip)] and job.solve.solver == "landmarks"
    assert job.clean.enabled and job.clean.settings["smoothing"]["jaw"] == pytest.approx(0.3)
    assert job.bake.arguments == ("--identity", "basis", "--key-tolerance", "0.5", "--head-motion", "neck")
    capfd.readouterr()
    assert main(["batch", str(path), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    assert "line: to do, 560 frames of 256 x 256" in capfd.readouterr().out


def test_a_folder_a_template_and_a_matched_shot(clip, head_object, tmp_path):
    settings = bpy.context.scene.smirk
    settings.bake.shot, settings.bake.focal_mm = 'PERSP', 85.0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    head_object.data["smirk_model_path"] = "builtin"
    bpy.ops.smirk.save_job(filepath=str(tmp_path / "job.json"), whole_folder=True)
    job = load_job(tmp_path / "job.json")
    assert not job.clips and job.folders[0].path == str(clip.parent)
    assert (job.bake.template, job.bake.head_object) == (str(tmp_path / "shot.blend"), head_object.name)
    assert job.bake.arguments[2:] == ("--layout", "matched", "--camera", "perspective", "--focal", "85")


def test_what_a_job_cannot_hold_is_said(clip, tmp_path, capfd):
    bpy.context.scene.smirk.bake.bake_as = 'nla'
    bpy.ops.smirk.save_job(filepath=str(tmp_path / "job.json"))
    assert "A job does not hold NLA strips" in capfd.readouterr().out
    assert json.loads((tmp_path / "job.json").read_text("utf-8"))["format_version"] == 1


def test_a_character_of_this_blend_is_named_once_it_is_saved(clip, head_object, tmp_path, capfd):
    settings, path = bpy.context.scene.smirk, tmp_path / "job.json"
    hero = bpy.data.objects.new("Hero", bpy.data.meshes.new("Hero"))
    bpy.context.scene.collection.objects.link(hero)
    settings.retarget.character, settings.retarget.write_as = hero, 'additive'
    head_object.data["smirk_model_path"] = "builtin"
    bpy.ops.smirk.save_job(filepath=str(path))
    assert load_job(path).retarget.character is None
    assert "It is without Head and Hero: save the .blend, then the job again" in capfd.readouterr().out
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.smirk.save_job(filepath=str(path))
    retarget = load_job(path).retarget
    assert (retarget.character, retarget.mesh) == (str(tmp_path / "shot.blend"), "Hero")
    assert retarget.arguments == ("--mode", "additive")


def test_a_sequence_is_saved_by_its_first_image_and_its_rate(tmp_path, capfd):
    write_code_movie(tmp_path / "codes.mp4", 6, Fraction(25))
    scene, path = bpy.context.scene, tmp_path / "job.json"
    settings, scene.render.fps = scene.smirk, 25
    settings.footage_path, settings.footage_is_sequence = str(tmp_path / "codes_002.png"), True
    assert bpy.ops.smirk.save_job(filepath=str(path)) == {'FINISHED'}
    job = load_job(path)
    (clip,) = job.clips
    assert clip.video == str(tmp_path / "codes_002.png") and job.solve.image_fps == 25
    assert main(["batch", str(path), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    assert "codes: to do, 4 frames of 64 x 48" in capfd.readouterr().out
    assert bpy.ops.smirk.save_job(filepath=str(path), whole_folder=True) == {'FINISHED'}
    assert load_job(path).solve.image_fps == 25 and load_job(path).folders[0].path == str(tmp_path)
    settings.footage_is_sequence = False
    assert bpy.ops.smirk.save_job(filepath=str(path)) == {'FINISHED'}
    assert load_job(path).solve.image_fps is None


def test_images_that_are_not_numbered_one_after_another_are_refused(tmp_path):
    write_code_movie(tmp_path / "codes.mp4", 6, Fraction(25))
    scene = bpy.context.scene
    strip = compat.sequencer_strips(scene).new_image("odd", str(tmp_path / "codes_001.png"), 1, 1)
    strip.elements.append("codes_004.png")
    scene.smirk.footage_kind, scene.sequence_editor.active_strip = 'STRIP', strip
    with pytest.raises(RuntimeError, match="not numbered one after another"):
        bpy.ops.smirk.save_job(filepath=str(tmp_path / "job.json"))

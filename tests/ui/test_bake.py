"""Baking from the panel and from scripts: what is keyed, where, and what stays as it was."""

from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.errors import SmirkError
from smirk_blender.rig.key_sheet import key_figures_of
from smirk_blender.rig.movie import set_fps
from smirk_blender.rig.standing import name_of
from smirk_blender.rig.strips import clip_footage, scene_fps
from smirk_blender.take import save_take
from smirk_blender.ui import bake_task, tasks
from smirk_blender.ui.bake import BakeSettings
from smirk_blender.ui.bake_task import BakeTask
from smirk_blender.ui.footage import ChosenFootage
from smirk_blender.ui.properties import KEYS
from smirk_blender.ui.sidebar import target_head
from smirk_blender.ui.takes import add_take
from tests.builders import make_take, tiny_head
from tests.rig.scenes import actions_content, flame_vertices, played_vertices, write_code_movie
from tests.ui.content import scene_content

NUM_FRAMES, FPS = 12, Fraction(30)
SCENE_FRAMES = 1 + np.arange(NUM_FRAMES)
PART_PATHS = {"expression": "expression_", "jaw": '"jaw"', "eyelids": "eyelid", "gaze": "_eye", "head": '"root"'}


@pytest.fixture
def take():
    return make_take(NUM_FRAMES, tiny_head(), fps=FPS)


@pytest.fixture
def take_file(tmp_path, take):
    return str(save_take(take, tmp_path / "line.take.npz"))


def settings():
    return bpy.context.scene.smirk


def baked_paths():
    return [path for path, _ in actions_content(*bpy.data.actions)]


def error_m(head_object, expected, scene_frames=SCENE_FRAMES):
    return np.abs(played_vertices(head_object, scene_frames) - expected).max()


@pytest.mark.parametrize("part", [key for key, _, _ in KEYS])
def test_only_the_chosen_part_gets_keyframes(head_object, take_file, part):
    bpy.ops.smirk.bake_take(filepath=take_file, keys={part})
    paths = baked_paths()
    assert any(PART_PATHS[part] in path for path in paths), paths
    others = [other for other in PART_PATHS.values() if other != PART_PATHS[part]]
    assert not [path for path in paths if any(other in path for other in others)]
    before = len(paths)
    bpy.ops.smirk.bake_take(filepath=take_file)
    assert len(baked_paths()) > 2 * before


def test_a_script_bakes_with_arguments_and_the_panel_s_settings_stay(head_object, take, take_file):
    settings().bake.scene_frame_start = 7
    bpy.ops.smirk.bake_take(filepath=take_file, scene_frame_start=101)
    assert error_m(head_object, flame_vertices(tiny_head(), take), 100 + SCENE_FRAMES) < 1e-5  # metres
    assert settings().bake.scene_frame_start == 7
    bpy.ops.smirk.bake_take(filepath=take_file)  # a script's call starts from the defaults, not from the panel
    assert error_m(head_object, flame_vertices(tiny_head(), take)) < 1e-5
    assert bpy.context.scene.frame_start == 1 and bpy.context.scene.frame_end == NUM_FRAMES


def test_an_nla_strip_plays_the_same_at_the_same_frames(head_object, take, take_file):
    bpy.ops.smirk.bake_take(filepath=take_file, bake_as='nla', scene_frame_start=5)
    for datablock in (head_object.data.shape_keys, head_object.parent):
        (track,) = datablock.animation_data.nla_tracks
        (strip,) = track.strips
        assert (strip.frame_start, strip.frame_end) == (5, 4 + NUM_FRAMES)
        assert datablock.animation_data.action is None
    assert error_m(head_object, flame_vertices(tiny_head(), take), 4 + SCENE_FRAMES) < 1e-5  # metres


@pytest.mark.parametrize("timing, fps, last", [('set', FPS, NUM_FRAMES), ('resample', Fraction(24), 10)])
def test_the_scene_s_rate_is_set_or_the_take_resampled(head_object, take, take_file, timing, fps, last):
    bpy.ops.smirk.bake_take(filepath=take_file, timing=timing)
    scene = bpy.context.scene
    assert scene_fps(scene) == fps and (scene.frame_start, scene.frame_end) == (1, last)
    expected = flame_vertices(tiny_head(), take)
    rows = np.arange(0, NUM_FRAMES, 5)  # every fifth video frame is a fourth scene frame
    scene_frames = 1 + rows if timing == 'set' else 1 + rows * 4 / 5
    assert error_m(head_object, expected[rows], scene_frames) < 1e-5  # metres


def test_the_frame_range_is_fitted_only_where_that_is_asked_for(head_object, take_file):
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 3, 99
    bpy.ops.smirk.bake_take(filepath=take_file, fit_range=False)
    assert (scene.frame_start, scene.frame_end) == (3, 99)
    bpy.ops.smirk.bake_take(filepath=take_file, scene_frame_start=-5)
    assert (scene.frame_start, scene.frame_end) == (0, NUM_FRAMES - 6)  # Blender has no frames below 0 in a range


@pytest.mark.parametrize("identity", ['keys', 'basis', 'keep'])
def test_the_head_wears_the_identity_that_is_chosen(head_object, take, take_file, identity):
    bpy.ops.smirk.bake_take(filepath=take_file, identity=identity)
    worn = np.array([head_object.data.shape_keys.key_blocks[name].value for name in tiny_head().shape_names[:10]])
    np.testing.assert_allclose(worn, take.shape[:10] if identity == 'keys' else np.zeros(10), atol=1e-6)
    if identity == 'keep':
        take = make_take(NUM_FRAMES, tiny_head(), fps=FPS, shape=np.zeros(14))
    assert error_m(head_object, flame_vertices(tiny_head(), take)) < 1e-5  # metres


@pytest.mark.parametrize("shot", ['ORTHO', 'PERSP'])
def test_a_shot_gets_a_camera_of_its_kind(head_object, take_file, shot):
    bpy.ops.smirk.bake_take(filepath=take_file, shot=shot, focal_mm=50.0, scene_frame_start=3)
    camera = bpy.context.scene.camera
    assert camera.data.type == shot and (shot == 'ORTHO' or camera.data.lens == pytest.approx(50.0, abs=1e-4))


def test_the_take_of_a_clip_lies_where_the_clip_plays_it(head_object, take, take_file, tmp_path):
    movie = str(write_code_movie(tmp_path / "codes.mp4", NUM_FRAMES, FPS))
    clip = bpy.data.movieclips.load(movie)
    clip.frame_start = 40
    chosen = ChosenFootage(clip_footage(clip))
    add_take(bpy.context.scene, take_file, take, chosen.to_text())
    for timing, fps in (('resample', Fraction(24)), ('set', FPS)):  # a clip plays a frame a scene frame at any rate
        set_fps(bpy.context.scene, Fraction(24))
        bpy.ops.smirk.bake_take(timing=timing)
        assert scene_fps(bpy.context.scene) == fps
        assert bpy.context.scene.frame_start == 40 and bpy.context.scene.frame_end == 39 + NUM_FRAMES
        assert error_m(head_object, flame_vertices(tiny_head(), take), 39 + SCENE_FRAMES) < 1e-5  # metres


def test_errors_change_nothing(head_object, tmp_path, take_file):
    other = str(save_take(make_take(4, tiny_head(1)), tmp_path / "other.take.npz"))
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    bpy.context.scene.frame_end = 77
    before = scene_content()
    for options, text in (
        ({}, "Solve a video or open a take first"),
        ({"filepath": other}, "tiny 1"),
        ({"filepath": other, "shot": 'ORTHO'}, "tiny 1"),
        ({"filepath": str(tmp_path / "bad.npz")}, "bad.npz"),
        ({"filepath": str(tmp_path / "none.npz")}, "none.npz"),
        ({"filepath": take_file, "shot": 'ORTHO', "head_motion": 'off'}, "Set Head Motion to As Solved"),
    ):
        with pytest.raises(RuntimeError, match=text):
            bpy.ops.smirk.bake_take(**options)
        assert scene_content() == before


@pytest.mark.parametrize("when", ["at first", "in a thread", "half-way"])
@pytest.mark.parametrize("what", ["head", "scene"])
def test_what_was_deleted_meanwhile_is_named(head_object, take_file, what, when, monkeypatch):
    other = bpy.data.scenes.new("Other")
    task, work = begin(take_file, other)

    def delete():
        bpy.data.scenes.remove(other) if what == "scene" else bpy.data.objects.remove(head_object)

    def slowly(function, *arguments):
        """Do what another thread does, while the user deletes something."""
        if function is bake_task.with_head_motion:
            delete()
        yield tasks.WAIT
        return function(*arguments)

    if when == "in a thread":
        monkeypatch.setattr(bake_task, "elsewhere", slowly)
    else:
        while when == "half-way" and not bpy.data.actions:
            next(work)
        delete()
    name = {"head": "Head", "scene": "The scene Other"}[what]
    with pytest.raises(SmirkError, match=f"{name} was deleted"):
        for _ in work:
            pass
    assert not bpy.data.actions or (what, when) == ("scene", "half-way")


def test_fewer_keys_are_baked_as_the_panel_says(head_object, take, take_file):
    bake = settings().bake
    bake.fewer_keys, bake.key_tolerance_mm = True, 0.5
    task, work = begin(take_file, bpy.context.scene)
    for _ in work:
        pass
    figures = key_figures_of(bpy.data.actions["made_up"])
    assert figures.tolerance_mm == 0.5 and figures.after < figures.before
    assert task.outcome.text.startswith(f"Baked {NUM_FRAMES} frames to made_up: {figures}")
    assert 1e-4 < error_m(head_object, flame_vertices(tiny_head(), take)) <= 5e-4  # metres
    bake.fewer_keys = False
    for _ in begin(take_file, bpy.context.scene)[1]:
        pass
    assert error_m(head_object, flame_vertices(tiny_head(), take)) < 1e-5


def test_a_cancelled_bake_leaves_the_head_playing_what_it_played(head_object, take, take_file):
    bpy.ops.smirk.bake_take(filepath=take_file, identity='keep')
    before = actions_content(*bpy.data.actions)
    settings().bake.identity, settings().bake.scene_frame_start = 'keep', 50
    task, work = begin(take_file, bpy.context.scene)
    while not any(action.name.endswith(".001") for action in bpy.data.actions):
        next(work)
    task.cancelled = True
    for _ in work:
        pass
    assert task.outcome.state == "cancelled"
    after = actions_content(*bpy.data.actions)
    assert after.keys() == before.keys() and all(np.array_equal(after[key], before[key]) for key in before)
    still = make_take(NUM_FRAMES, tiny_head(), fps=FPS, shape=np.zeros(14))
    assert error_m(head_object, flame_vertices(tiny_head(), still)) < 1e-5  # metres


def begin(take_file, scene):
    """Return a bake, and its steps to be taken by hand."""
    task = BakeTask(scene, take_file, None, name_of(target_head(bpy.context)), BakeSettings.of(settings().bake))
    return task, task.steps()

"""Two versions of a take on one head, and takes that no longer follow their footage."""

from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.clean.timing import timed
from smirk_blender.errors import HeadError
from smirk_blender.retarget.resample import FrameMap
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.actions import remove_action
from smirk_blender.rig.compare import show_version
from smirk_blender.rig.footage import add_footage, match_take
from smirk_blender.rig.memory import rig_action_of
from smirk_blender.rig.strips import place_take
from smirk_blender.take import Source
from smirk_blender.take.clean_up import Timing
from smirk_blender.take.parts import part_of
from tests.builders import make_take, tiny_head
from tests.rig.scenes import evaluated_points, flame_vertices, played_vertices, write_code_movie

FPS = Fraction(25)


@pytest.fixture
def versions():
    """A head, and two takes that differ in everything; one turns it, and has another identity."""
    head = tiny_head()
    raw = make_take(8, head, fps=FPS)
    return head, {"raw": raw, "cleaned": make_take(8, head, seed=1, fps=FPS)}


def baked(head_object, head, takes, **options):
    """Bake every version on the last one's identity; return the actions."""
    actions, identity = {}, "keys"
    for version, take in reversed(takes.items()):
        named = {"action_name": f"made_up {version}", "identity": identity}
        actions[version], identity = bake_take(head_object, head, take, **named, **options), "keep"
    return {version: actions[version] for version in takes}


@pytest.mark.parametrize("armature", [True, False])
def test_a_head_switches_between_versions_bones_and_all(versions, empty_scene, armature):
    head, takes = versions
    head_object = build_head(head, armature=armature)
    actions = baked(head_object, head, takes)
    assert [action.name for action in actions.values()] == ["made_up raw", "made_up cleaned"]
    bar = 1e-5 if armature else 3e-4  # metres; without bones FLAME is met within TOLERANCE_M
    for version in ("raw", "cleaned", "raw"):
        show_version(head_object, actions[version])
        expected = flame_vertices(head, replace(takes[version], shape=takes["cleaned"].shape))
        for row, points in enumerate(expected):
            empty_scene.frame_set(1 + row)
            np.testing.assert_allclose(evaluated_points(head_object), points, atol=bar)


def test_the_version_that_is_not_shown_is_kept_in_the_file(versions, tmp_path):
    head, takes = versions
    head_object = build_head(head)
    names = [action.name for action in baked(head_object, head, takes).values()]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "two.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "two.blend"))
    raw = bpy.data.actions[names[0]]
    show_version(bpy.data.objects["Head"], raw)
    expected = flame_vertices(head, replace(takes["raw"], shape=takes["cleaned"].shape))
    np.testing.assert_allclose(played_vertices(bpy.data.objects["Head"], 1 + np.arange(8)), expected, atol=1e-5)


def test_versions_of_another_length_start_together(versions):
    head, takes = versions
    slow = timed(takes["raw"], Timing(speed=0.5))
    head_object = build_head(head)
    actions = baked(head_object, head, {"raw": takes["raw"], "slow": slow}, scene_frame_start=11)
    assert [tuple(action.frame_range) for action in actions.values()] == [(11, 18), (11, 26)]


def test_an_action_of_another_head_is_refused(versions):
    head, takes = versions
    head_object = build_head(head)
    other = bake_take(build_head(head), head, takes["raw"])
    with pytest.raises(HeadError, match="was not baked onto Head. Choose an action of this head"):
        show_version(head_object, other)


def test_a_removed_version_takes_its_bones_action_along(versions):
    head, takes = versions
    head_object = build_head(head)
    actions = baked(head_object, head, takes)
    remove_action(actions["raw"])
    assert set(bpy.data.actions) == {actions["cleaned"], rig_action_of(actions["cleaned"])}


@pytest.mark.parametrize(("speed", "num_frames"), [(2.0, 4), (0.5, 16)])
def test_a_take_of_another_speed_is_baked_for_as_long_as_it_plays(versions, empty_scene, speed, num_frames):
    head, takes = versions
    fast = timed(part_of(takes["raw"], slice(0, 8)), Timing(speed=speed))
    action = bake_take(build_head(head), head, fast, scene_frame_start=5)
    assert tuple(action.frame_range) == (5, 4 + num_frames)
    match_take(empty_scene, fast, scene_frame_start=5)
    assert (empty_scene.frame_start, empty_scene.frame_end) == (5, 4 + num_frames)


@pytest.mark.parametrize("first_frame", [0, 30])
@pytest.mark.parametrize("frame_map", [None, FrameMap(101.0, 2.0, 25.0)])
def test_a_take_of_another_speed_is_resampled_to_the_scenes_rate(versions, empty_scene, frame_map, first_frame):
    head, takes = versions
    take = replace(takes["raw"], first_frame=first_frame, time_s=takes["raw"].time_s + first_frame / 25)
    slow = timed(take, Timing(speed=0.5))
    empty_scene.render.fps = 50
    placed, start = place_take(empty_scene, slow, timing="resample", frame_map=frame_map, scene_frame_start=7)
    assert placed.fps == 50 and len(placed) == pytest.approx(32, abs=1)  # 8 frames at 25 a second, half as fast
    before = 7 - start if frame_map is None else 101 + 2 * first_frame - start  # a strip shows what is nearest
    assert before in (0, 1)
    np.testing.assert_allclose(placed.expression[before : before + 29 : 4], take.expression, atol=1e-6)


def test_footage_of_a_take_of_another_speed_is_added_with_a_word_on_it(versions, empty_scene, tmp_path):
    head, _ = versions
    take = make_take(6, head, fps=FPS, source=Source("codes.mp4", 1, "0" * 64, 64, 48))
    movie = write_code_movie(tmp_path / "codes.mp4", 6, FPS)
    said = add_footage(empty_scene, movie, timed(take, Timing(speed=0.5)), in_step=False)
    assert said[0] == "The take plays at another speed than codes.mp4, which is in step with its first frame alone"
    assert not any("Check that it is the take's video" in sentence for sentence in said)
    assert empty_scene.frame_end == 12

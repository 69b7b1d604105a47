"""Blinks and lip closures: those planted in the closed-loop clip, all of them and no others."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.capture import solve
from smirk_blender.clean.events import find_blinks, find_closures
from smirk_blender.take import load_take
from tests.capture.quick_solver import QuickSolver
from tests.clean.closed_loop import BLINKS, CLIP, CLOSURES, WINKS
from tests.clean.sightings import assert_blinks_are_those_planted, assert_closures_are_those_planted


def unseen(take):
    return replace(take, landmarks=np.full_like(take.landmarks, np.nan))


def test_all_planted_blinks_are_found_in_landmarks_and_none_is_invented(known):
    assert_blinks_are_those_planted(find_blinks(known))


def test_they_are_found_on_the_solved_face_alone(known, head):
    assert_blinks_are_those_planted(find_blinks(unseen(known), head))


def test_they_are_found_in_the_lid_values_alone(known):
    assert_blinks_are_those_planted(find_blinks(unseen(known)))


def test_a_wink_is_one_eyes_blink(known):
    (winked,) = [blink for blink in find_blinks(known) if blink.eye != "both"]
    first, shutting, held, _, _ = WINKS["L"][0]
    assert winked.eye == "L" and first + shutting <= winked.deepest <= first + shutting + held


def test_a_blink_lasts_as_long_as_it_was_planted(known):
    blinks = [blink for blink in find_blinks(known) if blink.eye == "both"]
    for blink, (start, shutting, held, opening) in zip(blinks, BLINKS):
        assert start <= blink.first <= blink.deepest <= blink.last <= start + shutting + held + opening
        assert blink.last - blink.first + 1 >= (shutting + held + opening) / 2
        assert blink.depth > 0.8  # of the open gap


def test_blinks_within_a_gap_are_not_told(known):
    start, shutting, held, opening = BLINKS[0]
    gap = known.gap.copy()
    gap[start : start + shutting + held + opening + 1] = True
    landmarks = np.where(gap[:, None, None], np.nan, known.landmarks)
    found = [blink for blink in find_blinks(replace(known, gap=gap, landmarks=landmarks)) if blink.eye == "both"]
    assert len(found) == len(BLINKS) - 1


def test_all_planted_closures_are_found_in_landmarks_and_none_is_invented(known):
    assert_closures_are_those_planted(find_closures(known))


def test_closures_are_found_on_the_solved_face_alone(known, head):
    assert_closures_are_those_planted(find_closures(unseen(known), head))


def test_closures_need_landmarks_or_a_head(known):
    with pytest.raises(ValueError, match="need its head"):
        find_closures(unseen(known))


def test_the_rendered_clip_is_small_and_as_long_as_its_animation(solved_clip, known):
    assert CLIP.stat().st_size < 1_000_000  # bytes
    assert len(solved_clip) == len(known) and solved_clip.fps == known.fps


def test_the_rendered_clips_blinks_are_found_and_none_is_invented(solved_clip, head, figure):
    blinks = find_blinks(solved_clip, head)
    figure("blinks found", sum(blink.eye == "both" for blink in blinks), f"of {len(BLINKS)}")
    assert_blinks_are_those_planted(blinks)


def test_the_rendered_clips_closures_are_found_and_none_is_invented(solved_clip, figure):
    closures = find_closures(solved_clip)
    figure("closures found", len(closures), f"of {len(CLOSURES)}")
    assert_closures_are_those_planted(closures)


def test_no_blink_is_invented_in_footage_without_one(shared_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(solve, "open_solver", lambda *_, **__: QuickSolver())
    list(solve.solve_video(shared_folder / "footage" / "actor_a.mp4", tmp_path / "actor.take.npz"))
    take = load_take(tmp_path / "actor.take.npz")
    assert find_blinks(take) == []  # he squints and scowls, and never shuts an eye
    assert [closure.first for closure in find_closures(take)] == pytest.approx([43, 64, 68, 86], abs=1)

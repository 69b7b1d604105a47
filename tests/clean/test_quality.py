"""A take's quality in numbers and in lines."""

import json
from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.clean import quality as quality_module
from smirk_blender.clean.contact import lip_gap_mm
from smirk_blender.clean.jitter import jitter_mm, still_rows
from smirk_blender.clean.quality import quality
from smirk_blender.sample.performance import eased, sample_take
from smirk_blender.take import CleanUp
from smirk_blender.take.clean_up import Spikes
from tests.builders import make_take, tiny_head

JAW = ((0.5, 0), (0.7, 0.25), (0.9, 0), (1.0, 0), (1.2, 0.25), (1.4, 0), (1.5, 0), (1.7, 0.25), (2.0, 0))  # (s, rad)


@pytest.fixture(scope="module")
def take(head):
    """The sample's animation: two blinks, a wink of each eye; here with a jaw that opens three times. 150 frames."""
    take = sample_take(head)
    jaw = np.zeros((len(take), 3), np.float32)
    jaw[:, 0] = eased(take.time_s, JAW)
    return replace(take, jaw_pose=jaw, first_frame=1000)


def test_what_is_planted_is_counted_where_it_is(take, head):
    found = quality(take, head)
    assert [start - 1000 for start, _ in found.blinks] == pytest.approx([8, 129], abs=2)  # frames
    assert [start - 1000 for start, _ in found.winks] == pytest.approx([66, 88], abs=2)
    assert len(found.closures) == 2 and found.solved.closures == found.closures
    for (first, last), middle in zip(found.closures, (1000 + 0.95 * 25, 1000 + 1.45 * 25)):
        assert first <= middle <= last
    assert found.solved.lids_apart_mm[1] < 0.3  # they meet
    assert found.solved.lips_apart_mm[1] == pytest.approx(lip_gap_mm(take, head)[:5].min(), abs=0.1)
    assert (found.gaps, found.confidence_least, found.cleaned) == ((), 1.0, None)


def test_before_and_after_are_measured_alike(take, head):
    rng = np.random.default_rng(2)
    shaken = replace(take, expression=take.expression + rng.normal(0, 0.02, take.expression.shape).astype(np.float32))
    lazy = replace(take, eyelid=0.4 * take.eyelid)
    found = quality(shaken, head, lazy)
    still = still_rows(shaken)
    measured = [found.solved.jitter_mm, found.cleaned.jitter_mm]
    assert measured == pytest.approx([jitter_mm(shaken, head, still), jitter_mm(lazy, head, still)])  # mm
    assert (len(found.blinks), len(found.solved.blinks), len(found.cleaned.blinks)) == (2, 2, 0)
    assert found.cleaned.lids_apart_mm[0] > 3 > found.solved.lids_apart_mm[0]  # mm
    lines = dict(line.split(": ", 1) for line in found.lines())
    assert lines["Blinks found"] == "2 and 2 of one eye, on the face 2 -> 0"
    assert lines["Lips apart in them"].count(" mm") == 2


def test_what_is_wrong_is_told_by_the_videos_frames(take, head, monkeypatch):
    asked = []

    def find_spikes(take, settings):
        asked.append(settings)
        return {"jaw": np.arange(len(take)) == 7, "head": np.zeros(len(take), bool)}

    monkeypatch.setattr(quality_module, "find_spikes", find_spikes)
    gap = np.isin(np.arange(150), [3, 50, 51, 52, 100, 110, 120, 149])
    confidence = np.where(gap, 0, np.linspace(1, 0.5, 150)).astype(np.float32)
    clean_up = CleanUp(spikes=Spikes(enabled=False, threshold=9.0))
    found = quality(replace(take, gap=gap, confidence=confidence, clean_up=clean_up), head)
    assert asked == [Spikes(enabled=True, threshold=9.0)]
    assert found.solved.spikes == {"jaw": (1007,), "head": ()}
    assert found.gaps[:2] == ((1003, 1003), (1050, 1052))
    assert found.confidence_least == pytest.approx(confidence[148])
    lines = found.lines()
    assert lines[1] == "Without a face: 8 frames (1003, 1050-1052, 1100, 1110, 2 more)"
    assert lines[3] == "Spikes: jaw 1"


def test_the_figures_are_plain_values(take, head):
    facts = quality(take, head, take).facts()
    assert json.loads(json.dumps(facts))["cleaned"]["closures"] == [list(each) for each in facts["closures"]]


def test_a_head_that_cannot_tell_says_so():
    head = tiny_head()
    take = make_take(12, head)
    found = quality(replace(take, landmarks=np.full_like(take.landmarks, np.nan)), head)
    assert (found.solved.blinks, found.solved.closures, found.solved.lips_apart_mm) == (None, None, None)
    assert found.lines()[-1] == "Lips apart in them: not known"


def test_a_take_without_a_face_has_figures_too(take, head):
    found = quality(replace(take, gap=np.ones(150, bool)), head)
    assert (found.confidence_mean, found.solved.jitter_mm, len(found.blinks)) == (0.0, None, 0)
    assert found.gaps == ((1000, 1149),)


def test_of_a_long_take_some_still_frames_are_enough(monkeypatch):
    monkeypatch.setattr(quality_module, "jitter_mm", lambda take, head, rows: float(rows.sum()))
    head = tiny_head()
    monkeypatch.setattr(quality_module, "JITTER_FRAMES", 200)
    take = make_take(3000, head, landmarks=np.full((3000, 478, 3), np.nan))
    monkeypatch.setattr(quality_module, "still_rows", lambda take: np.ones(len(take), bool))
    assert quality(take, head).solved.jitter_mm == 200  # frames of it


def test_other_frames_are_refused(take, head):
    with pytest.raises(ValueError, match="150 frames from 1000 on, and cleaned 150 frames from 0 on"):
        quality(take, head, replace(take, first_frame=0))


def test_a_head_of_fewer_identity_directions_than_the_take_is_measured_as_it_is(take, head):
    few = replace(head, shape_directions=head.shape_directions[..., :4], shape_names=head.shape_names[:4])
    worn = replace(take, shape=np.append(np.zeros(4), np.ones(len(take.shape) - 4)).astype(np.float32))
    found, plain = (quality(one, few, one) for one in (worn, replace(take, shape=np.zeros(4, np.float32))))
    assert found == plain

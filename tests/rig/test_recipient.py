"""Characters made ready for takes: what is read anew each time, and what is kept."""

import numpy as np
import pytest

from smirk_blender.flame import builtin_head
from smirk_blender.retarget.profile import RetargetProfile
from smirk_blender.rig import recipient
from smirk_blender.rig.recipient import recipient_of
from tests.rig.characters import add_character, add_rig
from tests.rig.scenes import make_active


@pytest.fixture
def watched(monkeypatch):
    calls, watch_rig = [], recipient.watch_rig
    monkeypatch.setattr(recipient, "watch_rig", lambda *given: calls.append(given) or watch_rig(*given))
    return calls


def test_a_rig_is_watched_again_only_where_its_bones_are_others(empty_scene, watched):
    face, head, profile = add_character(), builtin_head(), RetargetProfile()
    rig = add_rig(face)
    first = recipient_of(face, head, profile, again=True)
    second = recipient_of(face, head, profile, again=True)
    assert len(watched) == 1
    for one, other in zip(first.character.bones, second.character.bones, strict=True):
        np.testing.assert_array_equal(one.skinning, other.skinning)
    assert second.following is first.following
    recipient_of(face, head, profile)
    assert len(watched) == 2  # a click asks for it
    make_active(rig, 'EDIT')
    rig.data.edit_bones["jaw"].tail.x += 0.02
    make_active(rig, 'OBJECT')
    recipient_of(face, head, profile, again=True)
    assert len(watched) == 3


def test_keys_are_read_anew_where_the_rig_is_not(empty_scene, watched):
    face, head, profile = add_character(), builtin_head(), RetargetProfile()
    add_rig(face)
    recipient_of(face, head, profile, again=True)
    face.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.5
    limits = recipient_of(face, head, profile, again=True).character.key_limits
    assert len(watched) == 1 and limits[0].tolist() == [0.0, 0.5]

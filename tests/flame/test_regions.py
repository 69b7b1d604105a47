"""The face's regions, on heads with landmarks and without."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.clean.gains import partners
from smirk_blender.errors import HeadError
from smirk_blender.flame.regions import SKIN_REGIONS, face_mask, region_masks
from tests.builders import tiny_head

# MediaPipe's landmarks that SMIRK's embedding has too: in the middle of their region.
INSIDE = {"brows": (105, 334, 66, 296), "lids": (159, 386, 145, 374), "nose": (4, 5, 195), "mouth": (13, 14, 61, 291)}


@pytest.fixture(scope="module")
def head(either_head):
    return either_head


def test_every_vertex_is_shared_out_whole(head):
    masks = region_masks(head)
    np.testing.assert_allclose(sum(masks.values()), 1.0, atol=1e-6)
    assert all(0 <= mask.min() and mask.max() <= 1 for mask in masks.values())
    assert face_mask(head).min() == 0 and face_mask(head).max() == pytest.approx(1.0, abs=1e-6)


def test_landmarks_lie_in_their_own_region(head):
    masks = region_masks(head)
    corners = dict(zip(head.landmarks.indices.tolist(), head.landmarks.corners))
    for region, indices in INSIDE.items():
        for index in indices:
            assert masks[region][corners[index]].min() > 0.7, (region, index)


def test_eyeballs_are_eyes_and_the_chin_is_jaw(head):
    masks = region_masks(head)
    assert masks["eyes"][head.skinning_weights[:, 3] > 0.99].min() > 0.98
    front = np.flatnonzero(face_mask(head) > 0.5)
    assert masks["jaw"][front[np.argmin(head.template[front, 1])]] > 0.9


def test_both_sides_have_the_same_regions(head):
    own, other = partners(head)
    on_face = face_mask(head)[own] > 0.5
    assert on_face.sum() > 0.5 * (face_mask(head) > 0.5).sum()
    for region in SKIN_REGIONS:
        mask = region_masks(head)[region]
        assert np.abs(mask[own] - mask[other])[on_face].mean() < 0.05, region  # FLAME's sides differ


def test_a_head_without_landmarks_has_its_regions_by_its_eyes(head, figure):
    known, guessed, face = region_masks(head), region_masks(replace(head, landmarks=None)), face_mask(head)
    for region in SKIN_REGIONS:
        shared = (np.minimum(known[region], guessed[region]) * face).sum() / (known[region] * face).sum()
        figure(f"of the {region} found without landmarks", 100 * shared, "%")
        assert shared > 0.8


def test_a_head_without_a_face_says_what_to_do():
    joints = np.zeros((5, 50))
    joints[:, 0] = 1  # all in one place
    with pytest.raises(HeadError, match="tiny 0 has no landmarks, .* Put SMIRK's mediapipe_landmark_embedding.npz"):
        region_masks(tiny_head(joint_regressor=joints))

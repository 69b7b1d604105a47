"""Which places of a head and a character are the same, and what of a take arrives there."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.flame import LandmarkEmbedding, builtin_head, load_head
from smirk_blender.flame.measures import EYE_CORNERS_L, EYE_CORNERS_R
from smirk_blender.flame.regions import region_masks
from smirk_blender.retarget.character import Character
from smirk_blender.retarget.correspondence import correspond
from smirk_blender.retarget.key_weights import offsets_at, solve_key_weights
from smirk_blender.retarget.lip_landmarks import settle_lips
from smirk_blender.retarget.surface_motion import carried, surface_motion
from tests.builders import make_take
from tests.retarget.facecap import facecap, measures, transformed

PICKED = (33, 133, 362, 263, 159, 145, 386, 374, 61, 291, 13, 14, 4, 152, 105, 334)  # what a user picks by hand
MIRROR = np.diag([-1.0, 1.0, 1.0])
TURNED = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]


def as_character(head, scale: float = 1.0) -> Character:
    """Return the head itself as a character, its expressions as the keys."""
    offsets = np.moveaxis(head.expression_directions, -1, 0) * scale
    limits = np.tile([-5.0, 5.0], (len(offsets), 1))
    vertices = head.template.astype(float) * scale
    return Character("itself", vertices, head.triangles, head.expression_names, offsets, limits)


def picked(landmarks: LandmarkEmbedding, indices=PICKED) -> LandmarkEmbedding:
    return landmarks.subset(np.isin(landmarks.indices, indices))


def places_on(character: Character, places) -> np.ndarray:
    return np.einsum("pci,pc->pi", character.vertices[places.corners], places.weights)


def places_of(head, places) -> np.ndarray:
    return np.einsum("pci,pc->pi", head.template.astype(float)[places.head_corners], places.head_weights)


def solved(take, head, character, places) -> np.ndarray:
    targets = places.with_relations(carried(surface_motion(take, head, places), places))
    offsets = places.with_relations(offsets_at(character, places.corners, places.weights))
    return solve_key_weights(targets, offsets, character.key_limits, places.importance)


def still_take(head, num_frames: int = 12, **moves):
    zeros = {name: np.zeros((num_frames, width)) for name, width in dict(jaw_pose=3, eyelid=2, eye_pose=6).items()}
    zeros["expression"] = np.zeros((num_frames, head.num_expression))
    return make_take(num_frames, head, **(zeros | {"shape": np.zeros(10)} | moves))


def moved(character: Character, weights: np.ndarray) -> np.ndarray:
    return character.vertices + np.einsum("tk,kvi->tvi", weights, character.key_offsets)


def with_larger_eyes(character: Character, landmarks: LandmarkEmbedding, growth: float) -> Character:
    """Return the character with the surroundings of its eyes that much larger; keys move them as much farther."""
    points = dict(zip(landmarks.indices.tolist(), landmarks.points(character.vertices[None])[0]))
    middles = [(points[outer] + points[inner]) / 2 for outer, inner in (EYE_CORNERS_L, EYE_CORNERS_R)]
    reach = 0.7 * np.linalg.norm(points[EYE_CORNERS_L[0]] - points[EYE_CORNERS_L[1]])

    def grown(at: np.ndarray) -> np.ndarray:
        return at + sum(
            growth * (at - middle) * np.exp(-0.5 * ((at - middle) ** 2).sum(axis=-1, keepdims=True) / reach**2)
            for middle in middles
        )

    offsets = grown(character.vertices + character.key_offsets) - grown(character.vertices)
    return replace(character, vertices=grown(character.vertices), key_offsets=offsets.astype(np.float32))


@pytest.mark.parametrize("indices", [None, PICKED], ids=["all landmarks", "picked by hand"])
def test_a_head_is_laid_on_itself_wherever_its_landmarks_are_known(either_head, indices, figure):
    character = as_character(either_head, scale=100.0)
    landmarks = either_head.landmarks if indices is None else picked(either_head.landmarks, indices)
    places = correspond(either_head, character, landmarks)
    off_mm = 10.0 * np.linalg.norm(places_on(character, places) - 100.0 * places_of(either_head, places), axis=1)
    figure("off", off_mm.max(), "mm")
    assert off_mm.max() < 0.5
    np.testing.assert_allclose(places.matrices, np.broadcast_to(100.0 * np.eye(3), places.matrices.shape), atol=1.0)
    assert len(places.corners) > len(places.indices) + 250  # of 400: those between the lips are left out


def test_movements_arrive_in_the_proportions_of_the_character():
    head = builtin_head()
    wide = transformed(as_character(head), np.diag([1.4, 0.8, 1.0]), np.zeros(3))
    places = correspond(head, wide, head.landmarks)
    stretched = places.matrices @ np.array([0.01, 0.01, 0.0])
    mouth = region_masks(head)["mouth"][places.head_corners].min(axis=1) > 0.9
    np.testing.assert_allclose(np.median(stretched[mouth], axis=0)[:2], [0.014, 0.008], atol=0.001)  # metres


def test_a_few_misplaced_landmarks_bend_nothing(figure):
    head = builtin_head()
    character = as_character(head)
    wrong = head.landmarks.corners.copy()
    rows = np.random.default_rng(0).choice(len(wrong), 12, replace=False)
    wrong[rows] = wrong[np.roll(rows, 1)]
    landmarks = LandmarkEmbedding(head.landmarks.indices, wrong, head.landmarks.weights)
    places = correspond(head, character, landmarks)
    spread = slice(len(places.indices), None)
    off_mm = 1e3 * np.linalg.norm(places_on(character, places) - places_of(head, places), axis=1)[spread]
    figure("off", np.percentile(off_mm, 95), "mm")
    assert np.percentile(off_mm, 95) < 1.5
    misplaced = np.isin(places.indices, head.landmarks.indices[rows])
    assert np.median(places.importance[: len(places.indices)][misplaced]) < 0.1


def test_a_character_that_is_mirrored_enlarged_or_turned_gets_the_same_weights(shared_folder, figure):
    head, (character, landmarks) = builtin_head(), facecap(shared_folder)
    take = make_take(40, head, shape=np.zeros(10), eyelid=np.abs(np.sin(np.arange(80).reshape(40, 2) / 9)))
    expected = solved(take, head, character, correspond(head, character, landmarks))
    changes = {"mirrored": MIRROR, "enlarged": 100 * np.eye(3), "turned": TURNED, "reduced": 1e-5 * np.eye(3)}
    for what, matrix in changes.items():
        other = transformed(character, matrix, 5000.0 * matrix @ np.ones(3))
        found = solved(take, head, other, correspond(head, other, landmarks))
        figure(what, np.abs(found - expected).max(), "of a key's value")
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_triangles_that_run_the_other_way_round_change_nothing(shared_folder):
    head, (character, landmarks) = builtin_head(), facecap(shared_folder)
    inside_out = replace(character, triangles=character.triangles[:, ::-1])
    expected, found = (correspond(head, one, landmarks) for one in (character, inside_out))
    np.testing.assert_allclose(places_on(inside_out, found), places_on(character, expected), atol=1e-6)


@pytest.mark.parametrize("growth", [0.0, 0.8], ids=["as they are", "grown"])
def test_lids_that_shut_on_the_head_shut_on_the_character(shared_folder, growth, figure):
    head, (character, landmarks) = builtin_head(), facecap(shared_folder)
    character = with_larger_eyes(character, landmarks, growth)
    shut = np.linspace(0.0, 1.0, 12)
    take = still_take(head, eyelid=np.stack([shut, np.zeros(12)], axis=1))
    weights = solved(take, head, character, correspond(head, character, landmarks))
    gaps = measures(moved(character, weights), settle_lips(character.vertices, character.triangles, landmarks))
    own_blink = np.zeros((12, len(character.key_names)))
    own_blink[:, character.key_names.index("eyeBlink_L")] = shut
    least = measures(moved(character, own_blink), landmarks)["lid_L"].min()
    figure("opening that is left, of the opening at rest", (gaps["lid_L"][-1] - least) / gaps["lid_L"][0])
    assert gaps["lid_L"][-1] - least < 0.05 * gaps["lid_L"][0]
    assert np.all(np.diff(gaps["lid_L"]) < 0)
    np.testing.assert_allclose(gaps["lid_R"], gaps["lid_R"][0], atol=0.04 * gaps["lid_R"][0])


def test_landmarks_of_closed_lips_are_put_on_their_own_lip(shared_folder):
    character, landmarks = facecap(shared_folder)
    row = {int(index): row for row, index in enumerate(landmarks.indices)}
    wrong = landmarks.corners.copy()
    wrong[row[13]] = wrong[row[14]]
    weights = landmarks.weights.copy()
    weights[row[13]] = weights[row[14]]
    settled = settle_lips(character.vertices, character.triangles, LandmarkEmbedding(landmarks.indices, wrong, weights))
    jaw = offsets_at(character, settled.corners, settled.weights)[character.key_names.index("jawOpen")]
    upper, lower = jaw[row[13]], jaw[row[14]]
    assert np.linalg.norm(upper) < 0.2 * np.linalg.norm(lower)


def test_head_and_neck_move_nothing_on_the_face(either_head):
    turning = make_take(5, either_head, shape=np.ones(10))
    places = correspond(either_head, as_character(either_head), either_head.landmarks, num_points=50)
    still = replace(turning, head_pose=np.zeros((5, 3), np.float32), neck_pose=np.zeros((5, 3), np.float32))
    found = surface_motion(turning, either_head, places)
    posed = either_head.vertices(
        still.shape[None], still.expression, jaw_pose=still.jaw_pose, eyelid=still.eyelid
    ) - either_head.vertices(still.shape[None])
    expected = np.einsum("tpci,pc->tpi", posed[:, places.head_corners], places.head_weights)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # metres
    np.testing.assert_array_equal(found, surface_motion(still, either_head, places))


def test_the_jaw_is_left_out_where_a_bone_turns_it():
    head = builtin_head()
    places = correspond(head, as_character(head), head.landmarks, num_points=50)
    take = still_take(head, jaw_pose=np.tile([0.3, 0.0, 0.0], (12, 1)))
    assert np.abs(surface_motion(take, head, places)).max() > 0.01  # metres
    assert not np.any(surface_motion(take, head, places, jaw=False))


def test_the_jaws_gain_is_of_its_whole_turn_and_no_other_regions_gain_holds_it_back():
    head = builtin_head()
    places = correspond(head, as_character(head), head.landmarks)
    open_wide, half = (still_take(head, jaw_pose=np.tile([angle, 0.0, 0.0], (12, 1))) for angle in (0.2, 0.1))
    expected = surface_motion(half, head, places)
    found = surface_motion(open_wide, head, places, regions={"jaw": 0.5, "mouth": 0.0, "cheeks": 3.0})
    np.testing.assert_allclose(found, expected, atol=1e-6)  # metres


def test_regions_move_by_their_gains():
    head = builtin_head()
    places = correspond(head, as_character(head), head.landmarks)
    take = make_take(4, head, shape=np.zeros(10))
    usual, gained = (surface_motion(take, head, places, regions=gains) for gains in ({}, {"mouth": 0.0, "brows": 2.0}))
    share = {region: mask[places.head_corners].min(axis=1) > 0.999 for region, mask in region_masks(head).items()}
    np.testing.assert_allclose(gained[:, share["mouth"]], 0.0, atol=2e-5)
    np.testing.assert_allclose(gained[:, share["brows"]], 2.0 * usual[:, share["brows"]], atol=2e-5)
    np.testing.assert_allclose(gained[:, share["cheeks"]], usual[:, share["cheeks"]], atol=2e-5)


@pytest.mark.parametrize(
    ("indices", "said"),
    [(PICKED[:5], "has 5 landmarks that Built-in has too"), ((), "has 0 landmarks")],
)
def test_too_few_landmarks_are_said(indices, said):
    head = builtin_head()
    with pytest.raises(RetargetError, match=said):
        correspond(head, as_character(head), picked(head.landmarks, indices))


def test_landmarks_on_one_line_or_of_another_mesh_are_said():
    head = builtin_head()
    character, landmarks = as_character(head), picked(head.landmarks)
    line = Character("flat", character.vertices * [1.0, 1e-6, 1e-6], character.triangles)
    with pytest.raises(RetargetError, match="on one line or in one place"):
        correspond(head, line, landmarks)
    with pytest.raises(RetargetError, match="a mesh of more vertices"):
        correspond(head, replace(character, vertices=character.vertices[:100]), landmarks)
    with pytest.raises(RetargetError, match="not a number"):
        correspond(head, replace(character, vertices=character.vertices * np.nan), landmarks)


def test_a_head_without_landmarks_is_said(shared_folder):
    head = load_head(shared_folder / "flame" / "generic_model.pkl", shared_folder / "flame")
    with pytest.raises(RetargetError, match="has no landmarks to lay it on itself by"):
        correspond(replace(head, landmarks=None), as_character(head), head.landmarks)


def test_landmarks_alone_will_do():
    head = builtin_head()
    places = correspond(head, as_character(head), picked(head.landmarks), num_points=0)
    assert len(places.corners) == len(places.indices) == len(PICKED)

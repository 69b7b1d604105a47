"""Lids made from geometry: they shut, they stay off the eyeballs, and they leave the rest of the face alone."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.flame import builtin_head, load_head
from smirk_blender.flame.builtin.clay import EYE_CENTRE, EYE_RADIUS
from smirk_blender.flame.eyelids import (
    corrective_offsets,
    corrective_weights,
    eyelid_shapes,
    lid_corrective,
    lid_penetration,
)
from smirk_blender.flame.eyes import fit_ball
from smirk_blender.flame.safe_pickle import load_data_pickle
from tests.builders import tiny_head

EYES = (3, 4)  # joints, left then right
LID_VALUES = np.repeat(np.linspace(0.0, 1.0, 21)[:, None], 2, axis=1)  # also between those that a corrective is made at
VIEWS_DEG = ((0, 0), (35, 0), (-35, 0), (0, 25), (0, -25))  # yaw and pitch of a camera about an eye
CAMERA_MAY_SEE_M = 5e-5


@pytest.fixture(scope="module")
def smirk(shared_folder):
    """FLAME's layout with SMIRK's own lid shapes."""
    return load_head(shared_folder / "flame" / "generic_model.pkl")


@pytest.fixture(scope="module")
def computed(smirk):
    """The same head with lid shapes of our making."""
    bare = replace(smirk, eyelid_directions=None)
    return replace(bare, eyelid_directions=eyelid_shapes(bare))


@pytest.fixture(scope="module")
def builtin():
    return builtin_head()


def identity(direction: int, amount: float) -> np.ndarray:
    return amount * np.eye(10)[direction]


def name_of(shape: np.ndarray | None) -> str:
    return "template" if shape is None else f"shape {np.argmax(np.abs(shape))} at {shape.sum():+.0f}"


# --- the shapes ---


def test_shut_lids_show_no_eyeball_from_any_side(computed, figure):
    opened, half, shut = computed.vertices(eyelid=[[0, 0], [0.5, 0.5], [1, 1]])
    seen = [visible_eyeball_mm2(computed, vertices, 3, *VIEWS_DEG[0]) for vertices in (opened, half)]
    assert seen[0] > 130 > 90 > seen[1] > 60
    from_sides = [visible_eyeball_mm2(computed, shut, eye, *view) for eye in EYES for view in VIEWS_DEG]
    figure("eyeball seen, shut", max(from_sides), "mm2")
    assert max(from_sides) == 0


@pytest.mark.parametrize("shape", [None, identity(2, 2), identity(5, -2)], ids=name_of)
def test_shut_edges_meet(smirk, figure, shape):
    head = replace(smirk, eyelid_directions=eyelid_shapes(smirk, shape))
    shut = head.vertices(None if shape is None else shape[None], eyelid=[[1.0, 1.0]])[0]
    gaps = [edge_gaps(head, shut, eye) for eye in EYES]
    figure("greatest gap", 1e3 * max(gap.max() for gap in gaps), "mm")
    assert max(gap.max() for gap in gaps) < 5e-4  # metres


def test_computed_lids_go_where_smirks_go(smirk, computed, figure):
    for side, name in enumerate(("left", "right")):
        theirs, ours = (head.eyelid_directions[..., side] for head in (smirk, computed))
        moves = np.linalg.norm(theirs, axis=1) > 5e-4
        correlation = np.vdot(theirs[moves], ours[moves]) / np.linalg.norm(theirs[moves]) / np.linalg.norm(ours[moves])
        figure(f"{name} correlation with SMIRK's", correlation)
        assert correlation > 0.8


def test_computed_lids_are_like_the_ones_made_by_hand(builtin, figure):
    ours, by_hand = eyelid_shapes(builtin), builtin.eyelid_directions
    is_skin = builtin.surface.material_index == 0
    skin = np.zeros(len(by_hand), bool)
    skin[builtin.surface.polygons[is_skin]] = True
    correlation = np.vdot(by_hand[skin], ours[skin]) / np.linalg.norm(by_hand[skin]) / np.linalg.norm(ours[skin])
    figure("correlation with the built-in head's", correlation)
    assert correlation > 0.95


def test_upper_lids_travel_most_and_lower_lids_a_little(computed):
    for side, eye in enumerate(EYES):
        rise = computed.eyelid_directions[:, 1, side]  # metres
        assert -0.012 < rise.min() < -0.005
        assert 0.001 < rise.max() < 0.004


def test_brow_nose_and_the_other_eye_stay(computed, shared_folder, figure):
    masks = load_data_pickle(shared_folder / "flame" / "FLAME_masks.pkl")
    moved = np.linalg.norm(computed.eyelid_directions, axis=1)  # (V, 2)
    for region in ("left_eyeball", "right_eyeball", "lips", "scalp", "neck", "left_ear", "right_ear"):
        assert not moved[masks[region]].any()
    for region in ("forehead", "nose"):
        figure(f"most in {region}", 1e3 * moved[masks[region]].max(), "mm")
        assert moved[masks[region]].max() < 3e-4  # metres
    assert not moved[computed.template[:, 0] < 0, 0].any()
    assert not moved[computed.template[:, 0] > 0, 1].any()


def test_left_and_right_mirror_each_other(builtin, computed, figure):
    lids = eyelid_shapes(builtin)
    mirrored = builtin.template * np.float32([-1, 1, 1])
    chosen = np.flatnonzero(np.linalg.norm(lids[..., 0], axis=1) > 1e-3)
    away = np.linalg.norm(mirrored[chosen, None] - builtin.template[builtin.template[:, 0] < 0], axis=-1)
    partner = np.flatnonzero(builtin.template[:, 0] < 0)[away.argmin(axis=1)]
    assert away.min(axis=1).max() < 1e-6  # metres
    np.testing.assert_allclose(lids[chosen, :, 0] * (-1, 1, 1), lids[partner, :, 1], atol=1e-5)  # metres
    left, right = np.linalg.norm(computed.eyelid_directions, axis=1).max(axis=0)  # of a face that is not symmetric
    figure("greatest travel, left", 1e3 * left, "mm")
    figure("greatest travel, right", 1e3 * right, "mm")
    assert abs(left - right) < 5e-4  # metres


def test_heads_without_eyes_get_no_lids():
    head = tiny_head()
    assert eyelid_shapes(head) is None
    assert lid_corrective(head) is None
    with pytest.raises(HeadError, match="no eyeballs"):
        lid_penetration(head, np.ones((1, 2)))


def test_eyes_without_lids_get_none(builtin):
    is_ball = builtin.skinning_weights[:, EYES].max(axis=1) > 0.99
    eyes_alone = replace(builtin, triangles=builtin.triangles[is_ball[builtin.triangles].any(axis=1)])
    assert eyelid_shapes(eyes_alone) is None
    assert lid_corrective(replace(builtin, eyelid_directions=None)) is None


# --- keeping off the ball ---


def test_depth_is_what_the_lids_were_pushed_in_by(builtin):
    pushed = pushed_in(builtin, depth_m=0.001)
    depth = lid_penetration(pushed, [[0, 0], [1, 0], [1, 1]])
    np.testing.assert_allclose(depth, [[0, 0], [0.001, 0], [0.001, 0.001]], atol=1.5e-4)  # metres; triangles are flat
    corrective = lid_corrective(pushed)
    assert lid_penetration(pushed, LID_VALUES, corrective=corrective).max() < CAMERA_MAY_SEE_M
    shut = pushed.vertices(eyelid=[[1, 1]])[0] + corrective_offsets(corrective, [[1, 1]])[0]
    pushed_out = np.linalg.norm(corrective.shut[..., 0], axis=1) > 1.1e-3  # all of the depth and a clearance
    assert pushed_out.sum() > 50
    from_center = np.linalg.norm(shut[pushed_out] - EYE_CENTRE * 1e-3, axis=1)
    np.testing.assert_allclose(from_center, (EYE_RADIUS + 0.2) * 1e-3, atol=1.5e-4)  # metres


def test_the_built_in_head_needs_nothing(builtin):
    assert lid_penetration(builtin, LID_VALUES[::4]).max() == 0
    corrective = lid_corrective(builtin)
    assert not corrective.shut.any() and not corrective.halfway.any()


@pytest.mark.parametrize("shape", [None, identity(2, 2), identity(9, 2)], ids=name_of)
def test_corrected_smirk_lids_stay_off_the_eyeballs(smirk, figure, shape):
    before = lid_penetration(smirk, LID_VALUES, shape=shape)
    after = lid_penetration(smirk, LID_VALUES, shape=shape, corrective=lid_corrective(smirk, shape))
    figure("before", 1e3 * before.max(), "mm")
    figure("after", 1e3 * after.max(), "mm")
    assert before.max() > 5e-4
    assert after.max() < CAMERA_MAY_SEE_M


@pytest.mark.parametrize("shape", [None, identity(2, 2), identity(9, 2)], ids=name_of)
def test_corrected_computed_lids_stay_off_the_eyeballs(smirk, figure, shape):
    head = replace(smirk, eyelid_directions=eyelid_shapes(smirk, shape))
    before = lid_penetration(head, LID_VALUES, shape=shape)
    after = lid_penetration(head, LID_VALUES, shape=shape, corrective=lid_corrective(head, shape))
    figure("before", 1e3 * before.max(), "mm")
    figure("after", 1e3 * after.max(), "mm")
    assert before.max() < 2e-4
    assert after.max() < CAMERA_MAY_SEE_M


def test_a_corrective_touches_lids_alone_and_does_not_fold_them(smirk, figure):
    corrective = lid_corrective(smirk)
    lids = np.abs(smirk.eyelid_directions).max(axis=1) > 1e-6  # (V, 2)
    for field in (corrective.shut, corrective.halfway):
        assert field.shape == smirk.eyelid_directions.shape and field.dtype == np.float32
        assert field.any(axis=(0, 1)).all()
        assert not field.any(axis=1)[~lids].any()
    values = [[0.5, 0.5], [1.0, 1.0]]
    plain = smirk.vertices(eyelid=values)
    corrected = plain + corrective_offsets(corrective, values)
    for before, after in zip(plain, corrected):
        stretch = edge_lengths(smirk, after) - edge_lengths(smirk, before)
        figure("greatest change of an edge's length", 1e3 * np.abs(stretch).max(), "mm")
        assert np.abs(stretch).max() < 2e-3  # metres: no spikes


def test_offsets_are_the_fields_by_their_weights(smirk):
    corrective = lid_corrective(smirk)
    np.testing.assert_allclose(corrective_weights([[0, 0.25], [0.5, 1]]), [[[0, 0], [0.25, 0.75]], [[0.5, 1], [1, 0]]])
    offsets = corrective_offsets(corrective, [[0.0, 0.25], [0.5, 1.0]])
    left, right = ([corrective.shut[..., side], corrective.halfway[..., side]] for side in (0, 1))
    expected = [0.25 * right[0] + 0.75 * right[1], 0.5 * left[0] + left[1] + right[0]]
    np.testing.assert_allclose(offsets, expected, atol=1e-8)  # metres


# --- measuring ---


def pushed_in(head, depth_m: float):
    """Return the built-in head with lid shapes that push the skin at the lids' edges this deep into the balls."""
    lids = np.zeros((len(head.template), 3, 2), np.float32)
    for side, mirror in enumerate((1, -1)):
        local = head.template - EYE_CENTRE * (mirror, 1, 1) * 1e-3
        wanted = EYE_RADIUS * 1e-3 - depth_m
        chosen = np.linalg.norm(head.eyelid_directions[..., side], axis=1) > 5e-3
        inwards = local * (wanted / np.linalg.norm(local, axis=1, keepdims=True) - 1)
        lids[chosen, :, side] = inwards[chosen]
    return replace(head, eyelid_directions=lids)


def edge_lengths(head, vertices: np.ndarray) -> np.ndarray:
    corners = vertices[head.triangles]
    return np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)


def edge_gaps(head, shut: np.ndarray, eye: int) -> np.ndarray:
    """Return each lid-edge vertex's distance (N,) from the line of edge vertices on the other lid, metres.

    The edge is found anew: of the skin just outside the open ball, the loop of vertices that the pocket begins at.
    """
    is_ball = head.skinning_weights[:, eye] > 0.99
    center = head.template[is_ball].mean(axis=0)
    skin = head.triangles[~is_ball[head.triangles].any(axis=1)]
    ring = np.zeros(len(shut), bool)  # FLAME's pocket has a pole in the ball's middle; its edge is three rings on
    ring[np.argmin(np.where(is_ball, np.inf, np.linalg.norm(head.template - center, axis=1)))] = True
    for _ in range(3):
        inner, ring = ring.copy(), ring.copy()
        ring[skin[inner[skin].any(axis=1)]] = True
    edge = np.flatnonzero(ring & ~inner)
    assert len(edge) == 30
    order = edge[np.argsort(np.arctan2(*(head.template[edge] - head.template[edge].mean(axis=0))[:, 1::-1].T))]
    order = np.roll(order, -np.argmin(head.template[order, 0]))
    other = np.argmax(head.template[order, 0])
    lower, upper = order[: other + 1], np.r_[order[other:], order[0]]
    return np.concatenate(
        [distance_to_line(shut[upper], shut[lower]), distance_to_line(shut[lower], shut[upper])]
    )


def distance_to_line(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    starts, along = line[:-1], np.diff(line, axis=0)
    share = np.einsum("psk,sk->ps", points[:, None] - starts, along) / (along**2).sum(axis=1)
    nearest = starts + np.clip(share, 0, 1)[..., None] * along
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


def visible_eyeball_mm2(head, vertices: np.ndarray, eye: int, yaw_deg: float, pitch_deg: float) -> float:
    """Return how much of an eyeball a far camera sees past the skin."""
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    turn_yaw = [[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]]
    turn_pitch = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    is_ball = head.skinning_weights[:, eye] > 0.99
    seen = (vertices - vertices[is_ball].mean(axis=0)) @ (np.array(turn_pitch) @ turn_yaw).T
    of_ball = is_ball[head.triangles].any(axis=1)
    ball, skin = (depth_image(seen[head.triangles[chosen]]) for chosen in (of_ball, ~of_ball))
    return float((ball > skin).sum() * PIXEL_MM**2)


PIXEL_MM, HALF_PX = 0.25, 56  # a square of 28 mm: an eyeball and a little around it


def depth_image(triangles: np.ndarray) -> np.ndarray:
    """Return the nearest z of triangles (G, 3, 3) in each pixel; -inf where there is none."""
    triangles = np.float64(triangles) * 1e3 / PIXEL_MM + [HALF_PX, HALF_PX, 0]
    low, high = np.ceil(triangles.min(axis=1)).astype(int), np.floor(triangles.max(axis=1)).astype(int)
    low, high = np.maximum(low[:, :2], 0), np.minimum(high[:, :2], 2 * HALF_PX)
    areas = np.cross(triangles[:, 1, :2] - triangles[:, 0, :2], triangles[:, 2, :2] - triangles[:, 0, :2])
    drawn = (low <= high).all(axis=1) & (np.abs(areas) > 1e-9)
    image = np.full((2 * HALF_PX + 1, 2 * HALF_PX + 1), -np.inf)
    for (a, b, c), (x0, y0), (x1, y1), area in zip(triangles[drawn], low[drawn], high[drawn], areas[drawn]):
        x, y = np.meshgrid(np.arange(x0, x1 + 1), np.arange(y0, y1 + 1))
        of_b = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        of_c = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        inside = (of_b >= -1e-9) & (of_c >= -1e-9) & (of_b + of_c <= 1 + 1e-9)
        z = a[2] + of_b * (b[2] - a[2]) + of_c * (c[2] - a[2])
        patch = image[y0 : y1 + 1, x0 : x1 + 1]
        np.maximum(patch, np.where(inside, z, -np.inf), out=patch)
    return image


def test_a_balls_clearance_is_exact_as_far_out_as_asked_and_beyond_says_only_that_it_is_more():
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(400, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    bulge = 1.0 + 0.08 * np.maximum(directions[:, 2] - 0.9, 0.0) / 0.1  # a cornea
    ball = fit_ball(0.012 * bulge[:, None] * directions + [0.03, 0.01, 0.0])
    for up_to_m in (0.0, 0.0002, 0.002):
        points = ball.center + rng.uniform(0.008, 0.018, (2000, 1)) * directions[rng.integers(0, 400, 2000)]
        exact = ball.clearance(points, 1.0)
        near = exact < up_to_m
        given = ball.clearance(points, up_to_m)
        assert near.sum() > 100 and (~near).sum() > 100
        np.testing.assert_array_equal(given[near], exact[near])
        assert (given[~near] >= up_to_m).all()

"""The built-in head: whole, symmetrical, and anatomically in order."""

import numpy as np
import pytest

from smirk_blender.flame import JOINT_NAMES, builtin_head
from smirk_blender.flame.builtin.clay import EYE_CENTRE, EYE_RADIUS
from smirk_blender.flame.builtin.skin import build_skin

NUM_SKIN = len(build_skin().points)  # the skin's vertices come first
UPPER_LIDS = {0: (386, 385, 387), 1: (159, 158, 160)}
LOWER_LIDS = {0: (374, 380, 373), 1: (145, 153, 144)}


@pytest.fixture(scope="module")
def head():
    return builtin_head()


def landmark(head, vertices, index) -> np.ndarray:
    row = int(np.flatnonzero(head.landmarks.indices == index)[0])
    return head.landmarks.points(vertices)[:, row]


def lid_gap(head, vertices, side) -> np.ndarray:
    pairs = zip(UPPER_LIDS[side], LOWER_LIDS[side])
    return np.mean(
        [np.linalg.norm(landmark(head, vertices, up) - landmark(head, vertices, low), axis=-1) for up, low in pairs],
        axis=0,
    )


def expression(head, **values) -> np.ndarray:
    row = np.zeros((1, head.num_expression))
    for name, value in values.items():
        row[0, head.expression_names.index(name)] = value
    return row


def test_arrays_have_flames_layout(head):
    num_vertices = len(head.template)
    assert head.shape_directions.shape == (num_vertices, 3, len(head.shape_names))
    assert head.expression_directions.shape == (num_vertices, 3, len(head.expression_names))
    assert head.pose_directions.shape == (num_vertices, 3, 36) and head.eyelid_directions.shape == (num_vertices, 3, 2)
    np.testing.assert_allclose(head.skinning_weights.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(head.joint_regressor.sum(axis=1), 1.0, atol=1e-9)
    for array in (head.template, head.shape_directions, head.expression_directions, head.eyelid_directions):
        assert np.isfinite(array).all() and array.dtype == np.float32
    assert len(set(head.expression_names)) == len(head.expression_names)
    assert len(set(head.shape_names)) == len(head.shape_names)


def test_it_is_the_size_of_a_head(head):
    eyes = head.joint_template[[JOINT_NAMES.index("eye_L"), JOINT_NAMES.index("eye_R")]]
    assert 0.058 < eyes[0, 0] - eyes[1, 0] < 0.068  # metres between pupils; adults have about 0.063
    chin, crown = landmark(head, head.template[None], 152)[0, 1], head.template[:, 1].max()  # hair included
    assert 0.20 < crown - chin < 0.26
    ears = head.template[(head.template[:, 1] > -0.02) & (head.template[:, 1] < 0.05), 0]
    assert 0.14 < ears.max() - ears.min() < 0.21


def test_the_skin_is_symmetrical(head):
    skin = build_skin()
    mirrored = head.template[:NUM_SKIN][skin.mirror] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, head.template[:NUM_SKIN], atol=1e-7)  # metres
    for name in ("browDown", "mouthSmile", "eyeSquint", "noseSneer"):
        left, right = (
            head.expression_directions[:NUM_SKIN, :, head.expression_names.index(f"{name}_{side}")] for side in "LR"
        )
        np.testing.assert_allclose(left[skin.mirror] * [-1, 1, 1], right, atol=1e-7)


def test_polygons_are_quads_without_flaws(head):
    polygons = head.surface.polygons
    assert polygons.shape[1] == 4 and polygons.max() < len(head.template)
    assert all(len(set(quad)) == 4 for quad in polygons[:: max(1, len(polygons) // 2000)].tolist())
    assert set(np.unique(polygons)) == set(range(len(head.template)))
    edges = np.sort(np.stack([polygons, np.roll(polygons, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    assert np.unique(edges, axis=0, return_counts=True)[1].max() <= 2  # no edge has three faces
    uv = head.surface.uv
    assert uv.shape == (*polygons.shape, 2) and uv.min() >= 0 and uv.max() <= 1
    assert head.surface.material_index.max() < len(head.surface.materials)


@pytest.mark.parametrize("side", [0, 1], ids=["left", "right"])
def test_lids_close_alone(head, side):
    lids = np.zeros((1, 2))
    lids[0, side] = 1
    open_eye, shut = head.template[None], head.vertices(eyelid=lids)
    assert lid_gap(head, open_eye, side)[0] > 0.008  # metres
    assert lid_gap(head, shut, side)[0] < 0.0018  # from the outer edge of one lid to the other's
    assert lid_gap(head, shut, 1 - side)[0] == pytest.approx(lid_gap(head, open_eye, 1 - side)[0], abs=1e-4)


@pytest.mark.parametrize("amount", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_lids_do_not_cut_the_eyeballs(head, amount):
    skin = build_skin()
    moved = head.vertices(eyelid=[[amount, amount]])[0, :NUM_SKIN]
    for sign in (1, -1):
        depth = EYE_RADIUS - 1000 * np.linalg.norm(moved - EYE_CENTRE * [sign, 1, 1] / 1000, axis=1)  # millimetres
        on_side = skin.points[:, 0] * sign > 0
        outside = on_side & (skin.eye_ring >= 2) & (skin.eye_ring <= 3)  # what is seen of a lid
        margin = on_side & (skin.eye_ring > 3) & (skin.eye_ring <= 4)  # the edge that lies on the ball
        assert depth[outside].max() < 0.0
        assert depth[margin].max() < 0.5


def test_the_jaw_opens_the_mouth_and_leaves_the_upper_face(head):
    opened = head.vertices(jaw_pose=[[0.3, 0, 0]])
    gap = np.linalg.norm(landmark(head, opened, 13) - landmark(head, opened, 14))
    closed = np.linalg.norm(landmark(head, head.template[None], 13) - landmark(head, head.template[None], 14))
    assert closed < 0.002 and 0.02 < gap < 0.05  # metres
    for index in (1, 13, 159, 386, 105, 334):
        np.testing.assert_allclose(landmark(head, opened, index), landmark(head, head.template[None], index), atol=1e-4)


def test_the_mouth_can_close_over_an_open_jaw(head):
    gap = lambda vertices: np.linalg.norm(landmark(head, vertices, 13) - landmark(head, vertices, 14))
    opened = head.vertices(jaw_pose=[[0.35, 0, 0]])
    assert gap(head.vertices(expression=expression(head, mouthClose=1), jaw_pose=[[0.35, 0, 0]])) < 0.15 * gap(opened)


@pytest.mark.parametrize(
    ("name", "index", "direction", "least_m"),
    [
        ("mouthSmile_L", 291, (0.5, 0.8, 0), 0.005),
        ("mouthSmile_R", 61, (-0.5, 0.8, 0), 0.005),
        ("mouthFrown_L", 291, (0, -1, 0), 0.003),
        ("browOuterUp_L", 334, (0, 1, 0), 0.004),
        ("browInnerUp", 336, (0, 1, 0), 0.004),
        ("browDown_R", 107, (0, -1, 0), 0.003),
        ("mouthPucker", 291, (-1, 0, 0), 0.005),
        ("mouthPucker", 13, (0, 0, 1), 0.003),
        ("mouthUpperUp_R", 37, (0, 1, 0), 0.002),
        ("mouthLowerDown_L", 314, (0, -1, 0), 0.002),
        ("jawForward", 152, (0, 0, 1), 0.003),
        ("mouthLeft", 13, (1, 0, 0), 0.004),
        ("mouthRight", 13, (-1, 0, 0), 0.004),
        ("noseSneer_L", 344, (0, 1, 0), 0.002),
        ("eyeWide_R", 159, (0, 1, 0), 0.001),
    ],
)
def test_an_expression_moves_what_its_name_says(head, name, index, direction, least_m):
    moved = landmark(head, head.vertices(expression=expression(head, **{name: 1})), index) - landmark(
        head, head.template[None], index
    )
    assert (moved[0] @ direction) / np.linalg.norm(direction) > least_m


def test_expressions_leave_the_eyeballs_alone(head):
    balls = head.skinning_weights[:, 3:].sum(axis=1) > 0.99
    assert balls.sum() > 500
    np.testing.assert_array_equal(head.expression_directions[balls], 0)


def test_identity_moves_eyes_with_their_sockets(head):
    rng = np.random.default_rng(0)
    for _ in range(3):
        shape = 0.7 * rng.normal(size=(1, head.num_shape))
        shaped = head.vertices(shape)
        for side, (upper, iris) in enumerate((((386,), 473), ((159,), 468))):
            rest = landmark(head, head.template[None], upper[0]) - landmark(head, head.template[None], iris)
            now = landmark(head, shaped, upper[0]) - landmark(head, shaped, iris)
            np.testing.assert_allclose(now, rest, atol=0.004)  # metres

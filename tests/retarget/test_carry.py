"""A take carried to another head: its vertices must lie where they lay, and where they cannot, the residual says so."""

import time
from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.errors import TakeError
from smirk_blender.flame import load_head
from smirk_blender.retarget.carry import carry_take
from smirk_blender.take.camera import camera_points
from tests.builders import make_take, tiny_head


def other_version(head, **replacements):
    """Return a head with other directions, joints or weights; everything that is not named is the same."""
    names = ("template", "triangles", "shape_directions", "expression_directions", "pose_directions", "joint_regressor")
    names += ("skinning_weights", "eyelid_directions", "landmarks", "surface")
    parts = {name: getattr(head, name) for name in names} | {"name": "other version"} | replacements
    count = lambda name: parts[f"{name}_directions"].shape[-1]
    return tiny_head(
        shape_names=tuple(f"s{index}" for index in range(count("shape"))),
        expression_names=tuple(f"e{index}" for index in range(count("expression"))),
        **parts,
    )


def mixed(directions: np.ndarray, seed: int) -> np.ndarray:
    """Return the same directions (V, 3, C) seen from other axes: each a mixture of all."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(directions.shape[-1],) * 2))[0]
    return (directions @ turn).astype(np.float32)


def picture(head, take) -> np.ndarray:
    return camera_points(head.vertices(**take.head_parameters()), take.camera)[..., :2]


def test_on_the_same_head_the_take_comes_back():
    head = tiny_head()
    take = make_take(200, head)
    carried, residual = carry_take(take, head, head)
    for name in ("shape", "expression", "jaw_pose"):
        np.testing.assert_allclose(getattr(carried, name), getattr(take, name), atol=1e-4, err_msg=name)
    np.testing.assert_allclose(carried.camera, take.camera, atol=1e-6)
    assert residual.rms_m.shape == residual.greatest_m.shape == (200,)
    assert residual.greatest_m.max() < 1e-6 and residual.identity_greatest_m < 1e-6  # metres


def test_everything_else_is_carried_as_it_is():
    head = tiny_head()
    take = make_take(5, head, neck_pose=np.zeros((5, 3)))
    other = other_version(head)
    carried, _ = carry_take(take, head, other)
    for name in ("eyelid", "eye_pose", "head_pose", "neck_pose", "landmarks", "crop_transform", "gap", "confidence"):
        np.testing.assert_array_equal(getattr(carried, name), getattr(take, name), err_msg=name)
    assert (carried.models["head"], carried.expression_names) == ("other version", other.expression_names)
    assert (carried.source, carried.solver, carried.fps) == (take.source, take.solver, take.fps)


@pytest.mark.parametrize("extra", [0, 5], ids=["turned", "superset"])
def test_a_head_that_spans_the_sources_directions_shows_the_same_vertices(extra):
    head = tiny_head()
    more = np.random.default_rng(3).normal(size=(2, 50, 3, extra)) * 2e-3
    other = other_version(
        head,
        shape_directions=mixed(np.concatenate([head.shape_directions, more[0]], axis=-1), 1),
        expression_directions=mixed(np.concatenate([head.expression_directions, more[1]], axis=-1), 2),
    )
    take = make_take(150, head)
    carried, residual = carry_take(take, head, other)
    assert np.abs(carried.expression[:, :8] - take.expression).max() > 0.5  # the coefficients are others
    np.testing.assert_allclose(
        other.vertices(**carried.head_parameters()), head.vertices(**take.head_parameters()), atol=2e-6
    )  # metres
    assert residual.greatest_m.max() < 2e-6 and residual.identity_greatest_m < 1e-6  # metres


def test_a_take_that_uses_fewer_directions_than_its_head_is_carried():
    head = tiny_head()
    take = make_take(10, head)
    short = replace(take, expression=take.expression[:, :5], shape=take.shape[:6])
    carried, _ = carry_take(short, head, head)
    np.testing.assert_allclose(carried.expression, np.pad(short.expression, ((0, 0), (0, 3))), atol=1e-4)
    np.testing.assert_allclose(carried.shape, np.pad(short.shape, (0, 8)), atol=1e-4)


def test_a_head_modelled_in_another_place_stays_where_it_was_in_the_picture():
    head = tiny_head()
    other = other_version(head, template=head.template + np.float32([0.03, -0.02, 0.05]))
    take = make_take(20, head)
    carried, residual = carry_take(take, head, other)
    assert np.abs(carried.camera - take.camera).max() > 0.01
    np.testing.assert_allclose(picture(other, carried), picture(head, take), atol=1e-5)  # of half the crop
    assert residual.greatest_m.max() < 3e-6 and residual.identity_greatest_m < 1e-6  # metres


def test_a_head_that_turns_about_another_joint_stays_where_it_was_in_the_picture():
    head = tiny_head()
    regressor = head.joint_regressor.copy()
    regressor[0] = np.random.default_rng(8).dirichlet(np.full(50, 0.1))  # of the root
    other = other_version(head, joint_regressor=regressor)
    take = make_take(20, head)
    assert np.abs(picture(other, take) - picture(head, take)).max() > 0.05  # uncarried
    carried, residual = carry_take(take, head, other)
    np.testing.assert_allclose(picture(other, carried), picture(head, take), atol=1e-5)  # of half the crop
    assert residual.greatest_m.max() < 3e-6  # metres


def first_fifty(head):
    return other_version(head, expression_directions=head.expression_directions[..., :50])


def test_what_fewer_directions_cannot_show_is_reported_and_the_rest_is_the_best():
    head = tiny_head(num_expression=100)
    fifty = first_fifty(head)
    take = make_take(12, head)
    carried, residual = carry_take(take, head, fifty)
    apart = head.vertices(**take.head_parameters()) - fifty.vertices(**carried.head_parameters())
    shift = (carried.camera - take.camera)[:, None, 1:]
    assert np.abs(apart[..., :2].mean(axis=1, keepdims=True) - shift).max() < 1e-6  # metres: the camera follows
    apart -= apart.mean(axis=1, keepdims=True)
    distance = np.linalg.norm(apart, axis=-1)
    np.testing.assert_allclose(residual.rms_m, np.sqrt((distance**2).mean(axis=1)), atol=1e-7)
    np.testing.assert_allclose(residual.greatest_m, distance.max(axis=1), atol=1e-7)
    assert residual.rms_m.min() > 1e-4  # metres

    still = {"shape": take.shape[None], "expression": take.expression, "jaw_pose": take.jaw_pose}
    wanted = head.vertices(**still).astype(np.float64)

    def error(expression, jaw_pose):
        vertices = fifty.vertices(carried.shape, expression, jaw_pose=jaw_pose)
        return ((wanted - vertices) ** 2).sum(axis=(1, 2))

    best = error(carried.expression, carried.jaw_pose)
    rng = np.random.default_rng(4)
    for _ in range(40):
        expression = carried.expression + rng.normal(size=carried.expression.shape) * 0.03
        jaw_pose = carried.jaw_pose + rng.normal(size=carried.jaw_pose.shape) * 0.003
        assert (error(expression, jaw_pose) > best).all()
    naive = error(take.expression[:, :50], take.jaw_pose)
    assert (best < 0.8 * naive).all()


def test_only_so_many_directions_may_be_asked_for():
    head = tiny_head(num_expression=100)
    take = make_take(6, head)
    asked, cut = (
        carry_take(take, head, head, num_expression=50)[0],
        carry_take(take, head, first_fifty(head))[0],
    )
    assert asked.expression_names == head.expression_names[:50]
    np.testing.assert_allclose(asked.expression, cut.expression, atol=1e-4)
    with pytest.raises(ValueError, match="101 expression directions of 100"):
        carry_take(take, head, head, num_expression=101)


def test_a_head_without_a_jaw_opens_its_mouth_by_expression():
    """As FLAME 2023's "no jaw" files: nothing hangs on the jaw, and the expressions hold its motion."""
    head = tiny_head()
    weights, pose_directions = head.skinning_weights.copy(), head.pose_directions.copy()
    weights[:, 1] += weights[:, 2]
    weights[:, 2] = 0
    pose_directions[..., 9:18] = 0
    open_jaw = (head.vertices(jaw_pose=[[0.3, 0, 0]])[0] - head.template)[..., None]
    directions = np.concatenate([head.expression_directions, open_jaw], axis=-1)
    no_jaw = other_version(
        head, skinning_weights=weights, pose_directions=pose_directions, expression_directions=directions
    )
    jaw_pose = np.linspace(0, 0.3, 10)[:, None] * [1, 0, 0]
    take = make_take(10, head)
    names = ("expression", "eyelid", "head_pose", "neck_pose", "eye_pose", "shape")
    at_rest = {name: 0 * getattr(take, name) for name in names}
    carried, residual = carry_take(replace(take, jaw_pose=jaw_pose.astype(np.float32), **at_rest), head, no_jaw)
    np.testing.assert_allclose(carried.expression[-1], [*[0] * 8, 1], atol=0.001)
    np.testing.assert_allclose(carried.jaw_pose, jaw_pose, atol=1e-5)  # moves nothing, so it stays as it was
    assert residual.rms_m[-1] < 1e-5 < np.linalg.norm(open_jaw, axis=1).mean()  # metres


def test_a_take_of_another_head_is_refused():
    head = tiny_head()
    take = make_take(3, head)
    with pytest.raises(TakeError, match="made_up.mp4 was solved on tiny 0, not on tiny 1. Choose tiny 0 as the head"):
        carry_take(take, tiny_head(1), head)
    with pytest.raises(TakeError, match="has 14 identity and 8 expression coefficients; tiny 0 has 14 and 5"):
        carry_take(take, tiny_head(num_expression=5), head)


def test_heads_of_another_topology_are_refused():
    head = tiny_head()
    take = make_take(3, head)
    turned = other_version(head, triangles=head.triangles[::-1][:, [1, 2, 0]])
    assert carry_take(take, head, turned)[1].greatest_m.max() < 1e-6  # metres: the same triangles in another order
    triangles = head.triangles.copy()
    triangles[0] = triangles[0, 0], triangles[0, 1], (triangles[0, 2] + 20) % 50
    with pytest.raises(TakeError, match=r"other triangles, .* Solve the video again on other version"):
        carry_take(take, head, other_version(head, triangles=triangles))


# --- a model of FLAME's size


@pytest.fixture(scope="module")
def flame(shared_folder):
    return load_head(shared_folder / "flame" / "generic_model.pkl")


@pytest.fixture(scope="module")
def second_flame(flame):
    """A made-up later version: mixed and slightly changed directions, a jaw elsewhere, smoother weights, no 100th."""
    rng = np.random.default_rng(0)
    place = flame.template.astype(np.float64) / 0.1  # in tenths of a metre
    ripple = lambda size: size * np.sin(place @ rng.normal(size=(3, 3)) + rng.uniform(0, 6, 3))  # (V, 3), metres
    regressor = flame.joint_regressor.copy()
    near_jaw = np.argsort(np.linalg.norm(flame.template - (flame.joint_template[2] + [0, 0.004, -0.004]), axis=1))[:20]
    regressor[2] *= 0.95
    regressor[2, near_jaw] += 0.05 / 20
    weights = flame.skinning_weights.copy()
    share = np.clip(weights[:, 2] + 0.1 * weights[:, 2] * (1 - weights[:, 2]), 0, 1)
    weights[:, 1] += weights[:, 2] - share
    weights[:, 2] = share
    expression = flame.expression_directions.astype(np.float64)
    expression = expression + np.stack([ripple(3e-6) for _ in range(expression.shape[-1])], axis=-1)
    return other_version(
        flame,
        template=(flame.template + ripple(3e-4) + [0, 0.002, 0]).astype(np.float32),
        expression_directions=mixed(expression, 5)[..., :99],
        shape_directions=mixed(flame.shape_directions, 6),
        joint_regressor=regressor,
        skinning_weights=weights.astype(np.float32),
    )


def performance(head, num_frames: int):
    """Return a take of plausible size: 50 expressions within 1, a jaw that opens to 0.3 rad, a head that turns."""
    take = make_take(num_frames, head)
    return replace(
        take,
        expression=0.5 * take.expression[:, :50],
        jaw_pose=np.maximum(take.jaw_pose * [0.75, 0.2, 0.2], [0, -1, -1]).astype(np.float32),
        neck_pose=0 * take.neck_pose,
        eye_pose=0 * take.eye_pose,
        shape=0.5 * take.shape,
    )


def test_on_the_same_flame_the_take_comes_back_within_seconds(flame, figure):
    take = performance(flame, 300)
    start = time.perf_counter()
    carried, residual = carry_take(take, flame, flame)
    figure("time", (time.perf_counter() - start) / 300 * 1000, "s per 1000 frames")
    np.testing.assert_allclose(carried.expression[:, :50], take.expression, atol=1e-4)
    np.testing.assert_allclose(carried.expression[:, 50:], 0, atol=1e-4)
    np.testing.assert_allclose(carried.jaw_pose, take.jaw_pose, atol=1e-4)  # radians
    np.testing.assert_allclose(carried.shape, take.shape, atol=1e-4)
    assert residual.greatest_m.max() < 1e-6  # metres


def test_a_second_flame_shows_the_same_face(flame, second_flame, figure):
    take = performance(flame, 60)
    carried, residual = carry_take(take, flame, second_flame)
    uncarried = np.linalg.norm(
        second_flame.vertices(**take.head_parameters()) - flame.vertices(**take.head_parameters()), axis=-1
    )
    figure("rms", 1e3 * np.sqrt((residual.rms_m**2).mean()), "mm")
    figure("greatest", 1e3 * residual.greatest_m.max(), "mm")
    figure("identity rms", 1e3 * residual.identity_rms_m, "mm")
    figure("rms of the coefficients left as they were", 1e3 * np.sqrt((uncarried**2).mean()), "mm")
    figure("largest coefficient", np.abs(carried.expression).max())
    figure("jaw moved by at most", np.abs(carried.jaw_pose - take.jaw_pose).max(), "rad")
    assert residual.rms_m.max() < 3e-4  # metres
    assert residual.rms_m.max() < 0.1 * np.sqrt((uncarried**2).mean())
    assert np.abs(carried.expression).max() < 2 * np.abs(take.expression).max() + 3

"""Few keys: curves within a tolerance of every value, and what all channels miss together on the mesh."""

import numpy as np
import pytest

from smirk_blender.clean.fewer_keys import KeyReduction, reduce_keys
from smirk_blender.clean.keys import BLOCK, Curve, fit_curves
from smirk_blender.clean.moved_mesh import MovedMesh, Turn
from smirk_blender.clean.turning import euler_matrices, quaternion_matrices, rotation_mode
from smirk_blender.flame.head import JOINT_PARENTS
from smirk_blender.flame.rotations import matrices_from_axis_angle, quaternions_from_axis_angle
from tests.builders import make_take, tiny_head

NUM_EXPRESSION = 8
QUATERNION = rotation_mode('QUATERNION')


def shown(curves, scene_frames):
    return np.stack([curve.at(scene_frames) for curve in curves], axis=1)


def walk(num_frames, num_channels, seed=0, step=1.0):
    """Return values (T, C) that wander, smoothly where the step is small."""
    return np.cumsum(step * np.random.default_rng(seed).normal(size=(num_frames, num_channels)), axis=0)


@pytest.mark.parametrize("num_frames", [2, 3, 5, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
@pytest.mark.parametrize("tolerance", [0.0, 0.01, 3.0])
def test_every_value_is_met_within_the_tolerance(num_frames, tolerance):
    rng = np.random.default_rng(num_frames)
    scene_frames, values = np.cumsum(rng.uniform(0.4, 1.6, num_frames)), walk(num_frames, 3)
    curves = fit_curves(scene_frames, values, np.full(values.shape, tolerance))
    missed = np.abs(shown(curves, scene_frames) - values)
    assert missed.max() <= tolerance + 1e-9  # the channels' unit
    assert missed[[0, -1]].max() == pytest.approx(0, abs=1e-12)
    for curve in curves:
        assert np.all(np.diff(curve.scene_frames) > 0) and curve.scene_frames[[0, -1]] == pytest.approx(
            scene_frames[[0, -1]]
        )


def test_a_tolerance_holds_frame_by_frame():
    values, tolerances = walk(300, 2), np.full((300, 2), 2.0)
    tolerances[140:150, 1] = 1e-6
    curves = fit_curves(np.arange(300.0), values, tolerances)
    missed = np.abs(shown(curves, np.arange(300.0)) - values)
    assert missed[140:150, 1].max() <= 1e-6 and missed[:, 0].max() > 0.5


@pytest.mark.parametrize(
    ("values", "num_keys"),
    [
        (0.3 * np.arange(200.0) - 4, 2),  # straight
        (1e-4 * (np.arange(200.0) - 70) ** 3, 2),  # one cubic
        (np.where(np.arange(200) < 120, 0.0, 1.0), 3),  # a step: a level piece, and one that rises to a level
    ],
)
def test_simple_movements_need_few_keys(values, num_keys):
    (curve,) = fit_curves(np.arange(200.0), values[:, None], np.full((200, 1), 1e-4 * np.ptp(values)))
    assert len(curve) <= num_keys + 1  # and where blocks meet, every 250 frames


def test_a_curve_is_level_outside_and_handles_say_its_slopes():
    curve = Curve(np.array([1.0, 4.0]), np.array([2.0, 5.0]), np.array([0.0, -2.0]), np.array([3.0, 0.0]))
    np.testing.assert_allclose(curve.at(np.array([-3.0, 1.0, 4.0, 9.0])), [2, 2, 5, 5])
    step = 1e-6
    assert (curve.at(np.array([1 + step]))[0] - 2) / step == pytest.approx(3, abs=1e-4)
    assert (5 - curve.at(np.array([4 - step]))[0]) / step == pytest.approx(-2, abs=1e-4)


def posed_mesh(head, *, late=False):
    """Return the mesh of a head by expression keys, and five joints with a quaternion and a location each."""
    turns = []
    for joint, parent in enumerate(JOINT_PARENTS):
        first = NUM_EXPRESSION + 7 * joint
        rotation, location = tuple(range(first, first + 4)), tuple(range(first + 4, first + 7))
        turns.append(Turn(joint, parent, rotation, *QUATERNION, location, np.eye(3)))
    return MovedMesh(
        rest=head.template,
        directions=head.expression_directions,
        keys=tuple(range(NUM_EXPRESSION)),
        limits=np.tile([-9.0, 9.0], (NUM_EXPRESSION, 1)),
        late=np.full(NUM_EXPRESSION, late),
        weights=head.skinning_weights,
        joints=head.joint_template,
        turns=tuple(turns),
    )


def channels_of(take, head):
    poses = (take.head_pose, take.neck_pose, take.jaw_pose, *np.split(take.eye_pose, 2, axis=1))
    moved = head.joints(None, take.expression) - head.joint_template
    columns = [take.expression.astype(np.float64)]
    for joint, pose in enumerate(poses):
        shift = moved[:, joint] - np.einsum("tij,tj->ti", matrices_from_axis_angle(pose), moved[:, joint])
        columns += [quaternions_from_axis_angle(pose), shift]
    return np.concatenate(columns, axis=1)


def plain_head(**replacements):
    """Return a head that keys of its expressions and bones show exactly."""
    return tiny_head(pose_directions=np.zeros((50, 3, 36), np.float32), eyelid_directions=None, **replacements)


def test_distances_are_those_of_the_flame_layer():
    head = plain_head()
    takes = [make_take(30, head, seed=seed) for seed in (1, 2)]
    distances_m, worst = posed_mesh(head).distances(*(channels_of(take, head) for take in takes))
    first, second = (head.vertices(**{**take.head_parameters(), "shape": None}) for take in takes)
    expected_m = np.linalg.norm(second.astype(np.float64) - first, axis=-1)
    np.testing.assert_allclose(distances_m, expected_m.max(axis=1), atol=2e-7)  # metres
    np.testing.assert_allclose(expected_m[np.arange(30), worst], expected_m.max(axis=1), atol=2e-7)


def test_a_part_of_a_mesh_has_the_distances_of_its_vertices():
    head = plain_head()
    values, others = (channels_of(make_take(9, head, seed=seed), head) for seed in (1, 2))
    mesh = posed_mesh(head)
    apart = [mesh.part(np.array([vertex])).distances(values, others)[0] for vertex in range(50)]
    np.testing.assert_allclose(np.max(apart, axis=0), mesh.distances(values, others)[0], atol=2e-7)  # metres


def test_late_directions_do_not_turn_with_the_joints():
    head = plain_head()
    values = channels_of(make_take(9, head), head)
    others = values.copy()
    others[:, 2] += 0.7
    late_m, worst = posed_mesh(head, late=True).distances(values, others)
    lengths_m = 0.7 * np.linalg.norm(head.expression_directions[..., 2], axis=1)
    np.testing.assert_allclose(late_m, lengths_m.max(), rtol=1e-5)
    assert np.all(worst == lengths_m.argmax())


@pytest.mark.parametrize("tolerance_mm", [0.05, 0.25, 1.0])
@pytest.mark.parametrize("num_frames", [1, 2, 40, 700])
def test_the_mesh_stays_within_the_tolerance_and_near_it(tolerance_mm, num_frames):
    head = plain_head()
    values, mesh = channels_of(make_take(num_frames, head), head), posed_mesh(head)
    scene_frames = 1.0 + np.arange(num_frames)
    reduction = reduce_keys(scene_frames, values, mesh, tolerance_m=1e-3 * tolerance_mm)
    found = shown(reduction.curves, scene_frames)
    distances_m, _ = mesh.distances(values, found)
    assert distances_m.max() <= 1e-3 * tolerance_mm
    assert reduction.greatest_error_m == pytest.approx(distances_m.max(), abs=1e-9)
    assert reduction.keys_before == values.size
    if num_frames >= 40:
        assert distances_m.max() > 0.6e-3 * tolerance_mm
        assert reduction.keys_after < 0.5 * values.size


def test_long_takes_are_put_together_of_chunks_that_meet(monkeypatch):
    monkeypatch.setattr("smirk_blender.clean.fewer_keys.CHUNK", 60)
    head = plain_head()
    values, mesh = channels_of(make_take(200, head), head), posed_mesh(head)
    values[:, 3] = 0.25
    scene_frames = 10.0 + np.arange(200)
    work = KeyReduction(scene_frames, values, mesh, tolerance_m=2.5e-4)
    assert len(work.chunks()) == 3
    reduction = reduce_keys(scene_frames, values, mesh, tolerance_m=2.5e-4)
    assert mesh.distances(values, shown(reduction.curves, scene_frames))[0].max() <= 2.5e-4
    assert len(reduction.curves[3]) == 1 and reduction.curves[3].values == 0.25
    assert all(np.all(np.diff(curve.scene_frames) > 0) for curve in reduction.curves)


def test_noise_of_every_frame_is_kept_within_the_tolerance_too():
    head = plain_head()
    values, mesh = channels_of(make_take(120, head), head), posed_mesh(head)
    values += 1e-3 * np.random.default_rng(0).normal(size=values.shape) * (np.ptp(values, axis=0) > 0)
    reduction = reduce_keys(np.arange(120.0), values, mesh, tolerance_m=5e-5)
    assert mesh.distances(values, shown(reduction.curves, np.arange(120.0)))[0].max() <= 5e-5


def test_rotation_modes_turn_as_blender_says():
    vectors = np.random.default_rng(0).normal(size=(20, 3))
    expected = matrices_from_axis_angle(vectors)
    quaternions = quaternions_from_axis_angle(vectors)
    np.testing.assert_allclose(quaternion_matrices(1.7 * quaternions), expected, atol=1e-12)
    angle = np.linalg.norm(vectors, axis=1, keepdims=True)
    axis_angle = np.concatenate([angle, 3 * vectors / angle], axis=1)
    np.testing.assert_allclose(rotation_mode('AXIS_ANGLE').matrices(axis_angle), expected, atol=1e-12)
    x, y, z = (matrices_from_axis_angle(vectors * row) for row in np.eye(3))
    np.testing.assert_allclose(euler_matrices(vectors, 'XYZ'), z @ y @ x, atol=1e-12)
    np.testing.assert_allclose(euler_matrices(vectors, 'ZXY'), y @ x @ z, atol=1e-12)

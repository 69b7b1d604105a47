"""ARKit's weights from heads whose expressions do not bear its names."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.flame import builtin_head, load_head
from smirk_blender.flame.measures import face_measures
from smirk_blender.retarget.arkit_curves import INDEX, take_of_curves
from smirk_blender.retarget.arkit_solve import arkit_curves, take_on_builtin
from smirk_blender.sample.performance import sample_take
from tests.builders import make_take
from tests.retarget.curves import made_up_curves

T = 120


@pytest.fixture(scope="module")
def flame(shared_folder):
    return load_head(shared_folder / "flame" / "generic_model.pkl", shared_folder / "flame")


def few_moving(num_frames, num_moving, seed=0):
    """Curves in which a few weights at a time move slowly, as in a face."""
    curves = made_up_curves(num_frames)
    rng = np.random.default_rng(seed)
    weights = np.zeros_like(curves.weights)
    for start in range(0, num_frames, 30):
        rows = np.arange(start, min(start + 30, num_frames))
        swell = np.sin(np.pi * (rows - start) / 30.0)
        for column in rng.choice(weights.shape[1], num_moving, replace=False):
            weights[rows, column] = rng.uniform(0.5, 1.0) * swell
    return replace(curves, weights=weights, eyes=np.zeros((num_frames, 6)))


def measures(take, head):
    points = np.full((len(take), 478, 3), np.nan)
    still = take.head_parameters() | {"head_pose": np.zeros((1, 3)), "neck_pose": np.zeros((1, 3))}
    points[:, head.landmarks.indices] = head.landmarks.points(head.vertices(**still))
    return face_measures(points)


def test_weights_are_found_by_what_the_expressions_do(figure):
    """The built-in head with its names taken away, its expressions in another order, and a tenth larger."""
    head, curves = builtin_head(), few_moving(T, 4)
    take = take_of_curves(curves, "known")
    order = np.random.default_rng(2).permutation(head.num_expression)
    grow = lambda array: (1.1 * array).astype(np.float32)
    other = replace(
        head,
        name="Other",
        template=grow(head.template),
        expression_directions=grow(head.expression_directions[..., order]),
        eyelid_directions=grow(head.eyelid_directions),
        shape_directions=grow(head.shape_directions),
        expression_names=tuple(f"expression_{number:03d}" for number in range(len(order))),
    )
    take = replace(
        take, expression=take.expression[:, order], models=other.models(), expression_names=other.expression_names
    )
    expected = arkit_curves(take_of_curves(curves, "known"), head).weights
    found = arkit_curves(take, other).weights
    moving = np.flatnonzero(expected.std(axis=0) > 0.05)
    assert len(moving) >= 12
    correlations = [np.corrcoef(found[:, column], expected[:, column])[0, 1] for column in moving]
    figure("least correlation of a weight", min(correlations))
    figure("greatest error of a weight", np.abs(found - expected).max())
    assert min(correlations) > 0.95
    assert np.abs(found - expected).max() < 0.35  # where two that look alike move at once


def test_a_flame_takes_jaw_lids_and_eyes_come_over_as_they_are(flame):
    still = np.zeros((T, flame.num_expression))
    take = make_take(T, flame, expression=still, shape=np.zeros(flame.num_shape))
    curves = arkit_curves(take, flame)
    turned = take_on_builtin(take, flame)
    np.testing.assert_allclose(turned.eye_pose, take.eye_pose)
    np.testing.assert_allclose(turned.head_pose, take.head_pose)
    assert np.all(turned.eyelid >= take.eyelid - 1e-6)
    opened = np.clip(take.jaw_pose[:, 0] / 0.35, 0, 1)
    assert np.corrcoef(curves.weight("jawOpen"), opened)[0, 1] > 0.98
    for side, lid in (("Left", 0), ("Right", 1)):
        assert np.corrcoef(curves.weight(f"eyeBlink{side}"), take.eyelid[:, lid])[0, 1] > 0.9


def test_a_performance_that_flame_was_solved_from_is_found_again(flame, figure):
    fit = pytest.importorskip("smirk_blender.flame.fit", reason="landmarks are solved with SciPy, which is not here")
    head = builtin_head()
    known = sample_take(head)
    known = replace(known, **{name: array[15:140:3] for name, array in known.frame_arrays().items()})
    known = replace(known, head_pose=np.zeros_like(known.head_pose))
    seen = np.zeros((len(known), 478, 3))
    seen[:, head.landmarks.indices] = head.landmarks.points(head.vertices(**known.head_parameters()))
    found = fit.LandmarkFitter(flame).fit(seen)
    parts = ("shape", "expression", "eyelid", "jaw_pose", "head_pose", "eye_pose")
    take = replace(
        known,
        **{name: getattr(found, name).astype(np.float32) for name in parts},
        models=flame.models(),
        expression_names=flame.expression_names,
    )
    expected, ours = measures(known, head), measures(take_on_builtin(take, flame), head)
    for name in expected:
        correlation = np.corrcoef(expected[name], ours[name])[0, 1]
        figure(f"{name} correlates at", correlation)
        assert correlation > 0.9, name
    weights, known_weights = arkit_curves(take, flame).weights, arkit_curves(known, head).weights
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight"):
        correlation = np.corrcoef(weights[:, INDEX[name]], known_weights[:, INDEX[name]])[0, 1]
        figure(f"{name} correlates at", correlation)
        assert correlation > 0.8, name

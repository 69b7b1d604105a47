"""What shape keys reproduce a motion of the surface: bounded, sparse and smooth, for a whole take at once."""

from collections.abc import Sequence

import numpy as np

from .character import Character
from .profile import KeySettings, RetargetProfile

NO_EFFECT = 0.02  # of what a middling key moves; less than that moves something else than the face
STILL = 1e-3  # of what a small key moves, that the whole target may move in a frame at rest
THRESHOLD = 0.02  # of a small key's value, below which it stays 0 at a sparsity of 1
TIME_STIFFNESS = 2.0  # of what a key moves, at a smoothness of 1: holds back what changes from frame to frame
QUICK = 0.03  # of a key's value from one frame to the next: what moves so by itself is motion and not held back
RIDGE = 1e-4  # of what a key moves: has two keys that do the same share it
MAX_STEPS = 400
ARRIVED = 2e-5  # of a key's value; once no step changes any by more, it is found
STAY = 1.0  # of what a key moves, where its value is known: one alone goes half the way to what the points want
HEAD_START = 0.05  # of what a key moves: how much the first guess shies away from large values


def offsets_at(character: Character, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return what each key at 1 does to points on the surface, (K, P, 3) float64, object units.

    Args:
        character: with K keys.
        corners: (P, 3) int, vertices.
        weights: (P, 3) barycentric.
    """
    if character.key_offsets is None or not len(character.key_names):
        return np.zeros((0, len(corners), 3))
    moved = character.key_offsets[:, corners]  # (K, P, 3 corners, 3)
    return np.einsum("kpci,pc->kpi", moved, weights, dtype=np.float64)


def solve_key_weights(
    targets: np.ndarray,
    offsets: np.ndarray,
    limits: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    start: np.ndarray | None = None,
    smoothness: float = 0.5,
    sparsity: float = 0.5,
) -> np.ndarray:
    """Return the values of the keys with which points move most like the targets, (T, K) float32, within the limits.

    Every key is measured by how far it moves the points, so that neither its unit nor the mesh's counts. A key that
    moves next to none of them stays at rest, and so do all in a frame where nothing is to move: at 0, or at the limit
    that is nearest to it.
    Args:
        targets: (T, P, 3) how far each point is to move.
        offsets: (K, P, 3) how far a key at 1 moves it, in the same unit.
        limits: (K, 2) least and greatest value of each.
        weights: (P,) how much each point counts; all alike if left out.
        start: (T, K) values that are known roughly: the answer stays near them, and they are what keys rest at.
            Smoothness and sparsity are then those of what is changed.
        smoothness: 0 to 1, how much quick changes of the values are avoided where the points do not move quickly.
        sparsity: 0 to 1, how much it is avoided that many keys move a little.
    """
    num_frames, num_keys = len(targets), len(offsets)
    limits = np.asarray(limits, np.float64).reshape(-1, 2)
    values = np.zeros((num_frames, num_keys)) if start is None else start
    values = np.clip(values, *limits.T).astype(np.float32)
    if not values.size:
        return values
    weights = np.ones(targets.shape[1]) if weights is None else np.asarray(weights, np.float64)
    columns = np.asarray(offsets, np.float64).reshape(num_keys, -1)
    if start is not None:
        targets = targets - (values @ columns.astype(np.float32)).reshape(targets.shape)
    weighted = columns * np.repeat(weights, 3)
    size = np.sqrt((weighted * columns).sum(axis=1))  # (K,)
    moving = np.flatnonzero(size > NO_EFFECT * np.median(size[size > 0])) if np.any(size > 0) else []
    if not len(moving):
        return values
    size = size[moving]
    columns, weighted = columns[moving] / size[:, None], weighted[moving] / size[:, None]
    small = np.quantile(size, 0.25)
    awake = np.sqrt((targets**2).sum(axis=-1) @ weights) > STILL * small
    products = targets.reshape(num_frames, -1) @ weighted.T.astype(targets.dtype)
    size /= small  # from here on, what a small key moves is 1
    bounds = limits[moving].T[:, None] * size  # (2, 1, K)
    if start is not None:
        bounds = bounds - values[:, moving] * size  # (2, T, K)
    found = _bounded(
        weighted @ columns.T + (RIDGE if start is None else STAY) * np.eye(len(moving)),
        products.astype(np.float64) / small,
        bounds,
        threshold=sparsity * THRESHOLD,
        stiffness=smoothness * TIME_STIFFNESS,
        size=size,
    )
    found = found / size if start is None else values[:, moving] + found / size
    values[np.ix_(awake, moving)] = found[awake]
    return np.clip(values, *limits.T.astype(np.float32))


def _bounded(gram, products, bounds, *, threshold: float, stiffness: float, size: np.ndarray) -> np.ndarray:
    """Return (T, K) that minimises the missed motion, the sum of what moves and its changes in time, within bounds.

    Accelerated proximal gradient (FISTA) that starts anew whenever it overshoots; every frame at once.
    Args:
        gram: (K, K), products: (T, K), of keys that move the points by 1 in all.
        bounds: (2, 1 or T, K).
        size: (K,) how far a key at 1 moves them.
    """
    change = np.diff(products, axis=0) / (QUICK * size)
    ties = stiffness / (1.0 + change * change)  # (T - 1, K) between a frame and the next
    step = 1.0 / (np.linalg.eigvalsh(gram)[-1] + 4.0 * stiffness)
    values = np.clip(np.linalg.solve(gram + HEAD_START * np.eye(len(gram)), products.T).T, *bounds)
    single = lambda array: np.asarray(array, np.float32)  # twice as fast, and exact enough for a slider
    gram, products, bounds, ties, size, values = map(single, (gram, products, bounds, ties, size, values))
    step, threshold, momentum, ahead = np.float32(step), np.float32(step * threshold), 1.0, values
    for _ in range(MAX_STEPS):
        gradient = ahead @ gram - products
        pull = ties * np.diff(ahead, axis=0)
        gradient[:-1] -= pull
        gradient[1:] += pull
        moved = ahead - step * gradient
        moved = np.clip(moved - np.clip(moved, -threshold, threshold), *bounds)
        change = moved - values
        if np.sum((ahead - moved) * change) > 0:
            momentum = 1.0
        following = 0.5 + np.sqrt(0.25 + momentum * momentum)
        ahead = moved + np.float32((momentum - 1.0) / following) * change
        values, momentum = moved, following
        if np.abs(change / size).max() < ARRIVED:
            break
    return values


def finished_weights(
    weights: np.ndarray, names: Sequence[str], limits: np.ndarray, profile: RetargetProfile
) -> np.ndarray:
    """Return values (T, K) float32 with each key's gain, then its neutral added, within its bounds and its limits.

    A key that is not enabled rests at its neutral.
    Args:
        weights: (T, K), names: K, limits: (K, 2), as `solve_key_weights` has them.
    """
    limits = key_bounds(names, limits, profile)
    settings = [profile.keys.get(name, KeySettings()) for name in names]
    gain = np.array([key.gain if key.enabled else 0.0 for key in settings], np.float64)
    neutral = np.array([key.neutral for key in settings], np.float64)
    return np.clip(weights * gain + neutral, *limits.T).astype(np.float32)


def solving_limits(names: Sequence[str], limits: np.ndarray, profile: RetargetProfile) -> np.ndarray:
    """Return within what limits (K, 2) to solve: the profile's bounds; a key that is not enabled cannot leave its rest.

    So the other keys do what they can of what it would have done.
    """
    bounds = key_bounds(names, limits, profile)
    off = [not profile.keys.get(name, KeySettings()).enabled for name in names]
    bounds[off] = np.clip(0.0, bounds[off, 0], bounds[off, 1])[:, None]
    return bounds


def missed_motion(weights: np.ndarray, targets: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return root mean squares over the points of what keys at weights (T, K) miss of their targets, (T,) float32.

    Args:
        targets: (T, P, 3), offsets: (K, P, 3), in one unit, which is the answer's too.
    """
    moved = weights.astype(targets.dtype) @ offsets.reshape(len(offsets), -1).astype(targets.dtype)
    apart = targets.reshape(len(targets), -1) - moved
    return np.sqrt(3.0 * np.mean(apart * apart, axis=1)).astype(np.float32)


def key_bounds(names: Sequence[str], limits: np.ndarray, profile: RetargetProfile) -> np.ndarray:
    """Return the limits (K, 2) of keys, narrowed to the profile's bounds; a bound beyond a limit is the limit."""
    bounds = np.array(limits, np.float64).reshape(-1, 2)
    for row, name in zip(bounds, names):
        key = profile.keys.get(name, KeySettings())
        least, greatest = row
        row[0] = least if key.low is None else np.clip(key.low, least, greatest)
        row[1] = greatest if key.high is None else np.clip(key.high, row[0], greatest)
    return bounds

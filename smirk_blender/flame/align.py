"""Similarity transforms that lay one set of points on another."""

import numpy as np


def align_similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rotations, scales and shifts with target ~ scale * rotation @ source + shift, least squares.

    Args:
        source: (L, 3) or (T, L, 3).
        target: (T, L, 3).
        weights: (L,), of the points; equal if left out.
    Returns:
        rotation (T, 3, 3), proper; scale (T,); shift (T, 3).
    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991).
    """
    weights = np.ones(target.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    weights = (weights / weights.sum())[:, None]
    source = np.broadcast_to(source, target.shape).astype(np.float64)
    source_mean = (weights * source).sum(axis=1, keepdims=True)
    target_mean = (weights * target).sum(axis=1, keepdims=True)
    centered = source - source_mean
    covariance = (target - target_mean).swapaxes(1, 2) @ (weights * centered)  # (T, 3, 3)
    left, singular, right = np.linalg.svd(covariance)
    signs = np.ones_like(singular)
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * signs[:, None]) @ right
    scale = (singular * signs).sum(axis=1) / (weights * centered**2).sum(axis=(1, 2))
    shift = target_mean[:, 0] - scale[:, None] * np.einsum("tij,tj->ti", rotation, source_mean[:, 0])
    return rotation, scale, shift

"""Rounded bodies as distance functions, and their soft unions: the clay that the head is made of.

Points are (N, 3); distances are (N,), negative inside; all in one unit (millimetres here).
Source: the ellipsoid bound and the polynomial soft minimum are Inigo Quilez's
(iquilezles.org/articles/ellipsoids, iquilezles.org/articles/smin).
"""

import numpy as np


def ellipsoid(
    points: np.ndarray, centre, radii, *, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0
) -> np.ndarray:
    """Return distances to an ellipsoid turned by roll (about z), then pitch (about x), then yaw (about y)."""
    local = points - np.asarray(centre, float)
    if yaw_deg or pitch_deg or roll_deg:
        local = local @ _turn(yaw_deg, pitch_deg, roll_deg)
    once = local / np.asarray(radii, float)
    twice = once / np.asarray(radii, float)
    scaled = np.sqrt(np.einsum("nk,nk->n", once, once))
    slope = np.sqrt(np.einsum("nk,nk->n", twice, twice))
    return scaled * (scaled - 1.0) / np.maximum(slope, 1e-9)


def tube(points: np.ndarray, path, radii) -> np.ndarray:
    """Return distances to a chain of segments whose radius changes along the way."""
    path, radii = np.asarray(path, float), np.asarray(radii, float)
    starts, along = path[:-1], np.diff(path, axis=0)  # (K, 3)
    lengths = (along**2).sum(axis=1)
    fraction = np.clip((points @ along.T - (starts * along).sum(axis=1)) / lengths, 0.0, 1.0)  # (N, K)
    gap = np.zeros_like(fraction)
    for axis in range(3):
        gap += (points[:, axis, None] - starts[:, axis] - fraction * along[:, axis]) ** 2
    return (np.sqrt(gap) - (radii[:-1] + np.diff(radii) * fraction)).min(axis=1)


def union(first: np.ndarray, second: np.ndarray, blend: float) -> np.ndarray:
    """Return the union of two bodies, rounded where they meet over a distance `blend`."""
    overlap = np.maximum(blend - np.abs(first - second), 0.0) / blend
    return np.minimum(first, second) - overlap * overlap * blend * 0.25


def carve(body: np.ndarray, tool: np.ndarray, blend: float) -> np.ndarray:
    """Return the body less the tool, rounded over a distance `blend`."""
    return -union(-body, tool, blend)


def smooth_curve(knots, num_points: int) -> np.ndarray:
    """Return (num_points, C) points of a Catmull-Rom curve through knots (K, C)."""
    knots = np.asarray(knots, float)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    place = np.linspace(0.0, len(knots) - 1.0, num_points)
    segment = np.minimum(place.astype(int), len(knots) - 2)
    u = (place - segment)[:, None]
    before, start, end, after = (padded[segment + offset] for offset in range(4))
    return 0.5 * (
        2 * start
        + (end - before) * u
        + (2 * before - 5 * start + 4 * end - after) * u**2
        + (3 * start - before - 3 * end + after) * u**3
    )


def smoothstep(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return 0 before start, 1 after end and a smooth step between (start may exceed end)."""
    u = np.clip((values - start) / (end - start), 0.0, 1.0)
    return u * u * (3.0 - 2.0 * u)


def _turn(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """Return the rotation matrix (3, 3) whose columns are the turned axes."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return about_y @ about_x @ about_z

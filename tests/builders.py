"""Small made-up heads and takes, the same on every run, so that no test needs a licensed file."""

from fractions import Fraction

import numpy as np

from smirk_blender.flame.head import Head, Surface
from smirk_blender.take import Source, Take

NUM_RINGS, NUM_SEGMENTS = 6, 8


def tiny_head(seed: int = 0, *, num_shape: int = 14, num_expression: int = 8, **replacements) -> Head:
    """Return a ball of 50 vertices in FLAME's layout, with random directions, joints and weights.

    Everything that can move does: expressions move the joints, every vertex hangs on every joint, and
    pose directions are not zero. Any of Head's arguments may be replaced.
    """
    rng = np.random.default_rng(seed)
    template, triangles = _ball()
    num_vertices = len(template)
    parts = dict(
        name=f"tiny {seed}",
        template=template,
        triangles=triangles,
        shape_directions=_random(rng, num_vertices, 3, num_shape, size=2e-3),
        expression_directions=_random(rng, num_vertices, 3, num_expression, size=2e-3),
        pose_directions=_random(rng, num_vertices, 3, 36, size=1e-3),
        joint_regressor=rng.dirichlet(np.full(num_vertices, 0.1), 5),
        skinning_weights=rng.dirichlet(np.full(5, 0.5), num_vertices).astype(np.float32),
        eyelid_directions=_random(rng, num_vertices, 3, 2, size=2e-3),
        shape_names=tuple(f"shape_{index:03d}" for index in range(num_shape)),
        expression_names=tuple(f"expression_{index:03d}" for index in range(num_expression)),
        landmarks=None,
        surface=tiny_surface(triangles, rng),
    )
    return Head(**(parts | replacements))


def tiny_surface(triangles: np.ndarray, rng: np.random.Generator, **replacements) -> Surface:
    """Return a surface of two materials for triangles (F, 3), with random texture coordinates."""
    parts = dict(
        polygons=triangles,
        uv=rng.random((len(triangles), 3, 2)).astype(np.float32),
        material_index=np.arange(len(triangles)) % 2,
        materials=(("Skin", (0.6, 0.4, 0.3), 0.5), ("Eyes", (0.9, 0.9, 0.9), 0.1)),
    )
    return Surface(**(parts | replacements))


def make_take(
    num_frames: int, head: Head | None = None, *, seed: int = 0, fps: Fraction = Fraction(30), **replacements
) -> Take:
    """Return a take that moves everything the head has, smoothly and all at once.

    Args:
        num_frames: T.
        head: gives the numbers of directions; 50 expressions and 10 identities where left out.
        seed: of the movement.
        fps: of the made-up video, which is 64 by 48 pixels.
        replacements: any of Take's arguments; lists will do for arrays.
    """
    rng = np.random.default_rng(seed)
    num_expression, num_shape = (head.num_expression, head.num_shape) if head else (50, 10)
    move = lambda columns, size: size * _smooth_moves(rng, num_frames, columns)
    parts = dict(
        expression=move(num_expression, 2.0),
        jaw_pose=move(3, 0.2) + np.float32([0.2, 0, 0]),
        eyelid=0.5 + move(2, 0.5),
        head_pose=move(3, 0.6),
        neck_pose=move(3, 0.3),
        eye_pose=move(6, 0.3),
        camera=np.tile(np.float32([5.0, 0.0, 0.0]), (num_frames, 1)),
        crop_transform=np.tile(np.eye(3), (num_frames, 1, 1)),
        landmarks=rng.random((num_frames, 478, 3)).astype(np.float32) * 48,
        confidence=np.ones(num_frames, np.float32),
        gap=np.zeros(num_frames, bool),
        time_s=np.arange(num_frames) / float(fps),
        shape=rng.normal(size=num_shape).astype(np.float32),
        fps=fps,
        source=Source(name="made_up.mp4", size_bytes=1, sha256="0" * 64, width_px=64, height_px=48),
        solver="made up",
        models={"head": head.name} if head else {},
        expression_names=head.expression_names if head else (),
    )
    for name, value in replacements.items():
        parts[name] = np.asarray(value, parts[name].dtype) if isinstance(parts.get(name), np.ndarray) else value
    return Take(**parts)


def shaking_take(num_frames: int, head: Head, *, size: float = 0.1) -> Take:
    """Return `make_take` with noise of this standard deviation on every expression."""
    expression = make_take(num_frames, head).expression
    return make_take(num_frames, head, expression=expression + size * np.random.default_rng(1).normal(size=expression.shape))


def _ball() -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (50, 3), metres, of a ball as large as a head, and its triangles, seen from outside."""
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, NUM_RINGS + 2)[1:-1],
        np.linspace(0, 2 * np.pi, NUM_SEGMENTS, endpoint=False),
        indexing="ij",
    )
    rings = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], -1).reshape(-1, 3)
    template = np.concatenate([rings, [[0, 1, 0], [0, -1, 0]]]) * (0.08, 0.13, 0.1)
    top, bottom = len(rings), len(rings) + 1
    triangles = []
    for segment in range(NUM_SEGMENTS):
        beside = (segment + 1) % NUM_SEGMENTS
        triangles.append((top, segment, beside))
        for ring in range(0, (NUM_RINGS - 1) * NUM_SEGMENTS, NUM_SEGMENTS):
            a, b, c, d = ring + segment, ring + beside, ring + NUM_SEGMENTS + beside, ring + NUM_SEGMENTS + segment
            triangles += [(a, d, c), (a, c, b)]
        last = (NUM_RINGS - 1) * NUM_SEGMENTS
        triangles.append((bottom, last + beside, last + segment))
    return template.astype(np.float32), np.array(triangles)


def _random(rng: np.random.Generator, *shape: int, size: float) -> np.ndarray:
    return (size * rng.normal(size=shape)).astype(np.float32)


def _smooth_moves(rng: np.random.Generator, num_frames: int, columns: int) -> np.ndarray:
    """Return (T, columns) float32 sine waves within -1 to 1, each of its own length and start."""
    cycles, start = rng.uniform(0.02, 0.1, columns), rng.uniform(0, 2 * np.pi, columns)
    return np.sin(2 * np.pi * cycles * np.arange(num_frames)[:, None] + start).astype(np.float32)

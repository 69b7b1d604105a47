"""The animation behind the sample clip: what the built-in head does, second by second."""

from fractions import Fraction

import numpy as np

from ..flame import Head
from ..take import Source, Take
from ..take.take import NUM_LANDMARKS

FPS = Fraction(25)
DURATION_S = 6.0
SIZE_PX = 400

# (seconds, value) of each channel, eased from one to the next; a channel is at rest before its first and after its last.
EXPRESSIONS = {
    "mouthSmile_L": ((1.5, 0), (1.9, 1), (2.7, 1), (3.1, 0), (5.0, 0), (5.4, 0.7), (5.7, 0.7), (6.0, 0.3)),
    "mouthSmile_R": ((2.1, 0), (2.5, 1), (3.0, 1), (3.3, 0), (5.1, 0), (5.5, 0.7), (5.7, 0.7), (6.0, 0.3)),
    "mouthPucker": ((3.3, 0), (3.6, 1), (3.9, 1), (4.15, 0)),
    "browInnerUp": ((0.9, 0), (1.1, 0.4), (1.3, 0), (4.1, 0), (4.4, 1), (4.8, 1), (5.1, 0)),
    "browOuterUp_L": ((4.1, 0), (4.4, 1), (4.8, 1), (5.1, 0)),
    "browOuterUp_R": ((4.1, 0), (4.4, 1), (4.8, 1), (5.1, 0)),
}
JAW_OPEN_RAD = (
    *((0.6, 0), (0.75, 0.2), (0.9, 0.03), (1.05, 0.28), (1.25, 0.05), (1.4, 0.16), (1.55, 0)),
    *((4.2, 0), (4.5, 0.36), (4.75, 0.36), (5.0, 0)),
)
BLINK = (((0.3, 0), (0.38, 1), (0.46, 1), (0.58, 0)), ((5.15, 0), (5.23, 1), (5.31, 1), (5.45, 0)))
WINK_L = ((2.6, 0), (2.72, 1), (2.92, 1), (3.04, 0))
WINK_R = ((3.5, 0), (3.62, 1), (3.82, 1), (3.94, 0))
HEAD_TURN_RAD = {  # about x, y and z
    "nod": ((0.0, 0), (0.8, 0.05), (1.6, -0.04), (2.6, 0.03), (3.6, 0.05), (4.6, -0.08), (5.4, 0.03), (6.0, 0)),
    "shake": ((0.0, 0), (1.0, 0.12), (2.2, -0.2), (3.2, 0.18), (4.2, 0), (5.2, -0.08), (6.0, 0)),
    "tilt": ((0.0, 0), (1.4, -0.05), (2.8, 0.07), (4.0, -0.04), (5.0, 0.03), (6.0, 0)),
}
GAZE_SIDE_RAD = ((0.0, 0), (0.9, 0), (1.0, 0.15), (1.8, 0.15), (1.9, -0.15), (2.5, -0.15), (2.6, 0), (6.0, 0))


def sample_take(head: Head) -> Take:
    """Return the sample clip's animation as a take of a head that has these expressions by name.

    Its landmarks and camera are left at rest: it was never solved.
    """
    time_s = np.arange(round(DURATION_S * FPS)) / float(FPS)
    num_frames = len(time_s)
    expression = np.zeros((num_frames, head.num_expression), np.float32)
    for name, keys in EXPRESSIONS.items():
        expression[:, head.expression_names.index(name)] = eased(time_s, keys)
    blinks = [eased(time_s, keys) for keys in BLINK]
    eyelid = np.stack([np.max([*blinks, eased(time_s, wink)], axis=0) for wink in (WINK_L, WINK_R)], axis=-1)
    zero = np.zeros(num_frames)
    gaze = np.stack([zero, eased(time_s, GAZE_SIDE_RAD), zero], axis=-1)
    rows = {
        "jaw_pose": np.stack([eased(time_s, JAW_OPEN_RAD), zero, zero], axis=-1),
        "eyelid": eyelid,
        "head_pose": np.stack([eased(time_s, keys) for keys in HEAD_TURN_RAD.values()], axis=-1),
        "neck_pose": np.zeros((num_frames, 3)),
        "eye_pose": np.concatenate([gaze, gaze], axis=-1),
        "camera": np.tile([7.0, 0.0, 0.0], (num_frames, 1)),
        "landmarks": np.full((num_frames, NUM_LANDMARKS, 3), np.nan),
        "confidence": np.ones(num_frames),
    }
    return Take(
        **{name: values.astype(np.float32) for name, values in rows.items()},
        expression=expression,
        crop_transform=np.tile(np.eye(3), (num_frames, 1, 1)),
        gap=np.zeros(num_frames, bool),
        time_s=time_s,
        shape=np.zeros(head.num_shape, np.float32),
        fps=FPS,
        source=Source("sample.mp4", 0, "", SIZE_PX, SIZE_PX),
        solver="animated",
        models={"head": head.name},
        expression_names=head.expression_names,
    )


def eased(time_s: np.ndarray, keys: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Return a channel's values (T,): keys (seconds, value) joined by halves of cosine waves, held at both ends."""
    times, values = np.array(keys, dtype=float).T
    after = np.clip(np.searchsorted(times, time_s, side="right"), 1, len(times) - 1)
    way = np.clip((time_s - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)
    return values[after - 1] + (values[after] - values[after - 1]) * (0.5 - 0.5 * np.cos(np.pi * way))


def sample_voice(rate: int = 24000) -> np.ndarray:
    """Return a voice for the clip, (N,) float64 within -1 to 1: a hum that is as loud as the mouth is open."""
    time_s = np.arange(int(DURATION_S * rate)) / rate
    openness = eased(time_s, JAW_OPEN_RAD) / max(value for _, value in JAW_OPEN_RAD)
    pitch_hz = 130 + 25 * openness
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate
    harmonics = [np.sin(order * phase) / order ** (2.2 - 1.2 * openness) for order in range(1, 13)]
    return 0.35 * openness**0.7 * np.sum(harmonics, axis=0)

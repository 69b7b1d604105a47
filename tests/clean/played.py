"""A performance with known truth for the clean-up's tests: stillness, speech with plosives, blinks, a head turn."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from smirk_blender.capture.crop import crop_transform
from smirk_blender.flame import Head
from smirk_blender.flame.fit import LandmarkFitter
from smirk_blender.sample import sample_take
from smirk_blender.sample.performance import eased
from smirk_blender.take import Take
from smirk_blender.take.camera import camera_from_picture, camera_points_from_image

PIXELS_PER_METRE = 1200.0
PICTURE_CENTER_PX = (320.0, 240.0)
BLINK_EVERY_S, BLINK_S = 1.37, (0.0, 0.08, 0.12, 0.24)  # closing, shut, opening
# (seconds, radians): still until 3 s, speech with closed plosives of 80 ms to 6 s, one slow opening, still again
JAW_RAD = (
    *((3.0, 0), (3.12, 0.15), (3.2, 0.15), (3.28, 0.0), (3.36, 0.12), (3.5, 0.2), (3.62, 0.02), (3.7, 0.02)),
    *((3.82, 0.17), (4.0, 0.1), (4.08, 0.0), (4.16, 0.14), (4.4, 0.22), (4.6, 0.0), (5.0, 0.0)),
    *((5.3, 0.35), (5.6, 0.35), (6.0, 0.0)),
)
EXPRESSIONS = {
    "mouthSmile_L": ((6.2, 0), (6.6, 0.9), (7.4, 0.9), (8.0, 0)),
    "mouthSmile_R": ((6.3, 0), (6.7, 0.7), (7.4, 0.7), (8.0, 0)),
    "mouthPress_L": ((3.2, 0), (3.28, 0.5), (3.36, 0), (4.0, 0), (4.08, 0.5), (4.16, 0)),
    "mouthPress_R": ((3.2, 0), (3.28, 0.5), (3.36, 0), (4.0, 0), (4.08, 0.5), (4.16, 0)),
    "browInnerUp": ((4.2, 0), (4.5, 0.8), (4.9, 0.8), (5.2, 0)),
}
HEAD_TURN_RAD = ((2.2, 0), (2.8, 0.35), (6.0, 0.35), (6.4, -0.3), (8.2, -0.3), (8.8, 0))
GAZE_SIDE_RAD = ((1.2, 0), (1.26, 0.2), (1.9, 0.2), (1.96, -0.1), (2.4, -0.1), (2.46, 0), (7.0, 0), (7.06, 0.15))


def played_take(head: Head, *, duration_s: float = 10.0, fps: Fraction = Fraction(25)) -> Take:
    """Return it for a head with the built-in one's expressions, as a camera in front would see it.

    Past 10 s all but the blinks starts anew.
    """
    time_s = np.arange(round(duration_s * fps)) / float(fps)
    again = time_s % 10.0
    zero = np.zeros(len(time_s))
    expression = np.zeros((len(time_s), head.num_expression))
    for name, keys in EXPRESSIONS.items():
        expression[:, head.expression_names.index(name)] = eased(again, keys)
    lids = tuple(zip(BLINK_S, (0, 1, 1, 0)))
    blink = np.max([eased(time_s - start, lids) for start in blink_starts(duration_s)], axis=0)
    gaze = np.stack([zero, eased(again, GAZE_SIDE_RAD), zero], axis=-1)
    crops = np.tile([[0.5, 0.0, -48.0], [0.0, 0.5, -8.0], [0.0, 0.0, 1.0]], (len(time_s), 1, 1))
    scale, origin_px = np.full(len(time_s), PIXELS_PER_METRE), np.tile(PICTURE_CENTER_PX, (len(time_s), 1))
    at_rest = replace(sample_take(head), source=replace(sample_take(head).source, width_px=640, height_px=480))
    rows = {
        "expression": expression,
        "jaw_pose": np.stack([eased(again, JAW_RAD), zero, zero], axis=-1),
        "eyelid": np.stack([blink, blink], axis=-1),
        "head_pose": np.stack([zero, eased(again, HEAD_TURN_RAD), zero], axis=-1),
        "neck_pose": np.zeros((len(time_s), 3)),
        "eye_pose": np.concatenate([gaze, gaze], axis=-1),
        "camera": camera_from_picture(scale, origin_px, crops),
        "landmarks": np.full((len(time_s), 478, 3), np.nan),
        "confidence": np.ones(len(time_s)),
    }
    rows = {name: values.astype(np.float32) for name, values in rows.items()}
    return replace(at_rest, **rows, crop_transform=crops, gap=np.zeros(len(time_s), bool), time_s=time_s, fps=fps)


def blink_starts(duration_s: float) -> np.ndarray:
    """Return when the lids begin to close, seconds; every blink ends before the take does."""
    return np.arange(0.6, duration_s - BLINK_S[-1], BLINK_EVERY_S)


def seen_landmarks(head: Head, take: Take, *, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return MediaPipe's landmarks of it, (T, 478, 3) pixels, each moved by `noise` of the eye distance."""
    vertices = head.vertices(**take.head_parameters())
    points = head.landmarks.points(vertices) * PIXELS_PER_METRE * [1, -1, -1] + [*PICTURE_CENTER_PX, 0]
    landmarks = np.repeat(points.mean(axis=1, keepdims=True), 478, axis=1)
    landmarks[:, head.landmarks.indices] = points
    return shaken(landmarks, noise, seed=seed)


def shaken(landmarks: np.ndarray, noise: float, *, seed: int = 0) -> np.ndarray:
    """Return landmarks (T, 478, 3), each moved in x, y and z by independent noise, a part of the eye distance."""
    eye_distance = np.linalg.norm((landmarks[:, 33] - landmarks[:, 263])[:, :2], axis=-1)[:, None, None]
    return landmarks + noise * eye_distance * np.random.default_rng(seed).normal(size=landmarks.shape)


def solved_take(fitter: LandmarkFitter, like: Take, landmarks: np.ndarray) -> Take:
    """Return what the landmark solver makes of landmarks (T, 478, 3), pixels, with crops that shake as they do."""
    crops = np.stack([crop_transform(points) for points in landmarks])
    fit = fitter.fit(camera_points_from_image(landmarks, crops))
    names = ("shape", "expression", "jaw_pose", "eyelid", "head_pose", "eye_pose", "camera")
    found = {name: getattr(fit, name) for name in names}
    return replace(like, **found, crop_transform=crops, landmarks=landmarks.astype(np.float32))

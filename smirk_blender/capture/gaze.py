"""Where the eyes look, from MediaPipe's irises and a head whose turn is known: for solvers that say nothing of gaze.

An iris is measured from the eyes' corners and lower lids, and the same points on the head say where its eyeball's
centre lies from there; so a head that was solved a little beside the face, too large or rolled does not turn the eyes.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..flame import Head, LandmarkEmbedding
from ..flame.gaze import GAZE_HIGH_RAD, GAZE_LOW_RAD, MAX_CONVERGENCE_RAD
from ..flame.landmark_model import EYE_L, EYE_R, LandmarkModel
from ..flame.measures import EYE_CORNERS_L, EYE_CORNERS_R, LIDS_L, LIDS_R
from ..flame.rotations import matrices_from_axis_angle
from ..take.fill import fill_gaps

EYES = (EYE_L, EYE_R)
CORNERS = (EYE_CORNERS_L, EYE_CORNERS_R)
LIDS = (LIDS_L, LIDS_R)
# What irises are measured from. Corners alone follow a turning head too little: on the sample clip they pull the gaze
# against it, 4 mm for each radian. Upper lids would take every error of a lid's opening for a look up or down.
ANCHORS = (*EYE_CORNERS_L, *EYE_CORNERS_R, *(lower for _, lower in (*LIDS_L, *LIDS_R)))
IRISES = ((473, 474, 475, 476, 477), (468, 469, 470, 471, 472))  # MediaPipe's: centre and four points of the rim
RIM_RADIUS_M = 0.0059  # a human iris is 11.8 mm wide on average; its rim lies further back on the ball than its centre
OPEN_PERCENTILE = 75.0  # of the gaps between an eye's lids over a take: what open is, for this face
LEAST_OPEN_M = 0.004  # an eye that never opens further is not taken for an open one; adults' are 8 to 11 mm tall
SHUT, OPEN = 0.35, 0.6  # of the open gap: below the first the iris is a guess, above the second it is seen well
SEEN = 0.5  # of 1: how well the better eye must be seen for a frame's gaze to count
GAZE_MEDIAN_FRAMES = 3  # a jump of the eyes lasts longer, a slip of the landmarks does not
CONVERGENCE_MEAN_FRAMES = 15  # eyes converge slowly, and what is measured of it is mostly noise
SIGHT_STEPS = 4  # of the fixed point in `_eye_angles`; each leaves a hundredth of the error or less


def gaze_from_irises(
    head: Head,
    landmarks: np.ndarray,
    *,
    shape: np.ndarray,
    expression: np.ndarray,
    jaw_pose: np.ndarray,
    eyelid: np.ndarray,
    head_pose: np.ndarray,
) -> np.ndarray:
    """Return where both eyes look, with the head's own turn taken out: zero is straight out of the face.

    The eyes move together, but for a small convergence beyond the take's usual one. Frames in which neither iris can be
    seen (a blink) take their gaze from the frames beside them. All zeros for a head without landmarks at its eyes, since
    where its eyeballs are in the picture is a guess then, and half a millimetre is more than two degrees.
    Args:
        landmarks: (K, 478, 3) pixels, y down.
        shape (S,), expression (K, E), jaw_pose (K, 3), eyelid (K, 2), head_pose (K, 3): as in `Take`.
    Returns:
        (K, 6) float32, axis-angle, radians, left eye then right, within GAZE_LOW_RAD to GAZE_HIGH_RAD.
    """
    embedding = _eye_landmarks(head)
    if embedding is None:
        return np.zeros((len(landmarks), 6), np.float32)
    shape, expression = shape[: head.num_shape], expression[:, : head.num_expression]
    model = LandmarkModel(replace(head, landmarks=embedding), len(shape), expression.shape[-1])
    points = _upright_points(model, shape, expression, jaw_pose, eyelid)  # (K, L, 3) metres
    place = {int(index): column for column, index in enumerate(model.indices)}
    joints = head.joints(shape[None], expression)
    turn = matrices_from_axis_angle(head_pose)
    seen = _complex(landmarks).conj()  # (K, 478), y up
    turned = points @ turn.swapaxes(1, 2)
    flat = _complex(turned)
    own_anchors, seen_anchors = flat[:, [place[index] for index in ANCHORS]], seen[:, ANCHORS]
    scale = _picture_scale(own_anchors, seen_anchors)
    angles, sight = np.empty((len(landmarks), 2, 2)), np.empty((len(landmarks), 2))
    for eye in range(2):
        iris = seen[:, IRISES[eye]].mean(axis=1) - seen_anchors.mean(axis=1)
        joint = joints[:, EYES[eye]]
        eyeball = _complex(np.einsum("tij,tj->ti", turn, joint)) - own_anchors.mean(axis=1)  # its centre
        resting = _iris_middle(points[:, place[IRISES[eye][0]]] - joint)
        angles[:, eye] = _eye_angles(iris / scale - eyeball, resting, turn)
        gap = np.mean([np.abs(seen[:, upper] - seen[:, lower]) for upper, lower in LIDS[eye]], axis=0) / np.abs(scale)
        outer, inner = (place[index] for index in CORNERS[eye])
        width = np.linalg.norm(turned[:, outer] - turned[:, inner], axis=-1)
        facing = np.abs(flat[:, outer] - flat[:, inner]) / width  # 1 from the front, 0 from the side
        sight[:, eye] = _openness(gap) * facing**2
    return _together(angles, sight)


def _eye_landmarks(head: Head) -> LandmarkEmbedding | None:
    """Return the part of a head's embedding that gaze needs; None where it has no anchors, or no eyeballs to turn."""
    if head.landmarks is None or not np.isin(ANCHORS, head.landmarks.indices).all():
        return None
    if not all(np.any(head.skinning_weights[:, eye] > 0.99) for eye in EYES):
        return None
    wanted = (*ANCHORS, *(iris[0] for iris in IRISES))
    return head.landmarks.subset(np.isin(head.landmarks.indices, wanted))


def _upright_points(
    model: LandmarkModel, shape: np.ndarray, expression: np.ndarray, jaw_pose: np.ndarray, eyelid: np.ndarray
) -> np.ndarray:
    """Return the landmarks (K, L, 3), metres, of a head that does not turn and whose eyes look straight ahead."""
    groups = model.layout.groups
    frames = np.zeros((len(expression), model.layout.size))
    frames[:, groups["expression"]], frames[:, groups["jaw_pose"]] = expression, jaw_pose
    frames[:, groups["eyelid"]], frames[:, groups["camera"].start] = eyelid, 1.0
    return model.project(shape, frames)[0]


def _iris_middle(center: np.ndarray) -> np.ndarray:
    """Return the mean of an iris's centre and four points of its rim, for the centre, (K, 3) metres from the ball's."""
    radius = np.linalg.norm(center, axis=-1, keepdims=True)
    rim = np.sqrt(np.maximum(1.0 - (RIM_RADIUS_M / radius) ** 2, 0.0))
    return center * (1.0 + 4.0 * rim) / 5.0


def _complex(points: np.ndarray) -> np.ndarray:
    """Return points (..., 2) of the picture's plane as complex numbers, x + iy: to scale and roll is to multiply."""
    return points[..., 0] + 1j * points[..., 1]


def _picture_scale(head_points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return (K,) complex pixels per metre, with seen ~ scale * head_points + shift, least squares; both (K, L)."""
    head_points = head_points - head_points.mean(axis=1, keepdims=True)
    seen = seen - seen.mean(axis=1, keepdims=True)
    return (head_points.conj() * seen).sum(axis=1) / (np.abs(head_points) ** 2).sum(axis=1)


def _eye_angles(sideways: np.ndarray, resting: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return (K, 2): the turn about x and y that brings an iris where it is seen.

    Args:
        sideways: (K,) complex, metres: the iris from its eyeball's centre, in the picture's plane.
        resting: (K, 3) metres: the same of an eye that looks straight ahead, the head upright.
        turn: (K, 3, 3) of the head.
    """
    radius = np.linalg.norm(resting, axis=-1)
    sideways = sideways * np.minimum(1.0, radius / np.maximum(np.abs(sideways), 1e-12))  # beyond the ball: on its edge
    depth = np.sqrt(np.maximum(radius**2 - np.abs(sideways) ** 2, 0.0))
    wanted = np.einsum("tji,tj->ti", turn, np.stack([sideways.real, sideways.imag, depth], axis=-1))
    angles = np.zeros((len(wanted), 2))
    for _ in range(SIGHT_STEPS):
        rotation = matrices_from_axis_angle(np.pad(angles, ((0, 0), (0, 1))))
        angles = angles + _tilt(wanted) - _tilt(np.einsum("tij,tj->ti", rotation, resting))
    return angles


def _tilt(direction: np.ndarray) -> np.ndarray:
    """Return (K, 2): the rotation vector about x and y that turns +z onto a direction, (K, 3)."""
    across = np.stack([-direction[:, 1], direction[:, 0]], axis=-1)
    length = np.linalg.norm(across, axis=-1)
    return across * (np.arctan2(length, direction[:, 2]) / np.maximum(length, 1e-12))[:, None]


def _openness(gap_m: np.ndarray) -> np.ndarray:
    """Return (K,) 0 where an eye is shut to 1 where it is open enough for its iris to be seen, from its lids' gaps."""
    is_open = max(np.percentile(gap_m, OPEN_PERCENTILE), LEAST_OPEN_M)
    return np.clip((gap_m / is_open - SHUT) / (OPEN - SHUT), 0.0, 1.0)


def _together(angles: np.ndarray, sight: np.ndarray) -> np.ndarray:
    """Return the two eyes' gaze (K, 6), moving as one.

    Args:
        angles: (K, 2 eyes, 2) as measured, each eye by itself.
        sight: (K, 2) how well each was seen, 0 to 1.
    """
    both, either = _steadily(sight.min(axis=1) >= SEEN), _steadily(sight.max(axis=1) >= SEEN)
    if not either.any():
        return np.zeros((len(angles), 6), np.float32)
    # Half of what the right eye looks further down and to the left than the left one. Taken off each eye before they
    # are averaged, so that the gaze does not jump where one of them winks; most of it is how landmarks lie on a face.
    apart = np.zeros((len(angles), 2))
    if both.any():
        apart = fill_gaps(0.5 * (angles[both, 1] - angles[both, 0]), ~both)
    signed = np.stack([-apart, apart], axis=1)  # (K, 2 eyes, 2)
    weight = sight[either, :, None]
    gaze = (weight * (angles - signed)[either]).sum(axis=1) / weight.sum(axis=1)
    gaze = _running(np.median, fill_gaps(gaze, ~either), GAZE_MEDIAN_FRAMES)  # (K, 2)
    eyes = np.repeat(gaze[:, None], 2, axis=1)
    # What is constant of it is the landmarks' doing, or cannot be told from that: a squint through the whole take.
    inward = _running(np.mean, apart - np.median(apart, axis=0), CONVERGENCE_MEAN_FRAMES)[:, 1]
    inward = np.clip(inward, 0.0, MAX_CONVERGENCE_RAD)
    eyes[:, 0, 1] -= inward
    eyes[:, 1, 1] += inward
    eyes = np.clip(eyes, GAZE_LOW_RAD, GAZE_HIGH_RAD)
    return np.pad(eyes, ((0, 0), (0, 0), (0, 1))).reshape(-1, 6).astype(np.float32)  # eyes do not roll


def _steadily(seen: np.ndarray) -> np.ndarray:
    """Return which frames are seen together with both their neighbours: a lid on its way pulls the iris along."""
    padded = np.pad(seen, 1, mode="edge")
    steady = padded[:-2] & seen & padded[2:]
    return steady if steady.any() else seen


def _running(statistic: Callable, values: np.ndarray, num_frames: int) -> np.ndarray:
    """Return (K, 2): a statistic of an odd number of frames about each; the first and last are held beyond the ends."""
    padded = np.pad(values, ((num_frames // 2, num_frames // 2), (0, 0)), mode="edge")
    return statistic(np.lib.stride_tricks.sliding_window_view(padded, num_frames, axis=0), axis=-1)

"""The resting face of a take: finding it, and taking it out of every frame."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import TakeError
from ..flame import Head
from ..flame.align import align_similarity
from ..flame.measures import (
    BROW_L,
    BROW_R,
    INNER_LIPS,
    LIDS_L,
    LIDS_R,
    LIP_MIDDLE,
    MOUTH_CORNERS,
    STEADY,
    eye_distance,
    face_measures,
    without_head_motion,
)
from ..flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from ..take import Take
from ..take.clean_up import Neutral
from .identity import CHUNK_FRAMES, identity_map, spread_over

if TYPE_CHECKING:
    from .profile import Profile

_PAIRS = (index for pair in (*LIDS_L, *LIDS_R, *INNER_LIPS) for index in pair)
READ = np.array(sorted({*STEADY, *BROW_L, *BROW_R, *MOUTH_CORNERS, *LIP_MIDDLE, *_PAIRS}))  # what is measured
REFERENCE_FRAMES = 256  # spread over the take, tell the face on which all frames are laid
WINDOW_S = 0.2  # seconds that a found neutral lasts
# By how much a frame may be off until it costs 1. Distances are in those between the outer eye corners, as measured.
LIP_GAP = 0.02  # that the mouth is more open than when it is most nearly shut
LID_SHARE = 0.15  # of an open eye's gap, that an eye is more shut, or wider, than usual
AWAY = 0.06  # of mouth width, brows and mouth corners, from what is usual in the take
TURN_RAD = 0.15  # of the head, from the camera
MOVED = 0.25  # a second, of all landmarks in the mean
DOUBT = 0.2  # of the confidence, that lacks
PARAMETER_MOVED = 3.0  # a second, of the coefficients' root mean square: where there are no landmarks
PARAMETER_AWAY = 0.5  # of the coefficients' root mean square, from what is usual
JAW_RAD = 0.05
LID = 0.15
RESTLESS = 6.0  # of the costs together; at rest the sample clip costs 2, the least of a clip of nothing but grimaces 9
SHUT_PERCENTILE, OPEN_PERCENTILE = 5.0, 60.0  # of a measure over a take: lips when shut, lids when open
MOST_SHUT = 0.8  # a resting lid that is more shut than this is no open eye: its frames were badly chosen


@dataclass(frozen=True)
class RestingFace:
    """A face at rest, that movements are told from; each as in one frame of `Take`.

    Attributes:
        expression: (E,) float32.
        jaw_pose: (3,) float32, axis-angle, radians.
        eyelid: (2,) float32, left then right, 0 open to 1 shut.
    """

    expression: np.ndarray
    jaw_pose: np.ndarray
    eyelid: np.ndarray


def find_neutral(take: Take, head: Head) -> slice:
    """Return the rows of a take in which the face rests: stillest, most frontal, mouth closed, eyes open, surest.

    A fifth of a second, or as much as there is without a gap. What is seen decides where the take has landmarks, and
    the parameters where it has none.
    Raises:
        TakeError: no frame shows a face.
    """
    if take.gap.all():
        raise TakeError(f"The take of {take.source.name} shows a face in no frame. Choose another take or clip")
    cost = _costs(take)
    most = max(1, min(round(WINDOW_S * float(take.fps)), len(take)))
    for length in range(most, 0, -1):
        is_whole = np.convolve(take.gap, np.ones(length), "valid") == 0
        if is_whole.any():
            means = np.convolve(cost, np.ones(length) / length, "valid")
            first = int(np.argmin(np.where(is_whole, means, np.inf)))
            return slice(first, first + length)
    raise AssertionError("a frame with a face is a window of one")


def shows_rest(take: Take, rows: slice) -> bool:
    """Return whether the face rests in these rows indeed; the best that `find_neutral` finds need not be a rest."""
    seen = ~take.gap[rows]
    return bool(seen.any()) and float(_costs(take)[rows][seen].mean()) < RESTLESS


def neutral_of(take: Take, rows: slice) -> RestingFace:
    """Return the face of these rows at rest: the median of those that show a face, or of all where none does.

    The rows should show one identity: see `identity.locked`.
    """
    chosen = np.arange(len(take))[rows]
    if not take.gap[chosen].all():
        chosen = chosen[~take.gap[chosen]]
    middle = lambda name: np.median(getattr(take, name)[chosen], axis=0).astype(np.float32)
    return RestingFace(middle("expression"), middle("jaw_pose"), middle("eyelid"))


def neutral_rows(take: Take, head: Head, settings: Neutral) -> slice:
    """Return the rows that the settings choose: a range of the video's frames, or where it rests by itself.

    Raises:
        TakeError: the range is not in the take, or it shows no face.
    """
    if settings.source != "range":
        return find_neutral(take, head)
    first, last = sorted((settings.first_frame, settings.last_frame))
    rows = slice(max(first - take.first_frame, 0), min(last - take.first_frame + 1, len(take)))
    frames = f"frame {first}" if first == last else f"frames {first}-{last}"
    if rows.start >= rows.stop:
        raise TakeError(
            f"The neutral should be {frames}, and the take of {take.source.name} has frames {take.first_frame}-"
            f"{take.first_frame + len(take) - 1}. Choose others, or have the neutral found"
        )
    if take.gap[rows].all():
        raise TakeError(
            f"The neutral should be {frames}, in which the take of {take.source.name} shows no face. "
            "Choose others, or have the neutral found"
        )
    return rows


def resting_face(
    take: Take, head: Head, settings: Neutral, profile: "Profile | None" = None
) -> RestingFace | None:
    """Return the neutral that the settings mean; None with the source "off".

    Raises:
        TakeError: no such frames, or no profile where the settings want one's neutral.
    """
    if settings.source == "off":
        return None
    if settings.source == "profile":
        return _of_profile(take, head, profile)
    return neutral_of(take, neutral_rows(take, head, settings))


def without_neutral(take: Take, head: Head, settings: Neutral, profile: "Profile | None" = None) -> Take:
    """Return a take whose face is the head's own where it rested; with the source "off", the take as it is.

    Expression is subtracted, and the jaw turned back. Lids are multiplied: how far an eye is open, over how far it is
    open at rest, so that an eye at rest is all open, and a shut one stays shut.
    Raises:
        TakeError: no such frames, or no profile where the settings want one's neutral.
    """
    resting = resting_face(take, head, settings, profile)
    if resting is None:
        return take
    back = matrices_from_axis_angle(-settings.strength * resting.jaw_pose.astype(np.float64))
    jaw_pose = axis_angle_from_matrices(back @ matrices_from_axis_angle(take.jaw_pose))
    return replace(
        take,
        expression=take.expression - np.float32(settings.strength) * resting.expression,
        jaw_pose=jaw_pose.astype(np.float32),
        eyelid=_opened(take.eyelid, settings.strength * np.clip(resting.eyelid, 0.0, MOST_SHUT)),
    )


def _opened(eyelid: np.ndarray, resting: np.ndarray) -> np.ndarray:
    """Return lids (T, 2) of eyes whose openness is that of eyes resting (2,) for 1."""
    return np.clip((eyelid - resting) / (1.0 - resting), 0.0, 1.0).astype(np.float32)


def _of_profile(take: Take, head: Head, profile: "Profile | None") -> RestingFace:
    """Return the profile's resting face as this take's identity shows it."""
    if profile is None:
        raise TakeError(
            f"The take of {take.source.name} should have an actor profile's neutral, but none is chosen. "
            "Choose the profile's file, or have the neutral found"
        )
    num_shape, num_expression = take.shape.shape[-1], take.expression.shape[-1]
    fitting = lambda values, size: np.pad(values[:size], (0, max(0, size - len(values))))
    other = fitting(profile.shape, num_shape) - take.shape
    expression = fitting(profile.resting.expression, num_expression)
    if np.any(other):
        expression = expression + identity_map(head, num_shape, num_expression).expression @ other
    return replace(profile.resting, expression=expression.astype(np.float32))


# --- how far a face is from rest ---


def _costs(take: Take) -> np.ndarray:
    """Return (T,) how far each frame's face is from rest, 0 in gaps."""
    seen, costs = np.flatnonzero(~take.gap), np.zeros(len(take))
    looked = _cost_of_landmarks if np.isfinite(take.landmarks[seen, 0, 0]).all() else _cost_of_parameters
    costs[seen] = looked(take, seen) + _cost_of_pose(take, seen)
    return costs


def _cost_of_landmarks(take: Take, seen: np.ndarray) -> np.ndarray:
    """Return (K,) by what is seen in the frames."""
    chosen = take.landmarks[spread_over(seen, REFERENCE_FRAMES)].astype(np.float64)
    reference = np.median(without_head_motion(chosen), axis=0)  # (478, 3)
    unit = eye_distance(reference[None])[0]
    parts, speeds, last = [], [], np.empty((0, len(READ), 3))
    for start in range(0, len(seen), CHUNK_FRAMES):
        rows = seen[start : start + CHUNK_FRAMES]
        points = np.zeros((len(rows), *reference.shape))  # those that are not read stay where they are
        points[:, READ] = take.landmarks[rows[:, None], READ]
        rotation, scale, shift = align_similarity(
            points[:, STEADY], np.broadcast_to(reference[list(STEADY)], (len(rows), len(STEADY), 3))
        )
        still = scale[:, None, None] * points[:, READ] @ rotation.swapaxes(1, 2) + shift[:, None]
        points[:, READ] = still * [1, -1, -1]  # upright, out of the picture
        parts.append(face_measures(points))
        moving = np.concatenate([last, still])
        speeds.append(np.linalg.norm(np.diff(moving, axis=0), axis=(1, 2)))
        last = still[-1:]
    measures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    cost = np.maximum(measures["lip_gap"] - np.percentile(measures["lip_gap"], SHUT_PERCENTILE), 0.0) / LIP_GAP
    for name in ("lid_L", "lid_R"):
        usual = np.percentile(measures[name], OPEN_PERCENTILE)
        cost += np.abs(measures[name] / max(usual, 1e-6) - 1.0) / LID_SHARE
    for name in ("mouth_width", "smile_L", "smile_R", "brow_L", "brow_R"):
        cost += np.abs(measures[name] - np.median(measures[name])) / AWAY
    moved = np.concatenate(speeds) / unit / len(READ) ** 0.5
    return cost + _speed(moved, take.time_s[seen]) / MOVED


def _cost_of_parameters(take: Take, seen: np.ndarray) -> np.ndarray:
    """Return (K,) by the parameters alone."""
    expression, lids = take.expression[seen].astype(np.float64), take.eyelid[seen].astype(np.float64)
    size = max(expression.shape[-1], 1) ** 0.5
    jaw = np.linalg.norm(take.jaw_pose[seen], axis=1)
    cost = np.linalg.norm(expression - np.median(expression, axis=0), axis=1) / size / PARAMETER_AWAY
    cost += np.maximum(jaw - np.percentile(jaw, SHUT_PERCENTILE), 0.0) / JAW_RAD
    cost += (np.abs(lids - np.percentile(lids, 100.0 - OPEN_PERCENTILE, axis=0)) / LID).sum(axis=1)
    moving = np.column_stack([expression / size, take.jaw_pose[seen], lids])
    moved = np.linalg.norm(np.diff(moving, axis=0), axis=1)
    return cost + _speed(moved, take.time_s[seen]) / PARAMETER_MOVED


def _cost_of_pose(take: Take, seen: np.ndarray) -> np.ndarray:
    """Return (K,) by how far the head is turned from the camera, and how sure the frame is."""
    turned = np.linalg.norm(take.head_pose[seen].astype(np.float64), axis=1)
    return turned / TURN_RAD + (1.0 - take.confidence[seen]) / DOUBT


def _speed(moved: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Return how fast each frame's face moves, (K,) per second: the faster of both sides' moves (K - 1,)."""
    steps = moved / np.maximum(np.diff(time_s), 1e-6)
    return np.maximum(np.append(steps, 0.0), np.insert(steps, 0, 0.0))

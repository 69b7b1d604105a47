"""ARKit's 52 weights over time, and what they are on the built-in head, both ways.

The built-in head's expressions are named as ARKit's, and mean the same at 1. Jaw, lids and eyes it has as turns: what
those are in ARKit's weights is laid down here. ARKit's looks down and up take the lids along; the head's eyes do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..errors import RetargetError
from ..flame import Head, builtin_head
from ..take import Source, Take
from ..take.fill import fill_gaps
from ..take.take import no_landmarks
from .arkit import ARKIT_NAMES, matched_names
from .head_motion import with_head_motion

JAW_OPEN_RAD = 0.35  # at jawOpen 1: what mouthClose 1 closes the built-in lips over; facecap.glb's opens 0.30 to 0.35
JAW_SIDE_RAD = 0.11  # at jawLeft 1: takes the built-in chin 8 mm to the side, as facecap.glb's
EYE_SIDE_RAD = np.radians(30.0)  # at eyeLookIn and eyeLookOut 1, as ARKit characters are usually made
EYE_HEIGHT_RAD = np.radians(25.0)  # at eyeLookUp and eyeLookDown 1
LOOK_DOWN_SHUTS = 0.2  # of the lids' way from open to shut, at eyeLookDown 1, as on facecap.glb: both lids go down
LOOK_UP_WIDENS = 1.5  # of the built-in eyeWide, at eyeLookUp 1: 0.34 of the open eye, as on facecap.glb
WIDE_OPENS = 0.23  # of the same way: what the built-in eyeWide 1 opens
SAME_LOOK = 1e-3  # of 1: eyes' turns that agree so well with the looks' weights are taken as they are
CAMERA = (7.0, 0.0, 0.0)  # of takes that no camera saw: the whole head in the picture
PICTURE_PX = 224  # of the same: the crop is the picture
ON_A_FRAME = 0.25  # frames; times that lie nearer to whole frames are meant to lie on them
MOST_MISSING = 10  # frames for each that is there; more are no dropped frames, but a file of several recordings
INDEX = {name: column for column, name in enumerate(ARKIT_NAMES)}
SIDES = ("Left", "Right")


@dataclass(frozen=True)
class ArkitCurves:
    """A performance as ARKit describes it, T frames.

    Attributes:
        weights: (T, 52) float64, mostly 0 to 1, in ARKIT_NAMES' order.
        head: (T, 3) float64, axis-angle, radians, the head's turn, FLAME axes (+Y up, +Z out of the face).
        eyes: (T, 6) float64, axis-angle, radians, left eye then right, with the head's turn taken out.
        time_s: (T,) float64, rising; a step of several frames is where nothing was recorded.
        fps: true frames per second.
        missing: names that the file had no column for; their weights are 0.
    """

    weights: np.ndarray
    head: np.ndarray
    eyes: np.ndarray
    time_s: np.ndarray
    fps: Fraction
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, columns in {"weights": len(ARKIT_NAMES), "head": 3, "eyes": 6}.items():
            if getattr(self, name).shape != (len(self), columns):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, not {(len(self), columns)}")

    def __len__(self) -> int:
        return len(self.time_s)

    def weight(self, name: str) -> np.ndarray:
        return self.weights[:, INDEX[name]]


def columns_of(names: Sequence[str]) -> list[int]:
    return [INDEX[name] for name in names]


def turn_weights(take: Take) -> np.ndarray:
    """Return the weights that the turns of jaw and eyes show, (T, 52) float64, 0 to 1; 0 for all others."""
    weights = np.zeros((len(take), len(ARKIT_NAMES)))
    put = lambda name, values: weights.__setitem__((slice(None), INDEX[name]), np.clip(values, 0.0, 1.0))
    jaw = take.jaw_pose.astype(np.float64)
    put("jawOpen", jaw[:, 0] / JAW_OPEN_RAD)
    put("jawLeft", jaw[:, 1] / JAW_SIDE_RAD)
    put("jawRight", -jaw[:, 1] / JAW_SIDE_RAD)
    for name, values in zip(LOOKS, look_weights(take.eye_pose).T):
        put(name, values)
    return weights


LOOKS = tuple(f"eyeLook{way}{side}" for side in SIDES for way in ("Down", "Up", "In", "Out"))


def look_weights(eyes: np.ndarray) -> np.ndarray:
    """Return what eyes (T, 6) that are turned so weigh in LOOKS, (T, 8), each at least 0, not bounded above."""
    eyes = eyes.astype(np.float64)
    (down, left), (down_right, left_right) = (
        (eyes[:, first] / EYE_HEIGHT_RAD, eyes[:, first + 1] / EYE_SIDE_RAD) for first in (0, 3)
    )
    signed = (down, -down, -left, left, down_right, -down_right, left_right, -left_right)  # In is towards the nose
    return np.maximum(np.column_stack(signed), 0.0)


def curves_of_builtin(take: Take, head: Head) -> ArkitCurves:
    """Return a take of a head whose expressions bear ARKit's names as ARKit's weights, 0 to 1."""
    weights = turn_weights(take)
    for name, expression_name in matched_names(head.expression_names[: take.expression.shape[-1]]).items():
        weights[:, INDEX[name]] = take.expression[:, head.expression_names.index(expression_name)]
    for eye, side in enumerate(SIDES):
        blink, wide, down, up = (INDEX[f"eye{what}{side}"] for what in ("Blink", "Wide", "LookDown", "LookUp"))
        weights[:, [blink, wide]] = np.column_stack(
            _lids_less_looks(take.eyelid[:, eye].astype(np.float64), *weights[:, [wide, down, up]].T)
        )
    return curves_with(take, np.clip(weights, 0.0, 1.0))


def _lids_less_looks(
    shut: np.ndarray, wide: np.ndarray, down: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (T,) of eyeBlink and eyeWide beside looks of these weights, for lids as on the built-in head.

    Where a look by itself moves the lids farther than they are, the other of both holds them back.
    """
    open_share = 1.0 - LOOK_DOWN_SHUTS * down  # what the look leaves to a blink
    blink, wide = 1.0 - (1.0 - shut) / open_share, wide - LOOK_UP_WIDENS * up
    held_open, held_down = np.maximum(-blink, 0.0) / WIDE_OPENS, np.maximum(-wide, 0.0) * WIDE_OPENS
    return np.maximum(blink, 0.0) + held_down, np.maximum(wide, 0.0) + held_open


def curves_with(take: Take, weights: np.ndarray) -> ArkitCurves:
    """Return weights (T, 52) with a take's turns and times; the neck's turn is the head's too."""
    turned = with_head_motion(take, "neck").neck_pose if np.any(take.neck_pose) else take.head_pose
    return ArkitCurves(
        weights=weights,
        head=turned.astype(np.float64),
        eyes=take.eye_pose.astype(np.float64),
        time_s=take.time_s.astype(np.float64),
        fps=take.fps,
    )


def weights_between(curves: ArkitCurves, time_s: np.ndarray) -> np.ndarray:
    """Return the weights at other times, (K, 52): those of a frame where a time is a frame's, straight between them."""
    return np.column_stack([np.interp(time_s, curves.time_s, column) for column in curves.weights.T])


def take_of_curves(curves: ArkitCurves, source_name: str) -> Take:
    """Return the performance as a take of the built-in head, to be cleaned, baked and retargeted like any other.

    What the head cannot show is left out: the tongue, and a pair's weights (left and right, up and down) beyond their
    difference. Frames that nothing was recorded in lie between those beside them, and are gaps.
    Raises:
        RetargetError: there are no frames, or far fewer than the time from first to last holds.
    """
    head = builtin_head()
    curves, gap = _filled(curves, source_name)
    weight, expression = curves.weight, np.zeros((len(curves), head.num_expression))
    for name, expression_name in matched_names(head.expression_names).items():
        column = head.expression_names.index(expression_name)
        expression[:, column] = weight(name)
        if name.startswith("eyeWide"):
            expression[:, column] += LOOK_UP_WIDENS * weight(name.replace("Wide", "LookUp"))
    jaw_pose = np.zeros((len(curves), 3))
    jaw_pose[:, 0] = JAW_OPEN_RAD * weight("jawOpen")
    jaw_pose[:, 1] = JAW_SIDE_RAD * (weight("jawLeft") - weight("jawRight"))
    eye_pose = eyes_of(curves)
    downward = np.clip(look_weights(eye_pose)[:, [LOOKS.index(f"eyeLookDown{side}") for side in SIDES]], 0.0, 1.0)
    blink = np.clip(np.column_stack([weight(f"eyeBlink{side}") for side in SIDES]), 0.0, 1.0)
    rows = {
        "expression": expression,
        "jaw_pose": jaw_pose,
        "eyelid": 1.0 - (1.0 - blink) * (1.0 - LOOK_DOWN_SHUTS * downward),
        "head_pose": curves.head,
        "neck_pose": np.zeros((len(curves), 3)),
        "eye_pose": eye_pose,
        "camera": np.tile(CAMERA, (len(curves), 1)),
        "confidence": np.where(gap, 0.0, 1.0),
    }
    return Take(
        **{name: values.astype(np.float32) for name, values in rows.items()},
        crop_transform=np.tile(np.eye(3), (len(curves), 1, 1)),
        landmarks=no_landmarks(len(curves)),
        gap=gap,
        time_s=curves.time_s,
        shape=np.zeros(head.num_shape, np.float32),
        fps=curves.fps,
        source=Source(source_name, 0, "", PICTURE_PX, PICTURE_PX),
        solver="live-link",
        models=head.models(),
        expression_names=head.expression_names,
    )


def eyes_of(curves: ArkitCurves) -> np.ndarray:
    """Return the eyes' turns (T, 6), radians, which apps do not agree on the signs of: as they were recorded where that
    agrees with the looks' weights, or there are none of those; else as those say.
    """
    looks = curves.weights[:, columns_of(LOOKS)]
    if not looks.any() or np.all(np.abs(np.minimum(look_weights(curves.eyes), 1.0) - looks) < SAME_LOOK):
        return curves.eyes
    down, up, inward, outward = np.moveaxis(looks.reshape(len(curves), 2, 4), -1, 0)  # (T, 2) each, left then right
    eyes = np.zeros((len(curves), 2, 3))
    eyes[..., 0] = EYE_HEIGHT_RAD * (down - up)
    eyes[..., 1] = EYE_SIDE_RAD * (outward - inward) * [1.0, -1.0]
    return eyes.reshape(-1, 6)


def _filled(curves: ArkitCurves, source_name: str) -> tuple[ArkitCurves, np.ndarray]:
    """Return curves with a row for every frame, and which rows (T,) nothing was recorded in.

    Times that lie on no common frames (a varying rate) stay as they are.
    """
    if not len(curves):
        raise RetargetError(f"{source_name} has no frames with a face. Choose another recording")
    position = (curves.time_s - curves.time_s[0]) * float(curves.fps)
    frames = np.round(position).astype(int)
    num_frames = int(frames[-1]) + 1
    if num_frames > (MOST_MISSING + 1) * len(curves) + MOST_MISSING:
        row = int(np.argmax(np.diff(frames)))
        raise RetargetError(
            f"{source_name} has {len(curves)} frames over {curves.time_s[-1] - curves.time_s[0]:.1f} s; the longest "
            f"hole is {np.diff(curves.time_s)[row]:.1f} s after frame {row}. Take the recordings in it apart, or give "
            "its true rate"
        )
    on_frames = np.all(np.diff(frames) > 0) and np.all(np.abs(position - frames) < ON_A_FRAME)
    if num_frames == len(curves) or not on_frames:
        return curves, np.zeros(len(curves), bool)
    gap = np.ones(num_frames, bool)
    gap[frames] = False
    arrays = {name: fill_gaps(getattr(curves, name), gap) for name in ("weights", "head", "eyes", "time_s")}
    return replace(curves, **arrays), gap

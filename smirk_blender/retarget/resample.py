"""A take at another rate: its values between frames, and the scene frames on which they lie.

Footage of 29.97 frames per second in a scene of 24 has its frames on fractions of the scene's. Either the scene gets
the footage's rate, or the take is resampled to the scene's whole frames; here is the second.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from ..flame.rotations import rotations_between
from ..take import Take
from ..take.camera import camera_from_picture, picture_scale
from ..take.take import OPTIONAL_ARRAYS, are_no_landmarks, no_landmarks

WHOLE = 1e-4  # frames; what lies this near to a whole one is meant to lie on it: strips store single precision
SAME_RATE = 1e-6  # relative; a scene's rate is stored in single precision
CHUNK_ROWS = 256  # mixed at once: landmarks in double precision take 11 kB a row
WHOLE_FRAME = 0.05  # frames; timestamps this close to a constant rate are taken for one: files may round to 1 ms

Timing = Literal["set", "resample"]


@dataclass(frozen=True)
class FrameMap:
    """On which scene frame a video's frame lies: start + frame * step.

    Attributes:
        start: scene frame of the video's first frame, which need not be a whole one, nor be visible.
        step: scene frames from one video frame to the next.
        fps: of the video, at which Blender counts its frames; 0 where they are pictures without a rate.
    """

    start: float
    step: float
    fps: float = 0.0


def time_take(
    take: Take, *, timing: Timing, scene_fps: Fraction, frame_map: FrameMap | None = None, scene_frame_start: int = 1
) -> tuple[Take, int]:
    """Return what to bake so that the head is in step with the footage, and the scene frame of its first row.

    Args:
        take: T frames, at least one.
        timing: "set": every video frame is a scene frame; the scene has the take's rate already. "resample": the scene
            keeps its rate, the take gets a row on every whole scene frame.
        scene_fps: the scene's true rate.
        frame_map: of the strip that shows the footage; it decides where the take lies. Read anew after a rate was set.
        scene_frame_start: scene frame of the take's first row where there is no strip.
    Raises:
        ValueError: another timing.
    """
    if timing not in ("set", "resample"):
        raise ValueError(f"timing is 'set' or 'resample', not {timing!r}")
    video_fps = float(take.fps)
    lead, tail = (0.5, 0.5) if frame_map else (0.0, 1.0)  # video frames; a strip shows the picture that is nearest
    if frame_map is None:
        if timing == "set":
            return take, scene_frame_start
        step = float(scene_fps) / video_fps
        frame_map = FrameMap(scene_frame_start - step * video_frames_of(take, video_fps)[0], step, video_fps)
    video_frames = video_frames_of(take, frame_map.fps or video_fps)
    one_to_one = abs(frame_map.step - 1.0) * max(1.0, video_frames[-1]) < WHOLE
    first = frame_map.start + frame_map.step * video_frames[0]
    constant = np.allclose(np.diff(video_frames), 1.0)
    if one_to_one and abs(first - round(first)) < WHOLE and (constant or timing == "set"):
        same_rate = abs(float(scene_fps) / video_fps - 1.0) < SAME_RATE
        return (take if same_rate or not constant else _paced(take, scene_fps)), round(first)
    ends = [frame_map.start + frame_map.step * at for at in (video_frames[0] - lead, video_frames[-1] + tail)]
    scene_frames = np.arange(*np.ceil(np.array(ends) - WHOLE))
    positions = (scene_frames - frame_map.start) / frame_map.step
    rows = np.interp(positions, video_frames, np.arange(len(take)))
    return _paced(resample_take(take, rows, fps=scene_fps), scene_fps), int(scene_frames[0])


def video_frames_of(take: Take, fps: float) -> np.ndarray:
    """Return where a take's rows lie among the video's frames as they are counted at its rate, (T,) float64."""
    counted = take.first_frame + np.arange(len(take), dtype=np.float64)
    timed = take.time_s * fps
    if np.any(np.diff(timed) <= 0) or np.all(np.abs(timed - counted) < WHOLE_FRAME):
        return counted
    return timed


def resample_take(take: Take, rows: np.ndarray, *, fps: Fraction) -> Take:
    """Return a take of values between a take's rows; on whole rows they are the row's, to the last bit.

    Coefficients, landmarks and confidence go straight from row to row, rotations turn evenly, and the camera goes so
    that what it shows grows and moves evenly in the picture. What lies beside a gap is a gap.
    Args:
        take: T frames.
        rows: (K,) rising, within 0 to T - 1.
        fps: of the new take.
    """
    rows = np.asarray(rows, np.float64)
    nearest = np.round(rows)
    rows = np.where(np.abs(rows - nearest) < 1e-9, nearest, rows)
    before = np.floor(rows).astype(int)
    after, weight = np.ceil(rows).astype(int), rows - before
    between = lambda values: _between(values, before, after, weight)
    turned = lambda poses: _turned(poses, before, after, weight)
    eyes = np.split(take.eye_pose, 2, axis=1)
    crop_transform = between(take.crop_transform)
    optional = {
        name: turned(array) if name.endswith("_pose") else between(array)
        for name, array in take.frame_arrays().items()
        if name in OPTIONAL_ARRAYS
    }
    return replace(
        take,
        **optional,
        expression=between(take.expression),
        jaw_pose=turned(take.jaw_pose),
        eyelid=between(take.eyelid),
        head_pose=turned(take.head_pose),
        neck_pose=turned(take.neck_pose),
        eye_pose=np.concatenate([turned(eye) for eye in eyes], axis=1),
        camera=_camera_between(take, crop_transform, before, after, weight),
        crop_transform=crop_transform,
        landmarks=no_landmarks(len(rows)) if are_no_landmarks(take.landmarks) else between(take.landmarks),
        confidence=between(take.confidence),
        gap=take.gap[before] | take.gap[after],
        time_s=between(take.time_s),
        fps=fps,
        first_frame=take.first_frame + int(before[0]) if len(rows) else take.first_frame,
    )


def _paced(take: Take, fps: Fraction) -> Take:
    """Return a take whose rows follow each other at a rate, whatever the footage's."""
    return replace(take, fps=fps, time_s=take.time_s[:1] + np.arange(len(take)) / float(fps))


def _between(values: np.ndarray, before: np.ndarray, after: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return values (K, ...) between rows of values (T, ...)."""
    mixed, moved = values[before], np.flatnonzero(weight)
    for start in range(0, len(moved), CHUNK_ROWS):
        rows = moved[start : start + CHUNK_ROWS]
        low, high = (values[at[rows]].astype(np.float64) for at in (before, after))
        high -= low
        high *= weight[rows].reshape(-1, *[1] * (values.ndim - 1))
        mixed[rows] = low + high
    return mixed


def _turned(poses: np.ndarray, before: np.ndarray, after: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return rotation vectors (K, 3) between those of rows, (T, 3), on the shortest way from one to the next."""
    turned = rotations_between(poses[before], poses[after], weight)
    return np.where(weight[:, None] == 0.0, poses[before], turned).astype(poses.dtype)


def _camera_between(
    take: Take, crop_transform: np.ndarray, before: np.ndarray, after: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return cameras (K, 3) for crops (K, 3, 3), by which `picture_scale` goes straight from row to row."""
    cameras = picture_scale(take.camera, take.crop_transform)
    scale, origin_px = (_between(values, before, after, weight) for values in cameras)
    mixed = camera_from_picture(scale, origin_px, crop_transform)
    return np.where(weight[:, None] == 0.0, take.camera[before], mixed).astype(take.camera.dtype)

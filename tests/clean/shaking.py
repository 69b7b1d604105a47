"""Takes that shake as those do whose frames are solved one by one: parameters with white noise."""

from dataclasses import replace

import numpy as np

from smirk_blender.take import Take

NOISE = {"expression": 0.06, "jaw_pose": 0.006, "eyelid": 0.04, "head_pose": 0.005}  # unitless, radians
GAZE_NOISE_RAD = 0.02
SCALE_NOISE, SHIFT_NOISE_M = 0.004, 0.001


def shaking(take: Take, size: float, *, seed: int = 1) -> Take:
    """Return the take with white noise of `size` times the usual in every parameter, independent in every frame."""
    rng = np.random.default_rng(seed)
    still = {name: getattr(take, name) for name in NOISE}
    arrays = {name: values + size * NOISE[name] * rng.normal(size=values.shape) for name, values in still.items()}
    arrays["eyelid"] = arrays["eyelid"].clip(0.0, 1.0)
    eyes = np.tile([GAZE_NOISE_RAD, GAZE_NOISE_RAD, 0.0], 2) * rng.normal(size=(len(take), 6))
    arrays["eye_pose"] = take.eye_pose + size * eyes
    place = rng.normal(size=(len(take), 3)) * [SCALE_NOISE, SHIFT_NOISE_M, SHIFT_NOISE_M]
    arrays["camera"] = take.camera + size * place * np.array([take.camera[:, 0].mean(), 1.0, 1.0])
    return replace(take, **{name: array.astype(np.float32) for name, array in arrays.items()})

"""A solver that only counts, for tests of what happens around it."""

import time

import numpy as np

from smirk_blender.capture.solvers import Solved


class QuickSolver:
    """Its expression's first coefficient is the landmarks' mean x, pixels; everything else is 0.

    Attributes:
        given: crops that it was given, in all.
        told: landmarks of each call of `so_far`.
    """

    name = "quick"
    models = {"head": "none"}
    expression_names = ()
    warnings = ()

    def __init__(self, batch_size: int = 0, *, delay_s: float = 0.0) -> None:
        self.batch_size = batch_size
        self.given = 0
        self.told: list[np.ndarray] = []
        self._delay_s = delay_s

    def add(self, crops: np.ndarray) -> None:
        time.sleep(self._delay_s)
        self.given += len(crops)

    def so_far(self, landmarks: np.ndarray, crop_transforms: np.ndarray) -> Solved:
        assert len(landmarks) == len(crop_transforms) > 0
        self.told.append(landmarks)
        assert not self.batch_size or self.given >= sum(map(len, self.told))
        return self._solved(landmarks)

    def finish(self, landmarks, crop_transforms, progress) -> Solved:
        assert not self.batch_size or self.given == len(landmarks)
        progress(len(landmarks))
        return self._solved(landmarks)

    def _solved(self, landmarks: np.ndarray) -> Solved:
        zeros = lambda columns: np.zeros((len(landmarks), columns), np.float32)
        expression = zeros(4)
        expression[:, 0] = landmarks[:, :, 0].mean(axis=1)
        return Solved(np.zeros(3, np.float32), expression, zeros(3), zeros(2), zeros(3), zeros(6), zeros(3))

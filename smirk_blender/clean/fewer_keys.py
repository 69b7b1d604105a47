"""Fewer keys within a tolerance in millimetres on the mesh: how much each channel may miss, frame by frame.

A channel's tolerance is a budget in metres over how far a unit of it moves the mesh. What all channels miss together
is then measured on the mesh, and the frames' budgets follow until the worst vertex is near the tolerance, not over it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .keys import Curve, fit_curves
from .moved_mesh import MovedMesh

CHUNK = 1000  # frames worked at together; longer takes are put together of such chunks
STILL_SHARE = 0.3  # of the tolerance: what channels with one key may miss together
FIRST_SHARE = 0.3  # of the tolerance: what each channel may miss at first
AIM = 0.97  # of the tolerance
TUNING_ROUNDS = 2  # in which budgets grow and shrink; more gain nothing. Then they only shrink
SHRINKING_ROUNDS = 12  # then frames that still miss more are met exactly
STEP = (0.4, 2.0)  # by which a budget changes in a round, at most
NEIGHBOURS = 6  # frames on either side whose budgets follow a frame's error
WEIGHT_STEP = 0.3  # exponent: how much more channels with many keys may miss than others
LEAST_REACH_M = 1e-9  # metres; what moves the mesh by less per unit moves nothing


@dataclass(frozen=True)
class Reduction:
    """Curves of few keys, and what they cost.

    Attributes:
        curves: one a channel.
        keys_before: with one on every frame.
        greatest_error_m: metres on the mesh, at any vertex of any frame.
    """

    curves: tuple[Curve, ...]
    keys_before: int
    greatest_error_m: float

    @property
    def keys_after(self) -> int:
        return sum(map(len, self.curves))


def reduce_keys(scene_frames: np.ndarray, values: np.ndarray, mesh: MovedMesh, *, tolerance_m: float) -> Reduction:
    """Return curves with as few keys as keep every vertex of every frame within a tolerance of the values.

    Args:
        scene_frames: (T,) rising.
        values: (T, C) of all channels.
        mesh: what the channels move.
        tolerance_m: metres.
    """
    work = KeyReduction(scene_frames, values, mesh, tolerance_m=tolerance_m)
    for rows in work.chunks():
        work.reduce(rows)
    return work.result()


class KeyReduction:
    """What `reduce_keys` does, chunk by chunk of a long take."""

    def __init__(self, scene_frames: np.ndarray, values: np.ndarray, mesh: MovedMesh, *, tolerance_m: float) -> None:
        self._scene_frames, self._values, self._tolerance_m = scene_frames, values, tolerance_m
        self._mesh, self._probes = mesh, mesh.probes()
        self._parts: list[list[Curve]] = []
        self._greatest_m = 0.0
        self._still: dict[int, float] = {}
        for column in _still_columns(values, self._greatest_reach(), STILL_SHARE * tolerance_m):
            self._still[column] = (values[:, column].min() + values[:, column].max()) / 2
        self._moving = [column for column in range(values.shape[1]) if column not in self._still]

    def _greatest_reach(self) -> np.ndarray:
        """Return how far a unit of each channel moves the mesh at most, (C,) metres."""
        return np.max([self._mesh.reach(self._values[rows]).max(axis=0) for rows in self.chunks()], axis=0)

    def chunks(self) -> list[slice]:
        """Return the rows of each chunk; the first is the last of the chunk before."""
        last = len(self._values) - 1
        borders = np.linspace(0, last, max(1, round(last / CHUNK)) + 1).astype(int)
        return [slice(first, end + 1) for first, end in zip(borders, borders[1:])]

    def reduce(self, rows: slice) -> None:
        """Find the curves of the next chunk; touches nothing of Blender's."""
        chunk = _Chunk(self._scene_frames[rows], self._values[rows], self._mesh, self._still, self._moving)
        curves, greatest_m, self._probes = chunk.reduced(self._probes, self._tolerance_m)
        self._parts.append(curves)
        self._greatest_m = max(self._greatest_m, greatest_m)

    def result(self) -> Reduction:
        """Return the whole take's curves."""
        first = self._scene_frames[:1]
        curves = {column: Curve(first, np.array([value]), *np.zeros((2, 1))) for column, value in self._still.items()}
        curves |= {column: _joined(parts) for column, parts in zip(self._moving, zip(*self._parts))}
        in_order = tuple(curves[column] for column in range(self._values.shape[1]))
        return Reduction(in_order, self._values.size, self._greatest_m)


class _Chunk:
    """Some frames of all channels."""

    def __init__(
        self,
        scene_frames: np.ndarray,
        values: np.ndarray,
        mesh: MovedMesh,
        still: dict[int, float],
        moving: Sequence[int],
    ) -> None:
        self._frames, self._values, self._mesh, self._moving = scene_frames, values, mesh, moving
        self._shown = np.array(values, np.float64)
        for column, value in still.items():
            self._shown[:, column] = value
        self._per_metre = 1 / np.maximum(mesh.reach(values)[:, moving], LEAST_REACH_M)  # (T, moving)
        self._weights = np.ones(len(moving))  # of the channels' budgets

    def reduced(self, probes: np.ndarray, tolerance_m: float) -> tuple[list[Curve], float, np.ndarray]:
        """Return the moving channels' curves, the greatest error in metres, and vertices that stand for the mesh."""
        budgets_m = np.full(len(self._frames), FIRST_SHARE * tolerance_m)
        part, best, fewest = self._mesh.part(probes), None, np.inf
        for round_number in range(TUNING_ROUNDS):
            curves = self._fitted(budgets_m)
            errors_m = part.distances(self._values, self._shown)[0]
            num_keys = sum(map(len, curves))
            if errors_m.max() <= tolerance_m and num_keys < fewest:
                best, fewest = budgets_m, num_keys
            if round_number == 0:
                self._weigh(curves)
            nearby_m = np.maximum(_greatest_nearby(errors_m), 1e-3 * tolerance_m)
            budgets_m = budgets_m * np.clip(AIM * tolerance_m / nearby_m, *STEP)
        budgets_m = budgets_m if best is None else best
        for round_number in range(SHRINKING_ROUNDS + len(self._frames)):
            curves = self._fitted(budgets_m)
            errors_m, _ = part.distances(self._values, self._shown)
            if errors_m.max() <= tolerance_m:
                errors_m, worst = self._mesh.distances(self._values, self._shown)
                over = errors_m > tolerance_m
                if not over.any():
                    break
                probes = np.union1d(probes, worst[over])
                part = self._mesh.part(probes)
            nearby_m = _greatest_nearby(errors_m)
            shrunk = np.where(nearby_m > tolerance_m, 0.9 * tolerance_m / np.maximum(nearby_m, tolerance_m), 1.0)
            budgets_m = budgets_m * shrunk
            if round_number >= SHRINKING_ROUNDS:
                budgets_m[errors_m > tolerance_m] = 0.0
        return curves, float(errors_m.max()), probes

    def _fitted(self, budgets_m: np.ndarray) -> list[Curve]:
        """Return curves within budgets (T,) in metres; what they show is known from then on."""
        if not len(self._moving):
            return []
        tolerances = budgets_m[:, None] * self._weights * self._per_metre
        curves = fit_curves(self._frames, self._values[:, self._moving], tolerances)
        for column, curve in zip(self._moving, curves):
            self._shown[:, column] = curve.at(self._frames)
        return curves

    def _weigh(self, curves: Sequence[Curve]) -> None:
        """Give channels with many keys more of the budget: there it saves most."""
        counts = np.array([len(curve) for curve in curves], float)
        if len(counts):
            self._weights = (counts / np.exp(np.mean(np.log(counts)))) ** WEIGHT_STEP


def _greatest_nearby(errors_m: np.ndarray) -> np.ndarray:
    """Return each frame's greatest error (T,) among its neighbours'."""
    padded = np.pad(errors_m, NEIGHBOURS)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1).max(axis=1)


def _still_columns(values: np.ndarray, reach_m: np.ndarray, budget_m: float) -> np.ndarray:
    """Return the channels, of values (T, C), that one key each will do for, if together they may miss that much."""
    missed_m = np.ptp(values, axis=0) / 2 * reach_m
    order = np.argsort(missed_m)
    return order[np.cumsum(missed_m[order]) <= budget_m]


def _joined(parts: Sequence[Curve]) -> Curve:
    """Return one curve of curves that follow each other, each beginning with the key that the one before ends with."""
    tail = lambda name: [getattr(part, name)[1:] for part in parts[1:]]
    whole = lambda name: np.concatenate([getattr(parts[0], name), *tail(name)])
    leaving = np.concatenate([*(part.leaving[:-1] for part in parts[:-1]), parts[-1].leaving])
    return Curve(whole("scene_frames"), whole("values"), whole("arriving"), leaving)

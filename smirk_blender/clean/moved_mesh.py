"""How far apart two versions of the same channels move a mesh: keys that add up, and joints that turn the sum."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

CHUNK_BYTES = 8e6  # of vertices worked at together
SPREAD_PROBES = 300  # vertices all over the mesh that stand for it, besides those that move most


@dataclass(frozen=True)
class Turn:
    """A joint's channels.

    Attributes:
        joint: by number.
        parent: the joint that carries it; -1 for none.
        rotation: columns of the channels that turn it; none where it only goes with its parent.
        matrices: values of these columns (N, n) -> rotation matrices (N, 3, 3), in the channels' own axes.
        per_unit: values (N, n) -> how far a unit of each turns it, (N, n) radians.
        location: columns of the channels that shift it.
        into_mesh: (3, 3) orthogonal: mesh axes = into_mesh @ the channels' axes.
        unit_m: metres on the mesh of one unit of location.
    """

    joint: int
    parent: int
    rotation: tuple[int, ...]
    matrices: Callable[[np.ndarray], np.ndarray]
    per_unit: Callable[[np.ndarray], np.ndarray]
    location: tuple[int, ...]
    into_mesh: np.ndarray
    unit_m: float = 1.0


class _Parts(NamedTuple):
    """A mesh's vertices in another order, those that hang on the same joints together.

    Attributes:
        order: (V,) int, the mesh's numbers of the vertices.
        rest: (3, V) float32.
        directions: (K, 3 V) float32.
        groups: joints (G,), a slice of the vertices, and their weights (G, vertices) float32.
    """

    order: np.ndarray
    rest: np.ndarray
    directions: np.ndarray
    groups: list[tuple[np.ndarray, slice, np.ndarray]]


def _parts_of(rest: np.ndarray, directions: np.ndarray, weights: np.ndarray) -> _Parts:
    sets, which = np.unique(weights != 0, axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel()))
    groups = []
    for joints, end, before in zip(sets, ends, [0, *ends]):
        hanging = slice(before, end)
        groups.append((np.flatnonzero(joints), hanging, weights[order[hanging]][:, joints].T.astype(np.float32)))
    flat = np.ascontiguousarray(np.moveaxis(directions[order], 0, -1).reshape(3, -1, len(rest)).swapaxes(0, 1))
    rest = np.ascontiguousarray(rest[order].T, np.float32)
    return _Parts(order, rest, flat.reshape(len(flat), -1).astype(np.float32, copy=False), groups)


@dataclass(frozen=True)
class MovedMesh:
    """What channels do to a mesh: posed = skin(rest + sum of values times directions) + values times late directions.

    Attributes:
        rest: (V, 3) float32, metres.
        directions: (V, 3, K) float32, metres per unit of each of `keys`.
        keys: columns of the channels that go with the directions.
        limits: (K, 2) least and greatest value that counts; what lies beyond is taken for that.
        late: (K,) bool, directions that are added after the joints have turned the mesh.
        weights: (V, J) of each joint.
        joints: (J, 3) metres, about which they turn.
        turns: of every joint, parents first.
    """

    rest: np.ndarray
    directions: np.ndarray
    keys: tuple[int, ...]
    limits: np.ndarray
    late: np.ndarray
    weights: np.ndarray
    joints: np.ndarray
    turns: tuple[Turn, ...]
    _parts: "_Parts" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", _parts_of(self.rest, self.directions, self.weights))

    def part(self, vertices: np.ndarray) -> "MovedMesh":
        """Return some of the vertices (N,), which move as they do on this mesh."""
        directions, weights = self.directions[vertices], self.weights[vertices]
        return replace(self, rest=self.rest[vertices], directions=directions, weights=weights)

    def reach(self, values: np.ndarray) -> np.ndarray:
        """Return how far a unit of each channel moves the vertex that it moves most, about there, (T, C) metres.

        Args:
            values: (T, C) of all channels.
        """
        reach = np.zeros(values.shape)
        reach[:, list(self.keys)] = np.sqrt(np.einsum("vkc,vkc->vc", self.directions, self.directions).max(axis=0))
        for turn in self.turns:
            weight = self._carried(turn.joint)
            arm_m = float((weight * np.linalg.norm(self.rest - self.joints[turn.joint], axis=1)).max())
            if turn.rotation:
                reach[:, list(turn.rotation)] = arm_m * turn.per_unit(values[:, list(turn.rotation)])
            reach[:, list(turn.location)] = float(weight.max()) * turn.unit_m
        return reach

    def probes(self) -> np.ndarray:
        """Return vertices that stand for the mesh: those that each channel moves most, and some all over it."""
        furthest = [np.einsum("vkc,vkc->vc", self.directions, self.directions).argmax(axis=0)]
        for turn in self.turns:
            arms = self._carried(turn.joint)[:, None] * (self.rest - self.joints[turn.joint])
            furthest += [arms.argmax(axis=0), arms.argmin(axis=0)]
        spread = np.linspace(0, len(self.rest) - 1, SPREAD_PROBES).astype(int)
        return np.unique(np.concatenate([*furthest, spread]))

    def distances(self, values: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far the worst vertex is off in each frame, (T,) metres, and which it is, (T,).

        Args:
            values, others: (T, C) of all channels.
        """
        at_once = max(1, int(CHUNK_BYTES / self.rest.nbytes))
        greatest, worst = np.empty(len(values)), np.empty(len(values), int)
        for first in range(0, len(values), at_once):
            frames = slice(first, first + at_once)
            squared = self._squared_distances(values[frames], others[frames])
            worst[frames] = squared.argmax(axis=1)
            greatest[frames] = np.sqrt(np.take_along_axis(squared, worst[frames, None], axis=1)[:, 0])
        return greatest, self._parts.order[worst]

    def _squared_distances(self, values: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return (N, V) float32, square metres; differences are taken before sums, for float32 to be exact enough.

        What a joint leaves between the two is its other turn of the offset between them, and what its turns do
        differently to the unposed vertex: a linear function of the seven numbers (offset, vertex, 1).
        """
        transforms, other_transforms = self._transforms(values), self._transforms(others)  # (N, J, 3, 4)
        keys, others_keys = (np.clip(array[:, list(self.keys)], *self.limits.T) for array in (values, others))
        missed = others_keys - keys
        numbers = np.ones((len(values), 7, len(self.rest)), np.float32)
        numbers[:, :3] = self._moved(np.where(self.late, 0.0, missed))
        numbers[:, 3:6] = self._parts.rest + self._moved(np.where(self.late, 0.0, keys))
        left = np.concatenate([other_transforms[..., :3], other_transforms - transforms], axis=-1)  # (N, J, 3, 7)
        left = np.swapaxes(left, 1, 2).astype(np.float32)
        squared = np.empty((len(values), len(self.rest)), np.float32)
        late = self._moved(np.where(self.late, missed, 0.0)) if self.late.any() else None
        for joints, vertices, weights in self._parts.groups:
            weighted = weights[:, None] * numbers[:, None, :, vertices]  # (N, joints, 7, G)
            weighted = weighted.reshape(len(values), -1, weighted.shape[-1])
            offsets = left[:, :, joints].reshape(len(values), 3, -1) @ weighted
            if late is not None:
                offsets += late[..., vertices]
            squared[:, vertices] = np.square(offsets, out=offsets).sum(axis=1)
        return squared

    def _moved(self, coefficients: np.ndarray) -> np.ndarray:
        """Return (N, 3, V) float32, the sum of the directions with these coefficients (N, K)."""
        used = np.flatnonzero(np.any(coefficients, axis=0))
        moved = coefficients[:, used].astype(np.float32) @ self._parts.directions[used]
        return moved.reshape(len(coefficients), 3, -1)

    def _transforms(self, values: np.ndarray) -> np.ndarray:
        """Return what each joint does to the vertices that hang on it, (N, J, 3, 4) float64."""
        done = np.zeros((len(values), len(self.joints), 3, 4))
        done[..., :3] = np.eye(3)
        for turn in self.turns:
            pivot, axes = self.joints[turn.joint], turn.into_mesh
            matrix, shift = np.broadcast_to(np.eye(3), (len(values), 3, 3)), 0.0
            if turn.rotation:
                matrix = axes @ turn.matrices(values[:, list(turn.rotation)]) @ axes.T
            if turn.location:
                shift = turn.unit_m * values[:, list(turn.location)] @ axes.T
            own = np.concatenate([matrix, (pivot + shift - matrix @ pivot)[..., None]], axis=-1)
            if turn.parent >= 0:
                carrier = done[:, turn.parent]
                own = carrier[..., :3] @ own
                own[..., 3] += carrier[..., 3]
            done[:, turn.joint] = own
        return done

    def _carried(self, joint: int) -> np.ndarray:
        """Return how far each vertex follows a joint, (V,): its weight on it and on all that it carries."""
        carried = {joint}
        for turn in self.turns:
            if turn.parent in carried:
                carried.add(turn.joint)
        return self.weights[:, sorted(carried)].sum(axis=1)

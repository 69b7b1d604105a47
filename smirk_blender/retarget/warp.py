"""A smooth warp that lays landmarks of one face on those of another, and how it carries small movements."""

from dataclasses import dataclass

import numpy as np

from .nearest import distances

ROUNDING = 0.15  # of the landmarks' spread: within so much the warp bends smoothly round a landmark
YIELDING = 0.002  # how little it insists on every landmark: millimetres of noise are evened out
MISPLACED = 0.06  # of the spread on the character, off where the others would put it: counts for a quarter
OUTLYING = 3.0  # or as many times what is usual, where that is more
ROUNDS = 4
NEIGHBOURHOOD = 0.4  # of the spread: whose landmarks tell how movements are carried; a mouth and its surroundings
FEW = 1.5  # landmarks' worth of the face as a whole that is mixed into every neighbourhood
THINNEST, THICKEST = 0.4, 2.5  # times the whole face's scale, that movements may shrink or grow by


@dataclass(frozen=True)
class Similarity:
    """target = matrix @ source + shift; the matrix turns, scales, and mirrors where the faces are mirror images."""

    matrix: np.ndarray
    shift: np.ndarray

    @property
    def scale(self) -> float:
        return float(abs(np.linalg.det(self.matrix)) ** (1 / 3))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return points @ self.matrix.T + self.shift


@dataclass(frozen=True)
class Warp:
    """Carries points of one face onto another.

    Attributes:
        whole: what is common to all landmarks.
        sources, targets: (L, 3) the landmarks on both.
        trust: (L,) 0 to 1, how well each fits in with the others.
        spread: root mean square distance of the sources from their middle.
        coefficients: (L + 4, 3) of the bending about each source, then of the straight part.
    """

    whole: Similarity
    sources: np.ndarray
    targets: np.ndarray
    trust: np.ndarray
    spread: float
    coefficients: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return where points (P, 3) of the first face lie on the other, (P, 3)."""
        return self.whole(points) + _columns(points, self.sources, self.spread) @ self.coefficients

    def matrices(self, points: np.ndarray) -> np.ndarray:
        """Return what carries small movements at points (P, 3), (P, 3, 3): new = matrix @ old.

        It is the straight map that the landmarks around agree on best, and where they tell nothing, such as across the
        surface, that of the whole face. No direction grows or shrinks beyond THINNEST and THICKEST of the whole.
        """
        near = np.exp(-0.5 * (distances(points, self.sources) / (NEIGHBOURHOOD * self.spread)) ** 2) * self.trust
        total = near.sum(axis=1)
        share = near / np.maximum(total, np.finfo(float).tiny)[:, None]
        source_middle, target_middle = share @ self.sources, share @ (self.targets - self.whole(self.sources))
        apart = self.sources[None] - source_middle[:, None]  # (P, L, 3)
        missed = (self.targets - self.whole(self.sources))[None] - target_middle[:, None]
        weighted = near[..., None] * apart
        square = weighted.swapaxes(1, 2) @ apart  # (P, 3, 3)
        square += FEW * (NEIGHBOURHOOD * self.spread) ** 2 * np.eye(3)
        bent = np.linalg.solve(square, weighted.swapaxes(1, 2) @ missed).swapaxes(1, 2)
        left, singular, right = np.linalg.svd(self.whole.matrix + bent)
        singular = np.clip(singular, THINNEST * self.whole.scale, THICKEST * self.whole.scale)
        return (left * singular[:, None]) @ right


def fit_similarity(sources: np.ndarray, targets: np.ndarray, trust: np.ndarray) -> Similarity:
    """Return the least-squares similarity from (L, 3) onto (L, 3), mirrored where that fits better.

    Source: Umeyama (1991), without its restriction to proper rotations.
    """
    share = trust / trust.sum()
    source_middle, target_middle = share @ sources, share @ targets
    source, target = sources - source_middle, targets - target_middle
    left, singular, right = np.linalg.svd(target.T @ (share[:, None] * source))
    matrix = singular.sum() / (share @ (source**2).sum(axis=1)) * (left @ right)
    return Similarity(matrix, target_middle - matrix @ source_middle)


def fit_warp(sources: np.ndarray, targets: np.ndarray) -> Warp:
    """Return a warp from landmarks (L, 3) to landmarks (L, 3) that a few misplaced ones do not bend.

    Source: thin plates in space, after Bookstein (1989), with a rounded kernel (Hardy's multiquadric).
    """
    spread = float(np.sqrt(((sources - sources.mean(axis=0)) ** 2).sum(axis=1).mean()))
    trust = np.ones(len(sources))
    for _ in range(ROUNDS):
        whole = fit_similarity(sources, targets, trust)
        rest = targets - whole(sources)
        matrix = np.zeros((len(sources) + 4, len(sources) + 4))
        columns = _columns(sources, sources, spread)
        matrix[: len(sources)] = columns
        matrix[len(sources) :, : len(sources)] = columns[:, len(sources) :].T
        rows = np.arange(len(sources))
        matrix[rows, rows] += YIELDING / trust
        known = np.concatenate([rest, np.zeros((4, 3))])
        inverse = np.linalg.inv(matrix)
        coefficients = inverse @ known
        # What a landmark is off where the others alone would put it.
        alone = coefficients[rows] / np.diag(inverse)[rows, None]
        off = np.linalg.norm(alone, axis=1) / (whole.scale * spread)
        usual = max(MISPLACED, OUTLYING * float(np.median(off)))  # a dozen landmarks tell little of each other
        trust = 1.0 / (1.0 + (off / usual) ** 2) ** 2
    return Warp(whole, sources, targets, trust, spread, coefficients)


def _columns(points: np.ndarray, sources: np.ndarray, spread: float) -> np.ndarray:
    """Return (P, L + 4): the kernel about every source, then 1, x, y, z."""
    bend = -np.sqrt((distances(points, sources) / spread) ** 2 + ROUNDING**2)
    middle = sources.mean(axis=0)
    return np.concatenate([bend, np.ones((len(points), 1)), (points - middle) / spread], axis=1)


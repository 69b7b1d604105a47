"""Few keys for many values: curves of cubic Bezier pieces that pass within a tolerance of every value.

All handles lie at a third of the way to the next key, so that a piece is a cubic polynomial in time, and what Blender
shows can be said here to the last bit or two. Every key lies on one of the values.
"""

from dataclasses import dataclass

import numpy as np

BLOCK = 250  # frames fitted on their own, from key to key: so many pieces grow at a time
FIRST_GUESS = 4  # frames that a piece may span, tried first
TINY = 1e-100  # nothing, yet its square is not 0
RIDGE = 1e-6  # of a piece's weights: decides between handles where one value lies between two keys


@dataclass(frozen=True)
class Curve:
    """One channel's keys.

    Attributes:
        scene_frames: (K,) float64, rising.
        values: (K,) float64.
        arriving, leaving: (K,) float64, slopes on either side of each key, units per scene frame; its handles lie on
            these slopes, a third of the way to the next key.
    """

    scene_frames: np.ndarray
    values: np.ndarray
    arriving: np.ndarray
    leaving: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def at(self, scene_frames: np.ndarray) -> np.ndarray:
        """Return the values at scene frames (N,); before the first key and behind the last it is level."""
        if len(self) == 1:
            return np.full(len(scene_frames), self.values[0])
        piece = np.clip(np.searchsorted(self.scene_frames, scene_frames, side="right") - 1, 0, len(self) - 2)
        start, span = self.scene_frames[piece], np.diff(self.scene_frames)[piece]
        share = np.clip((scene_frames - start) / span, 0.0, 1.0)
        rest = 1.0 - share
        low, high = self.values[piece], self.values[piece + 1]
        after_low, before_high = low + self.leaving[piece] * span / 3, high - self.arriving[piece + 1] * span / 3
        return rest**3 * low + 3 * rest**2 * share * after_low + 3 * rest * share**2 * before_high + share**3 * high


def fit_curves(scene_frames: np.ndarray, values: np.ndarray, tolerances: np.ndarray) -> list[Curve]:
    """Return a curve for each channel that passes within its tolerance of every value.

    The longest piece that does is taken, time after time; its handles are those of least squares. The first and the
    last value of a channel are met.
    Args:
        scene_frames: (T,) rising.
        values: (T, C).
        tolerances: (T, C), in the channels' units.
    """
    num_frames, num_channels = values.shape
    if num_frames == 1:
        return [Curve(scene_frames, channel, np.zeros(1), np.zeros(1)) for channel in values.T]
    flat = _Flat(scene_frames, np.ascontiguousarray(values.T).ravel(), np.ascontiguousarray(tolerances.T).ravel())
    start, end, leaving, arriving = _longest_pieces(flat, num_channels)
    firsts = np.arange(num_channels) * num_frames
    bounds = np.searchsorted(start, [*firsts, num_channels * num_frames])
    curves = []
    for first, low, high in zip(firsts, bounds, bounds[1:]):
        keys = np.append(start[low:high], end[high - 1])
        slopes_after = np.append(leaving[low:high], arriving[high - 1])
        slopes_before = np.append(leaving[low], arriving[low:high])
        curves.append(Curve(scene_frames[keys - first], flat.values[keys], slopes_before, slopes_after))
    return curves


@dataclass(frozen=True)
class _Flat:
    """All channels' values, one channel after the other: (C T,). Pieces are known by where they start and end in these.

    Attributes:
        scene_frames: (T,).
        values, tolerances: (C T,).
    """

    scene_frames: np.ndarray
    values: np.ndarray
    tolerances: np.ndarray


def _longest_pieces(flat: _Flat, num_channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return where pieces start and end, (P,) int, in order, and their slopes there, (P,).

    All blocks of all channels are worked at together: each has one piece that grows while it fits, then shrinks to
    where it just did.
    """
    num_frames = len(flat.scene_frames)
    borders = np.unique(np.append(np.arange(0, num_frames - 1, BLOCK), num_frames - 1))
    firsts = num_frames * np.arange(num_channels)[:, None]
    start, last = (firsts + borders[:-1]).ravel(), (firsts + borders[1:]).ravel()
    room = last - start
    tried = np.minimum(FIRST_GUESS, room)  # frames spanned
    low, high = np.zeros_like(start), room + 1  # spans known to fit, and known or taken not to
    best = np.zeros((len(start), 2))
    found = []
    while len(start):
        fits, slopes = _fitted(flat, start, tried)
        low, high = np.where(fits, tried, low), np.where(fits, high, tried)
        best[fits] = slopes[fits]
        done = low + 1 == high
        found.append((start[done], (start + low)[done], *best[done].T))
        start, room = np.where(done, start + low, start), np.where(done, room - low, room)
        growing = np.where(high > room, np.minimum(2 * low, high - 1), (low + high) // 2)
        tried = np.where(done, np.minimum(low, room), growing)  # the next one is likely to be as long
        low, high = np.where(done, 0, low), np.where(done, room + 1, high)
        left = room > 0
        start, room, tried, low, high, best = (array[left] for array in (start, room, tried, low, high, best))
    pieces = [np.concatenate(column) for column in zip(*found)]
    return tuple(column[np.argsort(pieces[0])] for column in pieces)


def _fitted(flat: _Flat, start: np.ndarray, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each piece passes within the tolerance of all values that it spans, and its slopes.

    Args:
        start: (L,) of each piece.
        spans: (L,) frames from its start to its end; one frame always fits.
    Returns:
        (L,) bool, (L, 2) slopes at its start and its end, units per scene frame.
    """
    counts = spans + 1
    offsets = np.cumsum(counts) - counts
    spread, total = lambda array: np.repeat(array, counts), lambda array: np.add.reduceat(array, offsets)
    at = np.arange(counts.sum()) + spread(start - offsets)  # every value of every piece
    row = start % len(flat.scene_frames)
    length = flat.scene_frames[row + spans] - flat.scene_frames[row]
    chord = (flat.values[start + spans] - flat.values[start]) / length
    since = flat.scene_frames[at - spread(start - row)] - spread(flat.scene_frames[row])
    off_chord = flat.values[at] - spread(flat.values[start]) - since * spread(chord)
    share = since / spread(length)
    both = 3.0 * share * (1.0 - share)
    near, far = both * (1.0 - share), both * share  # weights of the two handles
    nn, ff, nf = total(near * near), total(far * far), total(near * far)
    by_near, by_far = total(near * off_chord), total(far * off_chord)
    ridge = RIDGE * (nn + ff) + TINY
    nn, ff = nn + ridge, ff + ridge
    determinant = nn * ff - nf * nf
    handle_near = (ff * by_near - nf * by_far) / determinant  # off the chord
    handle_far = (nn * by_far - nf * by_near) / determinant
    missed = np.abs(off_chord - spread(handle_near) * near - spread(handle_far) * far)
    missed[offsets] = missed[offsets + spans] = 0.0  # the ends are met
    fits = np.logical_and.reduceat(missed <= flat.tolerances[at], offsets)
    third = length / 3
    return fits, np.column_stack([chord + handle_near / third, chord - handle_far / third])

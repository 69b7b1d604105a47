"""What stands in gaps and spikes: smooth curves across short ones, a rest or a hold in long ones."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..take import Take
from ..take.clean_up import Fill
from ..take.fill import gap_ranges
from .groups import ARRAYS, group_channels, with_group_channels

SIDE_ROWS = 3  # known rows on each side that shape a curve: its slope at the last one comes from the one beyond
RESTING = ("expression", "jaw", "lids")  # groups that go to neutral; a head and its gaze hold, wherever they are
QUATERNIONS = (slice(0, 4), slice(4, 8))  # of the head's channels
OPEN_LIDS = 0.5  # lids below it are open, of which the median is how this actor's eyes are open


class Resting(Protocol):
    """A face at rest: (E,), (3,) and (2,), as in a take."""

    expression: np.ndarray
    jaw_pose: np.ndarray
    eyelid: np.ndarray


def mended(
    take: Take, spikes: Mapping[str, np.ndarray], settings: Fill, neutral: Resting | None = None
) -> Take:
    """Return the take with the frames in its gaps, and in the spikes of each group, drawn anew from those around them.

    Up to `limit_s` a curve runs from side to side that overshoots neither (monotone cubics), so that lids stay between
    0 and 1 and a jaw between its neighbours. Longer ones ease to neutral within `ease_s`, rest, and come back as
    slowly; the head and the gaze, or with `beyond` "hold" everything, stay where they were and come back to where they
    are next. Before the first known frame and after the last there is one side only. Other frames keep their values to
    the last bit, and so does what is mended when it is mended again. A group without a known frame stays as it is.
    Args:
        spikes: (T,) bool by group, as of `find_spikes`; groups may be left out.
        neutral: where the face goes in long gaps; without one to an expression and a jaw of 0 and the take's open lids.
    """
    if not settings.enabled:
        return take
    changed = take
    for group in ARRAYS:
        unknown = take.gap | spikes[group] if group in spikes else take.gap
        if unknown.any() and not unknown.all():
            channels = group_channels(take, group)
            rest = _rest(take, group, ~unknown, neutral) if settings.beyond == "neutral" else None
            quaternions = QUATERNIONS if group == "head" else ()
            filled = _filled(channels, unknown, rest, quaternions, settings, float(take.fps))
            changed = with_group_channels(changed, {group: filled}, unknown)
    return changed


def _rest(take: Take, group: str, known: np.ndarray, neutral: Resting | None) -> np.ndarray | None:
    """Return a group's channels at rest, (C,); None for one that holds."""
    if group not in RESTING:
        return None
    name = ARRAYS[group][0]
    values = getattr(take, name)
    if neutral is not None:
        return np.asarray(getattr(neutral, name), np.float64)
    if group != "lids":
        return np.zeros(values.shape[1])
    open_eyes = values[known & np.all(values < OPEN_LIDS, axis=1)]
    return np.median(open_eyes, axis=0).astype(np.float64) if len(open_eyes) else np.zeros(2)


def _filled(
    channels: np.ndarray,
    unknown: np.ndarray,
    rest: np.ndarray | None,
    quaternions: tuple[slice, ...],
    settings: Fill,
    fps: float,
) -> np.ndarray:
    """Return channels (T, C) with the unknown rows drawn anew."""
    filled, known = channels.copy(), np.flatnonzero(~unknown)
    for first, last in gap_ranges(unknown):
        after = int(np.searchsorted(known, first))
        sides = known[max(after - SIDE_ROWS, 0) : after + SIDE_ROWS]
        knots = {float(row): channels[row] for row in sides}
        before, beyond = first - 1, last + 1  # both known, but at the take's ends
        num_rows = last - first + 1
        ease = min(settings.ease_s * fps, 0.5 * (num_rows + 1))  # frames
        if num_rows > settings.limit_s * fps:
            has_sides = before >= 0, beyond < len(channels)
            held = channels[before if has_sides[0] else beyond]
            still = held if rest is None else rest
            if has_sides[0] and rest is None:
                knots[before + 1e-3] = held  # held from here, not once it has slowed down
            elif has_sides[0]:
                knots[before + ease] = still
            if has_sides[1] and (has_sides[0] or rest is not None):
                knots[beyond - ease] = still
        rows = np.arange(first, last + 1)
        at = np.array(sorted(knots))
        values = np.stack([knots[row] for row in at])
        for columns in quaternions:  # what lies in the gap may have turned their signs
            values[:, columns] *= np.where(values[:, columns] @ values[0, columns] < 0, -1.0, 1.0)[:, None]
        curve = PchipInterpolator(at, values) if len(at) > 1 else None
        inside = np.clip(rows, at[0], at[-1])  # held beyond the last knot
        filled[rows] = curve(inside) if curve else values[0]
    return filled

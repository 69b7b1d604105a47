"""Lips and lids that met before the smoothing meet after it.

A closure may last a single frame, and lips that rest on each other do so by jaw and expression together, which are
smoothed each for itself. So where lips or lids were shut, and just beside, they get the gaps that they had: to the last
bit in blinks and closures, smoothed elsewhere, by the least change of expression and jaw, or of the lids, that does it.
The rest of the face stays smooth.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.linalg import block_diag
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ..errors import HeadError
from ..flame import Head
from ..flame.per_head import once_a_head
from ..take import Take
from ..take.clean_up import Smoothing
from .contact import Slits, gaps_mm, lid_slits, lip_slits
from .smooth import calmed
from .spikes import played_rows
from .targets import smoothstep

SHUT_MM, APART_MM = 1.0, 2.0  # of a gap: given back whole below the first, left as smoothed above the second
BESIDE_S = 0.12  # before and after a contact, in which the lips come together and part: given back likewise
SIDE_FRAMES = 1.0  # standard deviation, in which the gaps of a contact become smoothed ones
KEPT_MM = 0.2  # nearer to what it was a gap need not be; nobody sees it, and it would bring back what shook
RIDGE_MM = 0.05  # how exactly a gap is given back
JAW_SIGMA_RAD = 0.05  # how readily the jaw changes beside the expression's own spread
ROUNDS = 2  # gaps are all but straight lines in the parameters
JAW_STEP_RAD = 0.02  # of the difference quotient


def with_contacts_of(
    take: Take,
    before: Take,
    head: Head,
    settings: Smoothing,
    played: tuple[np.ndarray, np.ndarray] | None = None,
) -> Take:
    """Return a smoothed take whose lips and lids meet where they met before. Frames in which they do stay as they are.

    Args:
        before: the same take before it was smoothed.
        settings: by which it was; what was not smoothed at all stays as it is to the last bit.
        played: the `spikes.played_rows` of it, where they are known already.
    """
    strengths = {None: max(settings.expression, settings.jaw), 0: settings.lids, 1: settings.lids}
    slits = [(eye, slit) for eye, slit in _all_slits(head) if strengths[eye] > 0]
    if not settings.enabled or not slits:
        return take
    blinking, closing = played_rows(before) if played is None else played
    changes = [_lip_change(head, take, slit) if eye is None else _lid_change(head, slit, eye) for eye, slit in slits]
    whole, columns = _together([slit for _, slit in slits])
    wanted = gaps_mm(before, head, whole).astype(np.float64)
    targets = []
    for (eye, _), part in zip(slits, columns):
        how = {"seen": ~take.gap, "fps": float(take.fps), "strength": strengths[eye]}
        targets.append(_targets(wanted[:, part], closing if eye is None else blinking, **how))
    for _ in range(ROUNDS):
        now, done = gaps_mm(take, head, whole), True
        for part, (target, shut), change in zip(columns, targets, changes):
            lacking = target - now[:, part]
            lacking = shut * np.sign(lacking) * np.maximum(np.abs(lacking) - KEPT_MM, 0.0)
            if lacking.any():
                take, done = change(take, lacking), False
        if done:
            break
    return take


def _targets(
    gaps: np.ndarray, played: np.ndarray, *, seen: np.ndarray, fps: float, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gaps to have, (T, G) millimetres, and how far they are to be met, (T, 1) 0 to 1.

    Args:
        gaps: (T, G) before.
        played: (T,) bool, where the gaps are no noise.
        seen, fps, strength: as of `smooth.calmed`.
    """
    calm = calmed(gaps, np.zeros(gaps.shape[1], int), seen=seen, fps=fps, strength=strength)
    reach = 2 * round(BESIDE_S * fps) + 1
    kept = gaussian_filter1d(maximum_filter1d(played.astype(np.float64), reach), SIDE_FRAMES, truncate=2.0)
    targets = np.where(played[:, None], gaps, calm + kept[:, None] * (gaps - calm))
    shut = maximum_filter1d(1.0 - smoothstep(targets.max(axis=1), SHUT_MM, APART_MM), reach)
    return targets, shut[:, None]


def _lip_change(head: Head, take: Take, slits: Slits) -> Callable:
    """Return what changes expression and jaw for gaps between the lips."""
    num_expression = take.expression.shape[1]
    part = head.part(slits.vertices, take.shape)
    gaps_of = lambda **rows: 1000.0 * part.vertices(**rows)[..., 1] @ slits.weights.T
    directions = part.expression_directions[:, 1, :num_expression].astype(np.float64)
    jaw = gaps_of(jaw_pose=np.float32([[-JAW_STEP_RAD, 0, 0], [JAW_STEP_RAD, 0, 0]]))
    per_jaw = (jaw[1] - jaw[0]) / (2 * JAW_STEP_RAD)
    jacobian = np.concatenate([1000.0 * slits.weights @ directions, per_jaw[:, None]], axis=1)  # (G, E + 1)
    variance = np.array([head.expression_prior.spread**2] * num_expression + [JAW_SIGMA_RAD**2])
    square = (jacobian * variance) @ jacobian.T + RIDGE_MM**2 * np.eye(len(jacobian))
    answer = np.linalg.solve(square, jacobian * variance)  # (G, E + 1)

    def changed(take: Take, lacking: np.ndarray) -> Take:
        step = (lacking @ answer).astype(np.float32)
        jaw_pose = take.jaw_pose.copy()
        jaw_pose[:, 0] += step[:, -1]
        return replace(take, expression=take.expression + step[:, :-1], jaw_pose=jaw_pose)

    return changed


def _lid_change(head: Head, slits: Slits, eye: int) -> Callable:
    """Return what changes one eye's lids for a gap between them, so that its widest place gets it."""
    per_lid = 1000.0 * slits.weights @ head.eyelid_directions[slits.vertices, 1, eye].astype(np.float64)  # below 0

    def changed(take: Take, lacking: np.ndarray) -> Take:
        steps = lacking / per_lid
        eyelid = take.eyelid.copy()
        eyelid[:, eye] += np.where(steps.max(axis=1) > 0, steps.max(axis=1), steps.min(axis=1)).astype(np.float32)
        return replace(take, eyelid=np.clip(eyelid, min(take.eyelid.min(), 0.0), max(take.eyelid.max(), 1.0)))

    return changed


def _together(slits: list[Slits]) -> tuple[Slits, list[slice]]:
    """Return slits as one, and where each one's places are in it."""
    rows = np.cumsum([0, *(len(slit.weights) for slit in slits)])
    parts = [slice(first, end) for first, end in zip(rows, rows[1:])]
    vertices = np.concatenate([slit.vertices for slit in slits])
    return Slits(vertices, block_diag(*(slit.weights for slit in slits))), parts


@once_a_head
def _all_slits(head: Head) -> list[tuple[int | None, Slits]]:
    """Return the slits that the head has, the lips' (None) and each eye's by its number."""
    try:
        slits = [(None, lip_slits(head))]
    except HeadError:  # no landmarks on the lips: where they meet is not known, and nothing here needs it
        slits = []
    lids = None if head.eyelid_directions is None else lid_slits(head)
    return [*slits, *enumerate(lids or ())]

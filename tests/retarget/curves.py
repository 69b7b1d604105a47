"""Made-up ARKit curves."""

from fractions import Fraction

import numpy as np

from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.retarget.arkit_curves import INDEX, ArkitCurves, eyes_of

# Of each of these one weighs 0 while the other does not: a head shows their difference.
OPPOSITE = [("jawLeft", "jawRight")]
OPPOSITE += [(f"eyeLookUp{side}", f"eyeLookDown{side}") for side in ("Left", "Right")]
OPPOSITE += [(f"eyeLookIn{side}", f"eyeLookOut{side}") for side in ("Left", "Right")]


def made_up_curves(num_frames: int, *, fps: Fraction = Fraction(60), seed: int = 0, **replacements) -> ArkitCurves:
    """Return curves in which everything moves, and the eyes turn as the looks say; opposite looks take turns."""
    rng = np.random.default_rng(seed)
    weights = rng.random((num_frames, len(ARKIT_NAMES)))
    for pair in OPPOSITE:
        weights[np.arange(num_frames), [INDEX[name] for name in rng.choice(pair, num_frames)]] = 0.0
    rows = np.arange(num_frames)
    parts = dict(
        weights=weights,
        head=0.5 * np.sin(rows[:, None] * [0.05, 0.03, 0.02] + [0, 1, 2]),
        eyes=np.zeros((num_frames, 6)),
        time_s=rows / float(fps),
        fps=fps,
    )
    looking = ArkitCurves(**parts)
    return ArkitCurves(**(parts | {"eyes": eyes_of(looking)} | replacements))

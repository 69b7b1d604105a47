"""The identity directions: smooth deformations of space, one standard deviation each (millimetres).

They act on every part alike. Near an eye all points move as the eyeball does, so that lids and ball stay together.
"""

import numpy as np

from .clay import EYE_CENTRE
from .distance import smoothstep
from .pulls import Pull, pulled

JAW = (0, -60, 20)
IDENTITY = {
    "faceWidth": (Pull((0, 0, 0), (150, 190, 190), scale=(0.055, 0.0, 0.0)),),
    "faceLength": (Pull((0, 30, 0), (200, 200, 220), scale=(0.0, 0.06, 0.0)),),
    "headDepth": (Pull((0, 50, -20), (200, 200, 200), scale=(0.0, 0.0, 0.06)),),
    "skullHeight": (Pull((0, 130, -20), (130, 90, 150), (0, 6.0, 0)),),
    "foreheadWidth": (Pull((60, 70, 10), (60, 60, 80), (4.0, 0, 0)),),
    "foreheadSlope": (Pull((0, 95, 60), (80, 48, 70), (0, 0, -5.0)),),
    "jawWidth": (Pull((50, -42, 8), (48, 54, 68), (4.2, 0, 0)),),
    "chinWidth": (Pull((22, -72, 48), (30, 26, 40), (3.0, 0, 0)),),
    "chinLength": (Pull((0, -78, 45), (60, 36, 60), (0, -4.5, 0)),),
    "chinForward": (Pull((0, -72, 55), (48, 32, 50), (0, 0, 4.5)),),
    "cheekboneWidth": (Pull((56, 8, 22), (38, 34, 48), (4.0, 0, 0.8)),),
    "cheekFullness": (Pull((42, -28, 34), (34, 36, 44), (4.2, 0, 3.0)),),
    "browRidge": (Pull((22, 46, 58), (30, 15, 28), (0, 0, 2.4)),),
    "browHeight": (Pull((28, 49, 55), (38, 17, 34), (0, 2.6, 0)),),
    "eyeSpacing": (Pull(tuple(EYE_CENTRE), (30, 30, 46), (1.9, 0, 0)),),
    "eyeHeight": (Pull(tuple(EYE_CENTRE), (36, 26, 46), (0, 2.2, 0)),),
    "eyeDepth": (Pull(tuple(EYE_CENTRE), (32, 24, 46), (0, 0, 1.8)),),
    "eyeSize": (Pull(tuple(EYE_CENTRE), (34, 30, 46), scale=(0.085, 0.085, 0.085)),),
    "eyeTilt": (
        Pull((46, 30, 44), (15, 15, 30), (0, 1.6, 0)),
        Pull((16, 28, 50), (12, 13, 30), (0, -1.0, 0)),
    ),
    "noseLength": (Pull((0, -10, 72), (32, 30, 48), (0, -3.2, 0)),),
    "noseWidth": (Pull((14, -9, 66), (15, 18, 26), (2.3, 0, 0)),),
    "noseBridge": (Pull((0, 20, 62), (17, 28, 30), (0, 0, 2.4)),),
    "noseBridgeWidth": (Pull((8, 18, 60), (11, 24, 26), (1.3, 0, 0)),),
    "noseTipForward": (Pull((0, -5, 80), (20, 18, 32), (0, 0, 3.2)),),
    "noseTipUp": (Pull((0, -7, 82), (15, 15, 26), (0, 2.6, 0)),),
    "mouthWidth": (Pull((25, -40, 52), (26, 24, 34), (3.2, 0, -0.8)),),
    "mouthHeight": (Pull((0, -40, 62), (46, 28, 44), (0, 2.6, 0)),),
    "mouthForward": (Pull((0, -39, 64), (40, 30, 36), (0, 0, 2.8)),),
    "lipFullness": (Pull((0, -39.7, 66), (34, 17, 24), (0, 0, 1.0), scale=(0.0, 0.24, 0.0)),),
    "neckWidth": (Pull((0, -110, -30), (110, 70, 110), scale=(0.09, 0.0, 0.07)),),
    "earSize": (Pull((74, 10, -24), (26, 48, 34), scale=(0.14, 0.14, 0.14)),),
    "earFlare": (Pull((86, 12, -36), (22, 44, 26), (4.0, 0, 1.0)),),
}
# Named directions do not make every face: these shift one place each, sideways (away from the middle), up and out.
SCULPT_RADIUS, SCULPT_MOVE = 32.0, 3.0  # millimetres
SCULPTED = {
    "hairline": (0, 90, 60),
    "foreheadSide": (45, 80, 45),
    "temple": (62, 45, 25),
    "earFront": (70, 10, 0),
    "jawAngle": (66, -25, 0),
    "jawSide": (55, -55, 15),
    "chinSide": (30, -75, 40),
    "chin": (0, -80, 50),
    "cheek": (40, -10, 45),
    "mouthSide": (45, -35, 40),
    "browInner": (20, 45, 60),
    "browOuter": (45, 45, 50),
    "glabella": (0, 40, 65),
    "eye": (30, 28, 50),
    "noseTip": (0, 0, 85),
    "noseSide": (15, -8, 70),
    "philtrum": (0, -22, 70),
    "mouthCorner": (25, -40, 55),
    "chinFront": (0, -55, 65),
    "mouth": (0, -40, 70),
    "noseRoot": (20, 5, 60),
}
AXES = {"Side": (SCULPT_MOVE, 0, 0), "Up": (0, SCULPT_MOVE, 0), "Out": (0, 0, SCULPT_MOVE)}
IDENTITY |= {
    f"sculpt_{place}{axis}": (Pull(centre, (SCULPT_RADIUS,) * 3, move),)
    for place, centre in SCULPTED.items()
    for axis, move in AXES.items()
    if centre[0] or axis != "Side"  # the middle does not move sideways: faces are made symmetrical
}
EYE_HOLD = (15.5, 30.0)  # millimetres: nearer than the first all points move with the eyeball; beyond the second freely
FREE_IN_EYE = ("eyeTilt",)  # moves the lids over the ball on purpose


def identity_directions(
    points: np.ndarray, eyeballs: tuple[np.ndarray, np.ndarray]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names and the directions (V, 3, S), millimetres per standard deviation, for every part.

    Args:
        points: (V, 3) the whole head, millimetres.
        eyeballs: indices of the left and the right eyeball's vertices.
    """
    centres = np.stack([EYE_CENTRE, EYE_CENTRE * np.array([-1.0, 1.0, 1.0])])
    held = [smoothstep(np.linalg.norm(points - centre, axis=1), EYE_HOLD[1], EYE_HOLD[0]) for centre in centres]
    near = [np.flatnonzero(share) for share in held]
    directions = []
    for name, pulls in IDENTITY.items():
        free = pulled(points, pulls, both_sides=True)
        for side, centre in enumerate(centres):
            eyeball, beside = eyeballs[side], near[side]
            if name in FREE_IN_EYE:
                free[eyeball] = 0.0
                continue
            rigid = _with_eyeball(points[beside], centre, pulls)
            free[beside] += held[side][beside, None] * (rigid - free[beside])
            free[eyeball] = _with_eyeball(points[eyeball], centre, pulls)
        directions.append(free)
    return tuple(IDENTITY), np.stack(directions, axis=-1)


def _with_eyeball(points: np.ndarray, centre: np.ndarray, pulls: tuple[Pull, ...]) -> np.ndarray:
    """Return offsets (V, 3) as if all points were part of the eyeball at centre: shifted and evenly scaled."""
    step = 1.0
    probes = centre + step * np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], float)
    moved = pulled(probes, pulls, both_sides=True)
    growth = 0.5 * ((moved[1, 0] - moved[2, 0]) + (moved[3, 1] - moved[4, 1])) / (2.0 * step)
    return moved[0] + growth * (points - centre)

"""The expression directions: tables of soft pulls (left side, millimetres), named as in ARKit."""

import numpy as np

from .distance import smoothstep
from .eyelids import left_lid_turns, turned
from .pulls import Pull, fade, pulled, upper_share
from .skin import Skin

# Written for the left side; the right side is the mirror image.
SIDED = {
    "browDown": (
        Pull((15, 46, 62), (22, 20, 32), (-2.2, -4.4, 1.0)),
        Pull((35, 49, 52), (26, 20, 32), (-0.8, -3.6, 0.6)),
    ),
    "browOuterUp": (Pull((42, 51, 48), (32, 32, 40), (0.0, 7.6, -0.8)),),
    "eyeSquint": (
        Pull((32, 16, 52), (22, 14, 24), (0.0, 2.2, 0.6)),
        Pull((48, 28, 42), (14, 16, 22), (-1.6, 0.0, 0.0)),
    ),
    "eyeWide": (Pull((32, 45, 54), (26, 14, 24), (0.0, 0.8, 0.0)),),
    "cheekSquint": (Pull((40, 4, 46), (26, 22, 32), (0.5, 4.6, 2.0)),),
    "noseSneer": (
        Pull((11, -4, 68), (13, 16, 18), (1.2, 3.6, -0.4)),
        Pull((15, 12, 58), (14, 20, 22), (-0.6, 2.6, 1.0)),
        Pull((13, -30, 64), (16, 15, 20), (0.8, 2.6, 0.4), "upper lip"),
    ),
    "mouthSmile": (
        Pull((26, -39, 51), (25, 24, 32), (6.4, 8.8, -4.4)),
        Pull((40, -10, 46), (26, 26, 34), (1.6, 3.8, 2.0)),
        Pull((10, -40, 64), (15, 12, 18), (0.8, -0.4, -1.2)),
    ),
    "mouthFrown": (
        Pull((25, -41, 52), (24, 24, 30), (0.6, -6.6, -0.8)),
        Pull((26, -62, 44), (22, 20, 30), (0.4, -2.0, 0.6)),
    ),
    "mouthStretch": (
        Pull((26, -43, 50), (28, 26, 34), (7.2, -3.2, -4.0)),
        Pull((26, -62, 44), (26, 24, 32), (3.0, -2.2, -1.0)),
    ),
    "mouthDimple": (Pull((27, -40, 50), (19, 17, 26), (4.2, 0.6, -5.0)),),
    "mouthPress": (
        Pull((12, -34, 63), (22, 8, 22), (0.4, -1.6, -0.9), "upper lip"),
        Pull((12, -45, 62), (22, 10, 22), (0.4, 1.7, -0.9), "lower lip"),
    ),
    "mouthUpperUp": (
        Pull((12, -34, 63), (20, 17, 24), (0.6, 6.0, 0.6), "upper lip"),
        Pull((18, -16, 58), (18, 18, 24), (0.4, 2.4, 1.0)),
    ),
    "mouthLowerDown": (
        Pull((11, -46, 62), (20, 17, 24), (0.8, -6.4, 0.2), "lower lip"),
        Pull((12, -60, 60), (20, 14, 24), (0.2, -1.2, 0.4), "lower lip"),
    ),
}

# Written for the left side and made on both at once.
CENTRAL = {
    "cheekPuff": (
        Pull((36, -32, 40), (26, 28, 34), (8.0, 0.0, 4.5)),
        Pull((0, -39, 64), (26, 20, 20), (0.0, 0.0, 2.0)),
    ),
    "mouthPucker": (
        Pull((0, -39, 60), (46, 34, 34), (0.0, 0.0, 7.0), scale=(-0.40, 0.06, 0.0)),
        Pull((36, -36, 44), (18, 26, 26), (-2.6, 0.0, 0.5)),
        Pull((0, -34, 66), (22, 9, 18), (0.0, 1.0, 0.6), "upper lip"),
        Pull((0, -45, 64), (22, 10, 18), (0.0, -1.0, 0.6), "lower lip"),
    ),
    "mouthFunnel": (
        Pull((0, -39, 60), (42, 32, 34), (0.0, 0.0, 5.0), scale=(-0.26, 0.0, 0.0)),
        Pull((0, -35, 65), (25, 14, 24), (0.0, 3.6, 1.8), "upper lip"),
        Pull((0, -45, 64), (25, 16, 24), (0.0, -4.2, 1.8), "lower lip"),
    ),
    "mouthRollUpper": (
        Pull((0, -33, 66), (27, 8, 22), (0.0, -3.0, -1.4), "upper lip"),
        Pull((0, -38, 64), (26, 6, 14), (0.0, -0.2, -3.4), "upper lip"),
    ),
    "mouthRollLower": (
        Pull((0, -48, 64), (27, 9, 22), (0.0, 4.0, -1.6), "lower lip"),
        Pull((0, -42, 64), (26, 7, 14), (0.0, 0.4, -3.6), "lower lip"),
    ),
    "mouthShrugUpper": (Pull((0, -33, 66), (28, 18, 24), (0.0, 3.0, 2.2), "upper lip"),),
    "mouthShrugLower": (
        Pull((0, -45, 64), (28, 16, 24), (0.0, 3.0, 2.6), "lower lip"),
        Pull((0, -66, 62), (24, 16, 26), (0.0, 3.6, 0.8), "lower lip"),
    ),
    "jawForward": (Pull((0, -66, 40), (64, 44, 66), (0.0, 0.0, 6.0), "lower lip"),),
}

BROW_INNER_UP = (Pull((13, 50, 62), (27, 32, 36), (0.2, 7.0, -0.6)),)

# Not mirrored: the whole mouth goes to one side.
SIDEWAYS = (
    Pull((0, -42, 58), (48, 34, 40), (8.0, 0.0, 0.0)),
    Pull((20, -42, 52), (26, 26, 30), (1.2, 0.0, -3.0)),
    Pull((-20, -42, 52), (26, 26, 30), (0.6, 0.0, 0.6)),
)

LID_SHARES = {"eyeSquint": (0.10, 0.65), "eyeWide": (-0.22, -0.25)}  # of the shutting turn: upper, lower
CLOSE_DROP = 0.25  # how far down the closed lips hang, as a share of the lower lip's own drop
MOUTH_CLOSE_JAW = 0.35  # radians of jaw opening that mouthClose = 1 closes the lips over
LOWER_LIP_MIDDLE = np.array([0.0, -44.4, 68.0])
CLOSE_REACH = ((0, -41, 58), (46, 30, 40))  # centre and radii of the part that mouthClose moves


def expression_directions(
    skin: Skin, jaw_weights: np.ndarray, jaw_joint: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names and the skin's directions (V, 3, E), millimetres at the full pose.

    Args:
        jaw_weights: (V,) how far the skin turns with the jaw.
        jaw_joint: (3,) millimetres.
    """
    upper = upper_share(skin)
    flip = np.array([-1.0, 1.0, 1.0])
    off_lids = smoothstep(skin.eye_ring, 2.2, 0.4)  # the lids stay on the ball when the brows move
    directions: dict[str, np.ndarray] = {}
    for name, pulls in SIDED.items():
        left = pulled(skin.points, pulls, both_sides=False, upper=upper)
        if name.startswith("brow"):
            left *= off_lids[:, None]
        if name in LID_SHARES:
            left += _lid_offsets(skin, *LID_SHARES[name])
        directions[f"{name}_L"] = left
        directions[f"{name}_R"] = left[skin.mirror] * flip
        if name == "browDown":
            directions["browInnerUp"] = off_lids[:, None] * pulled(skin.points, BROW_INNER_UP, both_sides=True)
    for name, pulls in CENTRAL.items():
        directions[name] = pulled(skin.points, pulls, both_sides=True, upper=upper)
    sideways = pulled(skin.points, SIDEWAYS, both_sides=False)
    directions["mouthLeft"] = sideways
    directions["mouthRight"] = sideways[skin.mirror] * flip
    directions["mouthClose"] = _mouth_close(skin, jaw_weights, jaw_joint)
    return tuple(directions), np.stack(list(directions.values()), axis=-1)


def _lid_offsets(skin: Skin, upper_share_of_turn: float, lower_share_of_turn: float) -> np.ndarray:
    upper, lower = left_lid_turns(skin)
    return turned(skin.points, upper * upper_share_of_turn + lower * lower_share_of_turn) - skin.points


def _mouth_close(skin: Skin, jaw_weights: np.ndarray, jaw_joint: np.ndarray) -> np.ndarray:
    """Return offsets (V, 3) that bring the lips together over a jaw opened by MOUTH_CLOSE_JAW.

    Skinning turns the offsets too: it maps a resting place p to A p + b, so the place that ends at q is A^-1 (q - b).
    """
    turn = np.array(
        [[np.cos(MOUTH_CLOSE_JAW), -np.sin(MOUTH_CLOSE_JAW)], [np.sin(MOUTH_CLOSE_JAW), np.cos(MOUTH_CLOSE_JAW)]]
    )
    places, joint = skin.points[:, 1:], jaw_joint[1:]  # the turn is in the y-z plane
    opened = (places - joint) @ turn.T + joint
    lower_lip = np.argmin(np.linalg.norm(skin.points - LOWER_LIP_MIDDLE, axis=1))
    wanted = places + CLOSE_DROP * (opened - places)[lower_lip]
    matrices = np.eye(2) + jaw_weights[:, None, None] * (turn - np.eye(2))
    shifts = jaw_weights[:, None] * (joint - turn @ joint)
    resting = np.linalg.solve(matrices, (wanted - shifts)[..., None])[..., 0]
    reach = np.minimum(1.0, 1.6 * fade(skin.points, *CLOSE_REACH))
    return np.column_stack([np.zeros(len(places)), reach[:, None] * (resting - places)])

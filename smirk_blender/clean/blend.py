"""Between solved and refined, region by region: instant, since it is linear.

Expression directions have no regions, so a change of expression is cut to a region on the vertices and solved back to
coefficients: one matrix a region, and the three add up to the whole change.
"""

from dataclasses import replace

import numpy as np

from ..flame import Head
from ..flame.measures import BROW_L, BROW_R
from ..flame.per_head import once_a_head
from ..take import Take
from ..take.clean_up import Refine
from ..take.contours import CONTOURS

NUM_VERTICES = 4000  # that stand for the mesh
NEARNESS_POWER = 4.0  # a vertex belongs to the regions by their nearness: halfway between two it is half of each
LEAST_DISTANCE_M = 0.002  # nearer than this to a region's landmarks it is hardly anything else's
CONTACT_M, CONTACT_WEIGHT = 0.004, 20.0  # lids and lips are to be met better than the rest of the face
STEADINESS = 1e-4  # of the mean square of the directions, added for those that hardly differ on the vertices

LANDMARKS = {
    "mouth": (*CONTOURS["outer lips"], *CONTOURS["inner lips"]),
    "lids": (*CONTOURS["left eye"], *CONTOURS["right eye"]),
    "brows": (*BROW_L, *BROW_R),
}


def blended(take: Take, head: Head, settings: Refine) -> Take:
    """Return the take between solved and refined, as far in each region as the settings say.

    The jaw goes with the mouth. With all at 0, and where nothing was refined, the arrays are the solved ones, bit by
    bit. The take that comes out holds nothing refined any more.
    """
    strength = {name: getattr(settings, name) for name in LANDMARKS}
    plain = replace(take, refined_expression=None, refined_jaw_pose=None, refined_eyelid=None)
    if take.refined_expression is None or not any(strength.values()):
        return plain
    change = take.refined_expression.astype(np.float64) - take.expression
    if len(set(strength.values())) == 1:
        kept = np.eye(change.shape[1]) * strength["mouth"]
    else:
        kept = sum(strength[name] * matrix for name, matrix in region_matrices(head, change.shape[1]).items())
    between = lambda solved, refined, share: (solved + share * (refined.astype(np.float64) - solved)).astype(np.float32)
    return replace(
        plain,
        expression=(take.expression + change @ kept.T).astype(np.float32),
        jaw_pose=between(take.jaw_pose, take.refined_jaw_pose, strength["mouth"]),
        eyelid=between(take.eyelid, take.refined_eyelid, strength["lids"]),
    )


@once_a_head
def region_matrices(head: Head, num_expression: int) -> dict[str, np.ndarray]:
    """Return for each region the matrix (E, E) that takes a change of expression to its part there; they add up to one.

    Args:
        head: with landmarks.
        num_expression: E, of its expression directions from the first on.
    """
    directions = head.expression_directions[..., :num_expression]
    moving = np.flatnonzero(np.abs(directions).max(axis=(1, 2)) > 0)
    vertices = moving[:: max(1, len(moving) // NUM_VERTICES)]
    distances = _distances(head, head.template[vertices])
    contact = np.minimum(distances["mouth"], distances["lids"])
    importance = 1.0 + CONTACT_WEIGHT * np.exp(-((contact / CONTACT_M) ** 2))
    nearness = {name: np.maximum(distance, LEAST_DISTANCE_M) ** -NEARNESS_POWER for name, distance in distances.items()}
    total = sum(nearness.values())
    rows = directions[vertices].astype(np.float64)  # (N, 3, E)
    weighted = (rows * importance[:, None, None]).reshape(-1, num_expression)
    square = weighted.T @ rows.reshape(-1, num_expression)
    steady = square + STEADINESS * np.trace(square) / num_expression * np.eye(num_expression)
    matrices = {}
    for name in ("lids", "brows"):
        masked = (rows * (nearness[name] / total)[:, None, None]).reshape(-1, num_expression)
        matrices[name] = np.linalg.solve(steady, weighted.T @ masked)
    return {"mouth": np.eye(num_expression) - sum(matrices.values()), **matrices}


def _distances(head: Head, points: np.ndarray) -> dict[str, np.ndarray]:
    """Return how far points (N, 3) of the head at rest lie from each region's landmarks, (N,) metres."""
    places = head.landmarks.points(head.template[None])[0]
    return {
        name: np.linalg.norm(points[:, None] - places[np.isin(head.landmarks.indices, chosen)], axis=-1).min(axis=1)
        for name, chosen in LANDMARKS.items()
    }

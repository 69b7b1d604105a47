"""How places of a head's face move in a take, with the head and the neck held still, and the same on a character."""

from collections.abc import Mapping

import numpy as np

from ..flame import Head
from ..flame.regions import region_masks
from ..take import Take
from .correspondence import Correspondence

CHUNK_FRAMES = 64  # of a few thousand vertices: small enough for the processor's cache


def surface_motion(
    take: Take,
    head: Head,
    places: Correspondence,
    *,
    regions: Mapping[str, float] | None = None,
    jaw: bool = True,
) -> np.ndarray:
    """Return how far each place is from where it lies on the actor's resting face, (T, P, 3) float32, metres.

    Head, neck and gaze are held still.
    Args:
        take: solved on `head`, cleaned.
        regions: gains by region of `region_masks`; 1 where one is left out. The jaw's is that of its turn too, which
            takes the lips along whatever theirs are.
        jaw: whether the jaw turns; False for what is left to do where a bone turns it.
    """
    regions = regions or {}
    keep, corners = np.unique(places.head_corners, return_inverse=True)
    part = head.part(keep, take.shape)
    corners = corners.reshape(places.head_corners.shape).T
    gain = region_gain(head, places, regions)
    shares = places.head_weights.astype(np.float32).T
    jaw_pose = take.jaw_pose * np.float32(regions.get("jaw", 1.0) if jaw else 0.0)
    at_once = np.all(gain == 1.0) or not np.any(jaw_pose)
    motion = np.empty((len(take), corners.shape[1], 3), np.float32)
    for start in range(0, len(take), CHUNK_FRAMES):
        frames = slice(start, start + CHUNK_FRAMES)

        def moved(**turned: np.ndarray) -> np.ndarray:
            vertices = part.vertices(None, take.expression[frames], eyelid=take.eyelid[frames], **turned)
            vertices -= part.template
            return sum(vertices[:, corner] * share[:, None] for corner, share in zip(corners, shares))

        whole = moved(jaw_pose=jaw_pose[frames]) if np.any(jaw_pose) else moved()
        if at_once:
            motion[frames] = gain[:, None] * whole
        else:
            still = moved()
            motion[frames] = whole + (gain[:, None] - 1.0) * still
    return motion


def region_gain(head: Head, places: Correspondence, regions: Mapping[str, float]) -> np.ndarray:
    """Return by how much each place's movement is multiplied, (P,) float32: the gains of the regions it belongs to."""
    gains = np.array([regions.get(region, 1.0) for region in region_masks(head)], np.float32)
    return 1.0 + places.regions @ (gains - 1.0)


def carried(motion: np.ndarray, places: Correspondence) -> np.ndarray:
    """Return a head's motion (T, P, 3), metres, as the character's: (T, P, 3) float32, its object units."""
    matrices = places.matrices.astype(np.float32)
    return np.matmul(motion.swapaxes(0, 1), matrices.swapaxes(1, 2)).swapaxes(0, 1)

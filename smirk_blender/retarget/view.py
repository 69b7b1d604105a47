"""A take before a camera that stands still, so that its head lies on the actor in the shot.

A take's own camera is orthographic and follows the face. Here that becomes motion of the head: sideways, up
and down before an orthographic camera, which zooms as the actor comes nearer; or in all three directions
before a perspective camera, whose lens is fixed.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..errors import TakeError
from ..flame.head import Head
from ..flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from ..take import Take
from ..take.camera import picture_scale
from .focal import estimate_focal
from .perspective import LEAST_DEPTH_M, SENSOR_MM, anchors_of, from_middle, longer_side_px, place

ORTHOGRAPHIC_DISTANCE_M = 2.0  # from the head at rest; the picture does not depend on it
DEFAULT_FOCAL_MM = 50.0  # where the footage does not tell: a usual lens for a person, and near the middle of all
CHUNK_FRAMES = 128  # posed at a time: 8 MB of a FLAME head


@dataclass(frozen=True)
class View:
    """A take's head before a camera that looks along -z of FLAME's axes, +y up.

    Attributes:
        take: what to bake; before a perspective camera its head is turned for the angle that it is seen from.
        translation: (T, 3) metres, FLAME axes, to add to the posed head; each column's median is 0.
        camera_location: (3,) metres, FLAME axes; the camera's axis meets the picture's middle.
        picture_m: (T,) metres along the longer side of an orthographic camera's picture; None in perspective.
        focal_mm: of a perspective camera whose sensor has 36 mm along the picture's longer side; None if orthographic.
        focal_estimated: whether the footage told the focal length.
    """

    take: Take
    translation: np.ndarray
    camera_location: np.ndarray
    picture_m: np.ndarray | None = None
    focal_mm: float | None = None
    focal_estimated: bool = False


def orthographic_view(take: Take) -> View:
    """Return the take before an orthographic camera: every vertex lies exactly where `image_points` puts it.

    Raises:
        TakeError: the take's camera holds values that no camera has.
    """
    scale, origin_px = _checked_scale(take)
    origin = from_middle(origin_px, take) / scale[:, None]  # (T, 2) metres, of x = y = 0 from the camera's axis
    middle = np.median(origin, axis=0)
    return View(
        take=take,
        translation=np.pad(origin - middle, ((0, 0), (0, 1))),
        camera_location=np.array([*-middle, ORTHOGRAPHIC_DISTANCE_M]),
        picture_m=longer_side_px(take) / scale,
    )


def perspective_view(take: Take, head: Head, *, focal_mm: float | None = None) -> View:
    """Return the take before a perspective camera: its landmarks lie as near to where `image_points` puts them as they can.

    Args:
        take: T frames.
        head: the model that it was solved on.
        focal_mm: 36 mm being the picture's longer side; estimated where left out, or DEFAULT_FOCAL_MM.
    Raises:
        TakeError: the take's camera holds values that no camera has, or the lens is so short that it would be in the head.
    """
    scale, _ = _checked_scale(take)
    estimated_mm = estimate_focal(take, head) if focal_mm is None else None
    focal_mm = float(focal_mm or estimated_mm or DEFAULT_FOCAL_MM)
    focal_px = focal_mm / SENSOR_MM * longer_side_px(take)
    head_rotation, location = np.empty((len(take), 3, 3)), np.empty((len(take), 3))
    for start in range(0, len(take), CHUNK_FRAMES):
        frames = slice(start, start + CHUNK_FRAMES)
        anchors, target_px, root = anchors_of(take, head, frames)
        rotation = matrices_from_axis_angle(take.head_pose[frames])
        placement = place(anchors, target_px, rotation=rotation, scale=scale[frames], focal_px=focal_px)
        if not -placement.points(anchors)[..., 2].max() > LEAST_DEPTH_M:  # or not a number
            raise TakeError(
                f"With a focal length of {focal_mm:g} mm the camera would be inside the head of {take.source.name}. "
                "Choose a longer one"
            )
        head_rotation[frames], location[frames] = placement.rotation, placement.root - root
    middle = np.median(location, axis=0)
    return View(
        take=replace(take, head_pose=axis_angle_from_matrices(head_rotation).astype(np.float32)),
        translation=location - middle,
        camera_location=-middle,
        focal_mm=focal_mm,
        focal_estimated=estimated_mm is not None,
    )


def _checked_scale(take: Take) -> tuple[np.ndarray, np.ndarray]:
    """Return `picture_scale` of a take that has frames, and a camera in all of them."""
    scale, origin_px = picture_scale(take.camera, take.crop_transform)
    if len(take) == 0:
        raise TakeError(f"The take of {take.source.name} has no frames. Solve the video again")
    if not (np.all(np.isfinite(origin_px)) and np.all(np.isfinite(scale)) and np.all(scale > 0)):
        raise TakeError(f"The take of {take.source.name} has no camera that shows its head. Solve the video again")
    return scale, origin_px

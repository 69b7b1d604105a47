"""Heads before a perspective camera: where they must stand, and how they must be turned, to lie on points of a picture.

Camera axes here: metres from the camera, +x right, +y up, looking along -z. Pictures: pixels from the middle, +y up.
"""

from dataclasses import dataclass

import numpy as np

from ..flame.head import Head
from ..flame.rotations import cross_matrices, matrices_from_axis_angle
from ..take import Take
from ..take.camera import image_points

SENSOR_MM = 36.0  # along the picture's longer side: full frame, which focal lengths are usually told for
MAX_STEPS = 16  # of Gauss-Newton; six to nine are usual
STEP_TOLERANCE = 1e-7  # radians and metres, at which it has arrived
LEAST_DEPTH_M = 0.02  # nearer points are no picture of a head
MOST_VERTICES = 300  # that stand for a head without landmarks


@dataclass(frozen=True)
class Placement:
    """Where heads stand before a camera, T frames.

    Attributes:
        rotation: (T, 3, 3), of the whole head about its root joint.
        root: (T, 3) metres, the root joint from the camera.
    """

    rotation: np.ndarray
    root: np.ndarray

    def points(self, anchors: np.ndarray) -> np.ndarray:
        """Return anchors (T, L, 3), metres from the root joint of the unturned head, as metres from the camera."""
        return anchors @ self.rotation.swapaxes(1, 2) + self.root[:, None]

    def project(self, anchors: np.ndarray, focal_px: float) -> np.ndarray:
        """Return where anchors (T, L, 3) lie in the picture, (T, L, 2) pixels from its middle."""
        points = self.points(anchors)
        return focal_px * points[..., :2] / _depth(points)


def longer_side_px(take: Take) -> int:
    """Return the number of pixels along the longer side of the take's picture."""
    return max(take.source.width_px, take.source.height_px)


def from_middle(image_px: np.ndarray, take: Take) -> np.ndarray:
    """Return picture points (..., 2), y down from the upper left corner, as pixels from the middle, y up."""
    return (image_px[..., :2] - np.array([take.source.width_px, take.source.height_px]) / 2) * [1, -1]


def anchors_of(take: Take, head: Head, frames: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points by which a head is laid on the picture: its landmarks, or some of its vertices without any.

    Args:
        take: T frames.
        head: the model that it was solved on.
        frames: which N of them.
    Returns:
        anchors: (N, L, 3) metres from the root joint, the head not turned.
        target_px: (N, L, 2) where the take's own camera puts them, from the picture's middle.
        root: (N, 3) metres, the root joint of the head that is not moved.
    """
    pick = lambda vertices: vertices[:, :: 1 + len(head.template) // MOST_VERTICES]
    if head.landmarks is not None:
        pick = head.landmarks.points
    parameters = take.head_parameters(frames)
    turn = matrices_from_axis_angle(parameters.pop("head_pose"))
    root = head.joints(parameters["shape"], parameters["expression"])[:, 0]
    anchors = pick(head.vertices(**parameters)) - root[:, None]
    posed = anchors @ turn.swapaxes(1, 2) + root[:, None]
    target = image_points(posed, take.camera[frames].astype(np.float64), take.crop_transform[frames])
    return anchors, from_middle(target, take), root


def place(
    anchors: np.ndarray, target_px: np.ndarray, *, rotation: np.ndarray, scale: np.ndarray, focal_px: float
) -> Placement:
    """Return the placement whose picture of the anchors is nearest to the target, least squares, by Gauss-Newton.

    What an orthographic camera sees from straight ahead, a perspective one sees along the ray to it: a head at the
    picture's side comes out turned by about that ray's angle.

    Args:
        anchors: (T, L, 3) metres from the root joint.
        target_px: (T, L, 2) pixels from the picture's middle.
        rotation: (T, 3, 3), the head as an orthographic camera sees it.
        scale: (T,) pixels per metre of that camera.
        focal_px: of the perspective camera.
    Returns:
        The placement; where the camera would be in the head it is no good.
    """
    placement = _first_placement(anchors, target_px, rotation, scale, focal_px)
    for _ in range(MAX_STEPS):
        step = _step(anchors, target_px, placement, focal_px)
        rotation = matrices_from_axis_angle(step[:, :3]) @ placement.rotation
        placement = Placement(rotation, placement.root + step[:, 3:])
        if np.abs(step).max() < STEP_TOLERANCE:
            break
    return placement


def _first_placement(
    anchors: np.ndarray, target_px: np.ndarray, rotation: np.ndarray, scale: np.ndarray, focal_px: float
) -> Placement:
    """Return heads on the ray through the target's middle, as far away as their scale says, not turned yet."""
    ray_px = np.insert(target_px.mean(axis=1), 2, -focal_px, axis=1)  # (T, 3)
    middle = (anchors @ rotation.swapaxes(1, 2)).mean(axis=1)
    return Placement(rotation, ray_px / scale[:, None] - middle)


def _step(anchors: np.ndarray, target_px: np.ndarray, placement: Placement, focal_px: float) -> np.ndarray:
    """Return the Gauss-Newton step (T, 6): a turn about the root joint, radians, and a shift, metres."""
    points = placement.points(anchors)
    depth = _depth(points)
    projected = focal_px * points[..., :2] / depth
    by_point = np.zeros((*points.shape[:2], 2, 3))  # derivative of the picture by the point
    by_point[..., 0, 0] = by_point[..., 1, 1] = (focal_px / depth)[..., 0]
    by_point[..., 2] = projected / depth
    by_turn = by_point @ -cross_matrices(points - placement.root[:, None])
    jacobian = np.concatenate([by_turn, by_point], axis=-1).reshape(len(points), -1, 6)
    residual = (projected - target_px).reshape(len(points), -1, 1)
    transposed = jacobian.swapaxes(1, 2)
    return -np.linalg.solve(transposed @ jacobian, transposed @ residual)[..., 0]


def _depth(points: np.ndarray) -> np.ndarray:
    """Return how far before the camera points lie, (T, L, 1) metres, never less than LEAST_DEPTH_M."""
    return np.maximum(-points[..., 2:], LEAST_DEPTH_M)

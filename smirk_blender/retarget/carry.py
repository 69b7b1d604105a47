"""A take carried from one FLAME version to another: what moves the same vertices the same way on the other head.

FLAME's versions share their vertices and triangles but not their directions, joints and weights, so that a take's
coefficients mean nothing on another version. Its vertices do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..errors import TakeError
from ..flame import JOINT_NAMES, Head
from ..flame.rotations import axis_angle_from_matrices, cross_matrices, matrices_from_axis_angle
from ..take import Take
from ..take.take import OPTIONAL_ARRAYS
from .solved_on import check_solved_on

CHUNK_FRAMES = 64  # of a FLAME head's vertices: 100 MB or so at a time; more are no faster
MAX_STEPS = 12
STEP_TOLERANCE = 1e-4  # largest change, of coefficients and of radians, at which a fit has arrived
RIDGE = 1e-8  # of the Hessian's largest diagonal: keeps directions that move nothing from moving
JAW = JOINT_NAMES.index("jaw")
JAW_FEATURES = slice(9 * (JAW - 1), 9 * JAW)  # of the 36 pose features


@dataclass(frozen=True)
class CarryResidual:
    """How far the target's vertices lie from the source's after a take was carried, over T frames, metres.

    Attributes:
        rms_m: (T,) root of the mean squared distance over the vertices, lids, gaze, neck and head as in the take.
        greatest_m: (T,) of the vertex that is farthest off.
        identity_rms_m, identity_greatest_m: the same of the resting heads.
    """

    rms_m: np.ndarray
    greatest_m: np.ndarray
    identity_rms_m: float
    identity_greatest_m: float


def carry_take(
    take: Take, source: Head, target: Head, *, num_expression: int | None = None
) -> tuple[Take, CarryResidual]:
    """Return a take for `target` whose vertices lie as near as can be to those of `take` on `source`, and how near.

    Identity is fitted once, to the resting head; expression and jaw to every frame, with the head's and the neck's
    motion taken out. Lids, gaze, neck and head are carried as they are. The camera is shifted so that the head stays
    where it was in the picture.
    Args:
        take: solved on `source`.
        source, target: two heads of one topology: the same number of vertices, the same triangles.
        num_expression: how many of the target's expression directions to use; all if left out.
    Raises:
        TakeError: the take was solved on another head than `source`, or the two heads differ in topology.
    """
    num_expression = target.num_expression if num_expression is None else num_expression
    if not 0 <= num_expression <= target.num_expression:
        raise ValueError(f"{num_expression} expression directions of {target.num_expression}")
    _check_heads(take, source, target)
    shape, offset = _fit_identity(source, target, take.shape)
    identity = source.vertices(take.shape)[0] - (target.vertices(shape)[0] + offset)
    fitter = _FrameFitter(target, shape, num_expression)
    num_frames = len(take)
    expression, jaw_pose = np.empty((num_frames, num_expression), np.float32), np.empty((num_frames, 3), np.float32)
    camera = take.camera.copy()
    rms_m, greatest_m = np.empty(num_frames, np.float32), np.empty(num_frames, np.float32)
    for frames in _chunks(num_frames):
        parameters = take.head_parameters(frames)
        still = source.vertices(parameters["shape"], parameters["expression"], jaw_pose=parameters["jaw_pose"])
        expression[frames], jaw_pose[frames] = fitter.fit(still - offset, parameters["jaw_pose"])
        ours = {"shape": shape[None], "expression": expression[frames], "jaw_pose": jaw_pose[frames]}
        apart = source.vertices(**parameters) - target.vertices(**parameters | ours)
        shift = apart.mean(axis=1)  # the heads turn about other joints, and may have been modelled in other places
        camera[frames, 1:] += shift[:, :2]
        distance = np.linalg.norm(apart - shift[:, None], axis=-1)
        rms_m[frames], greatest_m[frames] = np.sqrt((distance**2).mean(axis=1)), distance.max(axis=1)
    identity_distance = np.linalg.norm(identity, axis=-1)
    carried = replace(
        take,
        shape=shape.astype(np.float32),
        **dict.fromkeys(OPTIONAL_ARRAYS),  # of the other head's directions
        expression=expression,
        jaw_pose=jaw_pose,
        camera=camera,
        models={role: name for role, name in take.models.items() if not role.startswith("head")} | target.models(),
        expression_names=target.expression_names[:num_expression],
    )
    residual = CarryResidual(
        rms_m, greatest_m, float(np.sqrt((identity_distance**2).mean())), float(identity_distance.max())
    )
    return carried, residual


def _check_heads(take: Take, source: Head, target: Head) -> None:
    check_solved_on(take, source, f"Choose {take.models.get('head')} as the head to carry it from")
    num_shape, num_expression = take.shape.shape[-1], take.expression.shape[-1]
    if num_shape > source.num_shape or num_expression > source.num_expression:
        raise TakeError(
            f"The take of {take.source.name} has {num_shape} identity and {num_expression} expression coefficients; "
            f"{source.name} has {source.num_shape} and {source.num_expression} directions. "
            f"Choose the very file it was solved on"
        )
    same = len(source.template) == len(target.template) and np.array_equal(
        _triangle_set(source.triangles), _triangle_set(target.triangles)
    )
    if not same:
        raise TakeError(
            f"{source.name} ({len(source.template)} vertices) and {target.name} ({len(target.template)} vertices) have "
            "other triangles, so their vertices cannot be laid on each other. Solve the video again on "
            f"{target.name}, or carry the take between two FLAME files"
        )


def _triangle_set(triangles: np.ndarray) -> np.ndarray:
    return np.unique(np.sort(triangles, axis=1), axis=0)


def _chunks(num_frames: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK_FRAMES, num_frames)) for start in range(0, num_frames, CHUNK_FRAMES))


def _fit_identity(source: Head, target: Head, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the target's identity (S,) float64 and the offset (3,), metres, with source = target + offset nearly.

    The versions share their axes, but not always their origin: an offset is allowed, a turn is not.
    """
    wanted = source.template.astype(np.float64) + source.shape_directions[..., : len(shape)] @ shape.astype(np.float64)
    difference = wanted - target.template
    columns = [target.shape_directions, np.broadcast_to(np.eye(3), (len(difference), 3, 3))]
    basis = np.concatenate(columns, axis=-1, dtype=np.float64).reshape(difference.size, -1)
    answer = np.linalg.lstsq(basis, difference.ravel(), rcond=None)[0]
    return answer[:-3], answer[-3:]


class _FrameFitter:
    """Finds expression and jaw (C + 3 unknowns) of a head of known identity from its vertices, frame by frame.

    Gauss-Newton. A vertex lies at arm + joint + weight * D arm, where `arm` goes to it from the jaw's joint before the
    jaw turns and D = turn - 1; a step of the arm is turned by B = 1 + weight * D. Since turn' turn = 1,
    B'B = 1 - weight * (1 - weight) * D'D: the expressions' part of every frame's Hessian is a mixture of nine matrices
    that are made once, and no frame needs its own Jacobian by them.
    """

    def __init__(self, head: Head, shape: np.ndarray, num_expression: int) -> None:
        first = head.num_shape
        directions = head.expression_directions[..., :num_expression]  # (V, 3, C)
        self.directions = directions.reshape(-1, num_expression)
        pose_directions = head.pose_directions[..., JAW_FEATURES].reshape(-1, 9)
        self.all_directions = np.concatenate([self.directions, pose_directions], axis=1).T  # (C + 9, 3V)
        self.template = head.vertices(shape)[0]
        self.joint = head.joints(shape)[0, JAW]
        self.joint_directions = head.joint_directions[JAW, :, first : first + num_expression]  # (3, C)
        self.weight = np.repeat(head.skinning_weights[:, JAW, None], 3, axis=1)  # (V, 3): numpy is slow to broadcast
        weight = self.weight[:, :1].astype(np.float64)
        self.weight_sums = [np.einsum("vw,vkc->kc", power, directions) for power in (weight, weight**2)]  # (3, C) each
        self.square_sum = float((weight**2).sum())
        self.resting = self.directions.T.astype(np.float64) @ self.directions
        between = (weight * (1 - weight))[..., None] * directions
        self.bending = np.tensordot(between, directions.astype(np.float64), axes=(0, 0)).swapaxes(1, 2)  # (3, 3, C, C)

    def fit(self, vertices: np.ndarray, jaw_pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return expression (N, C) and jaw_pose (N, 3) that come nearest to vertices, (N, V, 3), head and neck at rest.

        Args:
            jaw_pose: (N, 3) to start from.
        """
        expression = np.zeros((len(vertices), self.directions.shape[-1]))
        turn = matrices_from_axis_angle(jaw_pose)
        for _ in range(MAX_STEPS):
            hessian, gradient = self._normal_equations(vertices, expression, turn)
            step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
            expression = expression + step[:, :-3]
            turn = turn @ matrices_from_axis_angle(step[:, -3:])
            if np.abs(step).max() < STEP_TOLERANCE:
                break
        return expression, axis_angle_from_matrices(turn)

    def _normal_equations(self, vertices, expression, turn) -> tuple[np.ndarray, np.ndarray]:
        """Return J'J (N, C + 3, C + 3) and J'r (N, C + 3), by expression and by a further turn of the jaw."""
        num_frames, num_expression = expression.shape
        bend = turn - np.eye(3)
        small_bend = bend.astype(np.float32)
        bend_back = small_bend.swapaxes(1, 2)  # points are rows, so that a turn comes from the right, transposed
        joint = (self.joint + expression @ self.joint_directions.T).astype(np.float32)[:, None]
        moves = np.concatenate([expression, bend.reshape(-1, 9)], axis=1).astype(np.float32)
        arm = (moves @ self.all_directions).reshape(vertices.shape) + (self.template - joint)
        missing = vertices - (arm + joint + self.weight * (arm @ bend_back))
        # What a radian of each axis does: d turn = turn [axis]x, on the arm and through the jaw's pose directions.
        axis_turns = (turn[:, None] @ cross_matrices(np.eye(3))).astype(np.float32)  # (N, 3 axes, 3, 3)
        corrective = (axis_turns.reshape(-1, 9) @ self.all_directions[num_expression:]).reshape(num_frames, 3, -1, 3)
        swing = corrective @ bend_back[:, None] + arm[:, None] @ axis_turns.swapaxes(2, 3)
        columns = np.empty((num_frames, 4, *vertices.shape[1:]), np.float32)  # the three axes', and what is missing
        columns[:, :3] = corrective + self.weight * swing
        columns[:, 3] = missing
        # J' of all four at once: by expression, a vertex steps by B direction - weight D joint_direction.
        weighted = self.weight * columns
        turned_back = (columns + weighted @ small_bend[:, None]).reshape(4 * num_frames, -1)
        products = (turned_back @ self.directions).astype(np.float64).reshape(num_frames, 4, -1)
        products -= (self.weight[:, 0] @ columns) @ bend @ self.joint_directions
        products = products.swapaxes(1, 2)  # (N, C, 4)
        flat = columns.reshape(num_frames, 4, -1)
        jaw_products = (flat[:, :3] @ flat.swapaxes(1, 2)).astype(np.float64)  # (N, 3, 4)
        hessian = np.empty((num_frames, num_expression + 3, num_expression + 3))
        hessian[:, :-3, :-3] = self._expression_hessian(bend)
        hessian[:, :-3, -3:] = products[..., :3]
        hessian[:, -3:, :-3] = products[..., :3].swapaxes(1, 2)
        hessian[:, -3:, -3:] = jaw_products[..., :3]
        diagonal = np.arange(num_expression + 3)
        hessian[:, diagonal, diagonal] += RIDGE * hessian[:, diagonal, diagonal].max(axis=1, keepdims=True)
        return hessian, np.concatenate([products[..., 3], jaw_products[..., 3]], axis=1)

    def _expression_hessian(self, bend: np.ndarray) -> np.ndarray:
        """Return (N, C, C) for jaws turned by bend + 1, (N, 3, 3)."""
        square = bend.swapaxes(1, 2) @ bend
        mixed = self.resting - np.tensordot(square, self.bending, axes=2)
        once, twice = self.weight_sums
        joint_steps = bend @ self.joint_directions  # (N, 3, C)
        cross = (0.5 * self.square_sum * joint_steps - once - bend @ twice).swapaxes(1, 2) @ joint_steps
        return mixed + cross + cross.swapaxes(1, 2)

"""A head posed by shape keys alone, with no armature: for game engines and for packages without FLAME's skinning.

Linear blend skinning is linear in the entries of each joint's rotation matrix, and the entries of (matrix less the
identity) are the very pose feature that FLAME's pose directions go with. So on a head at rest, x0 with joints J0,
one key an entry holds the whole of a joint's turn: the pose direction, plus weight * (x0 - J0) on that entry's axes.
Nine keys a joint, at any angle, with the coefficients that the pose directions have anyway.

What these keys miss is what turns along with the face besides x0: expressions, lids and pose directions. Where a
wide-open jaw meets a strong expression that is millimetres. `pose_corrections` puts it right with a few more keys.
Turning the whole head is no part of this: there the object turns.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .head import JOINT_NAMES, JOINT_PARENTS, NUM_POSE_FEATURES, Head, skin
from .rotations import matrices_from_axis_angle

TOLERANCE_M = 3e-4  # metres; what a head posed by keys may differ from FLAME, at any vertex of any frame
LEAST_TOLERANCE_M = 1e-6  # metres; below it single precision, in which the keys are stored, decides
COMPRESSION_SHARE = 0.1  # of the tolerance: how far the compressed residual may differ from the residual itself
FRAMES_AT_ONCE = 128  # 23 MB for FLAME's 5023 vertices
WORST_AT_ONCE = 8  # frames that join the set which the corrections are made from, at most, each time round
LEAST_SINGULAR_VALUE = 1e-3  # of the greatest; existing corrections more alike than this would get huge, opposed values
JAW_RANGE_RAD = ((0.0, 0.5), (-0.2, 0.2), (-0.2, 0.2))  # opening, then sideways: SMIRK clamps these two to +-0.2
JAW_GRID = (11, 5, 5)  # poses along each of them


@dataclass(frozen=True)
class Corrections:
    """Keys that make up for what the skinned pose directions miss in one take.

    Attributes:
        directions: (V, 3, K) float32, metres per unit, the new ones only.
        values: (T, K0 + K) float64, unitless: of the K0 existing corrections, then of the new ones; the latter
            within -1 to 1.
        greatest_error_m: bound on the distance from FLAME, of every vertex at every frame.
    """

    directions: np.ndarray
    values: np.ndarray
    greatest_error_m: float


def pose_features(
    *, jaw_pose: np.ndarray | None = None, neck_pose: np.ndarray | None = None, eye_pose: np.ndarray | None = None
) -> np.ndarray:
    """Return FLAME's pose feature, (N, 36) float64: the rotation matrices of joints 1 to 4, less the identity, by rows.

    Args:
        jaw_pose, neck_pose: (N, 3) axis-angle, radians, FLAME axes; one row may stand for all, left out is zero.
        eye_pose: (N, 6) axis-angle, left eye then right.
    """
    return (_rotations(jaw_pose, neck_pose, eye_pose)[:, 1:] - np.eye(3)).reshape(-1, NUM_POSE_FEATURES)


def skinned_pose_directions(head: Head, shape: np.ndarray | None = None) -> np.ndarray:
    """Return the keys that pose one identity without an armature, (V, 3, 36) float32, metres per unit of pose feature.

    Args:
        head: in FLAME's layout.
        shape: (up to S,) identity, unitless; the template where left out. The keys are those of this identity only.
    Source: the expansion of linear blend skinning about the unposed head, joint by joint.
    """
    rest, joints = _identity(head, shape)
    directions = head.pose_directions.astype(np.float64).reshape(len(rest), 3, len(JOINT_NAMES) - 1, 3, 3)
    for joint in range(1, len(JOINT_NAMES)):
        arms = _moved_with(joint, head.skinning_weights)[:, None] * (rest - joints[joint])  # (V, 3)
        for row in range(3):
            directions[:, row, joint - 1, row] += arms
    return directions.reshape(len(rest), 3, NUM_POSE_FEATURES).astype(np.float32)


def posed_by_keys(
    head: Head,
    shape: np.ndarray | None = None,
    expression: np.ndarray | None = None,
    *,
    jaw_pose: np.ndarray | None = None,
    eyelid: np.ndarray | None = None,
    neck_pose: np.ndarray | None = None,
    eye_pose: np.ndarray | None = None,
) -> np.ndarray:
    """Return what the skinned pose directions show, without corrections: (N, V, 3) float32, metres.

    The parameters are those of `Head.vertices`, but `shape` is one identity, (up to S,) or (1, up to S).
    Raises:
        ValueError: as `Head.vertices`; or several identities.
    """
    features = pose_features(jaw_pose=jaw_pose, neck_pose=neck_pose, eye_pose=eye_pose).astype(np.float32)
    directions = skinned_pose_directions(head, shape)
    unposed = head.vertices(shape, expression, eyelid=eyelid)
    if len(features) != len(unposed) and 1 not in (len(features), len(unposed)):
        raise ValueError(f"parameters with different numbers of frames: {len(unposed)} and {len(features)} of poses")
    return unposed + (features @ directions.reshape(-1, NUM_POSE_FEATURES).T).reshape(-1, *unposed.shape[1:])


def jaw_grid() -> np.ndarray:
    """Return jaw poses all over the range of a jaw, (N, 3) axis-angle, radians, FLAME axes; the first is at rest."""
    ends = [np.linspace(*limits, count) for limits, count in zip(JAW_RANGE_RAD, JAW_GRID, strict=True)]
    poses = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    return poses[np.argsort(np.linalg.norm(poses, axis=-1), kind="stable")]


def jaw_corrections(head: Head, *, tolerance_m: float = TOLERANCE_M) -> Corrections:
    """Return the keys that a face without expression needs besides the nine of the jaw, over the range of a jaw.

    None where the head has no pose directions. They are alike for every identity, since pose directions are.
    """
    return pose_corrections(head, {"jaw_pose": jaw_grid()}, tolerance_m=tolerance_m)


def pose_corrections(
    head: Head,
    parameters: Mapping[str, np.ndarray],
    *,
    tolerance_m: float = TOLERANCE_M,
    existing: np.ndarray | None = None,
) -> Corrections:
    """Return what brings a head posed by keys within a tolerance of FLAME, at every vertex of every frame of a take.

    What the existing corrections can show is left to them; the rest gets as few keys as a singular value
    decomposition of its worst frames finds.
    Args:
        head: in FLAME's layout.
        parameters: as `Take.head_parameters()` gives them, T frames, at least one; `shape` is one identity,
            `head_pose` is ignored.
        tolerance_m: metres, 1e-6 or more.
        existing: (V, 3, K0) corrections that the head has from earlier takes, metres per unit; or None.
    Raises:
        ValueError: as `posed_by_keys`; or a tolerance that single precision cannot keep.
    """
    if not tolerance_m >= LEAST_TOLERANCE_M:
        raise ValueError(f"a tolerance of {tolerance_m} m; {LEAST_TOLERANCE_M} m is the least")
    nothing = np.zeros((len(head.template), 3, 0), np.float32)
    existing = nothing if existing is None else existing
    residual = _Residual(head, parameters, existing)
    if not len(residual.vertices):
        return Corrections(nothing, np.zeros((len(residual), existing.shape[-1])), 0.0)
    known, to_values = _orthonormal(existing[residual.vertices].reshape(3 * len(residual.vertices), existing.shape[-1]))
    basis, coefficients, compression_m = _compressed(residual, known, COMPRESSION_SHARE * tolerance_m)
    left = coefficients[:, len(known) :]
    directions, errors_m = _directions_within(left, basis[len(known) :], tolerance_m - compression_m)
    values = left @ directions.T  # (T, K)
    scale = np.abs(values).max(axis=0, initial=0.0)  # no value is 0 throughout, or its direction were not needed
    offsets = np.zeros((len(head.template), 3, len(directions)), np.float32)
    shown = scale[:, None] * (directions @ basis[len(known) :])  # (K, 3 R)
    offsets[residual.vertices] = shown.T.reshape(len(residual.vertices), 3, len(directions))
    values = np.concatenate([coefficients[:, : len(known)] @ to_values, values / scale], axis=1)
    return Corrections(offsets, values, float(errors_m.max(initial=0.0) + compression_m))


class _Residual:
    """What FLAME shows less what the skinned pose directions show, some frames at a time, where the two can differ.

    Attributes:
        vertices: (R,) int, those that hang on a joint which turns, or that existing corrections move.
    """

    def __init__(self, head: Head, parameters: Mapping[str, np.ndarray], existing: np.ndarray) -> None:
        shape = parameters.get("shape")
        self._head = head
        self._expression, eyelid, self._rotations = _every_frame(head, parameters)
        features = (self._rotations[:, 1:] - np.eye(3)).reshape(len(self), NUM_POSE_FEATURES)
        turning = 1 + np.flatnonzero(np.any(features.reshape(len(self), -1, 9), axis=(0, 2)))
        moved = [_moved_with(joint, head.skinning_weights) > 0 for joint in turning]
        self.vertices = np.flatnonzero(np.any([*moved, np.any(existing, axis=(1, 2))], axis=0))
        self._weights = head.skinning_weights[self.vertices]
        rest, self._joints = _identity(head, shape)
        self._rest = rest[self.vertices].astype(np.float32)
        directions = [head.expression_directions[..., : self._expression.shape[1]], head.pose_directions]
        if head.eyelid_directions is not None:
            directions.append(head.eyelid_directions[..., : eyelid.shape[1]])
        self._directions = self._flat(np.concatenate(directions, axis=-1))
        self._coefficients = np.concatenate([self._expression, features, eyelid], axis=1).astype(np.float32)
        self._turns = self._flat(skinned_pose_directions(head, shape) - head.pose_directions)
        self._features = features.astype(np.float32)

    def __len__(self) -> int:
        return len(self._rotations)

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield all frames in order, (up to FRAMES_AT_ONCE, 3 R) float32, metres."""
        for start in range(0, len(self), FRAMES_AT_ONCE):
            yield self._of(slice(start, start + FRAMES_AT_ONCE))

    def _of(self, frames: slice) -> np.ndarray:
        unposed = self._rest + (self._coefficients[frames] @ self._directions).reshape(-1, *self._rest.shape)
        moved_joints = self._head.joints(None, self._expression[frames]) - self._head.joint_template
        posed = skin(unposed, self._joints + moved_joints, self._rotations[frames], self._weights)
        return (posed - unposed).reshape(len(unposed), -1) - self._features[frames] @ self._turns

    def _flat(self, directions: np.ndarray) -> np.ndarray:
        """Return directions (V, 3, C) as (C, 3 R) float32."""
        return directions[self.vertices].reshape(-1, directions.shape[-1]).T.astype(np.float32)


def _compressed(
    residual: _Residual, known: np.ndarray, tolerance_m: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return a residual as coefficients of orthonormal directions, found in one pass: ten thousand frames do not fit.

    Args:
        residual: of T frames.
        known: (K0, 3 R) orthonormal, the first of the directions.
        tolerance_m: what they may miss at any vertex.
    Returns:
        directions (K0 + C, 3 R) float32, coefficients (T, K0 + C) float64, the greatest distance missed in metres.
    """
    basis, coefficients, missed_m = known, [], 0.0
    for rows in residual.chunks():
        rest = rows - (rows @ basis.T) @ basis
        beyond = _greatest_distance(rest) > tolerance_m
        if beyond.any():
            more = _fewest_directions(rest[beyond], None, tolerance_m)
            more -= (more @ basis.T) @ basis  # float32 leaves them a little oblique
            basis = np.concatenate([basis, np.linalg.qr(more.T)[0].T])
        found = rows @ basis.T
        missed_m = max(missed_m, float(_greatest_distance(rows - found @ basis).max()))
        coefficients.append(found)
    filled = np.zeros((len(residual), len(basis)))
    for start, found in zip(range(0, len(residual), FRAMES_AT_ONCE), coefficients):
        filled[start : start + len(found), : found.shape[1]] = found  # later directions: within what is missed
    return basis, filled, missed_m


def _directions_within(
    coefficients: np.ndarray, basis: np.ndarray, tolerance_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return few directions that show all frames within a tolerance, made from a growing set of the worst frames.

    Args:
        coefficients: (T, C), of the basis.
        basis: (C, 3 R) orthonormal.
        tolerance_m: metres, at any vertex.
    Returns:
        (K, C) orthonormal directions in the basis' coordinates, and each frame's greatest distance (T,), metres.
    """
    directions = np.zeros((0, len(basis)))
    chosen: list[int] = []
    while True:
        errors_m = _distances_left(coefficients, directions, basis)
        parts = np.array_split(np.arange(len(errors_m)), min(WORST_AT_ONCE, len(errors_m)))
        worst = [int(part[np.argmax(errors_m[part])]) for part in parts]
        joining = [frame for frame in worst if errors_m[frame] > tolerance_m and frame not in chosen]
        if not joining:
            return directions, errors_m
        chosen += joining
        directions = _fewest_directions(coefficients[chosen], basis, tolerance_m)


def _fewest_directions(rows: np.ndarray, basis: np.ndarray | None, tolerance_m: float) -> np.ndarray:
    """Return the leading singular directions (K, C) of rows (N, C), as many as keep each row within the tolerance."""
    directions = np.linalg.svd(rows, full_matrices=False)[2]
    too_few, enough = -1, len(directions)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if _distances_left(rows, directions[:middle], basis).max() <= tolerance_m:
            enough = middle
        else:
            too_few = middle
    return directions[:enough]


def _distances_left(rows: np.ndarray, directions: np.ndarray, basis: np.ndarray | None) -> np.ndarray:
    """Return how far the worst vertex of each row is off, (N,) metres, once the directions have shown their part."""
    rest = (rows - (rows @ directions.T) @ directions).astype(np.float32)
    if basis is None:
        return _greatest_distance(rest)
    starts = range(0, len(rest), FRAMES_AT_ONCE)
    return np.concatenate([_greatest_distance(rest[start : start + FRAMES_AT_ONCE] @ basis) for start in starts])


def _greatest_distance(offsets: np.ndarray) -> np.ndarray:
    """Return the greatest vertex's length in each row of offsets (N, 3 R): (N,)."""
    vectors = offsets.reshape(len(offsets), -1, 3)
    return np.sqrt(np.einsum("nvk,nvk->nv", vectors, vectors).max(axis=1, initial=0.0))


def _orthonormal(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (K, 3 R) float32 that span directions (3 R, K0), and the directions' values per row's, (K, K0)."""
    left, sizes, right = np.linalg.svd(directions.astype(np.float64), full_matrices=False)
    kept = sizes > LEAST_SINGULAR_VALUE * sizes.max(initial=0.0)
    return left[:, kept].T.astype(np.float32), right[kept] / sizes[kept, None]


def _every_frame(head: Head, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return expression (T, up to E), eyelids (T, up to 2; none where the head has none), rotations (T, 5, 3, 3)."""
    given = {name: np.atleast_2d(values) for name, values in parameters.items() if values is not None}
    nothing = np.zeros((1, 0))
    expression, eyelid = given.get("expression", nothing), given.get("eyelid", nothing)
    if head.eyelid_directions is None:
        eyelid = nothing
    arrays = [expression, eyelid, _rotations(*(given.get(name) for name in ("jaw_pose", "neck_pose", "eye_pose")))]
    num_frames = max(len(array) for array in arrays)
    if any(len(array) not in (1, num_frames) for array in arrays):
        raise ValueError(f"parameters with different numbers of frames: {[len(array) for array in arrays]}")
    return tuple(np.broadcast_to(array, (num_frames, *array.shape[1:])) for array in arrays)


def _rotations(
    jaw_pose: np.ndarray | None, neck_pose: np.ndarray | None, eye_pose: np.ndarray | None
) -> np.ndarray:
    """Return the joints' matrices, each relative to its parent, (N, 5, 3, 3), with a root that does not turn."""
    eyes = np.zeros((1, 6)) if eye_pose is None else np.atleast_2d(eye_pose)
    still = np.zeros((1, 3))
    vectors = [still, *(still if pose is None else np.atleast_2d(pose) for pose in (neck_pose, jaw_pose))]
    return matrices_from_axis_angle(np.stack(np.broadcast_arrays(*vectors, eyes[:, :3], eyes[:, 3:]), axis=1))


def _identity(head: Head, shape: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the unposed head of an identity, (V, 3), and its joints, (5, 3), metres."""
    if shape is not None and len(np.atleast_2d(shape)) != 1:
        raise ValueError(f"{len(shape)} identities; the keys that pose a head are those of one")
    return head.vertices(shape)[0].astype(np.float64), head.joints(shape)[0]


def _moved_with(joint: int, weights: np.ndarray) -> np.ndarray:
    """Return how far each vertex follows a joint, (V,): its weight on the joint and on all that hang on the joint."""
    moved = [child for child, parent in enumerate(JOINT_PARENTS) if joint in (child, parent)]
    return weights[:, moved].sum(axis=1)

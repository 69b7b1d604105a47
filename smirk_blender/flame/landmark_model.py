"""A head reduced to its landmarks, with its derivatives: what a fit needs, thousands of times faster than the whole mesh."""

from dataclasses import dataclass

import numpy as np

from .head import JOINT_NAMES, Head
from .landmarks import LandmarkEmbedding
from .rotations import matrices_from_axis_angle

JAW, EYE_L, EYE_R = (JOINT_NAMES.index(name) for name in ("jaw", "eye_L", "eye_R"))
JAW_FEATURES = slice(9 * (JAW - 1), 9 * JAW)  # of the 36 pose features
IRIS_CENTERS = {EYE_R: 468, EYE_L: 473}  # MediaPipe's iris centres; its "right" is the actor's
DERIVATIVE_STEP_RAD = 1e-4  # for the rotation matrices' derivatives, central differences in float64


@dataclass(frozen=True)
class FrameLayout:
    """Where each group of parameters sits in a frame's vector of P unknowns."""

    num_expression: int

    @property
    def groups(self) -> dict[str, slice]:
        sizes = {"expression": self.num_expression, "eyelid": 2, "jaw_pose": 3, "head_pose": 3, "gaze": 4, "camera": 4}
        ends = np.cumsum(list(sizes.values()))
        return {name: slice(int(end) - size, int(end)) for (name, size), end in zip(sizes.items(), ends)}

    @property
    def size(self) -> int:
        return self.num_expression + 16


class LandmarkModel:
    """Landmarks of a head as a function of identity (S) and of per-frame parameters (P; see FrameLayout).

    A landmark is posed with the mean of its triangle's skinning weights, so that it is one point, not three:
    exact where the triangle turns as one, off by some hundredths of a millimetre elsewhere.
    Gaze is (left x, left y, right x, right y), radians about FLAME's axes. Camera is (scale, tx, ty, tz):
    a landmark appears at scale * (x, y, z) + (tx, ty, tz), where (x, y, z) is it turned about the origin, not the root joint.
    """

    def __init__(self, head: Head, num_shape: int, num_expression: int) -> None:
        embedding = with_iris_centers(head)
        self.indices = embedding.indices
        self.num_shape = min(num_shape, head.num_shape)
        self.layout = FrameLayout(min(num_expression, head.num_expression))
        self.template = _at(embedding, head.template[..., None])[..., 0]  # (L, 3)
        eyelids = head.eyelid_directions
        lids = np.zeros((len(head.template), 3, 2), np.float32) if eyelids is None else eyelids
        self.shape_directions = _at(embedding, head.shape_directions[..., : self.num_shape])
        frame_directions = [head.expression_directions[..., : self.layout.num_expression], lids]
        self.frame_directions = np.concatenate([_at(embedding, part) for part in frame_directions], axis=-1)
        self.jaw_directions = _at(embedding, head.pose_directions[..., JAW_FEATURES])  # (L, 3, 9)
        weights = np.einsum("lc,lcj->lj", embedding.weights, head.skinning_weights[embedding.corners])
        self.weights = {joint: weights[:, joint] for joint in (JAW, EYE_L, EYE_R)}
        self.fixed_weight = 1.0 - sum(self.weights.values())
        self.joint_template = head.joint_template
        self.joint_shape_directions = head.joint_directions[..., : self.num_shape]
        expression_joints = head.joint_directions[..., head.num_shape :][..., : self.layout.num_expression]
        self.joint_frame_directions = np.concatenate([expression_joints, np.zeros((len(JOINT_NAMES), 3, 2))], axis=-1)

    def rest_points(self, shape: np.ndarray) -> np.ndarray:
        """Return the neutral landmarks of an identity (S,), (L, 3) metres; of one a frame, (T, S), (T, L, 3)."""
        return self.template + np.tensordot(shape, self.shape_directions, (-1, -1))

    def project(
        self, shape: np.ndarray, frames: np.ndarray, *, derivatives: bool = False, shape_derivatives: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the landmarks before an orthographic camera, and their derivatives.

        Args:
            shape: (S,) identity, or (T, S) one a frame.
            frames: (T, P) parameters.
            derivatives: also return derivatives by the frames' parameters;
            shape_derivatives: and by identity, in front of them.
        Returns:
            points: (T, L, 3), camera units, +y up, +z towards the camera.
            jacobian: (T, L, 3, P) or (T, L, 3, S + P) float32; None if not asked for.
        """
        groups = self.layout.groups
        part = {name: frames[:, columns] for name, columns in groups.items()}
        coefficients = frames[:, : groups["eyelid"].stop]  # expression and lids, side by side
        turns = self._joint_rotations(part)
        unposed = self.rest_points(shape) + np.einsum("lkc,tc->tlk", self.frame_directions, coefficients)
        feature = (turns[JAW] - np.eye(3)).reshape(-1, 9)
        unposed = unposed + np.einsum("lkf,tf->tlk", self.jaw_directions, feature)
        joints = (
            self.joint_template
            + np.tensordot(shape, self.joint_shape_directions, (-1, -1))
            + np.einsum("jkc,tc->tjk", self.joint_frame_directions, coefficients)
        )  # (T, 5, 3)
        posed = self.fixed_weight[:, None] * unposed
        for joint, turn in turns.items():
            center = joints[:, joint, None]
            posed = posed + self.weights[joint][:, None] * ((unposed - center) @ turn.swapaxes(1, 2) + center)
        head_turn = matrices_from_axis_angle(part["head_pose"])
        scale = part["camera"][:, :1, None]
        turned = posed @ head_turn.swapaxes(1, 2)  # (T, L, 3)
        points = scale * turned + part["camera"][:, None, 1:]
        if not derivatives:
            return points, None
        jacobian = np.zeros((*points.shape, self.layout.size), np.float32)
        view = (scale * head_turn).astype(np.float32)  # (T, 3, 3): a step of the posed head -> a step before the camera
        blend = self._blended_rotations(turns)
        jacobian[..., : groups["eyelid"].stop] = self._coefficient_steps(
            turns, blend, view, self.frame_directions, self.joint_frame_directions
        )
        jacobian[..., groups["jaw_pose"]] = self._jaw_steps(part["jaw_pose"], blend, view, unposed, joints)
        for name, (joint, angles) in {"left": (EYE_L, slice(0, 2)), "right": (EYE_R, slice(2, 4))}.items():
            columns = slice(groups["gaze"].start + angles.start, groups["gaze"].start + angles.stop)
            steps = _rotation_steps(_eye_vectors(part["gaze"][:, angles]))[:, :2]  # by x and y alone
            arm = self.weights[joint][:, None] * (unposed - joints[:, joint, None])
            jacobian[..., columns] = np.einsum("tik,tckm,tlm->tlic", view, steps, arm, optimize=True)
        head_steps = _rotation_steps(part["head_pose"])  # (T, 3 angles, 3, 3)
        jacobian[..., groups["head_pose"]] = np.einsum("tcik,tlk->tlic", head_steps, posed) * scale[..., None]
        camera = groups["camera"].start
        jacobian[..., camera] = turned
        jacobian[..., camera + 1 : camera + 4] = np.eye(3)
        if shape_derivatives:
            steps = self._coefficient_steps(turns, blend, view, self.shape_directions, self.joint_shape_directions)
            jacobian = np.concatenate([steps, jacobian], axis=-1)
        return points, jacobian

    def _joint_rotations(self, part: dict[str, np.ndarray]) -> dict[int, np.ndarray]:
        vectors = {
            JAW: part["jaw_pose"],
            EYE_L: _eye_vectors(part["gaze"][:, :2]),
            EYE_R: _eye_vectors(part["gaze"][:, 2:]),
        }
        return {joint: matrices_from_axis_angle(vector) for joint, vector in vectors.items()}

    def _blended_rotations(self, turns: dict[int, np.ndarray]) -> np.ndarray:
        """Return (L, T, 3, 3): how a step of an unposed landmark turns with the joints that it hangs on."""
        blend = self.fixed_weight[:, None, None, None] * np.eye(3)
        for joint, turn in turns.items():
            blend = blend + self.weights[joint][:, None, None, None] * turn
        return blend

    def _coefficient_steps(self, turns, blend, view, directions, joint_directions) -> np.ndarray:
        """Return (T, L, 3, C): what one unit of each coefficient does before the camera."""
        turned = (view @ blend).astype(np.float32)  # (L, T, 3, 3)
        num_landmarks, num_frames = turned.shape[:2]
        steps = turned.reshape(num_landmarks, num_frames * 3, 3) @ directions.astype(np.float32)
        steps = steps.reshape(num_landmarks, num_frames, 3, -1)
        for joint, turn in turns.items():
            movers = np.flatnonzero(self.weights[joint] > 1e-6)
            if np.any(joint_directions[joint]) and len(movers):
                shift = view @ ((np.eye(3) - turn) @ joint_directions[joint]).astype(np.float32)  # (T, 3, C)
                steps[movers] += self.weights[joint][movers, None, None, None].astype(np.float32) * shift
        return steps.swapaxes(0, 1)

    def _jaw_steps(self, jaw_pose, blend, view, unposed, joints) -> np.ndarray:
        """Return (T, L, 3, 3): what one radian of each jaw angle does before the camera."""
        steps = _rotation_steps(jaw_pose)  # (T, 3 angles, 3, 3)
        arm = self.weights[JAW][:, None] * (unposed - joints[:, JAW, None])  # (T, L, 3)
        swing = np.einsum("tckm,tlm->tlkc", steps, arm)
        corrective = np.einsum("lkf,tcf->ltkc", self.jaw_directions, steps.reshape(len(steps), 3, 9))
        return view[:, None] @ (swing + (blend @ corrective).swapaxes(0, 1))


def with_iris_centers(head: Head) -> LandmarkEmbedding:
    """Return a head's embedding, with the iris centres at the eyeballs' foremost vertices where it lacks them.

    Raises:
        ValueError: the head has no landmarks.
    """
    embedding = head.landmarks
    if embedding is None:
        raise ValueError(f"{head.name} has no landmarks")
    for joint, index in IRIS_CENTERS.items():
        eyeball = np.flatnonzero(head.skinning_weights[:, joint] > 0.99)
        if index in embedding.indices or not len(eyeball):
            continue
        foremost = eyeball[np.argmax(head.template[eyeball, 2])]
        embedding = LandmarkEmbedding(
            np.append(embedding.indices, index),
            np.vstack([embedding.corners, [foremost] * 3]),
            np.vstack([embedding.weights, np.float32([1, 0, 0])]),
        )
    return embedding


def _at(embedding: LandmarkEmbedding, directions: np.ndarray) -> np.ndarray:
    """Return (L, 3, C) float64: per-vertex directions (V, 3, C) at the landmarks."""
    return np.einsum("lc,lckd->lkd", embedding.weights, directions[embedding.corners]).astype(np.float64)


def _eye_vectors(angles: np.ndarray) -> np.ndarray:
    return np.pad(angles, ((0, 0), (0, 1)))  # eyes do not roll


def _rotation_steps(vectors: np.ndarray) -> np.ndarray:
    """Return d matrix / d vector, (T, 3, 3, 3): the second axis is the component of the rotation vector."""
    offsets = DERIVATIVE_STEP_RAD * np.eye(3)
    plus = matrices_from_axis_angle(vectors[:, None] + offsets)
    minus = matrices_from_axis_angle(vectors[:, None] - offsets)
    return (plus - minus) / (2 * DERIVATIVE_STEP_RAD)

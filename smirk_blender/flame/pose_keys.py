"""temporary"""
import numpy as np
from .rotations import matrices_from_axis_angle


def pose_features(neck_pose, jaw_pose, eye_pose):
    vectors = np.stack([neck_pose, jaw_pose, *np.split(eye_pose, 2, axis=1)], axis=1)
    return (matrices_from_axis_angle(vectors) - np.eye(3)).reshape(len(vectors), -1)


def skinned_pose_directions(head, vertices=None):
    rest = head.template if vertices is None else vertices
    joints = head.joint_regressor @ rest
    w = head.skinning_weights.astype(float)
    sums = [w[:, 1:].sum(1), w[:, 2], w[:, 3], w[:, 4]]
    out = head.pose_directions.astype(float).copy()
    for j in range(4):
        for r in range(3):
            for c in range(3):
                out[:, r, 9 * j + 3 * r + c] += sums[j] * (rest - joints[j + 1])[:, c]
    return out.astype(np.float32)


def pose_corrections(*a, **k):
    raise NotImplementedError

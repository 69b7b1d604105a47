"""A FLAME-layout head and the FLAME layer: parameters in, vertices, joints and landmarks out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from .landmarks import LandmarkEmbedding
from .rotations import matrices_from_axis_angle

JOINT_NAMES = ("root", "neck", "jaw", "eye_L", "eye_R")  # FLAME's order
JOINT_PARENTS = (-1, 0, 1, 1, 1)
NUM_POSE_FEATURES = 9 * (len(JOINT_NAMES) - 1)


@dataclass(frozen=True)
class Surface:
    """How a head is drawn: faces, texture coordinates and materials. Nothing here moves a vertex.

    Attributes:
        polygons: (P, 3) or (P, 4) int, vertex indices, counter-clockwise seen from outside.
        uv: (P, 3 or 4, 2) float32, one texture coordinate per polygon corner, within 0 to 1; or None.
        material_index: (P,) int into `materials`.
        materials: (name, (r, g, b) linear, roughness) of each.
        colors: (V, 3) float32 linear RGB, the base colour where present; None for the materials' own.
    """

    polygons: np.ndarray
    uv: np.ndarray | None
    material_index: np.ndarray
    materials: tuple[tuple[str, tuple[float, float, float], float], ...]
    colors: np.ndarray | None = None


@dataclass(frozen=True)
class ExpressionPrior:
    """How far a head's expression coefficients go: standard deviation about zero, and bounds."""

    spread: float = 0.6  # of FLAME's standard deviations; at 1 and 2, extreme footage ran into the bounds below
    low: float = -10.0
    high: float = 10.0


@dataclass(frozen=True)
class Head:
    """A head in FLAME's layout: metres, +Y up, +Z out of the face, +X to the actor's left.

    Attributes:
        name: of the model, for people to read.
        template: (V, 3) float32, the neutral head.
        triangles: (F, 3) int.
        shape_directions: (V, 3, S) float32, metres per unit of identity.
        expression_directions: (V, 3, E) float32, metres per unit of expression.
        pose_directions: (V, 3, 36) float32, metres per unit of the pose feature
            (rotation matrices of joints 1 to 4, less the identity, row by row).
        joint_regressor: (5, V) float64; joints = regressor @ shaped vertices.
        skinning_weights: (V, 5) float32, each row sums to 1.
        eyelid_directions: (V, 3, 2) float32, left then right, metres from open to shut; or None.
        shape_names, expression_names: one plain name a direction.
        landmarks: MediaPipe's landmarks on this head; or None.
        surface: polygons, texture coordinates, materials.
        expression_prior: what the landmark solver may expect of the expression coefficients.
        eyelids_computed: whether the eyelids were made from the geometry, for want of SMIRK's.
        sha256: of the template and the directions as they lay in a file; "" for a head from no file.
    Source: FLAME, "Learning a model of facial shape and expression from 4D scans" (Li et al. 2017).
    """

    name: str
    template: np.ndarray
    triangles: np.ndarray
    shape_directions: np.ndarray
    expression_directions: np.ndarray
    pose_directions: np.ndarray
    joint_regressor: np.ndarray
    skinning_weights: np.ndarray
    eyelid_directions: np.ndarray | None
    shape_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    landmarks: LandmarkEmbedding | None
    surface: Surface
    expression_prior: ExpressionPrior = ExpressionPrior()
    eyelids_computed: bool = False
    sha256: str = ""
    joint_template: np.ndarray = field(init=False, repr=False)  # (5, 3)
    joint_directions: np.ndarray = field(init=False, repr=False)  # (5, 3, S + E)

    def __post_init__(self) -> None:
        regress = lambda array: np.tensordot(self.joint_regressor, array.astype(np.float64), axes=1)
        object.__setattr__(self, "joint_template", regress(self.template))
        directions = [regress(self.shape_directions), regress(self.expression_directions)]
        object.__setattr__(self, "joint_directions", np.concatenate(directions, axis=-1))

    @property
    def num_shape(self) -> int:
        return self.shape_directions.shape[-1]

    @property
    def num_expression(self) -> int:
        return self.expression_directions.shape[-1]

    def models(self) -> dict[str, str]:
        """Return by what a take knows the head again that it was solved on; see `is_of`."""
        return {"head": self.name} | ({"head_sha256": self.sha256} if self.sha256 else {})

    def is_of(self, models: Mapping[str, str]) -> bool:
        """Return whether this is the head of a take's `models`: by content where both tell it, else by name.

        FLAME's versions share file names, and users rename files. A take that names no head fits any.
        """
        if self.sha256 and models.get("head_sha256"):
            return self.sha256 == models["head_sha256"]
        return models.get("head", self.name) == self.name

    def vertices(
        self,
        shape: np.ndarray | None = None,
        expression: np.ndarray | None = None,
        *,
        jaw_pose: np.ndarray | None = None,
        eyelid: np.ndarray | None = None,
        head_pose: np.ndarray | None = None,
        neck_pose: np.ndarray | None = None,
        eye_pose: np.ndarray | None = None,
        eyelid_order: Literal["before", "after"] = "before",
    ) -> np.ndarray:
        """Return the posed head, one a row of the parameters.

        Any argument may be left out (zero), may have one row for all, and may have fewer columns
        than the head has directions (the rest are zero).
        Args:
            shape: (N, up to S) identity, unitless, 1 = one standard deviation.
            expression: (N, up to E) unitless.
            jaw_pose, head_pose, neck_pose: (N, 3) axis-angle, radians, FLAME axes.
            eye_pose: (N, 6) axis-angle, left eye then right.
            eyelid: (N, 2) left then right, 0 open to 1 shut.
            eyelid_order: "before" adds the lids to the rest head, so that they turn with it;
                "after" adds them to the posed head in fixed axes, as SMIRK's authors do.
        Returns:
            (N, V, 3) float32, metres.
        Raises:
            ValueError: more columns than the head has directions, or row counts that disagree.
        """
        return self._posed(
            _rows(shape, self.num_shape, "shape"),
            _rows(expression, self.num_expression, "expression"),
            _rows(eyelid, 2, "eyelid"),
            _pose_rows(head_pose, neck_pose, jaw_pose, eye_pose),
            eyelid_order,
        )

    def joints(self, shape: np.ndarray | None = None, expression: np.ndarray | None = None) -> np.ndarray:
        """Return the joints of the unposed head, (N, 5, 3) float64, metres, in JOINT_NAMES' order."""
        coefficients = np.concatenate(
            _broadcast([_rows(shape, self.num_shape, "shape"), _rows(expression, self.num_expression, "expression")]),
            axis=-1,
        )
        return self.joint_template + np.einsum("nc,jkc->njk", coefficients, self.joint_directions)

    def part(self, keep: np.ndarray, shape: np.ndarray) -> "Head":
        """Return some of the vertices as a head of their own, which moves as they do on this one, only faster.

        It wears an identity for good, and has neither identity directions nor triangles, polygons and landmarks.
        Args:
            keep: (K,) int, vertices.
            shape: (up to S,) identity.
        """
        coefficients = _rows(shape, self.num_shape, "shape")
        part = replace(
            self,
            template=(self.template[keep] + _blend(coefficients, self.shape_directions[keep])[0]).astype(np.float32),
            triangles=np.empty((0, 3), self.triangles.dtype),
            shape_directions=np.empty((len(keep), 3, 0), np.float32),
            expression_directions=self.expression_directions[keep],
            pose_directions=self.pose_directions[keep],
            joint_regressor=np.zeros((len(JOINT_NAMES), len(keep))),  # the joints hang on vertices that are not here
            skinning_weights=self.skinning_weights[keep],
            eyelid_directions=None if self.eyelid_directions is None else self.eyelid_directions[keep],
            shape_names=(),
            landmarks=None,
            surface=Surface(self.surface.polygons[:0], None, self.surface.material_index[:0], self.surface.materials),
        )
        object.__setattr__(part, "joint_template", self.joints(shape)[0])
        object.__setattr__(part, "joint_directions", self.joint_directions[..., self.num_shape :])
        return part

    def _posed(self, shape, expression, eyelid, pose, eyelid_order) -> np.ndarray:
        if eyelid_order not in ("before", "after"):
            raise ValueError(f"eyelid_order is 'before' or 'after', not {eyelid_order!r}")
        shape, expression, eyelid, pose = _broadcast([shape, expression, eyelid, pose])
        shaped = (
            self.template + _blend(shape, self.shape_directions) + _blend(expression, self.expression_directions)
        )  # (N, V, 3)
        joints = self.joints(shape, expression)
        rotations = matrices_from_axis_angle(pose.reshape(-1, len(JOINT_NAMES), 3))  # (N, 5, 3, 3)
        pose_feature = (rotations[:, 1:] - np.eye(3)).reshape(-1, NUM_POSE_FEATURES)
        if np.any(pose_feature):
            shaped = shaped + _blend(pose_feature, self.pose_directions)
        lids = 0.0 if self.eyelid_directions is None else _blend(eyelid, self.eyelid_directions)
        if eyelid_order == "before":
            return skin(shaped + lids, joints, rotations, self.skinning_weights)
        return skin(shaped, joints, rotations, self.skinning_weights) + lids


def skin(vertices: np.ndarray, joints: np.ndarray, rotations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return vertices turned about their joints (linear blend skinning).

    Args:
        vertices: (N, V, 3) metres, unposed.
        joints: (N, 5, 3) metres, unposed.
        rotations: (N, 5, 3, 3), each relative to its parent.
        weights: (V, 5).
    Returns:
        (N, V, 3) float32, metres.
    """
    if not np.any(rotations - np.eye(3)):
        return vertices.astype(np.float32)
    turns, shifts = [], []  # of each joint: posed = turn @ rest + shift
    for joint, parent in enumerate(JOINT_PARENTS):
        turn = rotations[:, joint]
        shift = joints[:, joint] - np.einsum("nij,nj->ni", turn, joints[:, joint])
        if parent >= 0:
            shift = np.einsum("nij,nj->ni", turns[parent], shift) + shifts[parent]
            turn = turns[parent] @ turn
        turns.append(turn)
        shifts.append(shift)
    transforms = np.concatenate([np.stack(turns, 1), np.stack(shifts, 1)[..., None]], axis=-1)  # (N, 5, 3, 4)
    blended = np.matmul(weights, transforms.reshape(len(vertices), len(JOINT_PARENTS), 12).astype(np.float32))
    blended = blended.reshape(*vertices.shape[:2], 3, 4)
    return np.einsum("nvij,nvj->nvi", blended[..., :3], vertices.astype(np.float32)) + blended[..., 3]


def _blend(coefficients: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return offsets (N, V, 3) = sum over c of coefficients (N, C) times directions (V, 3, C)."""
    used = np.flatnonzero(np.any(coefficients, axis=0))
    if not len(used):
        return np.zeros((len(coefficients), *directions.shape[:2]), np.float32)
    if 2 * len(used) > directions.shape[-1]:
        used = np.arange(directions.shape[-1])  # a copy without the others would take longer than multiplying by zeros
    columns = directions if len(used) == directions.shape[-1] else directions[..., used]
    flat = columns.reshape(-1, len(used)).astype(np.float32, copy=False)
    return (coefficients[:, used].astype(np.float32) @ flat.T).reshape(-1, *directions.shape[:2])


def _rows(values: np.ndarray | None, num_columns: int, name: str) -> np.ndarray:
    """Return values as (N, num_columns) float64, short rows filled with zeros."""
    if values is None:
        return np.zeros((1, num_columns))
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] > num_columns:
        raise ValueError(f"{name} has shape {values.shape}; this head takes (N, {num_columns}) at most")
    return np.pad(values, ((0, 0), (0, num_columns - values.shape[1])))


def _pose_rows(head_pose, neck_pose, jaw_pose, eye_pose) -> np.ndarray:
    """Return the five joints' rotation vectors, (N, 15), in JOINT_NAMES' order."""
    named = {
        "head_pose": (head_pose, 3),
        "neck_pose": (neck_pose, 3),
        "jaw_pose": (jaw_pose, 3),
        "eye_pose": (eye_pose, 6),
    }
    return np.concatenate(_broadcast([_rows(values, width, name) for name, (values, width) in named.items()]), axis=-1)


def _broadcast(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Return the arrays with as many rows as the longest; each has that many already, or one."""
    num_rows = max(len(array) for array in arrays)
    if any(len(array) not in (1, num_rows) for array in arrays):
        raise ValueError(f"parameters with different numbers of frames: {[len(array) for array in arrays]}")
    return [np.broadcast_to(array, (num_rows, array.shape[1])) for array in arrays]

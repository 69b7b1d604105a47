"""Bones that follow the face's surface: from how the surface moves to the channels of the rig's controls.

A control seldom moves alone. The jaw carries the lower lip, a corner of the mouth pulls the lips beside it, a rig's
mechanisms mix all that: a `Carriage` says how, and the channels are solved so that the places end where the surface is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..flame.align import align_similarity
from ..flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from .bone_motion import bone_turns
from .character import BoneCurves, CharacterBone
from .profile import Follower

NEIGHBOURS = 6  # of the surface's points, that tell how it moves at a place
TURN_NEIGHBOURS = 24  # likewise how it turns there: one patch, wider than a lip
LEAN = 0.04  # of the face's extent: how far above its place an upper lip's bone asks, to hear nothing of the lower
# Of what a control does to its own place. Where no control can move a place, such as off the eyeball that holds a lid,
# each goes as its own place should: only so does a lid that swings round the ball end where it should.
STIFFNESS = 1e-2


@dataclass(frozen=True)
class Carriage:
    """How P places of a rig answer to its P controls, near its rest, in the mesh's object space.

    Attributes:
        places: (P, 3) where they lie at rest: of the bones that deform, where a control has one.
        axes: (P, 3, 3) of each control, columns: what a unit of its location is.
        response: (P, 3, P, 3) how place i moves by control j's moving along the object space's axes.
        carried: by role ("jaw", "eye_L", "eye_R"), (9, P, 3): how places move by each entry of turn - 1.
        turned: by role, (P, 3, 3): rotation vector of the role -> that of each control's own axes.
    """

    places: np.ndarray
    axes: np.ndarray
    response: np.ndarray
    carried: Mapping[str, np.ndarray] = field(default_factory=dict)
    turned: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class FollowingRig:
    """The P followers that a character has, what moves them, and what a rig's neck does to its head.

    Attributes:
        followers: those of the profile, or that were found, which are there.
        bones: (P) of them.
        leans: (P,) as in `surface_at`.
        carriage: of them, in their order.
        neck_carries: how much of the neck's turn the head takes part in: 0 where a rig keeps its head upright.
    """

    followers: tuple[Follower, ...]
    bones: tuple[CharacterBone, ...]
    leans: np.ndarray
    carriage: Carriage
    neck_carries: float = 1.0


def free_carriage(bones: tuple[CharacterBone, ...]) -> Carriage:
    """Return the carriage of bones that nothing but their own channels moves."""
    matrices = np.array([bone.matrix for bone in bones]).reshape(-1, 4, 4)
    response = np.einsum("ij,kl->ikjl", np.eye(len(bones)), np.eye(3))
    return Carriage(places=matrices[:, :3, 3], axes=matrices[:, :3, :3], response=response)


def surface_at(
    places: np.ndarray, points: np.ndarray, displacements: np.ndarray, *, up: np.ndarray, leans: np.ndarray
) -> np.ndarray:
    """Return how the surface moves at places beside it, (T, P, 3).

    Args:
        places: (P, 3) at rest.
        points: (N, 3) of the surface, at rest.
        displacements: (T, N, 3) of the points.
        up: (3,) unit vector, up the face.
        leans: (P,) 1 for a place that belongs to what lies above a slit, -1 below, 0 for all others.
    """
    order, distance = _nearest(_leant(places, points, up, leans), points, NEIGHBOURS)
    weights = 1.0 / (distance**2 + (1e-3 * _extent(points)) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("pk,tpkc->tpc", weights, displacements[:, order].astype(np.float64))


def surface_turns(
    places: np.ndarray, points: np.ndarray, displacements: np.ndarray, *, up: np.ndarray, leans: np.ndarray
) -> np.ndarray:
    """Return how the surface turns at places, (T, P, 3) rotation vectors, radians; arguments as in `surface_at`."""
    order, distance = _nearest(_leant(places, points, up, leans), points, TURN_NEIGHBOURS)
    turns = np.empty((len(displacements), len(places), 3))
    for place, (near, away) in enumerate(zip(order, distance)):
        weights = np.exp(-((away / away[-1]) ** 2))
        rotation, _, _ = align_similarity(points[near], points[near] + displacements[:, near], weights)
        turns[:, place] = axis_angle_from_matrices(rotation)
    return turns


def follow(wanted: np.ndarray, carriage: Carriage, turns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the controls' locations, (T, P, 3) in their own units and axes, so that the places move as wanted.

    Args:
        wanted: (T, P, 3) in the mesh's object space.
        turns: rotation vectors (T, 3) by role, radians, in the mesh's object space, of what bones turn already.
    """
    num_frames, num_places = wanted.shape[:2]
    missing = wanted.astype(np.float64)
    for role, carried in carriage.carried.items():
        if role in turns:
            missing = missing - carried_places(carried, turns[role])
    response = carriage.response.reshape(3 * num_places, 3 * num_places)
    hessian = response.T @ response + STIFFNESS * np.eye(len(response))
    missing = missing.reshape(num_frames, -1)
    moved = np.linalg.solve(hessian, (response.T + STIFFNESS * np.eye(len(response))) @ missing.T).T
    moved = moved.reshape(num_frames, num_places, 3)
    back = matrices_from_axis_angle(-_turned(carriage, turns, num_frames))
    return np.einsum("pij,tpjk,tpk->tpi", np.linalg.inv(carriage.axes), back, moved)


def carried_places(carried: np.ndarray, rotation_vectors: np.ndarray) -> np.ndarray:
    """Return how a role's turns (T, 3) move the places by themselves, (T, P, 3), by `Carriage.carried`'s (9, P, 3)."""
    return np.tensordot(turn_features(rotation_vectors), carried, axes=1)


def turn_features(rotation_vectors: np.ndarray) -> np.ndarray:
    """Return the entries of turn - 1, (T, 9): what a bone does to any place is linear in them."""
    return (matrices_from_axis_angle(rotation_vectors) - np.eye(3)).reshape(-1, 9)


def follower_curves(
    rig: FollowingRig, turns: Mapping[str, np.ndarray], points: np.ndarray, displacements: np.ndarray, *, up: np.ndarray
) -> tuple[BoneCurves, ...]:
    """Return the curves of bones that follow the surface.

    Args:
        turns: as in `follow`.
        points: (N, 3) of the character's surface at rest, in its object space.
        displacements: (T, N, 3) how a take moves them, head and neck at rest, jaw and all.
        up: (3,) unit vector, up the face.
    """
    if not rig.followers:
        return ()
    gains = np.array([follower.gain for follower in rig.followers])[:, None]
    surface = surface_at(rig.carriage.places, points, displacements, up=up, leans=rig.leans)
    location = follow(gains * surface, rig.carriage, turns)
    turning = np.flatnonzero([follower.rotate for follower in rig.followers])
    rotation = np.zeros(location.shape)
    if len(turning):
        rotation[:, turning] = gains[turning] * surface_turns(
            rig.carriage.places[turning], points, displacements, up=up, leans=rig.leans[turning]
        )
        before = matrices_from_axis_angle(-_turned(rig.carriage, turns, len(rotation)))
        rotation = axis_angle_from_matrices(before @ matrices_from_axis_angle(rotation))
    return tuple(
        BoneCurves(
            bone.owner,
            bone.name,
            rotation=bone_turns(rotation[:, index], bone) if follower.rotate else None,
            location=location[:, index],
        )
        for index, (follower, bone) in enumerate(zip(rig.followers, rig.bones, strict=True))
    )


def _turned(carriage: Carriage, turns: Mapping[str, np.ndarray], num_frames: int) -> np.ndarray:
    """Return how each control's axes are turned, (T, P, 3)."""
    total = np.zeros((num_frames, len(carriage.places), 3))
    for role, matrix in carriage.turned.items():
        if role in turns:
            total += np.einsum("pij,tj->tpi", matrix, turns[role])
    return total


def _leant(places: np.ndarray, points: np.ndarray, up: np.ndarray, leans: np.ndarray) -> np.ndarray:
    return places + LEAN * _extent(points) * np.asarray(leans, np.float64)[:, None] * up


def _extent(points: np.ndarray) -> float:
    return float(np.ptp(points, axis=0).max())


def _nearest(places: np.ndarray, points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest points of each place, (P, K) indices, and their distances, nearest first."""
    squared = ((places[:, None] - points) ** 2).sum(axis=-1)
    order = np.argsort(squared, axis=1)[:, : min(count, len(points))]
    return order, np.sqrt(np.take_along_axis(squared, order, axis=1))

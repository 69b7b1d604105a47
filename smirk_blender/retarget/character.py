"""A character's face as arrays, and what a take becomes on it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CharacterBone:
    """A bone, or an object that turns as a whole, at rest, seen in the object space of the character's mesh.

    Attributes:
        owner: the name of the armature object; of the object itself where it turns as a whole.
        name: of the bone; "" for an object.
        matrix: (4, 4) float64, rest: its own space to the mesh's object space; +Y runs along a bone.
        parent: name of the bone that carries it; "" for none.
        skinning: (V,) float32, how much of each vertex follows it and the bones that it carries, 0 to 1; None where
            that is none.
    """

    owner: str
    name: str
    matrix: np.ndarray
    parent: str = ""
    skinning: np.ndarray | None = None


@dataclass(frozen=True)
class Character:
    """A character's mesh at rest, in its own object space: keys at zero, bones as they were built, no modifiers.

    Attributes:
        name: of the mesh object.
        vertices: (V, 3) float64, the basis.
        triangles: (F, 3) int.
        key_names: of the shape keys that a take may move: relative, not driven, not locked, not the basis.
        key_offsets: (K, V, 3) float32, what a key at 1 adds, vertex groups obeyed.
        key_limits: (K, 2) float64, least and greatest value of each.
        bones: those that the face is turned with or follows by.
        notes: what a user should know, a sentence each: keys that a take cannot move, bones that are not there.
    """

    name: str
    vertices: np.ndarray
    triangles: np.ndarray
    key_names: tuple[str, ...] = ()
    key_offsets: np.ndarray | None = None
    key_limits: np.ndarray | None = None
    bones: tuple[CharacterBone, ...] = ()
    notes: tuple[str, ...] = ()

    def bone(self, owner: str, name: str) -> CharacterBone | None:
        return next((bone for bone in self.bones if (bone.owner, bone.name) == (owner, name)), None)


@dataclass(frozen=True)
class BoneCurves:
    """How a bone or an object moves, in the channels that Blender keys: relative to its rest, in its own axes.

    Attributes:
        owner, name: as in `CharacterBone`.
        rotation: (T, 4) float64, w x y z, sign-continuous; None where it is not turned.
        location: (T, 3) float64, in its own unit; None where it is not moved.
    """

    owner: str
    name: str
    rotation: np.ndarray | None = None
    location: np.ndarray | None = None


@dataclass(frozen=True)
class Retargeted:
    """A take on a character.

    Attributes:
        key_names: of K shape keys.
        weights: (T, K) float32, within each key's limits.
        bones: everything that turns or moves.
        missed: (T,) float32, root mean square of what the face's points miss, in widths of the character's face; NaN
            where nothing tells, such as by names.
        notes: what a user should know, a sentence each: keys that do nothing, bones that are not there.
    """

    key_names: tuple[str, ...]
    weights: np.ndarray
    bones: tuple[BoneCurves, ...]
    missed: np.ndarray
    notes: tuple[str, ...] = ()

"""A mesh's shape keys as an export has them: each one's own moves from the Basis, and its value at every frame."""

from dataclasses import dataclass

import numpy as np
from bpy.types import Object, ShapeKey

from .mesh_reading import group_weights
from .shape_keys import key_offsets

MINUS = "_minus"  # ends the name of a key that shows the negative values of another


@dataclass(frozen=True)
class PlayedKey:
    """A shape key over N frames.

    Attributes:
        name: in the file.
        moves: (V, 3) float32, what it adds to the Basis at value 1, in the mesh's coordinates.
        values: (N,) float64.
        slider: least and greatest value that it offers.
    """

    name: str
    moves: np.ndarray
    values: np.ndarray
    slider: tuple[float, float]


def keys_of(mesh_object: Object) -> list[ShapeKey]:
    """Return every shape key but the Basis."""
    shape_keys = mesh_object.data.shape_keys
    return [] if shape_keys is None else [key for key in shape_keys.key_blocks if key != shape_keys.reference_key]


def played_keys(mesh_object: Object, values: np.ndarray, *, unit_weights: bool) -> list[PlayedKey]:
    """Return a mesh's shape keys with their values (N, K); those that show negative values come last.

    Keys that are relative to others than the Basis, or masked by a vertex group, are what they add.
    Args:
        unit_weights: see `export_copy.playing_copy`.
    """
    keys, minus_keys = [], []
    taken = {key.name for key in keys_of(mesh_object)}
    masked = any(key.vertex_group in mesh_object.vertex_groups for key in keys_of(mesh_object))
    masks = group_weights(mesh_object) if masked else {}
    for key, column in zip(keys_of(mesh_object), values.T):
        moves, slider = key_offsets(key), (key.slider_min, key.slider_max)
        if key.vertex_group in masks:
            moves = moves * masks[key.vertex_group].astype(np.float32)[:, None]
        if unit_weights:
            factor, column, minus_factor, minus = split_values(column)
            slider = (0.0, 1.0)
            if minus_factor:
                name = key.name + MINUS
                while name in taken:
                    name += "_"
                taken.add(name)
                minus_keys.append(PlayedKey(name, np.float32(-minus_factor) * moves, minus, slider))
            moves = np.float32(factor) * moves
        keys.append(PlayedKey(key.name, moves, column, slider))
    return keys + minus_keys


def split_values(values: np.ndarray) -> tuple[float, np.ndarray, float, np.ndarray]:
    """Return values (N,) as two parts within 0 to 1: values = factor * part - minus_factor * minus_part.

    Factors are 1, or more where that is needed; the second is 0 where no value is less than zero.
    """
    factor, low = max(1.0, float(values.max(initial=0.0))), float(-values.min(initial=0.0))
    minus_factor = max(1.0, low) if low > 0 else 0.0
    minus = np.clip(-values, 0.0, None) / (minus_factor or 1.0)
    return factor, np.clip(values, 0.0, None) / factor, minus_factor, minus

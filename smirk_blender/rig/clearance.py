"""Where a new head stands: beside what would hide it."""

import numpy as np
from bpy.types import Object, ViewLayer
from mathutils import Vector

from .memory import armature_of, has_armature

GAP = 1.0  # of its own width, between a head and what would have hidden it


def stand_clear(head_object: Object, view_layer: ViewLayer) -> None:
    """Move a new head to the right of what it would stand inside of, such as the cube of Blender's own first scene."""
    seen = [thing for thing in view_layer.objects if thing.type == 'MESH' and thing.visible_get(view_layer=view_layer)]
    others = [thing for thing in seen if thing != head_object]
    low, high = world_box(head_object)
    shift = 0.0
    for other in sorted(others, key=lambda thing: world_box(thing)[0][0]):
        other_low, other_high = world_box(other)
        moved = np.array([shift, 0.0, 0.0])
        if np.all(low + moved < other_high) and np.all(high + moved > other_low):
            shift = float(other_high[0] - low[0] + GAP * (high[0] - low[0]))
    stand = armature_of(head_object) if has_armature(head_object) else head_object
    stand.location.x += shift


def world_box(thing: Object) -> tuple[np.ndarray, np.ndarray]:
    """Return an object's least and greatest corner in the world."""
    corners = np.array([thing.matrix_world @ Vector(corner) for corner in thing.bound_box])
    return corners.min(axis=0), corners.max(axis=0)

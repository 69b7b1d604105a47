"""Which places of a head and a character are the same, kept: settings change more often than characters."""

from collections import OrderedDict
from hashlib import blake2b

import numpy as np

from ..errors import RetargetError
from ..flame import Head
from .character import Character
from .correspondence import Correspondence, correspond
from .profile import RetargetProfile

KEPT_PLACES = 4  # of a megabyte each
_places: OrderedDict[tuple, Correspondence] = OrderedDict()


def places_of(head: Head, character: Character, profile: RetargetProfile, shape: np.ndarray) -> Correspondence:
    """Return which places of a head and a character are the same; the last ones are kept.

    Args:
        shape: (S,) the head's identity.
    Raises:
        RetargetError: the character has no landmarks yet, or too few that the head has too.
    """
    marks = profile.landmarks
    if marks is None:
        raise RetargetError(
            f"{character.name} has no landmarks, by which its face is known. Press Find Landmarks, or pick points on it"
        )
    digest = blake2b()
    for array in (character.vertices, character.triangles, marks.indices, marks.corners, marks.weights, shape):
        digest.update(np.ascontiguousarray(array).tobytes())
    key = (id(head), head.name, head.sha256, digest.digest())
    if key in _places:
        _places.move_to_end(key)
    else:
        _places[key] = correspond(head, character, marks, shape=shape)
        while len(_places) > KEPT_PLACES:
            _places.popitem(last=False)
    return _places[key]


def points_on(character: Character, places: Correspondence) -> np.ndarray:
    """Return the places on the character at rest, (P, 3), object units."""
    return np.einsum("pci,pc->pi", character.vertices[places.corners], places.weights)

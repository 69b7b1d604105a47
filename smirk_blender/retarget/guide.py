"""The guided list: which places of a face to pick by hand, and the landmarks that come of them.

Left and right are the character's own.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..flame import LandmarkEmbedding
from .surface_point import SurfacePoint, TriangleSurface
from .symmetry import MirrorPlane

EYES, MOUTH = (263, 33, 362, 133), (291, 61, 0, 17)  # landmarks that say where up is
LEFT, RIGHT = "Left", "Right"


@dataclass(frozen=True)
class Place:
    """A place of the face to be picked.

    Attributes:
        index: which of MediaPipe's 478 landmarks it is.
        name: for people.
        hint: where exactly.
        partner: the landmark on the other side; None in the middle of the face.
    """

    index: int
    name: str
    hint: str
    partner: int | None = None

    @property
    def other_side(self) -> "Place":
        """The same place on the right; left and right have the same words but these two."""
        if self.partner is None:
            raise ValueError(f"{self.name} is in the middle")
        return Place(self.partner, self.name.replace(LEFT, RIGHT), self.hint.replace(LEFT, RIGHT), self.index)


# Each is on both heads, the built-in one and FLAME's 105 landmarks, but for the chin, which FLAME's lack. MediaPipe has
# nothing lower than the lip there, and without a chin nothing would tell how long the jaw is.
PLACES = (
    Place(263, "Outer Corner of the Left Eye", "where the lids meet, towards the ear", 33),
    Place(362, "Inner Corner of the Left Eye", "where the lids meet, towards the nose", 133),
    Place(386, "Upper Lid of the Left Eye", "the middle of the lid's edge", 159),
    Place(374, "Lower Lid of the Left Eye", "the middle of the lid's edge", 145),
    Place(285, "Inner End of the Left Brow", "its lower edge, towards the nose", 55),
    Place(276, "Outer End of the Left Brow", "its lower edge, towards the ear", 46),
    Place(358, "Left Wing of the Nose", "where the nostril's outside meets the cheek", 129),
    Place(291, "Left Corner of the Mouth", "where the lips meet", 61),
    Place(4, "Tip of the Nose", "its foremost point"),
    Place(0, "Upper Edge of the Lips", "the middle of the upper lip's red, at its upper edge"),
    Place(13, "Where the Lips Meet", "the middle; of an open mouth, the upper lip's lower edge"),
    Place(17, "Lower Edge of the Lips", "the middle of the lower lip's red, at its lower edge"),
    Place(152, "Chin", "the middle of its lower edge"),
)
PARTNER_REACH = 0.03  # of the diagonal of all landmarks: so near to its mirror image lies a landmark's partner
CARRY_REACH = 0.15  # of the same diagonal: what is farther away from a moved place stays
LEAST_CARRIED = 0.01  # of a place's way: what would go less stays
NUM_SETTLE = 6  # steps by which a point comes to lie both on the surface and on the plane
LEAST_PLACES = 6  # on a face, for a character's proportions to show; of either side and the middle


def asked_places(*, mirrored: bool) -> tuple[Place, ...]:
    """Return what is asked for, in order: of places with a partner the left one alone if the other comes mirrored."""
    if mirrored:
        return PLACES
    return tuple(side for place in PLACES for side in ((place, place.other_side) if place.partner else (place,)))


def place_of(index: int) -> Place | None:
    """Return the place that a landmark is, on either side; None where the list does not have it."""
    return _by_index().get(index)


@cache
def _by_index() -> dict[int, Place]:
    return {place.index: place for place in asked_places(mirrored=False)}


def next_place(asked: Iterable[Place], done: Collection[int]) -> Place | None:
    """Return the first of the places asked for whose landmark is not among those done; None where all are."""
    return next((place for place in asked if place.index not in done), None)


def missing_places(indices: Collection[int]) -> list[Place]:
    """Return which places of the list have no landmark, on either side."""
    return [place for place in asked_places(mirrored=False) if place.index not in indices]


def is_enough(indices: Collection[int]) -> bool:
    """Return whether landmarks tell a face's proportions: some of the list on both sides, and one in the middle."""
    known = [place for place in PLACES if {place.index, place.partner} - {None} <= set(indices)]
    return len(known) >= LEAST_PLACES and len({place.partner is None for place in known}) == 2


def points_of_pick(
    place: Place, point: SurfacePoint, surface: TriangleSurface, plane: MirrorPlane | None
) -> dict[int, SurfacePoint]:
    """Return the landmarks that a pick gives: of a side, its own and its partner's; of the middle, one on the plane.

    Args:
        surface: of the character at rest.
        plane: that mirrors it; None to take the pick as it is.
    """
    if plane is None:
        return {place.index: point}
    if place.partner is None:
        for _ in range(NUM_SETTLE):
            point = surface.nearest(plane.flattened(point.on(surface.vertices)))
        return {place.index: point}
    return {place.index: point, place.partner: surface.nearest(plane.mirrored(point.on(surface.vertices)))}


def points_of_move(
    index: int,
    point: SurfacePoint,
    points: Mapping[int, SurfacePoint],
    surface: TriangleSurface,
    plane: MirrorPlane | None,
) -> dict[int, SurfacePoint]:
    """Return the landmarks that change with one that is put elsewhere.

    These are itself, the one on the other side, and, where it is a place of the list, what lies around either and is
    none: found in a picture, landmarks are many, and nobody moves each.

    Args:
        index: of the landmark.
        point: where it goes.
        points: all landmarks before it is moved.
        surface, plane: as in `points_of_pick`.
    """
    moved = {index: point}
    if plane is not None:
        partner = _partner_of(index, points, surface.vertices, plane)
        if partner is not None:
            place = Place(index, "", "", None if partner == index else partner)
            moved = points_of_pick(place, point, surface, plane)
    return moved | _carried(moved, points, surface) if place_of(index) is not None else moved


def _carried(
    moved: Mapping[int, SurfacePoint], points: Mapping[int, SurfacePoint], surface: TriangleSurface
) -> dict[int, SurfacePoint]:
    """Return what goes along with moved places of the list: the nearer, the farther; nothing at the list's others."""
    before = {index: point.on(surface.vertices) for index, point in points.items()}
    others = [index for index in before if place_of(index) is None]
    still = [before[index] for index in before if place_of(index) is not None and index not in moved]
    if not others:
        return {}
    places = np.array([before[index] for index in others])  # (K, 3)
    reach = CARRY_REACH * np.linalg.norm(np.ptp(np.array(list(before.values())), axis=0))
    away = np.stack([np.linalg.norm(places - before[index], axis=1) for index in moved])  # (M, K)
    to_still = np.min([np.linalg.norm(places - place, axis=1) for place in still], axis=0) if still else np.inf
    near = np.clip(1.0 - (away / reach) ** 2, 0.0, 1.0) ** 2
    share = near * (to_still / (away + to_still) if still else 1.0)  # (M, K)
    share /= np.maximum(share.sum(axis=0), 1.0)
    ways = np.array([moved[index].on(surface.vertices) - before[index] for index in moved])  # (M, 3)
    carried = np.flatnonzero(share.max(axis=0) > LEAST_CARRIED)
    return {others[row]: surface.nearest(places[row] + share[:, row] @ ways) for row in carried}


def _partner_of(
    index: int, points: Mapping[int, SurfacePoint], vertices: np.ndarray, plane: MirrorPlane
) -> int | None:
    """Return which landmark mirrors another one; itself in the middle, None where there is none."""
    listed = place_of(index)
    if listed is not None:
        partner = index if listed.partner is None else listed.partner
        return partner if partner in points else None
    places = np.array([point.on(vertices) for point in points.values()])
    away = np.linalg.norm(places - plane.mirrored(points[index].on(vertices)), axis=1)
    reach = PARTNER_REACH * np.linalg.norm(np.ptp(places, axis=0))
    return list(points)[int(away.argmin())] if away.min() <= reach else None


def sides_exchanged(places: Mapping[int, np.ndarray], forward: np.ndarray) -> bool:
    """Return whether what was picked as left lies on the character's right.

    Args:
        places: by landmark, (3,) in the world.
        forward: (3,) where the face looks, such as from it towards whoever picks.
    """
    eyes, mouth = ([places[index] for index in group if index in places] for group in (EYES, MOUTH))
    if not eyes or not mouth:
        return False
    left = np.cross(np.mean(eyes, axis=0) - np.mean(mouth, axis=0), forward)
    pairs = [place for place in PLACES if place.partner in places and place.index in places]
    return sum(float((places[pair.index] - places[pair.partner]) @ left) for pair in pairs) < 0.0


def with_sides_exchanged(points: Mapping[int, SurfacePoint]) -> dict[int, SurfacePoint]:
    """Return the points with left and right in each other's place."""
    places = {index: place_of(index) for index in points}
    return {(place.partner or index) if place else index: points[index] for index, place in places.items()}


def embedding_of(points: Mapping[int, SurfacePoint]) -> LandmarkEmbedding:
    """Return landmarks by their index, in ascending order."""
    ordered = sorted(points)
    return LandmarkEmbedding(
        indices=np.array(ordered, np.int64),
        corners=np.array([points[index].corners for index in ordered], np.int64).reshape(-1, 3),
        weights=np.array([points[index].weights for index in ordered], np.float32).reshape(-1, 3),
    )


def points_of(embedding: LandmarkEmbedding | None) -> dict[int, SurfacePoint]:
    """Return an embedding's points by landmark; none where there is no embedding."""
    if embedding is None:
        return {}
    rows = zip(embedding.indices, embedding.corners, embedding.weights.astype(np.float64))
    return {int(index): SurfacePoint(corners, weights) for index, corners, weights in rows}

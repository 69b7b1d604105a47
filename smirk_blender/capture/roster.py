"""Who is in the footage: everybody's face shape and way through the picture, and who of them a found face is."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import VideoError
from ..flame import builtin_head
from ..flame.align import align_similarity
from ..flame.measures import EYE_CORNERS_L, EYE_CORNERS_R, STEADY
from .cuts import CutFinder

FORMAT_VERSION = 2  # of the file; another one is refused
# A face's shape is told by points that expressions hardly move, but which MediaPipe moves with the head's turn. So a
# look is compared with the nearest of somebody's many looks, not with their mean. Root mean squares in units of the eye
# distance, measured on clips with large expressions and turns: the nearest of one's own looks is 0.003 to 0.006 away
# (0.024 at worst), the nearest of somebody else's usually 0.016 to 0.03.
SHAPE_NOISE = 0.008
STRANGE_SHAPE = 0.04  # a found face further than this from somebody is not theirs
SAME_SHAPE = 0.014  # looks further apart are of two persons
SURE_SHAPE = 0.012  # demanded where the roster does not expect them; the nearest look of a stranger was 0.013 away
MAX_FACES = 6  # in one picture
NUM_SHAPES = 64  # looks of a person that are compared, spread over all
UPPER_FACE = (8, 9, 10, 21, 50, 54, 67, 101, 103, 109, 116, 127, 151, 162, 234, 251, 280, 284, 297, 330, 332, 338, 345)
TEMPLES = (356, 389, 454)
PLACE_NOISE = 0.25  # of the face's size; how far a face strays from the way between two looks
PLACE_GATE = 1.0  # of the face's size; further away it is somebody else, whatever its shape
LEAP_SIZES_PER_S = 3.0  # how fast a place becomes uncertain after somebody was last seen
SAME_PLACE = 0.3  # of the face's size; two found faces as near as this, and of one size, are one face found twice
SAME_SIZE = 1.4
IMPOSSIBLE = 50.0  # the most that one frame says against somebody
MEMORY = 0.9  # what a face's past counts for from frame to frame: about ten frames


@dataclass(frozen=True)
class Person:
    """Somebody, as seen in K frames in order.

    Attributes:
        shapes: (S, L, 3) float32, of up to 64 of them, see `face_shape`.
        video_frames: (K,) int.
        places: (K, 3) float32: the face's centre x and y, and its size, pixels.
    """

    shapes: np.ndarray
    video_frames: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Roster:
    """Everybody in some footage, in the order of how much they are seen.

    Attributes:
        persons: them.
        every: each so many frames were looked at.
        fps: of the footage.
        size_px: width and height of its pictures.
        most_at_once: the most faces that one picture shows, of those that were looked at.
        cuts: (C,) int, the frames that were looked at before which the film was cut.
    """

    persons: tuple[Person, ...]
    every: int
    fps: float
    size_px: tuple[int, int]
    most_at_once: int
    cuts: np.ndarray


def face_shape(landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a face's shape without its place, size and turn, and how much it faces the camera.

    Args:
        landmarks: (478, 3) pixels, z in the same scale.
    Returns:
        shape: (L, 3) float32, steady points of a face that is laid on the built-in head's, over its eye distance.
        facing: cosine of the angle between the face and the camera.
    """
    indices, resting, shown = _resting_face()
    rotation, scale, shift = align_similarity(landmarks[indices], resting[None])
    shape = scale[0] * landmarks[shown] @ rotation[0].T + shift[0]
    return shape.astype(np.float32), float(rotation[0, 2, 2])


def face_place(landmarks: np.ndarray) -> np.ndarray:
    """Return (3,) float32: the face's centre x and y, and its size (mean of width and height), pixels."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    return np.append((low + high) / 2, (high - low).mean()).astype(np.float32)


def shape_distances(shapes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the root mean squares over the coordinates of every pair of shapes (S, L, 3) and (R, L, 3): (S, R)."""
    flat, others = shapes.reshape(len(shapes), -1), others.reshape(len(others), -1)
    return np.sqrt(np.mean((flat[:, None] - others[None]) ** 2, axis=-1))


def spread(shapes: Sequence[np.ndarray]) -> np.ndarray:
    """Return no more than 64 of the shapes, spread evenly: (S, L, 3)."""
    rows = np.unique(np.linspace(0, len(shapes) - 1, min(len(shapes), NUM_SHAPES)).round().astype(int))
    return np.stack([shapes[row] for row in rows])


def without_doubles(faces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return found faces, (478, 3) each, without those that lie on one before them: a tracker may follow one twice."""
    kept, places = [], []
    for face in faces:
        place = face_place(face)
        if not any(_same_place(place, other) for other in places):
            kept.append(face)
            places.append(place)
    return kept


class Recognizer:
    """Tells who is who in consecutive frames of footage that a roster was made of."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._seen: list[tuple[int, np.ndarray] | None] = [None] * len(roster.persons)  # frame and place, last time
        self._before: list[tuple[np.ndarray, np.ndarray, float]] = []  # the last frame's places, costs (P,), weights
        self._cut_finder, self._last_cut = CutFinder(), 0

    def assign(self, faces: Sequence[np.ndarray], video_frame: int, rgb: np.ndarray) -> list[np.ndarray | None]:
        """Return everybody's landmarks in a frame, (478, 3) pixels each; None who is not seen.

        Args:
            faces: (478, 3) pixels each, those that were found.
            rgb: (H, W, 3) uint8, the frame's picture; where it was cut, nobody's place is known any more.
        """
        from scipy.optimize import linear_sum_assignment

        found: list[np.ndarray | None] = [None] * len(self._roster.persons)
        faces = without_doubles(faces)
        if self._cut_finder.is_cut(rgb, faces):
            self._last_cut, self._before, self._seen = video_frame, [], [None] * len(found)
        if not faces:
            self._before = []
            return found
        places = [face_place(face) for face in faces]
        costs = self._costs(np.stack([face_shape(face)[0] for face in faces]), places, video_frame)
        likely = self._smoothed(np.minimum(costs, IMPOSSIBLE), places)
        possible = np.isfinite(costs)
        for number, at in zip(*linear_sum_assignment(np.where(possible, likely, 1e6))):
            if possible[number, at]:
                found[number] = faces[at]
                self._seen[number] = video_frame, places[at]
        return found

    def _costs(self, shapes: np.ndarray, places: Sequence[np.ndarray], video_frame: int) -> np.ndarray:
        """Return (P, faces): how badly each face goes with each person, squared, in units of what is usual."""
        costs = np.full((len(self._roster.persons), len(places)), np.inf)
        for number, person in enumerate(self._roster.persons):
            strange = shape_distances(shapes, person.shapes).min(axis=1)  # (faces,)
            expected = self._looked_at(number, video_frame)
            limit = STRANGE_SHAPE if expected else SURE_SHAPE
            seen = self._seen[number]
            if seen is not None and video_frame - seen[0] <= self._roster.every:
                expected.append((seen[1], (video_frame - seen[0]) / self._roster.fps))
            for at in np.flatnonzero(strange < limit):
                away = _place_cost(places[at], expected)
                costs[number, at] = away + (strange[at] / SHAPE_NOISE) ** 2
        return costs

    def _smoothed(self, costs: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
        """Return costs (P, faces) in the mean over the last frames of each face, which hardly moves between two."""
        means, now = costs.copy(), []
        for at, place in enumerate(places):
            same = [before for before in self._before if _same_place(place, before[0])]
            weight = 1.0
            if same:
                _, mean, old = min(same, key=lambda before: np.hypot(*(place - before[0])[:2]))
                weight = 1.0 + MEMORY * old
                means[:, at] = (costs[:, at] + MEMORY * old * mean) / weight
            now.append((place, means[:, at], weight))
        self._before = now
        return means

    def _looked_at(self, number: int, video_frame: int) -> list[tuple[np.ndarray, float]]:
        """Return somebody's places, (3,) each, in the looks around a frame, and the seconds to when they were there."""
        person, every, fps = self._roster.persons[number], self._roster.every, self._roster.fps
        after = int(np.searchsorted(person.video_frames, video_frame))
        near = [at for at in (after - 1, after) if 0 <= at < len(person.video_frames)]
        near = [at for at in near if abs(person.video_frames[at] - video_frame) <= every]
        near = [at for at in near if person.video_frames[at] >= self._last_cut]
        if len(near) == 2 and not self._cut_between(*person.video_frames[near]):
            start, end = person.video_frames[near]
            way = (video_frame - start) / (end - start)
            return [((1 - way) * person.places[near[0]] + way * person.places[near[1]], 0.0)]
        return [(person.places[at], abs(person.video_frames[at] - video_frame) / fps) for at in near]

    def _cut_between(self, start: int, end: int) -> bool:
        cuts = self._roster.cuts
        return bool(np.any((start < cuts) & (cuts <= end)))


def save_roster(roster: Roster, path: str | os.PathLike) -> None:
    """Write a roster as an .npz of plain arrays."""
    facts = {
        "format_version": FORMAT_VERSION,
        "every": roster.every,
        "fps": roster.fps,
        "size_px": list(roster.size_px),
        "most_at_once": roster.most_at_once,
        "cuts": roster.cuts.tolist(),
    }
    joined = lambda name: np.concatenate([getattr(person, name) for person in roster.persons])
    lengths = lambda name: np.array([len(getattr(person, name)) for person in roster.persons])  # (P,)
    with open(path, "wb") as file:
        np.savez(
            file,
            facts_json=np.array(json.dumps(facts)),
            shapes=joined("shapes"),
            num_shapes=lengths("shapes"),
            video_frames=joined("video_frames"),
            places=joined("places"),
            num_places=lengths("places"),
        )


def load_roster(path: str | os.PathLike) -> Roster:
    """Return the roster in a file.

    Raises:
        VideoError: no such file, or not a roster of this version.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["facts_json"]))
            if facts["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format {facts['format_version']}")
            split = lambda name, lengths: np.split(arrays[name], np.cumsum(arrays[lengths])[:-1])
            shapes = split("shapes", "num_shapes")
            frames, places = split("video_frames", "num_places"), split("places", "num_places")
            persons = tuple(Person(*parts) for parts in zip(shapes, frames, places, strict=True))
            cuts = np.array(facts["cuts"], int)
            return Roster(persons, facts["every"], facts["fps"], tuple(facts["size_px"]), facts["most_at_once"], cuts)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise VideoError(f"{path} does not say who is in the footage ({error}). Find the faces again") from error


def _place_cost(place: np.ndarray, expected: Sequence[tuple[np.ndarray, float]]) -> float:
    """Return how far a place is from where somebody must be, squared, in units of what is usual; inf if too far."""
    if not expected:  # nobody knows where: the shape alone decides
        return (PLACE_GATE / PLACE_NOISE) ** 2 / 2
    costs = []
    for where, away_s in expected:
        away = np.hypot(*(place - where)[:2]) / where[2]
        slack = 1.0 + LEAP_SIZES_PER_S * away_s / PLACE_GATE
        costs.append((away / PLACE_NOISE / slack) ** 2 if away < PLACE_GATE * slack else np.inf)
    return min(costs)


def _same_place(place: np.ndarray, other: np.ndarray) -> bool:
    away = np.hypot(*(place - other)[:2])
    return away < SAME_PLACE * other[2] and 1 / SAME_SIZE < place[2] / other[2] < SAME_SIZE


@cache
def _resting_face() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the landmarks that the built-in head has, their places (K, 3) in MediaPipe's axes, and the steady ones."""
    head = builtin_head()
    points = head.landmarks.points(head.template[None])[0] * [1, -1, -1]
    indices = head.landmarks.indices
    corner = lambda landmark: points[np.flatnonzero(indices == landmark)[0]]
    unit = np.linalg.norm(corner(EYE_CORNERS_L[0]) - corner(EYE_CORNERS_R[0]))
    return indices, points / unit, np.array([*STEADY, *UPPER_FACE, *TEMPLES])

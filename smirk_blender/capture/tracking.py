"""Found faces put together into persons, by where they are and by their shape."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from .crop import crop_transform
from .cuts import CutFinder
from .decode import Frame
from .roster import SAME_SHAPE, SHAPE_NOISE, face_place, face_shape, shape_distances, spread, without_doubles

THUMBNAIL_PX = 128
# Places are compared in units of the face's size (mean of width and height).
LINK_GATE = 0.8  # from one look to the next a face moves less
LINK_NOISE = 0.25
LINK_SIZE = 1.5  # nor does it grow more
LINK_SHAPE = 0.045  # of the eye distance; nor does its shape change more, unless it is half hidden
MEETING = 1.0  # faces nearer than this may be taken for each other: what was known of them ends here, and begins anew
MOST_ALIKE = 0.05  # share of all pairs of looks by which two spells are compared
FEW_LOOKS = 5  # the shape of a spell this short counts half: one look at a face that is half hidden says little
JOIN_S = 1.0  # after this nobody knows where a face has gone
JOIN_NEAR, JOIN_LEAP = 0.4, 1.0  # how far from where it must be a face turns up, and how much further with every second
FEWEST_FOR_SPEED = 3


@dataclass
class Spell:
    """Somebody seen for a while, in K looks in order; lists grow with every look."""

    shot: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    where: list[np.ndarray] = field(default_factory=list)  # centre x, y, size; pixels
    extents: list[np.ndarray] = field(default_factory=list)  # left, top, right, bottom; pixels
    shapes: list[np.ndarray] = field(default_factory=list)
    facing: list[float] = field(default_factory=list)
    thumbnail: np.ndarray | None = None  # (128, 128, 3) uint8 RGB
    thumbnail_score: float = -np.inf

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def video_frames(self) -> np.ndarray:
        return np.array(self.frames)

    @property
    def places(self) -> np.ndarray:
        return np.array(self.where, np.float32)

    @property
    def boxes(self) -> np.ndarray:
        return np.array(self.extents)

    def expected(self, time_s: float, *, at_end: bool = True) -> np.ndarray:
        """Return where the face's centre is, (2,) pixels, at a time after its end or before its start."""
        few = slice(-FEWEST_FOR_SPEED, None) if at_end else slice(FEWEST_FOR_SPEED)
        edge = -1 if at_end else 0
        times, centers = np.array(self.times[few]), np.array(self.where[few])[:, :2]
        if len(times) < 2:
            return centers[edge]
        return centers[edge] + (time_s - times[edge]) * (centers[-1] - centers[0]) / (times[-1] - times[0])

    def joined(self, other: "Spell") -> "Spell":
        """Return both as one, in order of time."""
        order = np.argsort(self.times + other.times)
        names = ("shot", "times", "frames", "where", "extents", "shapes", "facing")
        both = {name: getattr(self, name) + getattr(other, name) for name in names}
        best = max(self, other, key=lambda spell: spell.thumbnail_score)
        return Spell(
            **{name: [values[at] for at in order] for name, values in both.items()},
            thumbnail=best.thumbnail,
            thumbnail_score=best.thumbnail_score,
        )


class Tracker:
    """Puts the faces of one look after another into spells that surely are of one person each.

    Attributes:
        spells: those that have ended and those that go on.
        most_at_once: the most faces in one look.
        cuts: the frames of the looks before which the film was cut.
    """

    def __init__(self) -> None:
        self.spells: list[Spell] = []
        self.most_at_once = 0
        self.cuts: list[int] = []
        self._open: list[Spell] = []
        self._meeting: dict[int, bool] = {}  # by a spell's id: whether another face was near it at the last look
        self._cut_finder = CutFinder()

    def add(self, frame: Frame, faces: Sequence[np.ndarray]) -> None:
        """Take the next look's faces, (478, 3) pixels each."""
        from scipy.optimize import linear_sum_assignment

        faces = without_doubles(faces)
        if self._cut_finder.is_cut(frame.rgb, faces):
            self.cuts.append(frame.video_frame)
            self._open = []
        self.most_at_once = max(self.most_at_once, len(faces))
        views = [(face_place(face), *face_shape(face)) for face in faces]
        far = 1e6
        costs = np.array([[self._cost(spell, frame.time_s, *view[:2]) for view in views] for spell in self._open])
        costs = costs.reshape(len(self._open), len(views))
        follows = {}
        for row, at in zip(*linear_sum_assignment(np.where(np.isfinite(costs), costs, far))):
            if np.isfinite(costs[row, at]):
                follows[at] = self._open[row]
        meeting = _meeting([view[0] for view in views])
        still_open = []
        for at, (face, view) in enumerate(zip(faces, views)):
            spell = follows.get(at)
            if spell is None or self._was_meeting(spell) != meeting[at]:
                spell = Spell()
                self.spells.append(spell)
            self._note(spell, frame, face, *view)
            still_open.append(spell)
        self._meeting = {id(spell): met for spell, met in zip(still_open, meeting)}
        self._open = still_open

    def _was_meeting(self, spell: Spell) -> bool:
        return self._meeting[id(spell)]

    def _cost(self, spell: Spell, time_s: float, place: np.ndarray, shape: np.ndarray) -> float:
        """Return how badly a face goes on with a spell; inf if it cannot."""
        last = spell.where[-1]
        away = np.hypot(*(place[:2] - spell.expected(time_s))) / last[2]
        strange = shape_distances(shape[None], spread(spell.shapes)).min()
        if away > LINK_GATE or strange > LINK_SHAPE or not 1 / LINK_SIZE < place[2] / last[2] < LINK_SIZE:
            return np.inf
        return (away / LINK_NOISE) ** 2 + (strange / SHAPE_NOISE) ** 2 / 2

    def _note(
        self, spell: Spell, frame: Frame, face: np.ndarray, place: np.ndarray, shape: np.ndarray, facing: float
    ) -> None:
        spell.shot.append(len(self.cuts))
        spell.times.append(frame.time_s)
        spell.frames.append(frame.video_frame)
        spell.where.append(place)
        spell.extents.append(np.concatenate([face[:, :2].min(axis=0), face[:, :2].max(axis=0)]))
        spell.shapes.append(shape)
        spell.facing.append(facing)
        score = place[2] * facing**4  # a face of twice the size may be turned away by a third of a right angle
        if score > spell.thumbnail_score:
            to_thumbnail = np.diag([THUMBNAIL_PX / 224, THUMBNAIL_PX / 224, 1.0]) @ crop_transform(face)
            size = THUMBNAIL_PX, THUMBNAIL_PX
            spell.thumbnail = cv2.warpAffine(frame.rgb, to_thumbnail[:2], size, flags=cv2.INTER_AREA)
            spell.thumbnail_score = score


def join_spells(spells: Sequence[Spell]) -> list[Spell]:
    """Return one spell for every person: the likeliest two are joined, and again, while any two are like each other."""
    spells = list(spells)
    likeness = np.full((len(spells), len(spells)), -np.inf)
    shapes = [spread(spell.shapes) for spell in spells]
    for one in range(len(spells)):
        for other in range(one):
            likeness[one, other] = _likeness(spells[one], spells[other], shapes[one], shapes[other])
    alive = set(range(len(spells)))
    while len(alive) > 1:
        one, other = (int(at) for at in np.unravel_index(np.argmax(likeness), likeness.shape))
        if likeness[one, other] <= 0:
            break
        spells[one] = spells[one].joined(spells[other])
        shapes[one] = spread(spells[one].shapes)
        alive.remove(other)
        likeness[other, :] = likeness[:, other] = -np.inf
        for third in alive - {one}:
            pair = max(one, third), min(one, third)
            likeness[pair] = _likeness(spells[one], spells[third], shapes[one], shapes[third])
    return [spells[at] for at in sorted(alive)]


def _likeness(one: Spell, other: Spell, shapes: np.ndarray, other_shapes: np.ndarray) -> float:
    """Return how well two spells go together: positive if they are one person's, -inf if both were seen at once."""
    if set(one.frames) & set(other.frames):
        return -np.inf
    distances = np.sort(shape_distances(shapes, other_shapes), axis=None)
    apart = distances[: max(1, round(MOST_ALIKE * len(distances)))].mean()
    few = min(len(one), len(other))
    return few / (few + FEW_LOOKS) * max(1.0 - (apart / SAME_SHAPE) ** 2, -2.0) + _continuity(one, other)


def _continuity(one: Spell, other: Spell) -> float:
    """Return 1 where one goes on where the other stops, less (down to -3) where it turns up elsewhere, 0 if unknown."""
    scores = []
    for first, second in _seams(one, other):
        gap_s = second.times[0] - first.times[-1]
        if gap_s > JOIN_S or first.shot[-1] != second.shot[0]:
            continue
        middle = first.times[-1] + gap_s / 2
        apart = first.expected(middle) - second.expected(middle, at_end=False)
        size = (first.where[-1][2] + second.where[0][2]) / 2
        scores.append(max(1.0 - (np.hypot(*apart) / size / (JOIN_NEAR + JOIN_LEAP * gap_s)) ** 2, -3.0))
    return float(np.mean(scores)) if scores else 0.0


def _seams(one: Spell, other: Spell) -> list[tuple[Spell, Spell]]:
    """Return the runs of looks, earlier and later, between which one spell hands over to the other."""
    owner = np.concatenate([np.zeros(len(one), int), np.ones(len(other), int)])[np.argsort(one.times + other.times)]
    counts = np.cumsum([owner == 0, owner == 1], axis=1)  # (2, K) looks of each up to here
    seams = []
    for edge in np.flatnonzero(np.diff(owner)) + 1:
        before, after = owner[edge - 1], owner[edge]
        first = _part((one, other)[before], 0, counts[before, edge - 1])
        seams.append((first, _part((one, other)[after], counts[after, edge] - 1)))
    return seams


def _part(spell: Spell, start: int, end: int | None = None) -> Spell:
    rows = slice(start, end)
    return Spell(shot=spell.shot[rows], times=spell.times[rows], where=spell.where[rows])


def _meeting(places: Sequence[np.ndarray]) -> list[bool]:
    """Return for each face whether another is near it."""
    near = lambda one, other: np.hypot(*(one - other)[:2]) < MEETING * max(one[2], other[2])
    return [any(near(one, other) for other in places if other is not one) for one in places]

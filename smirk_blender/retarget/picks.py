"""Picking the guided list's places, one after the other: what is asked for now, what was given, and the way back."""

from dataclasses import dataclass, field

import numpy as np

from .guide import Place, asked_places, is_enough, next_place, points_of_pick, sides_exchanged, with_sides_exchanged
from .surface_point import SurfacePoint, TriangleSurface
from .symmetry import MirrorPlane

PLAINLY = 0.2  # by so much more does another plane's normal point across the view, to be taken for the first one
UPRIGHT = 0.8  # of a plane's normal along the view's up: such a plane mirrors chin and forehead, not the sides


@dataclass
class Picks:
    """What was picked so far on a character.

    Attributes:
        surface: of the character at rest, in its object space.
        planes: that mirror it, likeliest first; none where both sides are asked for.
        points: the landmarks picked, and those that came of them by mirroring.
    """

    surface: TriangleSurface
    planes: list[MirrorPlane]
    points: dict[int, SurfacePoint] = field(default_factory=dict)
    _done: list[tuple[Place, dict[int, SurfacePoint]]] = field(default_factory=list)  # what a place gave; {}: left out

    @property
    def asked(self) -> tuple[Place, ...]:
        return asked_places(mirrored=bool(self.planes))

    @property
    def place(self) -> Place | None:
        """What is to be picked now; None at the end."""
        return next_place(self.asked, {place.index for place, _ in self._done})

    @property
    def number(self) -> int:
        """Of what is to be picked now, from 1."""
        return len(self._done) + 1

    @property
    def enough(self) -> bool:
        return is_enough(self.points)

    def choose_plane(self, across: np.ndarray, up: np.ndarray) -> None:
        """Before anything is mirrored: of several planes, take the one that a view has upright before it.

        A face with few features may be mirrored from top to bottom, too, and a ball by every plane.

        Args:
            across, up: (3,) the view's directions to the right and up, in the character's object space, of length 1.
        """
        if any(place.partner and given for place, given in self._done):
            return
        self.planes = [plane for plane in self.planes if abs(plane.normal @ up) < UPRIGHT]
        if self.planes:
            first = self.planes[0]
            by_view = max(self.planes, key=lambda plane: abs(plane.normal @ across))
            if abs(by_view.normal @ across) > abs(first.normal @ across) + PLAINLY:
                self.planes = [by_view, *(plane for plane in self.planes if plane is not by_view)]

    def preview(self, point: SurfacePoint) -> dict[int, SurfacePoint]:
        """Return the landmarks that a pick would give now."""
        plane = self.planes[0] if self.planes else None
        return points_of_pick(self.place, point, self.surface, plane) if self.place else {}

    def pick(self, point: SurfacePoint) -> None:
        given = self.preview(point)
        self._done.append((self.place, given))
        self.points |= given

    def put(self, index: int, point: SurfacePoint) -> None:
        """Put one landmark where it is to be, whatever mirroring gave."""
        self.points[index] = point

    def leave_out(self) -> None:
        """Go on without the place that is asked for."""
        self._done.append((self.place, {}))

    def take_back(self) -> None:
        """Ask again for what was picked or left out last."""
        if self._done:
            _, given = self._done.pop()
            self.points = {index: point for index, point in self.points.items() if index not in given}

    def settle_sides(self, shown: np.ndarray, forward: np.ndarray) -> bool:
        """Let left be the character's left, should the user's have been meant; return whether it was.

        Args:
            shown: (V, 3) the character's vertices in the world, as they were picked on.
            forward: (3,) from the face towards the user, in the world.
        """
        exchanged = sides_exchanged({index: point.on(shown) for index, point in self.points.items()}, forward)
        if exchanged:
            self.points = with_sides_exchanged(self.points)
        return exchanged

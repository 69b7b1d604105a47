"""Landmarks settled on a mesh from what they lie on in many pictures."""

import warnings

import numpy as np

from ..flame import LandmarkEmbedding
from ..flame.builtin.assemble import OUTLINE
from ..retarget.drawable import Drawable, FoundLandmarks
from ..retarget.lip_landmarks import LOWER_ROWS, UPPER_ROWS
from ..retarget.surface_point import TriangleSurface
from ..take.take import NUM_LANDMARKS
from .mesh_islands import MeshGraph
from .mesh_search import Hits, Parted

# In MediaPipe's numbering, from the actor's right to left.
UPPER_LIP, LOWER_LIP = sum(UPPER_ROWS, ()), sum(LOWER_ROWS, ())
MOUTH_CORNERS = (61, 76, 62, 78, 291, 306, 292, 308)
LIPS = UPPER_LIP + LOWER_LIP + MOUTH_CORNERS
ABOVE_LIPS, BELOW_LIPS = (164, 167, 393, 165, 391), (18, 83, 313, 182, 406)
MID_UPPER, MID_LOWER = 0, 17  # on the lips' outer borders
IRISES = tuple(range(468, NUM_LANDMARKS))
FACE_SIDES = (234, 454)  # whose distance is the face's width
LEAST_SLANT = 0.3  # what is seen more from the side than this counts for nothing
LEAST_HITS = 0.25  # of the pictures
MOST_SPREAD = 0.05  # of the face's width, in the median: pictures that disagree so tell nothing
NEAR = 0.03  # of the face's width: what lies on another mesh, as lids do on eyes, belongs to the nearest place so near
EYE_SIZE = 0.45  # of the face's width: what irises lie on, and is no larger, is an eye
AROUND_LIPS = 0.8  # of the face's width: as far along the skin as a lip is looked for
PARTED = 0.07  # of the face's width: between the lips of a mouth that is opened to look at them
LEAST_PARTED = 0.03
DISAGREE = 0.015  # of the face's width, in the median over all landmarks


class Settling:
    """Where landmarks lie on one mesh."""

    def __init__(self, drawable: Drawable, hits: Hits) -> None:
        """Settle what was seen of a character at rest."""
        self._drawable, self._seen = drawable, hits.seen
        vertices, triangles = drawable.vertices, drawable.triangles
        self.places, self.spread, self.hit_share = _middle(hits.places(drawable.points, triangles), hits.slant)
        self.width = float(np.linalg.norm(self.places[FACE_SIDES[0]] - self.places[FACE_SIDES[1]]))
        if not np.isfinite(self.width):
            self.width = float(np.ptp(self.places[np.isfinite(self.places[:, 0])], axis=0).max())
        self._graph = MeshGraph(vertices, drawable.own_triangles)
        self._eye = self._eyes(hits)  # (F,) of all triangles
        self._skin = drawable.own & hits.seen & ~self._eye
        self._upper, self._lower = self._lip_sides()

    def parted(self, up: np.ndarray) -> Parted | None:
        """Return the mouth opened by the key that parts the lips most; None where no key does. `up` is the face's."""
        offsets = self._drawable.key_offsets
        marks = [MID_UPPER, MID_LOWER]
        if not len(offsets) or not np.isfinite(self.places[marks]).all():
            return None
        own = self._drawable.own_triangles
        triangle, weights, _ = TriangleSurface(self._drawable.vertices, own).all_nearest(self.places[marks])
        moved = np.einsum("lk,nlkc->nlc", weights, offsets[:, own[triangle]])
        parted = (moved[:, 0] - moved[:, 1]) @ up / self.width
        best = int(parted.argmax())
        if parted[best] < LEAST_PARTED:
            return None
        inside = self._drawable.own & ~self._seen
        lips = ((np.array(UPPER_LIP), self._upper), (np.array(LOWER_LIP), self._lower))
        return Parted(offsets[best].astype(np.float64) * min(1.0, PARTED / parted[best]), inside, lips)

    def look_at_lips(self, hits: Hits) -> None:
        """Take the lips from pictures of the mouth opened."""
        places, spread, share = _middle(hits.places(self._drawable.points, self._drawable.triangles), hits.slant)
        lips = np.array([mark for mark in LIPS if np.isfinite(places[mark]).all()], int)
        self.places[lips], self.spread[lips], self.hit_share[lips] = places[lips], spread[lips], share[lips]

    def landmarks(self) -> FoundLandmarks:
        """Return the landmarks that can be relied on."""
        drawable = self._drawable
        good = (self.hit_share >= LEAST_HITS) & (self.spread <= MOST_SPREAD * self.width)
        good[list(OUTLINE)] = False
        corners, weights = np.zeros((NUM_LANDMARKS, 3), int), np.zeros((NUM_LANDMARKS, 3), np.float32)
        everywhere = np.setdiff1d(np.arange(NUM_LANDMARKS), UPPER_LIP + LOWER_LIP + IRISES)
        for marks, where, near in (
            (everywhere, self._skin, NEAR),
            (UPPER_LIP, self._upper, 2 * NEAR),
            (LOWER_LIP, self._lower, 2 * NEAR),
            (IRISES, drawable.own & self._eye, NEAR),
        ):
            marks = np.array([mark for mark in marks if good[mark]], int)
            triangles = drawable.triangles[where]
            if not len(triangles):
                good[marks] = False
                continue
            triangle, weights[marks], distance = TriangleSurface(drawable.vertices, triangles).all_nearest(
                self.places[marks]
            )
            corners[marks] = triangles[triangle]
            good[marks[distance > near * self.width]] = False
        indices = np.flatnonzero(good)
        agreement = (self.spread[indices] / self.width).astype(np.float32)
        embedding = LandmarkEmbedding(indices, corners[indices], weights[indices])
        return FoundLandmarks(embedding, agreement, self._notes(agreement))

    def _eyes(self, hits: Hits) -> np.ndarray:
        """Return which triangles (F,) are eyes: small islands of the mesh that irises lie on."""
        eye = np.zeros(len(self._drawable.triangles), bool)
        island = self._graph.islands()[self._drawable.own_triangles[:, 0]]
        of_triangle = np.full(len(eye), -1)
        of_triangle[self._drawable.own] = island
        iris_hits = hits.triangle[:, list(IRISES)]
        for number in np.unique(of_triangle[iris_hits[iris_hits >= 0]]):
            own = of_triangle == number
            if number >= 0 and np.ptp(self._drawable.points[self._drawable.triangles[own]], axis=(0, 1)).max() < (
                EYE_SIZE * self.width
            ):
                eye |= own
        return eye

    def _lip_sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the skin's triangles (F,) that are nearer, along the skin, to what is above the lips, and below."""
        skin, own, distances = self._skin, self._drawable.triangles[self._skin], []
        for marks in (ABOVE_LIPS, BELOW_LIPS):
            places = self.places[list(marks)]
            places = places[np.isfinite(places).all(axis=1)]
            if not len(places) or not len(own):
                return skin, skin
            triangle, _, _ = TriangleSurface(self._drawable.vertices, own).all_nearest(places)
            starts = np.unique(own[triangle])
            distance = self._graph.distance(starts, AROUND_LIPS * self.width)
            inside = self._drawable.triangles < self._drawable.num_vertices
            distances.append(
                np.where(inside, distance[np.where(inside, self._drawable.triangles, 0)], np.inf).mean(axis=1)
            )
        above, below = distances
        return skin & (above < below), skin & (below < above)

    def _notes(self, agreement: np.ndarray) -> tuple[str, ...]:
        if len(agreement) and np.median(agreement) > DISAGREE:
            return (
                f"The pictures of {self._drawable.name} disagree about its landmarks by "
                f"{100 * np.median(agreement):.1f} % of the face's width. Look at the points, and move those that are "
                "off",
            )
        return ()


def _middle(places: np.ndarray, slant: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middle (478, 3) of places (N, 478, 3), their median distance from it, and the share that told."""
    places = np.where((slant >= LEAST_SLANT)[..., None], places, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of landmarks that nothing tells of
        middle = np.nanmedian(places, axis=0)
        spread = np.nanmedian(np.linalg.norm(places - middle, axis=-1), axis=0)
    return middle, np.where(np.isnan(spread), np.inf, spread), np.isfinite(places[..., 0]).mean(axis=0)

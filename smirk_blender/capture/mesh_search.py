"""Where a character's face is and where it looks, and what MediaPipe sees of it from many sides."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..flame import builtin_head
from ..flame.align import align_similarity
from ..retarget.drawable import Drawable
from ..take.take import NUM_LANDMARKS
from .face_mesh import FaceMesh
from .mesh_views import MeshPicture, View, smooth_normals

SEARCH_PX, PICTURE_PX = 256, 512  # MediaPipe itself makes 256 of the face
MARGIN = 1.5  # of the picture to the face within
FRONT_LIGHT = (0.0, 0.5, 0.85)  # from above: lips and lids show
SIDES_DEG = ((0, 0), (-12, 0), (12, 0), (-25, 0), (25, 0), (0, -10), (0, 10))  # yaw and pitch of the pictures
FRONT_DEG = ((0, 0), (-8, 0), (8, 0), (0, -6), (0, 6))
MOST_SHAPE_GAP = 0.20  # of a face's width, in the middle of all landmarks: how unlike the built-in head a face may be
SURE_SHAPE_GAP = 0.035  # likewise: such a face is not looked for elsewhere; upside down, 0.05 to 0.08 were seen
LEAST_SEEN = 0.6  # of the landmarks that must lie on something
LEAST_UPRIGHT = 0.9  # cosine of the angle between two looks at a face, for each of its axes
LOOKS = (False, True)  # its own colours, and as if of clay
LIT = ((FRONT_LIGHT, False), ((-0.5, 0.4, 0.8), True), ((0.5, 0.4, 0.8), True))  # light and look of a side's pictures


@dataclass(frozen=True)
class Hits:
    """What landmarks lie on in N pictures.

    Attributes:
        triangle: (N, 478) int, -1 for none.
        weights: (N, 478, 3) float32.
        slant: (N, 478) float32, 1 for what faces the camera.
        seen: (F,) bool, the triangles that some picture shows.
    """

    triangle: np.ndarray
    weights: np.ndarray
    slant: np.ndarray
    seen: np.ndarray

    def places(self, points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """Return (N, 478, 3), NaN where a landmark lies on nothing."""
        places = np.einsum("nlk,nlkc->nlc", self.weights, points[triangles[np.maximum(self.triangle, 0)]])
        return np.where(self.triangle[..., None] >= 0, places, np.nan)


@dataclass(frozen=True)
class Parted:
    """A mouth that is opened to be looked at.

    Attributes:
        offsets: (V, 3) of the mesh's vertices.
        inside: (F,) bool, triangles that only an open mouth shows.
        lips: of each, its landmarks (L,) int, and which triangles (F,) bool are on its side of the mouth.
    """

    offsets: np.ndarray
    inside: np.ndarray
    lips: tuple[tuple[np.ndarray, np.ndarray], ...]


class MeshSearch:
    """Looks at one character again and again."""

    def __init__(self, drawable: Drawable, face_mesh: FaceMesh) -> None:
        self._drawable, self._face_mesh = drawable, face_mesh
        self._normals = smooth_normals(drawable.points, drawable.triangles)
        head = builtin_head()
        self._usual = head.landmarks.points(head.template[None])[0].astype(np.float64)  # x right in the picture, y up
        self._usual_indices = head.landmarks.indices

    def face_view(self, tell: Callable[[int, int], None] = lambda done, of: None) -> View | None:
        """Return a view that shows the face from the front, upright; None where there is none to be seen.

        Args:
            tell: hears how many places of how many were looked at.
        """
        places = [(axes, framing) for axes in all_axes() for framing in self._drawable.framings]
        best, least = None, np.inf
        for done, (axes, framing) in enumerate(places):
            tell(done, len(places))
            found, gap = self._refined(View(axes, framing[:3], framing[3] * MARGIN))
            if gap < least:
                best, least = found, gap
            if gap <= SURE_SHAPE_GAP:
                break
        return best

    def hits(self, view: View, sides_deg: tuple[tuple[float, float], ...], parted: Parted | None = None) -> Hits:
        """Return what the landmarks lie on in pictures from several sides of a view, in several lights and colours."""
        drawable, points, normals = self._drawable, self._drawable.points, self._normals
        if parted is not None:
            points = points.copy()
            points[: drawable.num_vertices] += parted.offsets
            normals = smooth_normals(points, drawable.triangles)
        all_hits, seen = [], np.zeros(len(drawable.triangles), bool)
        for side in sides_deg:
            turned, dark = view.turned(*side), None if parted is None else parted.inside
            picture = MeshPicture(drawable, points, normals, turned, PICTURE_PX, dark=dark)
            seen[picture.drawn.triangle[picture.drawn.covered]] = True
            lips = () if parted is None else [(lip, picture.nearest_pixels(side)) for lip, side in parted.lips]
            for light, look in LIT:
                marks = self._face_mesh.find(picture.rgb(light, clay=look), 0.0)
                if marks is None:
                    continue
                hits = picture.corners_at(marks[:, :2])
                for lip, nearest in lips:
                    for of_all, of_lip in zip(hits, picture.corners_at(marks[lip, :2], nearest)):
                        of_all[lip] = of_lip
                all_hits.append(hits)
        if not all_hits:
            nothing = np.empty((0, NUM_LANDMARKS))
            return Hits(nothing.astype(int), np.empty((*nothing.shape, 3)), nothing, seen)
        triangle, weights, slant = (np.stack(arrays) for arrays in zip(*all_hits))
        return Hits(triangle, weights, slant, seen)

    def _refined(self, view: View) -> tuple[View | None, float]:
        """Return a view of the face that a picture shows, after a second look, and how unlike a face's its shape is.

        They are None and infinite where it shows none.
        """
        gap = np.inf
        for look_number in range(2):
            picture = MeshPicture(self._drawable, self._drawable.points, self._normals, view, SEARCH_PX)
            found = None
            for look in LOOKS if picture.drawn.covered.any() else ():
                marks = self._face_mesh.find(picture.rgb(FRONT_LIGHT, clay=look), 0.0)
                if marks is not None:
                    found, gap = self._view_of(picture, marks)
                    break
            if found is None:
                return None, np.inf
            if look_number and (np.sum(found.axes * view.axes, axis=1) < LEAST_UPRIGHT).any():
                return None, np.inf  # the first look may be at a face on its side
            view = found
        return view, gap

    def _view_of(self, picture: MeshPicture, marks: np.ndarray) -> tuple[View | None, float]:
        """Return the front view of the face that landmarks (478, 3) show, and how unlike a face's its shape is."""
        triangle, weights, _ = picture.corners_at(marks[self._usual_indices, :2])
        lie = triangle >= 0
        if lie.mean() < LEAST_SEEN:
            return None, np.inf
        corners = self._drawable.points[self._drawable.triangles[triangle[lie]]]
        places = np.einsum("lk,lkc->lc", weights[lie], corners)
        usual = self._usual[lie]
        (rotation,), (scale,), (shift,) = align_similarity(usual, places[None])
        width = scale * np.ptp(self._usual[:, 0])
        gap = float(np.median(np.linalg.norm(scale * usual @ rotation.T + shift - places, axis=1)) / width)
        if not gap <= MOST_SHAPE_GAP:
            return None, np.inf
        middle, size = (places.min(axis=0) + places.max(axis=0)) / 2, np.ptp(places, axis=0).max()
        return View(rotation.T, middle, size * MARGIN), gap


def all_axes() -> list[np.ndarray]:
    """Return the 24 ways to look along an axis, as a view's: faces that look along -Y, +Z up, come first."""
    ways = []
    for up in ((0, 0, 1), (0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0), (0, 0, -1)):
        for toward in ((0, -1, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1)):
            if np.dot(up, toward) == 0:
                ways.append(np.array([np.cross(up, toward), up, toward], np.float64))
    return ways

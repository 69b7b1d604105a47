"""Which places of a head and of a character are the same, and how movements are carried from one to the other."""

from dataclasses import dataclass

import numpy as np

from ..errors import RetargetError
from ..flame import Head, LandmarkEmbedding
from ..flame.measures import LIDS_L, LIDS_R, MOUTH_CORNERS
from ..flame.regions import region_masks
from ..take.contours import CONTOURS
from .character import Character
from .face_spread import spread_over_face
from .lip_landmarks import LOWER, UPPER, settle_lips
from .nearest import distances, nearest_on_surface, unit, vertex_normals
from .relations import relations_between
from .warp import Warp, fit_warp

NUM_POINTS = 400  # spread over the face, besides the landmarks
FEWEST_LANDMARKS = 8
FIRST_IRIS = 468  # from here on MediaPipe's landmarks are the irises', which turn with the eyes
FLATTEST = 0.02  # least extent of the landmarks across their plane, to the longest
OFF_SURFACE = 0.03  # of the face's width on the character: what the warp puts so far off it counts for little
FACE_MARGIN = 0.1  # of the face's size, that its surface is looked for around where the warp puts it
LEAST_FIT = 0.05  # what fits worse does not count at all
LANDMARK_WEIGHT, EDGE_WEIGHT = 1.0, 3.0  # to a spread point's 1: all landmarks, and those on the edges of lids and lips
EDGES = frozenset(index for name in ("inner lips", "outer lips", "left eye", "right eye") for index in CONTOURS[name])
SLITS = frozenset(index for name in ("inner lips", "left eye", "right eye") for index in CONTOURS[name])
SLIT_LEAST, SLIT_MOST = 0.3, 3.0  # times what the surroundings say, that an eye's opening may count for


@dataclass(frozen=True)
class Correspondence:
    """P places that are the same on a head and on a character; the landmarks that both have come first.

    Attributes:
        indices: (L,) MediaPipe's numbers of the first L.
        head_corners, head_weights: (P, 3) vertices of the head, and their barycentric weights.
        corners, weights: (P, 3) likewise on the character.
        matrices: (P, 3, 3) carry a movement: metres of the head to object units of the character.
        relations: (R, P) mixtures of places whose movement counts too, such as one lip less the other.
        directions: (R, 3, 3) by which a relation's movement is multiplied: not every direction counts as much.
        importance: (P + R,) how much each place and each relation counts.
        regions: (P, R) float32, how much each belongs to each of `region_masks`, in its order.
        scale: object units of the character a metre of the head, over the whole face.
        face_width: of the character's landmarks, object units.
    """

    indices: np.ndarray
    head_corners: np.ndarray
    head_weights: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    matrices: np.ndarray
    relations: np.ndarray
    directions: np.ndarray
    importance: np.ndarray
    regions: np.ndarray
    scale: float
    face_width: float

    def with_relations(self, motion: np.ndarray) -> np.ndarray:
        """Return how places move, (N, P, 3), with how the relations move after them, (N, P + R, 3)."""
        some = np.flatnonzero(np.any(self.relations, axis=0))
        related = np.matmul(self.relations[:, some].astype(motion.dtype), motion[:, some])
        related = np.einsum("nri,rji->nrj", related, self.directions.astype(motion.dtype))
        return np.concatenate([motion, related], axis=1)


def correspond(
    head: Head,
    character: Character,
    landmarks: LandmarkEmbedding,
    *,
    shape: np.ndarray | None = None,
    num_points: int = NUM_POINTS,
) -> Correspondence:
    """Return which places of a head's face lie where on a character's, by landmarks that are known on both.

    Args:
        landmarks: on the character's mesh; a dozen are enough, and a few may be misplaced.
        shape: (up to S,) the head's identity; its mean face where left out.
        num_points: how many more places are found between the landmarks and around them.
    Raises:
        RetargetError: landmarks that are too few, lie on a line, or are not on this mesh.
        HeadError: a head on which the face cannot be found; see `face_mask`.
    """
    common = _common(head, character, landmarks)
    vertices = head.vertices(shape)[0].astype(np.float64)
    indices, own, others = _paired(head, landmarks, common)
    others = settle_lips(character.vertices, character.triangles, others)
    sources, targets = own.points(vertices[None])[0], others.points(character.vertices[None])[0]
    _check_spread(character, sources, targets)
    warp = fit_warp(sources, targets)
    face_width = float(np.ptp(unit(warp.whole.matrix[:, 0]) @ targets.T))
    spread = spread_over_face(head, vertices, sources[np.isin(indices, list(SLITS))], num_points)
    corners, weights, fit = _on_character(head, vertices, character, (own, others), warp, spread, face_width)
    keep = fit > LEAST_FIT
    if np.any(keep):
        keep &= _same_side(indices, sources, targets, vertices[spread], character.vertices[corners], weights)
    spread = spread[keep]
    head_corners = np.concatenate([own.corners, np.repeat(spread[:, None], 3, axis=1)])
    head_weights = np.concatenate([own.weights, np.tile([1.0, 0.0, 0.0], (len(spread), 1))])
    masks = region_masks(head)
    regions = np.stack([(mask[head_corners] * head_weights).sum(axis=1) for mask in masks.values()], axis=-1)
    places = np.einsum("pci,pc->pi", vertices[head_corners], head_weights)
    matrices = warp.matrices(places)
    _follow_slits(matrices, indices, sources, targets, places, dict(zip(masks, regions.T)))
    counts = np.where(np.isin(indices, list(EDGES)), EDGE_WEIGHT, LANDMARK_WEIGHT) * warp.trust
    relations, heard, directions = relations_between(indices, warp.trust, targets, len(places))
    return Correspondence(
        indices,
        head_corners,
        head_weights,
        np.concatenate([others.corners, corners[keep]]),
        np.concatenate([others.weights, weights[keep]]),
        matrices,
        relations,
        directions,
        np.concatenate([counts, fit[keep], heard]),
        regions.astype(np.float32),
        warp.whole.scale,
        face_width,
    )


def _common(head: Head, character: Character, landmarks: LandmarkEmbedding) -> np.ndarray:
    if head.landmarks is None:
        raise RetargetError(
            f"{head.name} has no landmarks to lay it on {character.name} by. Put SMIRK's "
            "mediapipe_landmark_embedding.npz beside its file"
        )
    common = np.intersect1d(head.landmarks.indices, landmarks.indices)
    common = common[common < FIRST_IRIS]
    if len(common) < FEWEST_LANDMARKS:
        raise RetargetError(
            f"{character.name} has {len(common)} landmarks that {head.name} has too; at least {FEWEST_LANDMARKS} are "
            "needed. Find its landmarks, or pick more of them"
        )
    if landmarks.corners.min() < 0 or landmarks.corners.max() >= len(character.vertices):
        raise RetargetError(
            f"The landmarks of {character.name} were found on a mesh of more vertices than its "
            f"{len(character.vertices)}. Find them again"
        )
    return common


def _paired(
    head: Head, landmarks: LandmarkEmbedding, common: np.ndarray
) -> tuple[np.ndarray, LandmarkEmbedding, LandmarkEmbedding]:
    """Return the common indices and both embeddings in their order."""
    first = lambda embedding: embedding.subset(np.unique(embedding.indices, return_index=True)[1])
    both = [first(embedding) for embedding in (head.landmarks, landmarks)]
    return common, *(embedding.subset(np.isin(embedding.indices, common)) for embedding in both)


def _check_spread(character: Character, sources: np.ndarray, targets: np.ndarray) -> None:
    if not np.all(np.isfinite(targets)):
        raise RetargetError(f"{character.name} has vertices that are nowhere (not a number). Repair its mesh")
    for points in (sources, targets):
        extent = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if not extent[1] > FLATTEST * extent[0] > 0:
            raise RetargetError(
                f"The landmarks of {character.name} lie on one line or in one place. Find them again, or pick some "
                "at the eyes, the mouth and the chin"
            )


def _on_character(
    head: Head,
    vertices: np.ndarray,
    character: Character,
    landmarks: tuple[LandmarkEmbedding, LandmarkEmbedding],
    warp: Warp,
    spread: np.ndarray,
    face_width: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the places of head vertices (N,) on the character: corners, weights, and how well each fits, 0 to 1.

    Args:
        vertices: (V, 3) of the head; landmarks: on the head and on the character.
    """
    places = warp(vertices[spread])
    turn = np.linalg.inv(warp.whole.matrix)
    normals = unit(vertex_normals(vertices, head.triangles) @ turn)  # which go by the inverse, transposed
    outward = vertex_normals(character.vertices, character.triangles)
    upright = lambda at: (at - warp.whole.shift) @ turn.T  # the head's axes and metres
    face = upright(np.concatenate([places, warp.targets]))
    low, high = face.min(axis=0), face.max(axis=0)
    margin = FACE_MARGIN * (high - low).max()
    seen = upright(character.vertices)
    near = np.all((seen > low - margin) & (seen < high + margin), axis=1)
    some = character.triangles[near[character.triangles].all(axis=1)]
    if not len(some) or not len(spread):
        return np.zeros((len(spread), 3), int), np.zeros((len(spread), 3)), np.zeros(len(spread))
    facing, theirs = (field[on.corners].mean(axis=1) for field, on in zip((normals, outward), landmarks))
    if (facing * theirs).sum() < 0:  # a mesh whose triangles run the other way round
        some = some[:, ::-1]
    used, number = np.unique(some, return_inverse=True)
    off = OFF_SURFACE * face_width
    corners, weights, distance = nearest_on_surface(
        places, normals[spread], character.vertices[used], number.reshape(some.shape), reach=3.0 * off
    )
    return used[corners], weights, np.exp(-0.5 * (distance / off) ** 2)


def _same_side(indices, sources, targets, points, corners, weights) -> np.ndarray:
    """Return which points (N,) keep to their lip: they are nearest to landmarks of the same one on both faces."""
    places = np.einsum("pci,pc->pi", corners, weights)
    upper, lower = np.isin(indices, list(UPPER)), np.isin(indices, list(LOWER))
    if not upper.any() or not lower.any():
        return np.ones(len(points), bool)
    side = lambda at, marks: distances(at, marks[upper]).min(axis=1) < distances(at, marks[lower]).min(axis=1)
    return side(points, sources) == side(places, targets)


def _follow_slits(matrices, indices, sources, targets, places, regions: dict[str, np.ndarray]) -> None:
    """Have what crosses an eye's opening on the head cross it on the character, and likewise along the mouth.

    A lid that shuts on one shuts on the other, however wide its eyes are.
    """
    row_of = {int(index): row for row, index in enumerate(indices)}
    for pairs, region, side in ((LIDS_L, "lids", 1), (LIDS_R, "lids", -1), ((MOUTH_CORNERS,), "mouth", 0)):
        rows = np.array([[row_of[a], row_of[b]] for a, b in pairs if a in row_of and b in row_of])
        if not len(rows):
            continue
        across, there = ((points[rows[:, 0]] - points[rows[:, 1]]).mean(axis=0) for points in (sources, targets))
        middle = sources.mean(axis=0)[0]
        share = regions[region] * (np.sign(places[:, 0] - middle) == side if side else 1.0)
        carried = matrices @ across
        there = unit(there) * np.clip(
            np.linalg.norm(there), *(bound * np.linalg.norm(carried, axis=1) for bound in (SLIT_LEAST, SLIT_MOST))
        )[:, None]
        matrices += (share[:, None] * (there - carried))[..., None] * across / (across @ across)

"""Which part of a head belongs to which region of the face: soft masks over its vertices.

A vertex belongs to the region whose anchors it lies nearest to. Anchors are MediaPipe's landmarks; those that a head
does not have are put where they lie on the built-in head, carried over by the landmarks that both have, or by the eyes.
"""

import numpy as np

from ..errors import HeadError
from .head import JOINT_NAMES, Head
from .per_head import once_a_head

SKIN_REGIONS = ("lids", "brows", "cheeks", "nose", "mouth", "jaw")  # of REGIONS, all but the eyeballs
SOFTNESS_M = 0.003  # a region that is so much farther away than the nearest weighs 0.37 of it
FACE_M, BEYOND_M = 0.015, 0.045  # from the nearest anchor: up to the first all face, from the second on none
BUILTIN_EYES_MM = 63.0  # between the built-in head's eye joints; the unit of the places below is a millimetre there
MIN_EYES_M = 0.02  # between a head's eye joints; less is no human head in metres
FEW_LANDMARKS = 8  # of the anchors, that a head must have for its face to be measured by them
EYES = (JOINT_NAMES.index("eye_L"), JOINT_NAMES.index("eye_R"))
# (landmark on the actor's left, its partner on the right, x, y, z of the left one from between the eye joints).
ANCHORS = {
    "lids": (
        (263, 33, 47, 0, 6), (466, 246, 44, 3, 7), (388, 161, 42, 4, 8), (387, 160, 38, 6, 11), (386, 159, 33, 7, 13),
        (385, 158, 27, 6, 12), (384, 157, 22, 4, 10), (398, 173, 18, 2, 6), (362, 133, 16, -3, 6),
        (382, 155, 18, -4, 5), (381, 154, 22, -5, 8), (380, 153, 26, -6, 12), (374, 145, 32, -7, 13),
        (373, 144, 37, -6, 12), (390, 163, 40, -5, 9), (249, 7, 43, -4, 7), (253, 23, 31, -10, 11),
        (257, 27, 34, 11, 12), (445, 225, 48, 9, 7), (450, 230, 32, -14, 12), (449, 229, 40, -14, 10),
    ),
    "brows": (
        (300, 70, 56, 14, 1), (293, 63, 49, 20, 8), (334, 105, 40, 23, 17), (296, 66, 28, 22, 22),
        (336, 107, 14, 21, 26), (276, 46, 52, 11, 4), (283, 53, 46, 16, 10), (282, 52, 38, 18, 17),
        (295, 65, 27, 18, 21), (285, 55, 12, 13, 23), (337, 108, 16, 35, 23), (299, 69, 30, 35, 18),
        (333, 104, 45, 33, 9), (9, 9, 0, 19, 27), (151, 151, 0, 35, 25), (10, 10, 0, 50, 23),
    ),
    "cheeks": (
        (280, 50, 47, -36, 13), (425, 205, 39, -44, 18), (346, 117, 52, -19, 9), (411, 187, 52, -50, 5),
        (330, 101, 33, -28, 17), (266, 36, 29, -36, 20), (352, 123, 61, -33, -2), (376, 147, 59, -47, -12),
        (427, 207, 43, -55, 13), (345, 116, 62, -19, 0), (347, 118, 44, -21, 13), (434, 214, 45, -72, 2),
    ),
    "nose": (
        (197, 197, 0, -13, 27), (195, 195, 0, -20, 30), (5, 5, 0, -25, 35), (4, 4, 0, -36, 43), (2, 2, 0, -49, 23),
        (326, 97, 7, -49, 22), (327, 98, 16, -47, 22), (358, 129, 20, -40, 21), (420, 198, 13, -28, 20),
        (279, 49, 19, -37, 22),
    ),
    "mouth": (
        (0, 0, 0, -63, 27), (17, 17, 0, -79, 25), (267, 37, 7, -62, 26), (269, 39, 15, -64, 24),
        (270, 40, 19, -66, 21), (409, 185, 23, -68, 20), (291, 61, 26, -69, 18), (375, 146, 22, -72, 19),
        (321, 91, 19, -74, 20), (405, 181, 14, -77, 23), (314, 84, 8, -79, 24), (14, 14, 0, -69, 24),
        (311, 81, 11, -69, 23), (415, 191, 19, -69, 21), (308, 78, 24, -69, 19), (324, 95, 18, -70, 21),
        (402, 178, 11, -69, 23), (391, 165, 18, -56, 22), (164, 164, 0, -54, 22), (18, 18, 0, -87, 21),
        (313, 83, 8, -87, 21), (406, 182, 16, -84, 20), (273, 43, 27, -76, 16), (322, 92, 24, -60, 21),
    ),
    "jaw": (
        (152, 152, 0, -110, 22), (377, 148, 12, -109, 21), (400, 176, 18, -106, 17), (378, 149, 22, -104, -20),
        (379, 150, 36, -99, -7), (199, 199, 0, -100, 26), (200, 200, 0, -93, 24), (369, 140, 23, -102, 13),
        (395, 170, 31, -97, 3), (394, 169, 39, -91, -3), (430, 210, 37, -84, 4), (431, 211, 29, -90, 8),
        (418, 194, 19, -89, 19),
    ),
}


@once_a_head
def region_masks(head: Head) -> dict[str, np.ndarray]:
    """Return how much each vertex belongs to each region, (V,) float32, 0 to 1; together they are 1 at every vertex.

    "eyes" is the eyeballs. Skull, ears and neck belong to the regions nearest to them, and move with those.
    Raises:
        HeadError: a head that has no landmarks, and no eyes to tell by where its face is.
    """
    points = head.template.astype(np.float64)
    places = _anchor_places(head)
    distance = np.stack([_distances(points, places[region]).min(axis=1) for region in SKIN_REGIONS], axis=-1)  # (V, 6)
    near = np.exp((distance.min(axis=1, keepdims=True) - distance) / SOFTNESS_M)
    on_eye = np.clip(head.skinning_weights[:, list(EYES)].sum(axis=1, dtype=np.float64), 0.0, 1.0)
    share = near / near.sum(axis=1, keepdims=True) * (1.0 - on_eye)[:, None]
    masks = {"eyes": on_eye} | dict(zip(SKIN_REGIONS, share.T))
    return {region: mask.astype(np.float32) for region, mask in masks.items()}


@once_a_head
def face_mask(head: Head) -> np.ndarray:
    """Return how much each vertex is of the face, (V,) float32: 1 at the landmarks, 0 at the skull, neck and eyeballs.

    Raises:
        HeadError: as `region_masks`.
    """
    anchors = np.concatenate(list(_anchor_places(head).values()))
    distance = _distances(head.template.astype(np.float64), anchors).min(axis=1)
    way = np.clip((BEYOND_M - distance) / (BEYOND_M - FACE_M), 0.0, 1.0)
    on_eye = head.skinning_weights[:, list(EYES)].sum(axis=1)
    return (way * way * (3.0 - 2.0 * way) * np.clip(1.0 - on_eye, 0.0, 1.0)).astype(np.float32)


@once_a_head
def _anchor_places(head: Head) -> dict[str, np.ndarray]:
    """Return each region's anchors on the resting head, (K, 3) metres."""
    own = {}
    if head.landmarks is not None:
        points = head.landmarks.points(head.template[None].astype(np.float64))[0]
        own = dict(zip(head.landmarks.indices.tolist(), points))
    usual = {region: _both_sides(rows) for region, rows in ANCHORS.items()}
    known = {index: place for places in usual.values() for index, place in places.items()}
    common = [index for index in known if index in own]
    if len(common) >= FEW_LANDMARKS:
        from_usual = np.array([[*known[index], 1.0] for index in common])
        matrix = np.linalg.lstsq(from_usual, np.array([own[index] for index in common]), rcond=None)[0]  # (4, 3)
    else:
        matrix = _by_the_eyes(head)
    skin = head.template[head.skinning_weights[:, list(EYES)].sum(axis=1) < 0.5].astype(np.float64)
    places = {}
    for region, usual_places in usual.items():
        carried = np.array([[*place, 1.0] for place in usual_places.values()]) @ matrix
        on_skin = skin[_distances(skin, carried).argmin(axis=0)]
        places[region] = np.array([own.get(index, place) for index, place in zip(usual_places, on_skin)])
    return places


def _distances(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return (V, K) how far points (V, 3) lie from each of a few places (K, 3)."""
    squares = (points**2).sum(axis=1)[:, None] - 2.0 * points @ places.T + (places**2).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0.0))


def _both_sides(rows: tuple[tuple[int, int, int, int, int], ...]) -> dict[int, np.ndarray]:
    """Return the anchors' places by landmark, (3,) millimetres."""
    left = {row[0]: np.array(row[2:], float) for row in rows}
    return left | {row[1]: np.array([-row[2], *row[3:]], float) for row in rows if row[1] != row[0]}


def _by_the_eyes(head: Head) -> np.ndarray:
    """Return (4, 3): the built-in head's places to metres on this head, as far as its eye joints tell."""
    left, right = head.joint_template[list(EYES)]
    apart = np.linalg.norm(left - right)
    if not (apart >= MIN_EYES_M and left[0] > right[0]):
        raise HeadError(
            f"{head.name} has no landmarks, nor eyes where FLAME has them, so where its face is cannot be told. Put "
            "SMIRK's mediapipe_landmark_embedding.npz beside it, or name its folder with the eyelids"
        )
    return np.concatenate([apart / BUILTIN_EYES_MM * np.eye(3), [(left + right) / 2]])

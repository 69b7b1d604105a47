"""All parts of the built-in head put together as one `Head`, in metres."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from ..head import JOINT_NAMES, ExpressionPrior, Head, Surface
from ..landmarks import LandmarkEmbedding
from . import ears, eyes, mouth
from .brows import left_brow
from .coloring import skin_colors
from .expressions import expression_directions
from .eyelids import left_eyelid_direction, left_lash_direction
from .hair import hair
from .identity import identity_directions
from .lashes import left_lashes
from .materials import MATERIALS, MOUTH, SKIN
from .parts import Part, mirrored
from .riding import ride
from .skin import Skin, build_skin
from .skinning import joint_rows, skin_weights
from .uv import skin_uv

MM = 0.001
FLIP = np.array([-1.0, 1.0, 1.0])  # to the other side
EXPRESSION_PRIOR = ExpressionPrior(spread=0.2, low=-0.1, high=1.5)  # 1 is a full natural pose; actors overdo
LANDMARK_FILE = Path(__file__).with_name("landmarks.npz")
# Landmarks at the side of the face: MediaPipe lays them on the outline that it sees, which is another part of the skin
# with every turn of the head. They are stored, but no part of the head's embedding.
OUTLINE = frozenset(
    (
        127,
        234,
        93,
        132,
        58,
        172,
        136,
        162,
        21,
        54,
        103,
        67,
        109,
        227,
        137,
        177,
        215,
        34,
        139,
        71,
        68,
    )  # the actor's right
    + (356, 454, 323, 361, 288, 397, 365, 389, 251, 284, 332, 297, 338, 447, 366, 401, 435, 264, 368, 301, 298)
)


@lru_cache(maxsize=1)
def builtin_head() -> Head:
    """Return the built-in head, made once a session. Its arrays are shared: do not write to them."""
    skin = build_skin()
    parts = head_parts(skin)
    starts = np.concatenate([[0], np.cumsum([len(part.points) for part in parts])])
    spans = {part.name: np.arange(start, end) for part, start, end in zip(parts, starts[:-1], starts[1:])}
    points = np.concatenate([part.points for part in parts])
    quads = np.concatenate([part.quads + start for part, start in zip(parts, starts)])
    eyeballs = (spans["eyeball_L"], spans["eyeball_R"])

    carriers = _carriers(skin, parts)
    own_weights = skin_weights(skin)
    equators = [eyeball[eyes.equator(points[eyeball])] for eyeball in eyeballs]
    regressor = joint_rows(skin, len(points), equators)
    expression_names, own_expressions = expression_directions(skin, own_weights[:, 2], regressor[2] @ points)
    lids = _carried(carriers, _both_sides(left_eyelid_direction(skin), skin.mirror))
    lash = left_lash_direction(skin, points[spans["lashes_L"]])
    lids[spans["lashes_L"], :, 0], lids[spans["lashes_R"], :, 1] = lash, lash * FLIP
    shape_names, shapes = identity_directions(points, eyeballs)

    expressions = _carried(carriers, own_expressions)
    for name in ("teeth_lower", "tongue"):
        expressions[spans[name], 2, expression_names.index("jawForward")] = 5.0
    return Head(
        name="Built-in",
        template=_metres(points),
        triangles=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]),
        shape_directions=_metres(shapes),
        expression_directions=_metres(expressions),
        pose_directions=np.zeros((len(points), 3, 36), np.float32),
        joint_regressor=regressor,
        skinning_weights=_all_weights(carriers, own_weights, parts),
        eyelid_directions=_metres(lids),
        shape_names=shape_names,
        expression_names=expression_names,
        landmarks=load_landmarks(),
        surface=Surface(
            polygons=quads,
            uv=np.concatenate([part.uv for part in parts]).astype(np.float32),
            material_index=np.concatenate([part.material for part in parts]),
            materials=MATERIALS,
            colors=np.clip(np.concatenate([part.colors for part in parts]), 0.0, 1.0).astype(np.float32),
        ),
        expression_prior=EXPRESSION_PRIOR,
    )


def head_parts(skin: Skin) -> list[Part]:
    """Return every part, the skin first."""
    inside = (skin.mouth_ring[skin.quads] >= 3.0).all(axis=1)
    body = Part("skin", skin.points, skin.quads, skin_uv(skin), skin_colors(skin), np.where(inside, MOUTH, SKIN))
    eyeball, ear = eyes.left_eyeball(), ears.left_ear()
    brow, lashes = left_brow(), left_lashes(skin)
    return [
        body,
        eyeball,
        mirrored(eyeball, name="eyeball_R", joint="eye_R"),
        ear,
        mirrored(ear, name="ear_R"),
        mouth.upper_teeth(),
        mouth.lower_teeth(),
        mouth.tongue(),
        brow,
        mirrored(brow, name="brow_R"),
        lashes,
        mirrored(lashes, name="lashes_R"),
        hair(),
    ]


def load_landmarks() -> LandmarkEmbedding | None:
    """Return the stored landmarks less the OUTLINE, or None where they have not been made yet (`build.py landmarks`)."""
    if not LANDMARK_FILE.exists():
        return None
    with np.load(LANDMARK_FILE, allow_pickle=False) as stored:
        embedding = LandmarkEmbedding(stored["indices"], stored["corners"], stored["weights"])
    return embedding.subset(~np.isin(embedding.indices, list(OUTLINE)))


def _both_sides(left: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Return (V, 3, 2): a left-hand direction (V, 3) and its mirror image."""
    return np.stack([left, left[mirror] * FLIP], axis=-1)


def _metres(values: np.ndarray) -> np.ndarray:
    return (values * MM).astype(np.float32)


def _carriers(skin: Skin, parts: list[Part]) -> list:
    """Return (carrier, vertex count) of each part: "skin" for itself, None if rigid, else what `ride` gives."""
    upper_lid = (skin.eye_ring >= 2.5) & (skin.eye_ring <= 4.0) & (np.sin(skin.eye_angle) > -1e-6)
    outer = (skin.eye_ring <= 2.0) & (skin.mouth_ring <= 0.0)
    allowed = {"upper lid": upper_lid, "skin": outer}
    carriers: list = ["skin"]
    for part in parts[1:]:
        carriers.append(ride(part.points, skin.points, allowed[part.rides_on]) if part.rides_on else None)
    return [(carrier, len(part.points)) for carrier, part in zip(carriers, parts)]


def _carried(carriers: list, own: np.ndarray) -> np.ndarray:
    """Return values of every part from the skin's own values (V, ...): carried, or zero for rigid parts."""
    pieces = []
    for carrier, count in carriers:
        if carrier is None:
            pieces.append(np.zeros((count, *own.shape[1:])))
        elif isinstance(carrier, str):
            pieces.append(own)
        else:
            vertices, shares = carrier
            pieces.append(np.einsum("nk,nk...->n...", shares, own[vertices]))
    return np.concatenate(pieces)


def _all_weights(carriers: list, own: np.ndarray, parts: list[Part]) -> np.ndarray:
    """Return (V, 5) float32 joint weights of every part; a rigid part goes with its own joint."""
    weights = _carried(carriers, own)
    start = 0
    for (carrier, count), part in zip(carriers, parts):
        if carrier is None:
            weights[start : start + count, JOINT_NAMES.index(part.joint)] = 1.0
        start += count
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

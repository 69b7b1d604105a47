"""A head reduced to the points that refining looks at: lips, brows, lid edges, and what is to stay."""

from dataclasses import replace

import numpy as np

from ..flame import Head, LandmarkEmbedding
from ..flame.eyes import EYE_JOINTS
from ..flame.landmark_model import LandmarkModel
from ..flame.measures import BROW_L, BROW_R, STEADY
from ..take import Take
from ..take.contours import CONTOURS
from .contact import Slits

# MediaPipe's landmarks, and numbers of points that are none.
MOUTH = tuple(sorted({*CONTOURS["outer lips"], *CONTOURS["inner lips"]}))
EYES = tuple(sorted({*CONTOURS["left eye"], *CONTOURS["right eye"]}))
BROWS = (*BROW_L, *BROW_R)
NOSE_TIP = 4
STAYING, SLITS = 1000, 2000
NUM_STAYING = 60
FACE_DEPTH_M = 0.08  # behind the tip of the nose begins the side of the head
AWAY_M = 0.012  # from lids, brows and lips


def small_model(head: Head, take: Take, slits: tuple[Slits, ...]) -> tuple[LandmarkModel, list[np.ndarray]]:
    """Return the head reduced to what is looked at, and each slit's rows (G, L) that take its gaps from those points.

    Points that are no landmarks have numbers of their own: from STAYING on, and the slits' vertices from SLITS on.
    """
    embedding = head.landmarks.subset(np.isin(head.landmarks.indices, (*MOUTH, *BROWS, *STEADY)))
    staying = _staying_vertices(head)
    vertices = np.concatenate([staying, *(slit.vertices for slit in slits)])
    numbers = np.concatenate([STAYING + np.arange(len(staying)), SLITS + np.arange(len(vertices) - len(staying))])
    points = LandmarkEmbedding(
        np.concatenate([embedding.indices, numbers]),
        np.concatenate([embedding.corners, np.repeat(vertices[:, None], 3, axis=1)]),
        np.concatenate([embedding.weights, np.tile(np.float32([1, 0, 0]), (len(vertices), 1))]),
    )
    num_shape = max(np.shape(take.shape)[-1], 0 if take.frame_shape is None else take.frame_shape.shape[-1])
    model = LandmarkModel(replace(head, landmarks=points), num_shape, take.expression.shape[1])
    rows, start = [], len(embedding.indices) + len(staying)
    for slit in slits:
        row = np.zeros((len(slit.weights), len(model.indices)))
        row[:, start : start + len(slit.vertices)] = slit.weights
        rows.append(row)
        start += len(slit.vertices)
    return model, rows


def _staying_vertices(head: Head) -> np.ndarray:
    """Return vertices (S,) spread over the upper face, away from lids, brows and mouth."""
    place = {int(index): row for row, index in enumerate(head.landmarks.indices)}
    points = head.landmarks.points(head.template[None])[0]
    moving = points[[place[index] for index in (*MOUTH, *BROWS, *EYES) if index in place]]
    nose = points[place[NOSE_TIP]]
    on_face = (head.template[:, 1] > nose[1] - 0.01) & (head.template[:, 2] > nose[2] - FACE_DEPTH_M)
    on_face &= head.skinning_weights[:, EYE_JOINTS].sum(axis=1) < 0.01
    candidates = np.flatnonzero(on_face)
    candidates = candidates[:: max(1, len(candidates) // 1000)]
    away = np.linalg.norm(head.template[candidates, None] - moving, axis=-1).min(axis=1) > AWAY_M
    candidates = candidates[away]
    return candidates[np.linspace(0, len(candidates) - 1, min(NUM_STAYING, len(candidates))).astype(int)]

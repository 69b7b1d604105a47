"""The closed-loop clip: an animation of blinks and lip closures on the built-in head, of which everything is known.

`closed_loop.mp4` beside this file is rendered from it by `python -m tests.tools.render_closed_loop`.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from smirk_blender.flame import Head, LandmarkEmbedding
from smirk_blender.flame.landmark_model import with_iris_centers
from smirk_blender.flame.measures import eye_distance
from smirk_blender.sample.performance import eased, sample_take
from smirk_blender.take import Source, Take
from smirk_blender.take.camera import image_points
from smirk_blender.take.take import NUM_LANDMARKS

CLIP = Path(__file__).with_name("closed_loop.mp4")
FPS = Fraction(25)
NUM_FRAMES = 560
SIZE_PX = 256

# (last open frame, frames to shut, frames held shut, frames to open): 20 blinks of both eyes, 4 to 12 frames long.
BLINKS = (
    *((8, 3, 0, 3), (24, 2, 0, 2), (36, 4, 2, 6), (58, 2, 1, 2), (66, 2, 1, 2)),  # at rest; the last two a pair
    *((98, 2, 0, 3), (131, 3, 1, 4), (160, 2, 0, 2), (189, 3, 0, 4), (214, 2, 1, 3), (247, 4, 1, 5)),  # while talking
    *((350, 2, 0, 2), (372, 3, 1, 4), (388, 2, 1, 3), (412, 2, 0, 3), (428, 4, 2, 5)),  # with the head turned
    *((470, 2, 0, 3), (492, 3, 1, 4), (520, 3, 0, 3), (540, 2, 1, 3)),
)
# Likewise of one eye, and how far it shuts.
WINKS = {"L": ((292, 3, 4, 3, 1.0),), "R": ((312, 3, 4, 3, 0.6),)}
HALF_BLINK = (326, 2, 0, 3, 0.45)  # both eyes; not a blink
# (last frame that is wide open, frames to shut, frames held, frames to open): 10 closures between vowels.
CLOSURES = (
    *((92, 2, 1, 2), (108, 2, 2, 2), (124, 1, 1, 2), (143, 2, 3, 2), (165, 2, 1, 1)),
    *((183, 1, 2, 2), (204, 2, 1, 2), (225, 2, 2, 2), (362, 2, 1, 2), (403, 2, 2, 2)),
)
TALK = ((86, 236), (355, 415))  # frames in which the mouth is open but for closures
# Jaw angle of the vowels in radians, (frame, angle); and by how far it stays open in closures, as a share.
VOWELS = (
    *((80, 0), (86, 0.18), (100, 0.2), (115, 0.3), (130, 0.16), (150, 0.24), (172, 0.34), (190, 0.18), (210, 0.26)),
    *((232, 0.2), (242, 0), (350, 0), (355, 0.2), (380, 0.28), (408, 0.16), (418, 0), (476, 0), (484, 0.34)),
    *((492, 0.34), (500, 0)),
)
JAW_IN_CLOSURE = 0.3
MOUTH_CLOSE_JAW_RAD = 0.35  # of the jaw's opening that mouthClose 1 shuts the lips over
# Traps: lids narrowed by a squint and a smile, lips nearly shut; (frame, value).
SQUINT = ((262, 0), (266, 1), (278, 1), (282, 0))
NARROWED = ((262, 0), (266, 0.3), (278, 0.3), (282, 0))  # of the lid value
NEARLY_SHUT = ((440, 0), (444, 0.03), (448, 0.03), (451, 0.01), (454, 0.03), (458, 0))  # of the jaw, radians
SMILE = ((72, 0), (78, 0.5), (84, 0), (278, 0), (286, 1), (300, 1), (308, 0), (500, 0), (506, 0.8), (530, 0))
EXPRESSIONS = {
    "mouthSmile_L": SMILE,
    "mouthSmile_R": SMILE,
    "cheekSquint_L": ((278, 0), (286, 0.8), (300, 0.8), (308, 0)),
    "cheekSquint_R": ((278, 0), (286, 0.8), (300, 0.8), (308, 0)),
    "eyeSquint_L": SQUINT,
    "eyeSquint_R": SQUINT,
    "browDown_L": SQUINT,
    "browDown_R": SQUINT,
    "mouthFunnel": ((110, 0), (116, 0.5), (122, 0), (193, 0), (197, 0.7), (202, 0)),
    "mouthStretch_L": ((128, 0), (136, 0.4), (142, 0), (366, 0), (374, 0.5), (382, 0)),
    "mouthStretch_R": ((128, 0), (136, 0.4), (142, 0), (366, 0), (374, 0.5), (382, 0)),
    "browInnerUp": ((464, 0), (470, 0.8), (478, 0.8), (484, 0)),
    "browOuterUp_L": ((464, 0), (470, 0.8), (478, 0.8), (484, 0)),
    "browOuterUp_R": ((464, 0), (470, 0.8), (478, 0.8), (484, 0)),
}
HEAD_TURN_RAD = {  # about x, y and z; (frame, angle)
    "nod": ((0, 0), (90, 0.03), (150, -0.05), (210, 0.04), (260, 0), (340, 0), (356, 0.1), (400, -0.08), (460, 0)),
    "shake": (
        *((0, 0), (120, 0.08), (180, -0.1), (240, 0), (330, 0), (345, 0.35), (394, 0.35), (410, -0.35)),
        *((440, -0.3), (458, 0)),
    ),
    "tilt": ((0, 0), (140, 0.06), (220, -0.06), (260, 0), (340, 0), (370, 0.08), (420, -0.08), (460, 0)),
}
GAZE_SIDE_RAD = ((0, 0), (80, 0), (83, 0.15), (128, 0.15), (131, -0.15), (170, -0.15), (173, 0), (559, 0))


def truth(head: Head) -> Take:
    """Return the animation as a take of a head that has these expressions by name. Landmarks and camera are at rest."""
    row = np.arange(NUM_FRAMES)
    along = lambda keys: eased(row, keys)
    closed = np.max([_held(row, *closure) for closure in CLOSURES], axis=0)
    expression = np.zeros((NUM_FRAMES, head.num_expression), np.float32)
    for name, keys in EXPRESSIONS.items():
        expression[:, head.expression_names.index(name)] = along(keys)
    vowels = along(VOWELS)
    # Where the lips meet over an open jaw, mouthClose takes them together.
    jaw = vowels * (1 - closed * (1 - JAW_IN_CLOSURE))
    expression[:, head.expression_names.index("mouthClose")] = closed * jaw / MOUTH_CLOSE_JAW_RAD
    for name in ("mouthFunnel", "mouthStretch_L", "mouthStretch_R"):
        expression[:, head.expression_names.index(name)] *= 1 - closed
    blinks = np.max([_held(row, *blink) for blink in (*BLINKS, HALF_BLINK)], axis=0)
    winks = [np.max([_held(row, *wink) for wink in WINKS[side]], axis=0) for side in ("L", "R")]
    narrowed = along(NARROWED)
    zero = np.zeros(NUM_FRAMES)
    gaze = np.stack([zero, along(GAZE_SIDE_RAD), zero], axis=-1)
    still = sample_take(head)
    rows = {
        "expression": expression,
        "jaw_pose": np.stack([jaw + along(NEARLY_SHUT), zero, zero], axis=-1),
        "eyelid": np.stack([np.max([blinks, wink, narrowed], axis=0) for wink in winks], axis=-1),
        "head_pose": np.stack([along(keys) for keys in HEAD_TURN_RAD.values()], axis=-1),
        "eye_pose": np.concatenate([gaze, gaze], axis=-1),
    }
    constant = ("neck_pose", "camera", "crop_transform", "landmarks", "confidence", "gap")
    return replace(
        still,
        **{name: values.astype(np.float32) for name, values in rows.items()},
        **{name: np.repeat(getattr(still, name)[:1], NUM_FRAMES, axis=0) for name in constant},
        time_s=row / float(FPS),
        fps=FPS,
        source=Source(CLIP.name, 0, "", SIZE_PX, SIZE_PX),
    )


def with_landmarks(take: Take, head: Head, *, noise: float = 0.0, left_open: float = 0.0, seed: int = 0) -> Take:
    """Return a take with the landmarks that its own head shows; those that the head lacks lie in their middle.

    Args:
        noise: standard deviation, over the distance between the outer eye corners.
        left_open: how much of an open eye's gap the landmarks still show of a shut one, as MediaPipe does.
    """
    embedding = with_iris_centers(head)
    vertices, corners = np.unique(embedding.corners, return_inverse=True)
    embedding = LandmarkEmbedding(embedding.indices, corners.reshape(-1, 3), embedding.weights)
    parameters = {**take.head_parameters(), "eyelid": take.eyelid * (1.0 - left_open)}
    posed = head.part(vertices, parameters.pop("shape")[0]).vertices(**parameters)
    points = image_points(embedding.points(posed), take.camera.astype(np.float64), take.crop_transform) * [1, 1, -1]
    landmarks = np.repeat(points.mean(axis=1, keepdims=True), NUM_LANDMARKS, axis=1)
    landmarks[:, embedding.indices] = points
    scale_px = eye_distance(landmarks)[:, None, None] * noise
    landmarks += scale_px * np.random.default_rng(seed).standard_normal(landmarks.shape)
    return replace(take, landmarks=landmarks.astype(np.float32))


def badly_solved(take: Take, head: Head, seed: int = 1) -> Take:
    """Return a take as an encoder might see it: lids that do not shut, lips that do not meet, and an unsteady mouth."""
    random = np.random.default_rng(seed)
    wobble = gaussian_filter1d(random.standard_normal(take.expression.shape), 6.0, axis=0) * 0.15
    mouth = [name.startswith(("mouth", "jaw")) for name in head.expression_names]
    expression = np.clip(take.expression + wobble * mouth, -0.1, 1.1)
    expression[:, head.expression_names.index("mouthClose")] *= 0.6
    jaw_pose = take.jaw_pose + np.float32([0.02, 0.0, 0.0])
    return replace(
        take, expression=expression.astype(np.float32), jaw_pose=jaw_pose, eyelid=0.05 + np.float32(0.75) * take.eyelid
    )


def _held(row: np.ndarray, start: int, rise: int, hold: int, fall: int, height: float = 1.0) -> np.ndarray:
    """Return (T,): 0, up to `height` within `rise` frames from `start` on, held, and down again."""
    keys = ((start, 0), (start + rise, height), (start + rise + hold, height), (start + rise + hold + fall, 0))
    return eased(row, keys) if hold else eased(row, (*keys[:2], keys[3]))

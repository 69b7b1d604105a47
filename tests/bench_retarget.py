"""Speed of bringing a take onto a character: `build.py bench [VIDEO] [--flame F]`.

The character is made up: a face of CHARACTER_VERTICES vertices with NUM_KEYS keys that each bulge a part of it, of
ARKit's names. What is done again and again is done once before, since a first time opens what later ones keep.
"""

import argparse
import sys

import numpy as np

from smirk_blender.flame import BUILTIN_HEAD, LandmarkEmbedding, open_head
from smirk_blender.flame.head import Head
from smirk_blender.flame.regions import face_mask
from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.retarget.character import Character
from smirk_blender.retarget.correspondence import correspond
from smirk_blender.retarget.face_bones import FaceBones
from smirk_blender.retarget.followers import FollowingRig, free_carriage
from smirk_blender.retarget.key_weights import offsets_at, solve_key_weights
from smirk_blender.retarget.onto import Recipient, retargeted
from smirk_blender.retarget.profile import RetargetProfile
from tests.bench_clean import FPS, SHORT, long_take, timed

CHARACTER_VERTICES, NUM_KEYS = 2700, len(ARKIT_NAMES)
BULGE_M, REACH_M = 0.01, 0.02  # of a key, and how far from its middle it goes
RUNS = 5  # the median counts


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench_retarget")
    parser.add_argument("--flame", default=BUILTIN_HEAD)
    head = open_head(parser.parse_args(argv).flame)
    take = long_take(SHORT, head)
    character, landmarks = made_up_character(head)
    recipient = Recipient(character, FaceBones(), FollowingRig((), (), np.zeros(0), free_carriage(())), np.eye(3))
    every = offsets_at(character, *whole_mesh(character))
    known = np.abs(np.sin(np.arange(SHORT)[:, None] * np.linspace(0.02, 0.2, NUM_KEYS))) * 0.8
    motion = np.tensordot(known, every, axes=1)
    print(f"{'onto a character, ' + head.name:<44}{'frames':>8}{'seconds':>9}{'real time':>11}")
    jobs = {
        f"{NUM_KEYS} keys on all of {CHARACTER_VERTICES} vertices": lambda: solve_key_weights(
            motion, every, character.key_limits
        ),
    } | {
        f"take to weights by {way}": lambda way=way: retargeted(
            take, head, recipient, RetargetProfile(by=way, landmarks=landmarks)
        )
        for way in ("names", "geometry", "both")
    }
    for job, work in jobs.items():
        work()
        seconds = float(np.median([timed(work) for _ in range(RUNS)]))
        print(f"{job:<44}{SHORT:>8}{seconds:>9.2f}{SHORT / FPS / seconds:>10.0f}x", flush=True)
    seconds = timed(lambda: correspond(head, character, landmarks, shape=take.shape))
    print(f"{'correspondences, once for both':<44}{'':>8}{seconds:>9.2f}")
    return 0


def made_up_character(head: Head) -> tuple[Character, LandmarkEmbedding]:
    """Return so much of a head's front as has CHARACTER_VERTICES, with bulges as keys, and its landmarks."""
    rank = head.template[:, 2] + np.where(face_mask(head) > 0, 1.0, 0.0)
    rank[head.landmarks.corners] += 2.0
    keep = np.sort(np.argsort(-rank, kind="stable")[:CHARACTER_VERTICES])
    number = np.full(len(head.template), -1)
    number[keep] = np.arange(len(keep))
    triangles = number[head.triangles]
    triangles = triangles[(triangles >= 0).all(axis=1)]
    vertices = head.template[keep].astype(np.float64)
    rng = np.random.default_rng(0)
    middles = vertices[rng.choice(len(vertices), NUM_KEYS)]
    near = np.exp(-0.5 * (np.linalg.norm(vertices - middles[:, None], axis=-1) / REACH_M) ** 2)
    towards = rng.normal(size=(NUM_KEYS, 1, 3))
    offsets = (BULGE_M * near[..., None] * towards).astype(np.float32)
    limits = np.tile([0.0, 1.0], (NUM_KEYS, 1))
    landmarks = LandmarkEmbedding(head.landmarks.indices, number[head.landmarks.corners], head.landmarks.weights)
    return Character("made up", vertices, triangles, ARKIT_NAMES, offsets, limits), landmarks


def whole_mesh(character: Character) -> tuple[np.ndarray, np.ndarray]:
    """Return every vertex as a place: corners and weights."""
    vertices = np.arange(len(character.vertices))
    return np.repeat(vertices[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (len(vertices), 1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

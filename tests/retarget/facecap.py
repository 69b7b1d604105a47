"""The test character: a head with ARKit's 52 shape keys, and performances of it whose key weights are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from smirk_blender.flame import LandmarkEmbedding
from smirk_blender.flame.measures import face_measures
from smirk_blender.retarget.character import Character
from tests.tools.glb import read_glb_mesh

BUMP, REST = 14, 4  # frames
MEASURES = ("lip_gap", "mouth_width", "lid_L", "lid_R", "brow_L", "brow_R")
COMBINATIONS = (
    {"mouthSmile_L": 0.8, "mouthSmile_R": 0.8, "jawOpen": 0.35},
    {"mouthSmile_L": 0.6, "mouthSmile_R": 0.6, "cheekSquint_L": 0.5, "cheekSquint_R": 0.5, "eyeSquint_L": 0.4},
    {"browInnerUp": 0.7, "browOuterUp_L": 0.6, "browOuterUp_R": 0.6, "eyeWide_L": 0.7, "eyeWide_R": 0.7},
    {"browDown_L": 0.8, "browDown_R": 0.8, "noseSneer_L": 0.5, "noseSneer_R": 0.5},
    {"eyeBlink_L": 0.9, "eyeBlink_R": 0.9},
    {"mouthFunnel": 0.6, "jawOpen": 0.3},
    {"mouthFrown_L": 0.6, "mouthFrown_R": 0.6, "mouthShrugLower": 0.5, "browInnerUp": 0.5},
    {"mouthUpperUp_L": 0.6, "mouthUpperUp_R": 0.6, "mouthLowerDown_L": 0.5, "mouthLowerDown_R": 0.5, "jawOpen": 0.2},
    {"mouthPucker": 0.8, "cheekPuff": 0.3, "jawLeft": 0.4},
)


def facecap(shared_folder: Path) -> tuple[Character, LandmarkEmbedding]:
    """Return the character, and where MediaPipe saw its landmarks."""
    mesh = read_glb_mesh(shared_folder / "rigs" / "facecap.glb")
    limits = np.tile([0.0, 1.0], (len(mesh.key_names), 1))
    character = Character("facecap", mesh.vertices, mesh.triangles, mesh.key_names, mesh.key_offsets, limits)
    with np.load(Path(__file__).with_name("facecap_landmarks.npz")) as found:
        weights = found["weights"].astype(np.float32)
        weights /= weights.sum(axis=1, keepdims=True)
        return character, LandmarkEmbedding(found["indices"].astype(int), found["corners"].astype(int), weights)


def measures(vertices: np.ndarray, landmarks: LandmarkEmbedding) -> dict[str, np.ndarray]:
    """Return what is measured in a face, of vertices (T, V, 3) that stand as a head's do, Y up."""
    points = np.zeros((len(vertices), 478, 3))
    points[:, landmarks.indices] = landmarks.points(vertices)
    return face_measures(points)


def own_performance(shared_folder: Path) -> np.ndarray:
    """Return the key weights (T, K) of the animation that comes with the character."""
    return read_glb_mesh(shared_folder / "rigs" / "facecap.glb").key_weights


def known_performance(character: Character) -> np.ndarray:
    """Return key weights (T, K): every key that moves anything alone, then combinations, with rests between them."""
    effective = np.abs(character.key_offsets).max(axis=(1, 2)) > 0
    poses = [{name: 0.9} for name, moves in zip(character.key_names, effective) if moves] + list(COMBINATIONS)
    curve = np.concatenate([np.zeros(REST), np.sin(np.linspace(0.0, np.pi, BUMP + 2)[1:-1]) ** 2, np.zeros(REST)])
    weights = np.zeros((len(poses), len(curve), len(character.key_names)))
    for rows, pose in zip(weights, poses):
        for name, value in pose.items():
            rows[:, character.key_names.index(name)] = value * curve
    return weights.reshape(-1, len(character.key_names))


def shuffled(character: Character) -> tuple[Character, np.ndarray]:
    """Return the character with its keys in random order and called key_00 and so on, and the order (K,)."""
    order = np.random.default_rng(0).permutation(len(character.key_names))
    names = tuple(f"key_{number:02d}" for number in range(len(order)))
    return replace(character, key_names=names, key_offsets=character.key_offsets[order]), order


def transformed(character: Character, matrix: np.ndarray, shift: np.ndarray) -> Character:
    """Return the character modelled elsewhere: turned, scaled or mirrored by a matrix (3, 3), then shifted."""
    mirrored = np.linalg.det(matrix) < 0
    triangles = character.triangles[:, ::-1] if mirrored else character.triangles  # faces look outward still
    return replace(
        character,
        vertices=character.vertices @ matrix.T + shift,
        triangles=triangles,
        key_offsets=(character.key_offsets @ matrix.T).astype(np.float32),
    )

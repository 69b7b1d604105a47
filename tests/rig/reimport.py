"""Exported heads, read again by Blender's importers."""

from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy.types import Object
from mathutils.kdtree import KDTree

from smirk_blender.rig.movie import set_fps
from tests.rig.scenes import evaluated_points, go_to

BAR_M = 1e-4  # metres, of every vertex at every frame
NTSC = Fraction(30000, 1001)
FIRST = 7  # scene frame of what is exported, mostly
BONE_SHAPE = "Icosphere"  # comes with every armature that the glTF importer makes
IMPORTERS = {
    "glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    "fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    "abc": lambda path: bpy.ops.wm.alembic_import(filepath=path, as_background_job=False),
    "usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
}


def need(kind: str) -> None:
    """Skip a test where this Blender was built without a format's library."""
    library = {"abc": "alembic", "usdc": "usd", "usda": "usd"}.get(kind)
    if library is not None and not getattr(bpy.app.build_options, library):
        pytest.skip(f"this Blender was built without {library}")


def shown_points(mesh: Object, num_frames: int, first: int = FIRST) -> np.ndarray:
    """Return what Blender shows of a mesh from a scene frame on, (T, V, 3) metres, in the world."""
    shown = []
    for scene_frame in first + np.arange(num_frames):
        go_to(bpy.context.scene, scene_frame)
        shown.append(evaluated_points(mesh))
    return np.array(shown)


def imported(path: Path, num_frames: int, fps: Fraction, first: int = FIRST) -> tuple[Object, np.ndarray]:
    """Return the mesh that a file brings into an empty scene, and the scene frames where its frames lie (T,).

    Blender's importers reckon with a rate of their own where it is no whole number: glTF's with fps * fps_base, FBX's
    with fps alone, and one frame later.
    """
    kind = path.suffix[1:]
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    set_fps(scene, fps)
    IMPORTERS[kind](str(path))
    (mesh,) = [thing for thing in scene.objects if thing.type == 'MESH' and thing.name != BONE_SHAPE]
    numbers = np.arange(num_frames)
    if kind == "glb":
        return mesh, numbers / float(fps) * scene.render.fps * scene.render.fps_base
    if kind == "fbx":
        assert scene.render.fps / scene.render.fps_base == pytest.approx(float(fps), rel=1e-6)
        return mesh, 1 + (first + numbers) / float(fps) * scene.render.fps
    assert (scene.frame_start, scene.frame_end) == (first, first + num_frames - 1)
    return mesh, first + numbers


def nearest_of(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of points (V, 3) is the nearest to each of the others (U, 3), and how far it is."""
    tree = KDTree(len(points))
    for index, point in enumerate(points):
        tree.insert(point, index)
    tree.balance()
    found = [tree.find(other) for other in others]
    return np.array([index for _, index, _ in found]), np.array([distance for _, _, distance in found])


def greatest_error_m(path: Path, expected: np.ndarray, fps: Fraction = NTSC, first: int = FIRST) -> float:
    """Return how far an exported head's vertices lie from expected (T, V, 3), at the greatest; metres.

    Importers may split vertices; each is compared with the nearest at the first frame.
    """
    mesh, scene_frames = imported(path, len(expected), fps, first)
    played = []
    for scene_frame in scene_frames:
        go_to(bpy.context.scene, scene_frame)
        played.append(evaluated_points(mesh))
    nearest, _ = nearest_of(expected[0], played[0])
    if len(nearest) == expected.shape[1]:
        nearest = np.arange(len(nearest))  # the same vertices in the same order
    _, distance_m = nearest_of(np.array(played)[0], expected[0])
    assert distance_m.max() < BAR_M, "a vertex is missing"
    return np.linalg.norm(np.array(played) - expected[:, nearest], axis=-1).max()

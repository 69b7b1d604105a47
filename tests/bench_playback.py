"""How fast Blender plays a baked head: `build.py bench` runs it, in a process of its own.

Every rig plays the same take. Speed is given in frames per second and as a ratio to a rig that has nothing but the
expression keys, measured in the same run.
"""

import argparse
import os
import sys
import time

import bpy
import numpy as np

from smirk_blender.flame import BUILTIN_HEAD, open_head
from smirk_blender.flame.head import Head
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.memory import EXPRESSION_KEYS, names
from tests.builders import make_take

NUM_FRAMES = 200
RUNS = 3  # the median counts

RIGS = [
    ("expression keys alone", dict(num_shape=0, num_expression=50, armature=True, bare=True)),
    ("10 + 50 keys, lids, pose, bones", dict(num_shape=10, num_expression=50)),
    ("... pose keys driven", dict(num_shape=10, num_expression=50, pose_keys="driven")),
    ("... identity in the Basis", dict(num_shape=10, num_expression=50, identity="basis")),
    ("... without armature", dict(num_shape=10, num_expression=50, armature=False)),
    ("300 + 100 keys, lids, pose, bones", dict(num_shape=300, num_expression=100)),
    ("... identity in the Basis", dict(num_shape=300, num_expression=100, identity="basis")),
]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench_playback")
    parser.add_argument("--flame")
    options = parser.parse_args(argv)
    head = open_head(options.flame or BUILTIN_HEAD)
    print(f"{'playback of ' + head.name + ', Blender ' + bpy.app.version_string:<46}{'keys':>6}{'fps':>8}{'ratio':>8}")
    first = None
    for name, rig in RIGS:
        num_keys, fps = play(head, **rig)
        first = first or fps
        print(f"{name:<46}{num_keys:>6}{fps:>8.0f}{fps / first:>8.2f}", flush=True)
    return 0


def play(head: Head, *, identity: str = "keys", bare: bool = False, **rig) -> tuple[int, float]:
    """Return how many keys the rig has and how many frames a second it plays."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    take = make_take(NUM_FRAMES, head)
    take.expression[:, rig["num_expression"] :] = 0
    head_object = build_head(head, **rig)
    bake_take(head_object, head, take, identity=identity)
    if bare:
        strip(head_object)
    runs = []
    for _ in range(RUNS):
        start = time.perf_counter()
        for scene_frame in range(1, NUM_FRAMES + 1):
            bpy.context.scene.frame_set(scene_frame)
        runs.append(NUM_FRAMES / (time.perf_counter() - start))
    return len(head_object.data.shape_keys.key_blocks) - 1, float(np.median(runs))


def strip(head_object: bpy.types.Object) -> None:
    """Leave nothing of a rig but its expression keys."""
    head_object.modifiers.clear()
    for name in head_object.data.shape_keys.key_blocks.keys()[1:]:
        if name not in names(head_object, EXPRESSION_KEYS):
            head_object.shape_key_remove(head_object.data.shape_keys.key_blocks[name])
    head_object.parent.animation_data_clear()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # Blender as a module may crash or hang while Python shuts down

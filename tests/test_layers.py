"""Imports point one way: each room imports only what the house plan gives it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "smirk_blender"
# Which rooms of this package, and which heavy packages, the modules of a room may import.
ROOMS = {
    "errors": ((), ()),
    "late": ((), ()),
    "partial": ((), ()),
    "sequences": (("errors",), ()),
    "encoder": (("errors",), ("numpy", "torch")),
    "flame": (("errors",), ("numpy", "scipy")),
    "take": (("errors", "partial"), ("numpy",)),
    "exchange": (("errors", "flame", "partial", "take"), ("numpy",)),
    "sample": (("flame", "take"), ("numpy",)),
    "capture": (
        ("clean", "encoder", "errors", "flame", "partial", "retarget", "sequences", "take"),
        ("cv2", "matplotlib", "mediapipe", "numpy", "scipy"),
    ),
    "retarget": (("errors", "flame", "partial", "take"), ("numpy",)),
    "clean": (("errors", "flame", "partial", "retarget", "take"), ("numpy", "scipy")),
    "rig": (
        ("clean", "errors", "exchange", "flame", "partial", "retarget", "sequences", "take", "sample"),
        ("bpy", "mathutils", "numpy"),
    ),
    "models": (("capture", "errors"), ()),
    "batch": (("capture", "errors", "partial", "sequences", "take"), ()),
    "ui": (
        (
            *("batch", "capture", "clean", "errors", "exchange", "flame", "models", "retarget", "rig", "sample"),
            *("sequences", "take"),
        ),
        ("blf", "bpy", "bpy_extras", "gpu", "gpu_extras", "mathutils", "numpy"),
    ),
    "api": (
        ("capture", "clean", "errors", "exchange", "flame", "retarget", "rig", "take", "ui"),
        ("bpy", "numpy"),
    ),
    "encode": (("capture", "rig", "take"), ()),
    "export": (("capture", "rig"), ("bpy",)),
    "commands": (
        (
            *("api", "batch", "capture", "clean", "errors", "exchange", "flame", "retarget", "rig", "sample"),
            *("sequences", "take", "ui"),
        ),
        ("bpy", "numpy"),
    ),
    "cli": (("commands", "errors"), ()),
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> tuple[set[str], set[str]]:
    """Return the rooms of this package that a module imports, and the packages outside the standard library."""
    rooms, packages = set(), set()
    folder = path.parent
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            packages.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = folder
            for _ in range(node.level - 1):
                base = base.parent
            targets = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
            rooms |= {room_of(base / target) for target in targets} if base == PACKAGE else {room_of(base / "x")}
    return rooms, packages - set(sys.stdlib_module_names)


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in ROOMS)
RETARGET = [f"retarget.{path.stem}" for path in sorted((PACKAGE / "retarget").glob("[a-z]*.py"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(path):
    room = room_of(path)
    assert room in ROOMS, f"a room that the house plan does not know: {room}"
    may_rooms, may_packages = ROOMS[room]
    rooms, packages = imports_of(path)
    assert rooms - {room, "late"} <= set(may_rooms)
    assert packages <= set(may_packages)


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import smirk_blender", ("bpy", "numpy", "torch", "cv2", "mediapipe", "scipy")),
        (
            "from smirk_blender.capture import job, protocol, solving",
            ("bpy", "numpy", "torch", "cv2", "mediapipe", "scipy"),
        ),
        (
            "from smirk_blender.capture import interpreter, probe; from smirk_blender.models import catalog, download",
            ("bpy", "numpy", "torch", "cv2", "mediapipe", "scipy"),
        ),
        (
            "from smirk_blender.exchange import asset_catalog, flame_parameters, glb, meshes, portrait, table",
            ("bpy", "torch", "cv2", "mediapipe", "scipy"),
        ),
        (
            "from smirk_blender import api",
            ("bpy", "torch", "cv2", "mediapipe", "scipy"),
        ),
        (
            "from smirk_blender.batch import claims, clips, key, place, plan, predict, progress, report, run",
            ("bpy", "torch", "cv2", "mediapipe", "scipy"),
        ),
        ("import smirk_blender.take", ("bpy", "torch", "cv2", "mediapipe", "scipy")),
        ("from smirk_blender.flame import builtin_head; builtin_head()", ("bpy", "torch", "cv2", "mediapipe", "scipy")),
        (f"import smirk_blender.{', smirk_blender.'.join(RETARGET)}", ("bpy", "torch", "cv2", "mediapipe", "scipy")),
        ("import smirk_blender.encoder", ("bpy", "cv2", "mediapipe")),
        ("from smirk_blender.capture import solve_video", ("bpy", "torch")),
    ],
)
def test_a_room_works_where_other_packages_are_missing(statement, absent):
    block = "".join(f"sys.modules[{name!r}] = None; " for name in absent)
    command = [sys.executable, "-W", "error", "-c", f"import sys; {block}{statement}"]
    subprocess.run(command, check=True, cwd=PACKAGE.parent, timeout=120)

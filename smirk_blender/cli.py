"""The command line inside Blender: a take in, a .blend with the baked head out.

    python -m smirk_blender.cli bake TAKE --head builtin --video CLIP --out NAME.blend
"""

import argparse
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from bpy.types import Object

from .errors import SmirkError, TakeError
from .flame import BUILTIN_HEAD, Head, open_head
from .retarget.view import View
from .rig import bake_take, build_head, compat
from .rig.camera import bake_in_shot
from .rig.footage import add_footage, make_footage_paths_relative, match_take
from .rig.movie import encode_movie
from .rig.sample_clip import render_sample_clip
from .rig.stage import light_stage, set_stage, show_camera_view
from .take import Take, load_take

BESIDE, MATCHED = "beside", "matched"
ORTHOGRAPHIC, PERSPECTIVE = "orthographic", "perspective"
ESTIMATE = "estimate"


def main(argv: list[str]) -> int:
    """Run one command; return the exit code: 0 done, 1 something is wrong outside the program, 2 wrong usage."""
    parser = _parser()
    try:
        options = parser.parse_args(argv)
        _check_usage(parser, options)
    except SystemExit as leaving:  # argparse has printed help or what was wrong
        return int(leaving.code or 0)
    try:
        options.command(options)
    except SmirkError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


def bake(options: argparse.Namespace) -> None:
    """Build a head in an empty scene, bake the take onto it, add the footage, save; encode the preview if asked.

    Raises:
        SmirkError: a file cannot be read or written.
    """
    take = load_take(options.take)
    head = open_head(options.head, options.eyelids)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    head_object = build_head(head)
    num_keys = len(head_object.data.shape_keys.key_blocks) - 1
    say(f"Built {head.name}: {len(head_object.data.vertices)} vertices, {num_keys} shape keys")
    matched_camera = _bake(head_object, head, take, options)
    _prepare_scene(take, options.video, matched_camera)
    save_blend(options.out)
    say(f"Saved {options.out}")
    if options.preview:
        pictures, preview = options.preview
        with _quiet():
            encode_movie(pictures, preview, fps=take.fps, sound_path=options.video)
        say(f"Encoded {preview}")


def sample(options: argparse.Namespace) -> None:
    """Render the sample clip.

    Raises:
        SmirkError: the file cannot be written.
    """
    with _quiet():
        render_sample_clip(options.out)
    say(f"Rendered {options.out}")


def save_blend(path: str | os.PathLike) -> None:
    """Save everything as a compressed .blend; footage in or below its folder is found relative to it.

    Raises:
        TakeError: the folder cannot be written.
    """
    path = Path(path).absolute()
    make_footage_paths_relative(path.parent)
    file_preferences = bpy.context.preferences.filepaths
    save_version, file_preferences.save_version = file_preferences.save_version, 0  # no NAME.blend1 beside it
    try:
        with _quiet():
            bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, relative_remap=False)
    except RuntimeError as error:
        reason = compat.message_of(error)
        raise TakeError(f"Cannot save {path} ({reason}). Choose a folder that you may write to") from error
    finally:
        file_preferences.save_version = save_version


def say(text: str) -> None:
    """Print at once; Blender holds back what is printed otherwise."""
    print(text, flush=True)


def _bake(head_object: Object, head: Head, take: Take, options: argparse.Namespace) -> Object | None:
    """Bake the take as the layout says; return the matched camera where there is one."""
    scene, say_baked = bpy.context.scene, lambda action: say(f"Baked {len(take)} frames to {action.name}")
    if options.layout == BESIDE:
        say_baked(bake_take(head_object, head, take))
        return None
    projection = 'PERSP' if options.camera == PERSPECTIVE or options.focal else 'ORTHO'
    focal_mm = None if options.focal == ESTIMATE else options.focal
    action, camera, view = bake_in_shot(scene, head_object, head, take, projection=projection, focal_mm=focal_mm)
    say_baked(action)
    say(f"Matched {_described(view, asked_mm=focal_mm)}")
    return camera


def _prepare_scene(take: Take, video_path: str | None, matched_camera: Object | None) -> None:
    scene = bpy.context.scene
    if matched_camera:
        light_stage(scene)
    if video_path:
        for warning in add_footage(scene, video_path, take, matched_camera=matched_camera):
            print(warning, file=sys.stderr, flush=True)
        say(f"Added {video_path}")
        return
    if not matched_camera:
        match_take(scene, take)
        set_stage(scene, beside_footage=False)
    show_camera_view(scene)


def _described(view: View, *, asked_mm: float | None) -> str:
    if view.focal_mm is None:
        return "an orthographic camera"
    origin = " as estimated from the footage"
    if not view.focal_estimated:
        origin = "" if asked_mm else ", a usual lens: the footage does not tell its own"
    return f"a perspective camera of {view.focal_mm:.0f} mm{origin}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Blender from printing: three lines for every frame it renders."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smirk", description="Facial capture in Blender")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("bake", help="put a take onto a head and save a .blend that is ready to play")
    command.set_defaults(command=bake)
    add = command.add_argument
    add("take", metavar="TAKE.npz", help="the take")
    add("--head", required=True, metavar=f"{BUILTIN_HEAD}|FLAME.pkl", help="the built-in head, or a FLAME model")
    add("--eyelids", metavar="DIR", help="the folder with SMIRK's eyelid shapes for a FLAME model")
    add("--video", metavar="CLIP", help="the video that the take was solved from, shown beside the head, or behind it")
    layout = f"where the head stands: {BESIDE} the footage (usual), or on the actor in the shot"
    add("--layout", choices=(BESIDE, MATCHED), default=BESIDE, help=layout)
    camera = f"of the shot: {ORTHOGRAPHIC} as solvers see, exact (usual), or {PERSPECTIVE}"
    add("--camera", choices=(ORTHOGRAPHIC, PERSPECTIVE), help=camera)
    focal = "of the perspective camera, with 36 mm along the picture's longer side; estimated where left out"
    add("--focal", type=_focal_mm, metavar=f"MM|{ESTIMATE}", help=focal)
    preview = "encode a silent movie with the video's sound"
    add("--preview", nargs=2, metavar=("PICTURES.mp4", "PREVIEW_OUT.mp4"), help=preview)
    add("--out", required=True, metavar="NAME.blend", help="the .blend to write")
    command = commands.add_parser("sample", help="render the sample clip from its animation")
    command.set_defaults(command=sample)
    command.add_argument("--out", required=True, metavar="CLIP.mp4", help="the clip to write")
    return parser


def _focal_mm(text: str) -> float | str:
    if text == ESTIMATE:
        return text
    focal_mm = float(text)  # argparse reports a ValueError
    if not (math.isfinite(focal_mm) and focal_mm > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a focal length in mm")
    return focal_mm


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage error where options of `bake` contradict each other."""
    if options.command is not bake:
        return
    if options.layout == BESIDE and (options.camera or options.focal):
        parser.error(f"--camera and --focal need --layout {MATCHED}")
    if options.focal and options.camera == ORTHOGRAPHIC:
        parser.error(f"--focal needs --camera {PERSPECTIVE}")


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # Blender as a module may crash or hang while Python shuts down

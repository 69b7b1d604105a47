"""The command line inside Blender: a take in, a .blend with the baked head out.

    python -m smirk_blender.cli bake TAKE --head builtin --video CLIP --out NAME.blend
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from .errors import SmirkError, TakeError
from .flame import BUILTIN_HEAD, open_head
from .rig import bake_take, build_head, compat
from .rig.footage import add_footage, make_footage_paths_relative, match_take
from .rig.movie import encode_movie
from .rig.sample_clip import render_sample_clip
from .rig.stage import set_stage, show_camera_view
from .take import Take, load_take


def main(argv: list[str]) -> int:
    """Run one command; return the exit code: 0 done, 1 something is wrong outside the program, 2 wrong usage."""
    try:
        options = _parser().parse_args(argv)
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
    action = bake_take(head_object, head, take)
    say(f"Baked {len(take)} frames to {action.name}")
    _prepare_scene(take, options.video)
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


def _prepare_scene(take: Take, video_path: str | None) -> None:
    scene = bpy.context.scene
    if video_path:
        for warning in add_footage(scene, video_path, take):
            print(warning, file=sys.stderr, flush=True)
        say(f"Added {video_path}")
        return
    match_take(scene, take)
    set_stage(scene, beside_footage=False)
    show_camera_view(scene)


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
    add("--video", metavar="CLIP", help="the video that the take was solved from, shown beside the head")
    preview = "encode a silent movie with the video's sound"
    add("--preview", nargs=2, metavar=("PICTURES.mp4", "PREVIEW_OUT.mp4"), help=preview)
    add("--out", required=True, metavar="NAME.blend", help="the .blend to write")
    command = commands.add_parser("sample", help="render the sample clip from its animation")
    command.set_defaults(command=sample)
    command.add_argument("--out", required=True, metavar="CLIP.mp4", help="the clip to write")
    return parser


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # Blender as a module may crash or hang while Python shuts down

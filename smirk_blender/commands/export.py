"""`smirk export`: a take, or a head or character that plays in a .blend, in other programs' formats."""

import argparse
from pathlib import Path

import bpy
from bpy.types import Object

from .. import api
from ..errors import ExportError
from ..exchange.meshes import MESH_FORMATS
from ..flame import Head
from ..retarget.head_motion import with_head_motion
from ..rig import bake_take, build_head, is_head
from ..rig.export import SUFFIXES, action_frames, export_head
from ..rig.footage import match_take
from ..rig.retarget_actions import retargeted_actions
from ..take import Take, load_take
from .blend_files import open_blend
from .console import quiet, say
from .preview import make_preview
from .take_options import add_head_options, cleaned_as_it_says, head_of
from .workers import add_python_option

MOVIE = "mp4"
PLAYED = tuple(dict.fromkeys(SUFFIXES.values()))
FORMATS = (*api.TAKE_FORMATS, *PLAYED, MOVIE)
BLEND = ".blend"


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "export",
        help="write a take, or a head or character in a .blend, in other programs' formats",
        description="Formats: npz, FLAME parameters as SMIRK names them; vhap, as VHAP's tracker saves them; avatars, "
        "a folder of them for GaussianAvatars; csv, a row a frame; livelink, the CSV of Live Link Face; obj and ply, "
        "the mesh of a frame or of all; glb and fbx, shape keys and bones; abc and usd, the vertices of every frame; "
        "mp4, the preview video.",
    )
    command.set_defaults(command=export, check_usage=_check_usage)
    add = command.add_argument
    add("source", metavar="TAKE.npz|FILE.blend", help="a take, or a .blend in which it plays (glb, fbx, abc, usd)")
    add("--out", required=True, metavar="PATH", help="the file to write, or the folder of avatars")
    add("--format", choices=FORMATS, help="told by the suffix of --out where left out")
    add("--frame", type=int, metavar="N", help="obj and ply: the video's frame; all of them where left out")
    add("--frames", type=int, nargs=2, metavar=("FIRST", "LAST"), help="of a .blend: scene frames; those of the action")
    add("--object", metavar="NAME", help="of a .blend: the mesh of the head or character, where there are several")
    add("--raw", action="store_true", help="of a take: as it was solved; otherwise cleaned, where it says how")
    head_motion = "of a take: the head's rotation as solved (usual), on the neck alone, or none"
    add("--head-motion", choices=("keep", "neck", "off"), default="keep", help=head_motion)
    add("--no-armature", action="store_true", help="of a take: turn jaw, eyes and neck by shape keys alone")
    weights = "shape keys within 0 to 1, those that go below get a second one (usual for glb), or as they are"
    add("--weights", choices=("unit", "own"), help=weights)
    add("--video", metavar="VIDEO", help="mp4: what the take was solved from")
    add_head_options(add)
    add_python_option(add)


def export(options: argparse.Namespace) -> None:
    """Write what the options say.

    Raises:
        SmirkError: a file cannot be read or written, or the format cannot hold it.
    """
    if options.source.lower().endswith(BLEND):
        _say([_from_blend(options)])
        return
    if options.format == MOVIE:
        models = {"head": options.head, "eyelids": options.eyelids}
        make_preview(options.source, options.video, options.out, python=options.python, **models)
        _say([Path(options.out).absolute()])
        return
    take = load_take(options.source)
    kind, head = options.format, None
    if kind in (api.LIVE_LINK, *MESH_FORMATS, *PLAYED) or (take.clean_up is not None and not options.raw):
        head = head_of(options, take)
    take = take if options.raw or head is None else cleaned_as_it_says(take, head)
    take = with_head_motion(take, options.head_motion)
    if kind in api.TAKE_FORMATS:
        _say(api.export(take, options.out, format=kind, head=head, frame=options.frame))
    else:
        _say([_played(options, take, head)])


def _played(options: argparse.Namespace, take: Take, head: Head) -> Path:
    """Let a new head play a take in an empty scene, wearing the take's identity in its Basis, and export that."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    head_object = build_head(head, num_shape=0, armature=not options.no_armature)
    bake_take(head_object, head, take, identity="basis")
    match_take(bpy.context.scene, take)
    return _exported(options, head_object, None)


def _from_blend(options: argparse.Namespace) -> Path:
    path = Path(options.source).absolute()
    open_blend(path, ExportError, "Choose another .blend")
    meshes = [thing for thing in bpy.context.scene.objects if thing.type == 'MESH']
    played = {thing.name: thing for thing in meshes if is_head(thing) or retargeted_actions(thing)}
    if options.object:
        chosen = next((thing for thing in meshes if thing.name == options.object), None)
    else:
        chosen = next(iter(played.values())) if len(played) == 1 else None
    if chosen is None:
        listed = ", ".join(played) or "none"
        raise ExportError(f"Which head or character of {path} is meant? It has {listed}. Name one with --object")
    return _exported(options, chosen, tuple(options.frames) if options.frames else action_frames(chosen))


def _exported(options: argparse.Namespace, head_object: Object, frames: tuple[int, int] | None) -> Path:
    unit_weights = None if options.weights is None else options.weights == "unit"
    with quiet():
        return export_head(head_object, options.out, frames=frames, unit_weights=unit_weights)


def _say(paths: list[Path]) -> None:
    say(f"Wrote {paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else ""))


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage error where options contradict each other; tell the format where it was left out."""
    suffix = Path(options.out).suffix.lower()
    told = api.SUFFIXES | SUFFIXES | {".mp4": MOVIE}
    if options.format is None:
        if suffix not in told:
            parser.error(f"no format ends in {suffix or 'nothing'}: choose one with --format ({', '.join(FORMATS)})")
        options.format = told[suffix]
    elif options.format in (*MESH_FORMATS, *PLAYED, MOVIE) and told.get(suffix) != options.format:
        parser.error(f"--format {options.format} needs --out to end in .{options.format}")
    from_blend = options.source.lower().endswith(BLEND)
    if options.format == MOVIE and not options.video:
        parser.error("an mp4 shows the footage: name it with --video")
    if from_blend and options.format not in PLAYED:
        parser.error(f"of a .blend there is {', '.join(PLAYED)}; {options.format} is of a take")
    if not from_blend and (options.object or options.frames):
        parser.error("--object and --frames are of a .blend")
    if options.frame is not None and options.format not in MESH_FORMATS:
        parser.error("--frame is of obj and ply")

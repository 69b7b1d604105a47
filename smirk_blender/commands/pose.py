"""`smirk pose`: an image, or a frame of a take, as an expression in an asset library."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from bpy.types import ID, Action

from .. import api
from ..errors import SmirkError, TakeError
from ..exchange.asset_catalog import ensure_catalog
from ..flame import BUILTIN_HEAD, Head
from ..retarget.selection import ALL_PARTS
from ..rig import bake_take, build_head
from ..rig.memory import RIG_ACTION
from ..rig.pose_assets import FACE, add_expression, library_folder
from ..take import Take, load_take
from ..take.parts import part_of
from .blend_files import open_blend, save_blend
from .console import say
from .take_options import add_head_options, cleaned_as_it_says, head_of
from .workers import add_python_option

TAKE_SUFFIX = ".npz"
KINDS = ("objects", "meshes", "armatures", "materials", "actions", "node_groups")  # that making an expression may add


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("pose", help="make an image, or a frame of a take, an expression in an asset library")
    command.set_defaults(command=pose)
    add = command.add_argument
    add("source", metavar="IMAGE|TAKE.npz", help="an image, which is solved, or a take")
    add("--frame", type=int, metavar="N", help="of a take: the video's frame; its first where left out")
    add("--name", required=True, help="the expression's; one of that name in the library is replaced")
    add("--catalog", default="Expressions", metavar="PATH", help="where the Asset Browser lists it (Expressions)")
    add("--description", default="", help="a sentence for the Asset Browser")
    add("--tag", action="append", default=[], dest="tags", metavar="TAG", help="for its search; may be given again")
    add("--out", required=True, metavar="LIBRARY.blend", help="the library, made or added to")
    add("--turn-head", action="store_true", help="keep the head's rotation, too")
    add("--raw", action="store_true", help="of a take: as it was solved; otherwise cleaned, where it says how")
    add_head_options(add)
    add_python_option(add)


def pose(options: argparse.Namespace) -> None:
    """Add the expression to the library, its catalogue to the file beside it.

    Raises:
        SmirkError: a file cannot be read or written, or the image cannot be solved.
    """
    if options.source.lower().endswith(TAKE_SUFFIX):
        take = load_take(options.source)
    else:
        take = _solved(options)
    head = head_of(options, take)
    take = take if options.raw else cleaned_as_it_says(take, head)
    first, last = take.first_frame, take.first_frame + len(take) - 1
    frame = first if options.frame is None else options.frame
    if not first <= frame <= last:
        raise TakeError(f"The take of {take.source.name} has no frame {frame}. Choose one from {first} to {last}")
    take = part_of(take, slice(frame - first, frame - first + 1))
    if take.gap[0]:
        raise TakeError(f"No face was found in frame {frame} of {take.source.name}. Choose another frame")
    out = Path(options.out).absolute()
    _open_library(out)
    catalog_id = ensure_catalog(library_folder(out), options.catalog)
    action = _add(options, head, take, catalog_id)
    save_blend(out)
    say(f"Added {action.name} to {out}")


def _open_library(path: Path) -> None:
    if not path.exists():
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        return
    open_blend(path, SmirkError, "Choose another library, or a name that is free")


def _add(options: argparse.Namespace, head: Head, take: Take, catalog_id: str) -> Action:
    earlier = bpy.data.actions.get((options.name, None))
    if earlier is not None:
        bpy.data.batch_remove({earlier, *filter(None, [earlier.get(RIG_ACTION)])})
    with _passing() as kept:
        head_object = build_head(head)
        bake_take(head_object, head, take, action_name=f"{options.name} (made of)")
        bpy.context.scene.frame_set(1)
        action = add_expression(
            head_object,
            options.name,
            parts=ALL_PARTS if options.turn_head else FACE,
            catalog_id=catalog_id,
            description=options.description,
            tags=options.tags,
        )
        kept += filter(None, [action, action.get(RIG_ACTION)])
    return action


@contextmanager
def _passing() -> Iterator[list[ID]]:
    """Remove at the end what was added meanwhile, but for what is in the list that this gives."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in KINDS}
    kept: list[ID] = []
    yield kept
    added = [thing for kind in KINDS for thing in getattr(bpy.data, kind) if thing not in before[kind]]
    bpy.data.batch_remove([thing for thing in added if thing not in kept])


def _solved(options: argparse.Namespace) -> Take:
    """Solve an image in a worker, and return its take.

    Raises:
        SmirkError: the worker says what is wrong.
    """
    from ..ui.preferences import solve_options  # takes do without the panels

    models = solve_options() | {"head": options.head, "eyelids": options.eyelids}
    if options.head == BUILTIN_HEAD:
        models |= {"solver": "landmarks", "weights": None}  # the preferences' weights are for a FLAME model
    return api.solve(options.source, python=options.python, **models)

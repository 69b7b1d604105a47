"""A job for a Blender without a window: write how a mesh moves to another program's file, so that the one with the
window goes on. It is started as `encode` is.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator

from .capture.protocol import Done, Loading, Message, Progress
from .capture.worker import run_job

READ, WRITE = "read", "write"  # stages of a `Progress`


def export(
    blend_path: str,
    mesh: dict,
    out_path: str,
    folder: str,
    send: Callable[[Message], None],
    *,
    frames: list[int],
    unit_weights: bool | None = None,
) -> Iterator[Message]:
    """Export a mesh as `rig.export.export_head` does, yielding messages; the last is `Done`.

    Args:
        blend_path, mesh: where `rig.handed_over.hand_over` wrote, and what it returned.
        folder: for what is unfinished; the parent removes it, even if this process is killed.
        send: gets the progress, since Blender exports all frames in one call.
        frames: first and last scene frame, both included.
    Raises:
        SmirkError: as `export_head` and `take_over`.
    """
    yield Loading("Starting")
    import bpy  # its absence must reach the parent as a message

    from .rig.export import export_head
    from .rig.handed_over import take_over

    tempfile.tempdir = folder
    scene, mesh_object = take_over(blend_path, mesh)
    first, last = frames
    seen = {READ: set(), WRITE: set()}

    def on_frame(played: bpy.types.Scene, _: object) -> None:
        stage = READ if played == scene else WRITE  # exporters are given a scene of their own
        seen[stage].add(played.frame_current)
        send(Progress(min(len(seen[stage]), last - first + 1), last - first + 1, stage))

    bpy.app.handlers.frame_change_pre.append(on_frame)
    path = export_head(mesh_object, out_path, scene=scene, frames=(first, last), unit_weights=unit_weights)
    yield Done([str(path)], last - first + 1)


if __name__ == "__main__":
    run_job(export, sys.argv[1:])

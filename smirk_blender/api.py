"""From Python, what the command line does: solve, load, save, clean, bake, retarget, export.

    from smirk_blender import api                           # beside the sources
    from bl_ext.user_default.smirk_blender import api       # in a Blender that has the add-on

Takes go in and out as `take.Take`: named arrays, a row a frame. None of these functions changes the take it is given.
`solve`, `load`, `save`, `clean` and the exports of a take need no Blender; `bake`, `retarget` and the exports of a head
work on the scene of the context. All raise `errors.SmirkError`, whose text says what to do.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .capture.protocol import Message
from .capture.solving import solve_to
from .clean.needs import packages_for_cleaning
from .errors import ExportError
from .exchange.formats import PARAMETERS
from .exchange.meshes import MESH_FORMATS, save_frames
from .flame import BUILTIN_HEAD, Head, open_head
from .retarget.arkit_solve import arkit_curves
from .retarget.live_link import write_live_link
from .retarget.solved_on import check_solved_on
from .take import CleanUp, Take, load_take, save_take

if TYPE_CHECKING:
    from bpy.types import Action, Object

    from .retarget.profile import RetargetProfile

__all__ = ["bake", "clean", "export", "load", "retarget", "save", "solve"]
HeadFile = str | os.PathLike | Head  # "builtin", a FLAME model's file, or a head that was read
LIVE_LINK = "livelink"
TAKE_FORMATS = (*PARAMETERS, LIVE_LINK, *MESH_FORMATS)
SUFFIXES = {f".{name}": name for name in ("npz", "csv", *MESH_FORMATS)}
load, save = load_take, save_take


def solve(
    video: str | os.PathLike,
    *,
    solver: str | None = None,
    head: str | os.PathLike = BUILTIN_HEAD,
    eyelids: str | os.PathLike | None = None,
    weights: str | os.PathLike | None = None,
    landmark_model: str | os.PathLike | None = None,
    device: str | None = None,
    smooth_crops: bool = False,
    frames: tuple[int, int | None] = (0, None),
    face: int | None = None,
    image_fps: float | None = None,
    python: str | None = None,
    hear: Callable[[Message], None] = lambda message: None,
) -> Take:
    """Solve a video or images in a process of its own, and return the take, not yet cleaned.

    Args:
        solver: "smirk", "landmarks", or None for SMIRK's where there are weights.
        head: "builtin" or a FLAME model's file.
        eyelids: the folder with SMIRK's eyelid shapes for a FLAME model; weights: SMIRK's checkpoint; landmark_model:
            MediaPipe's `face_landmarker.task`, where its package has none.
        device: "cuda", "mps" or "cpu", for SMIRK's encoder; smooth_crops: whether what it sees is cropped steadily.
        frames: first and last frame of the video, from 0, both included; None for its end.
        face: counted from 1, those that are seen most first; None where there is one.
        image_fps: the rate of a numbered sequence of images, of which `video` is the first; None for a single image.
        python: the Python that solves; where left out the add-on's preferences', or this one.
        hear: gets the worker's messages as they come, see `capture.protocol`.
    Raises:
        SmirkError: the video or a model cannot be used, or there is no face.
    """
    paths = dict(head=head, eyelids=eyelids, weights=weights, landmark_model=landmark_model)
    settings = {name: os.path.abspath(path) if path else None for name, path in paths.items()}
    settings["head"] = BUILTIN_HEAD if head == BUILTIN_HEAD else settings["head"]
    settings |= dict(solver=solver, device=device, smooth_crops=smooth_crops, face=face, image_fps=image_fps)
    settings |= dict(zip(("first_frame", "last_frame"), frames))
    with tempfile.TemporaryDirectory(prefix="smirk_") as folder:
        path, log_path = Path(folder) / f"{Path(video).stem}.take.npz", Path(folder) / "solve.log"
        run = dict(folder=folder, log_path=log_path, python=_worker_python(python), hear=hear)
        return load_take(solve_to(os.fspath(video), path, settings, **run).paths[0])


def clean(
    take: Take,
    settings: CleanUp | None = None,
    *,
    head: HeadFile = BUILTIN_HEAD,
    eyelids: str | os.PathLike | None = None,
    refine: bool = False,
) -> Take:
    """Return a take as it is to be played: refined, mended, smoothed, with gains, as the settings say.

    Args:
        take: as solved; what `save` keeps of it stays there.
        settings: the take's own where left out, or the usual ones.
        head, eyelids: the head that it was solved on.
        refine: whether lips and lids are looked for in the picture's landmarks first, where that was not done yet.
    Raises:
        SmirkError: the take is of another head, a setting does not fit it, or this Python has no SciPy.
    """
    model = _head(head, eyelids)
    with packages_for_cleaning():
        from .clean.chain import cleaned
        from .clean.refine import refine as refined
    check_solved_on(take, model)
    if refine:
        take = refined(take, model)
    return cleaned(take, model, settings or take.clean_up or CleanUp())


def bake(
    take: Take,
    head_object: "Object | None" = None,
    *,
    head: HeadFile = BUILTIN_HEAD,
    eyelids: str | os.PathLike | None = None,
    scene_frame_start: int = 1,
    identity: str = "keys",
    tolerance_mm: float | None = None,
    fit_scene: bool = True,
) -> "Object":
    """Write a take onto a head in Blender as a new action; return the head's object.

    Args:
        take: as `clean` returns it, or raw.
        head_object: a head in the scene; a new one is made of `head` where left out.
        scene_frame_start: of the take's first frame.
        identity, tolerance_mm: as in `rig.bake_take`.
        fit_scene: whether the scene takes on the take's rate, range and picture size.
    Raises:
        SmirkError: the take is of another head.
    """
    import bpy

    from .rig import bake_take, build_head, model_of, remember_model
    from .rig.footage import match_take

    if head_object is None:
        model = _head(head, eyelids)
        check_solved_on(take, model)
        head_object = build_head(model, clear_lids=True)
        if not isinstance(head, Head):
            remember_model(head_object, os.fspath(head), os.fspath(eyelids or ""))
    else:
        model = model_of(head_object)
    how = dict(scene_frame_start=scene_frame_start, identity=identity, tolerance_mm=tolerance_mm)
    bake_take(head_object, model, take, **how)
    if fit_scene:
        match_take(bpy.context.scene, take, scene_frame_start=scene_frame_start)
    return head_object


def retarget(
    take: Take,
    mesh_object: "Object",
    profile: "RetargetProfile | None" = None,
    *,
    head: HeadFile = BUILTIN_HEAD,
    eyelids: str | os.PathLike | None = None,
    name: str = "",
    mode: str = "action",
    timing: str = "resample",
    scene_frame_start: int = 1,
    alone: bool = False,
) -> "Action":
    """Let a character play a take; return the action.

    Args:
        take: as `clean` returns it, or raw.
        mesh_object: the character's mesh, with shape keys, or skinned to the bones of a face.
        profile: how; the character's own where left out.
        head, eyelids: the head that the take was solved on.
        name: of the take, by which its action is found again; the footage's where left out.
        mode, timing, scene_frame_start, alone: as in `rig.onto_character.put_onto`.
    Raises:
        SmirkError: the take is of another head, or cannot come onto the character.
    """
    from .rig.onto_character import put_onto
    from .rig.retarget_memory import profile_and_note_of

    model = _head(head, eyelids)
    check_solved_on(take, model)
    profile = profile or profile_and_note_of(mesh_object)[0]
    name = name or Path(take.source.name).stem
    how = dict(mode=mode, timing=timing, scene_frame_start=scene_frame_start, alone=alone)
    return put_onto(mesh_object, take, model, profile, name=name, **how)[0]


def export(
    source: "Take | Object",
    path: str | os.PathLike,
    *,
    format: str | None = None,
    head: HeadFile | None = None,
    eyelids: str | os.PathLike | None = None,
    frame: int | None = None,
    frames: tuple[int, int] | None = None,
    unit_weights: bool | None = None,
) -> list[Path]:
    """Write a take, or a mesh as it plays in the scene, for other programs; return the files.

    Args:
        source: a take, written as it is given; or a mesh object, such as a baked head or a character.
        path: whose suffix tells the format: .npz, .csv, .obj, .ply of a take; .glb, .fbx, .abc, .usd of an object.
        format: of a take, where the suffix does not tell: "vhap", "livelink" (.csv), "avatars" (a folder).
        head, eyelids: the head that a take was solved on, for obj, ply and livelink; the built-in one where left out.
        frame: of the video, for obj and ply; every one where left out.
        frames: of an object, the first and last scene frame; the scene's range where left out.
        unit_weights: of an object, see `rig.export.export_head`.
    Raises:
        SmirkError: a format that there is not, or that cannot hold it, or a file that cannot be written.
    """
    if not isinstance(source, Take):
        from .rig.export import export_head

        return [export_head(source, path, frames=frames, unit_weights=unit_weights)]
    kind = format or SUFFIXES.get(Path(path).suffix.lower())
    if kind in PARAMETERS:
        written = PARAMETERS[kind](source, path)
        return written if isinstance(written, list) else [written]
    if kind == LIVE_LINK or kind in MESH_FORMATS:
        model = _head(head or BUILTIN_HEAD, eyelids)
        check_solved_on(source, model)
        if kind == LIVE_LINK:
            return [write_live_link(arkit_curves(source, model), path)]
        return list(save_frames(model, source, path, None if frame is None else [frame - source.first_frame]))
    named = ", ".join(TAKE_FORMATS)
    raise ExportError(f"A take has no format for {path}: they are {named}. For others, bake it and export the head")


def _head(head: HeadFile, eyelids: str | os.PathLike | None) -> Head:
    return head if isinstance(head, Head) else open_head(os.fspath(head), eyelids)


def _worker_python(python: str | None) -> tuple[str, list[str]]:
    if python:
        return python, []
    if sys.modules.get("bpy") is None:  # outside Blender
        return sys.executable, []
    from .ui.preferences import worker_arguments

    return worker_arguments()

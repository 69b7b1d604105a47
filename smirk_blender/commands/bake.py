"""`smirk bake`: a take in, a .blend with the baked head out."""

import argparse
import math
import sys
from collections.abc import Callable

import bpy
import numpy as np
from bpy.types import Action, Object

from ..clean import KEY_TOLERANCE_MM
from ..flame import BUILTIN_HEAD, Head, open_head
from ..retarget.carry import carry_take
from ..retarget.head_motion import with_head_motion
from ..retarget.view import View
from ..rig import bake_take, build_head
from ..rig.camera import bake_in_shot
from ..rig.eyelid_order import set_eyelid_order
from ..rig.footage import add_footage, match_take
from ..rig.head_object import NUM_EXPRESSION_KEYS, NUM_IDENTITY_KEYS
from ..rig.key_sheet import key_figures_of
from ..rig.models import model_of, remember_model
from ..rig.movie import encode_movie
from ..rig.stage import light_stage, set_stage, show_camera_view
from ..take import Take, load_take
from .blend_files import save_blend
from .console import quiet, say
from .take_options import cleaned_as_it_says
from .template import fit_template, open_template

BESIDE, MATCHED = "beside", "matched"
ORTHOGRAPHIC, PERSPECTIVE = "orthographic", "perspective"
ESTIMATE = "estimate"
LIDS = ("clear", "exact", "after-posing")


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("bake", help="put a take onto a head and save a .blend that is ready to play")
    command.set_defaults(command=bake, check_usage=_check_usage)
    add = command.add_argument
    add("take", metavar="TAKE.npz", help="the take")
    add("--head", metavar=f"{BUILTIN_HEAD}|FLAME.pkl", help="the built-in head, or a FLAME model; or see --template")
    video = "the video or the first image that the take was solved from, shown beside the head, or behind it"
    add("--video", metavar="CLIP", help=video)
    preview = "encode a silent movie with the video's sound"
    add("--preview", nargs=2, metavar=("PICTURES.mp4", "PREVIEW_OUT.mp4"), help=preview)
    add("--out", required=True, metavar="NAME.blend", help="the .blend to write")
    _add_head_options(command.add_argument_group("the head").add_argument)
    _add_take_options(command.add_argument_group("the take on it").add_argument)
    _add_shot_options(command.add_argument_group("the shot").add_argument)


def bake(options: argparse.Namespace) -> None:
    """Build a head in a new scene, or open a template; bake the take onto it, add the footage, save; encode a preview.

    Raises:
        SmirkError: a file cannot be read or written.
    """
    if options.template:
        head_object = open_template(options.template, options.on)
        head = model_of(head_object)
    else:
        head_object, head = None, open_head(options.head, options.eyelids)
    solved = load_take(options.take)
    solved_on = open_head(options.solved_on, options.eyelids) if options.solved_on else head
    if options.cleaned:
        take = load_take(options.cleaned)
    else:
        take = solved if options.raw else cleaned_as_it_says(solved, solved_on)
    take = with_head_motion(_carried(take, solved_on, head), options.head_motion)
    if head_object is None:
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        head_object = _built(head, options)
    matched_camera = _bake(head_object, head, take, options)
    in_step = options.raw or solved.clean_up is None or solved.clean_up.timing.speed == 1.0
    if options.template:
        fit_template(take, options.video, in_step=in_step)
    else:
        _prepare_scene(take, options.video, matched_camera, in_step=in_step)
    save_blend(options.out, moved=bool(options.template))
    say(f"Saved {options.out}")
    if options.preview:
        pictures, preview = options.preview
        with quiet():
            encode_movie(pictures, preview, fps=take.fps, sound_path=options.video)
        say(f"Encoded {preview}")


def _built(head: Head, options: argparse.Namespace) -> Object:
    """Return a new head in the scene, as the options say."""
    head_object = build_head(
        head,
        num_shape=options.identity_keys,
        num_expression=options.expression_keys,
        armature=not options.no_armature,
        pose_keys=options.pose_keys,
        clear_lids=options.lids == "clear",
    )
    remember_model(head_object, str(options.head), options.eyelids or "")
    if options.lids == "after-posing":
        set_eyelid_order(head_object, "after")
    num_keys = len(head_object.data.shape_keys.key_blocks) - 1
    say(f"Built {head.name}: {len(head_object.data.vertices)} vertices, {num_keys} shape keys")
    return head_object


def _carried(take: Take, solved_on: Head, head: Head) -> Take:
    """Return the take as it is, or carried over from the head that it was solved on, with the residual said."""
    if solved_on is head:
        return take
    carried, residual = carry_take(take, solved_on, head)
    rms_mm, greatest_mm = 1000 * float(np.sqrt(np.mean(residual.rms_m**2))), 1000 * float(residual.greatest_m.max())
    say(f"Carried the take over to {head.name}: {rms_mm:.2f} mm away (root mean square), {greatest_mm:.2f} mm at most")
    return carried


def _bake(head_object: Object, head: Head, take: Take, options: argparse.Namespace) -> Object | None:
    """Bake the take as the layout says; return the matched camera where there is one."""
    scene = bpy.context.scene
    keys = dict(identity=options.identity, tolerance_mm=options.key_tolerance)
    if options.layout == BESIDE:
        _say_baked(bake_take(head_object, head, take, **keys), take)
        return None
    projection = 'PERSP' if options.camera == PERSPECTIVE or options.focal else 'ORTHO'
    focal_mm = None if options.focal == ESTIMATE else options.focal
    lens = dict(projection=projection, focal_mm=focal_mm)
    action, camera, view = bake_in_shot(scene, head_object, head, take, **keys, **lens)
    _say_baked(action, take)
    say(f"Matched {_described(view, asked_mm=focal_mm)}")
    return camera


def _say_baked(action: Action, take: Take) -> None:
    figures = key_figures_of(action)
    say(f"Baked {len(take)} frames to {action.name}" + (f": {figures}" if figures else ""))


def _prepare_scene(take: Take, video_path: str | None, matched_camera: Object | None, *, in_step: bool) -> None:
    scene = bpy.context.scene
    if matched_camera:
        light_stage(scene)
    if video_path:
        for warning in add_footage(scene, video_path, take, matched_camera=matched_camera, in_step=in_step):
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


def _add_head_options(add: Callable) -> None:
    add("--template", metavar="FILE.blend", help="open this file, and bake onto the head in it; it stays as it is")
    add("--on", default="", metavar="OBJECT", help="the head in the template; its only one where left out")
    add("--eyelids", metavar="DIR", help="the folder with SMIRK's eyelid shapes for a FLAME model")
    identity_keys = f"identity directions with a shape key ({NUM_IDENTITY_KEYS}); the others share one"
    add("--identity-keys", type=_count, default=NUM_IDENTITY_KEYS, metavar="N", help=identity_keys)
    expression_keys = f"expression directions with a shape key ({NUM_EXPRESSION_KEYS}), and those that the take needs"
    add("--expression-keys", type=_count, default=NUM_EXPRESSION_KEYS, metavar="N", help=expression_keys)
    pose_keys = "FLAME's pose directions: keyed (usual), or driven by the bones besides"
    add("--pose-keys", choices=("keyed", "driven"), default="keyed", help=pose_keys)
    add("--no-armature", action="store_true", help="turn jaw, eyes and neck by shape keys alone, for game engines")
    lids = "kept off the eyeballs (usual), exactly FLAME's, or added after posing as SMIRK's authors do"
    add("--lids", choices=LIDS, default=LIDS[0], help=lids)


def _add_take_options(add: Callable) -> None:
    add("--raw", action="store_true", help="as it was solved; otherwise cleaned, where the take says how")
    add("--cleaned", metavar="TAKE.npz", help="the take as it was cleaned elsewhere, for a Python that cannot")
    add("--solved-on", metavar="FLAME.pkl", help="the model that the take was solved on, to carry it over to --head")
    identity = "whose face: the take's on shape keys (usual), the take's in the Basis, or the head's own"
    add("--identity", choices=("keys", "basis", "keep"), default="keys", help=identity)
    head_motion = "the head's rotation: as solved (usual), on the neck alone, or none"
    add("--head-motion", choices=("keep", "neck", "off"), default="keep", help=head_motion)
    tolerance = f"fewer keys: how far any point of the face may be off ({KEY_TOLERANCE_MM:g} is usual)"
    add("--key-tolerance", type=_millimetres, metavar="MM", help=f"{tolerance}; every frame has one where left out")


def _add_shot_options(add: Callable) -> None:
    layout = f"where the head stands: {BESIDE} the footage (usual), or on the actor in the shot"
    add("--layout", choices=(BESIDE, MATCHED), default=BESIDE, help=layout)
    camera = f"of the shot: {ORTHOGRAPHIC} as solvers see, exact (usual), or {PERSPECTIVE}"
    add("--camera", choices=(ORTHOGRAPHIC, PERSPECTIVE), help=camera)
    focal = "of the perspective camera, with 36 mm along the picture's longer side; estimated where left out"
    add("--focal", type=_focal_mm, metavar=f"MM|{ESTIMATE}", help=focal)


def _count(text: str) -> int:
    number = int(text)  # argparse reports a ValueError
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than none")
    return number


def _millimetres(text: str) -> float:
    number = float(text)  # argparse reports a ValueError
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a distance in mm")
    return number


def _focal_mm(text: str) -> float | str:
    if text == ESTIMATE:
        return text
    focal_mm = float(text)  # argparse reports a ValueError
    if not (math.isfinite(focal_mm) and focal_mm > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a focal length in mm")
    return focal_mm


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage error where options contradict each other."""
    if bool(options.head) == bool(options.template):
        parser.error("give --head for a new head, or --template for the head in a file")
    if options.raw and options.cleaned:
        parser.error("--cleaned is not --raw")
    if options.no_armature and (options.pose_keys == "driven" or options.lids == "after-posing"):
        parser.error("--pose-keys driven and --lids after-posing need an armature")
    if options.layout == MATCHED and options.head_motion != "keep":
        parser.error(f"--layout {MATCHED} needs --head-motion keep")
    if options.layout == BESIDE and (options.camera or options.focal):
        parser.error(f"--camera and --focal need --layout {MATCHED}")
    if options.focal and options.camera == ORTHOGRAPHIC:
        parser.error(f"--focal needs --camera {PERSPECTIVE}")

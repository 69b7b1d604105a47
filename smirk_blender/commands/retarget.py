"""`smirk retarget`: a take in and a character's file, a .blend out in which the character plays the take."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import bpy
from bpy.types import Mesh, Object

from ..errors import RetargetError
from ..flame import Head, builtin_head
from ..retarget.arkit_curves import ArkitCurves, take_of_curves
from ..retarget.live_link import read_live_link
from ..retarget.onto import way_of
from ..retarget.profile import RetargetProfile
from ..retarget.profile_files import (
    PROFILE_SUFFIX,
    fitted,
    load_retarget_profile,
    profile_of_facts,
    save_retarget_profile,
)
from ..rig import compat
from ..rig.actions import check_take
from ..rig.character import check_character, meshes_with_same_keys, read_character
from ..rig.control_rig import find_bones
from ..rig.onto_character import missed_text, put_onto
from ..rig.retarget_actions import notes_of
from ..rig.retarget_layers import MODES
from ..rig.retarget_memory import mesh_facts, profile_and_note_of
from ..take import Take, load_take
from ..take.clean_up import REGIONS
from .blend_files import open_blend, save_blend
from .console import quiet, say
from .landmark_search import find_landmarks_of
from .take_options import add_head_options, cleaned_as_it_says, head_of
from .workers import add_python_option

FIND = "find"
CSV = ".csv"
GLTF = (".glb", ".gltf")


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("retarget", help="put a take onto a character of your own, by names or by geometry")
    command.set_defaults(command=retarget)
    add = command.add_argument
    add("take", metavar="TAKE.npz|.csv", help="the take, or a file of Live Link Face")
    add("character", metavar="CHARACTER.blend|.glb", help="the file that holds the character")
    add("--mesh", metavar="NAME", help="its mesh object with the shape keys, where the file has several")
    add("--out", required=True, metavar="NAME.blend", help="the .blend to write")
    add("--raw", action="store_true", help="the take as it was solved; otherwise cleaned, where it says how")
    mode = "its active action (usual), a strip over what it plays, or one that adds to it"
    add("--mode", choices=MODES, default=MODES[0], help=mode)
    add("--start", type=int, default=1, metavar="N", help="the scene frame of the take's first (1)")
    add("--alone", action="store_true", help="leave other meshes with keys of the same names alone, such as teeth")
    add_head_options(command.add_argument_group("the head that the take was solved on").add_argument)
    _add_profile_options(command.add_argument_group("how it comes onto the character").add_argument)


def retarget(options: argparse.Namespace) -> None:
    """Open the character's file, bring the take onto the character, save.

    Raises:
        SmirkError: a file cannot be read or written, or the take cannot come onto the character.
    """
    take, head, curves = _performance(options)
    is_scene = _open_character(Path(options.character))
    mesh_object = _mesh_object(options)
    profile = _profile_for(mesh_object, options)
    name = Path(options.take).name.removesuffix(".npz").removesuffix(".take").removesuffix(CSV)
    action, result = put_onto(
        mesh_object,
        take,
        head,
        profile,
        name=name,
        curves=curves,
        mode=options.mode,
        timing="resample" if is_scene else "set",
        scene_frame_start=options.start,
        alone=options.alone,
    )
    moved = f"{len(result.key_names)} keys, {len(result.bones)} bones"
    say(f"Retargeted {len(result.weights)} frames to {action.name}: {moved}{missed_text(result)}")
    for thing in [] if options.alone else meshes_with_same_keys(mesh_object):
        say(f"{thing.name} moves along")
    for note in notes_of(action):
        say(note)
    if options.save_profile:
        say(f"Saved {save_retarget_profile(profile, mesh_facts(mesh_object), options.save_profile)}")
    save_blend(options.out)
    say(f"Saved {options.out}")


def check_character_file(options: argparse.Namespace) -> None:
    """Open what the options say of a character, which needs no take; Blender holds the character's file then.

    Raises:
        SmirkError: the file cannot be opened or has no such mesh, the mesh no keys; or a profile cannot be read.
    """
    for path in (options.profile, options.landmarks):
        if path not in (None, FIND):
            load_retarget_profile(path)
    _open_character(Path(options.character))
    check_character(_mesh_object(options))


def _performance(options: argparse.Namespace) -> tuple[Take, Head, ArkitCurves | None]:
    """Return the take, its head, and of a file of Live Link Face the curves too."""
    path = Path(options.take)
    if path.suffix.lower() == CSV:
        curves = read_live_link(path)
        return take_of_curves(curves, path.name), builtin_head(), curves
    take = load_take(path)
    head = head_of(options, take)
    take = take if options.raw else cleaned_as_it_says(take, head)
    check_take(head, take)
    return take, head, None


def _open_character(path: Path) -> bool:
    """Open the character's file; return whether it is a scene with a frame rate of its own.

    Raises:
        RetargetError: it cannot be opened, or is of another kind.
    """
    if not path.is_file():
        raise RetargetError(f"No file at {path}. Name the .blend, .glb or .gltf that holds the character")
    is_scene = path.suffix.lower() == ".blend"
    if not is_scene and path.suffix.lower() not in GLTF:
        raise RetargetError(f"{path} is no .blend, .glb or .gltf. Import it into Blender, and save a .blend")
    if is_scene:
        open_blend(path, RetargetError, "Open it in Blender, and save it again")
        return True
    try:
        with quiet():
            bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
            bpy.ops.import_scene.gltf(filepath=str(path.absolute()))
    except RuntimeError as error:
        raise RetargetError(
            f"Cannot open {path} ({compat.message_of(error)}). Open it in Blender, and save it again as a .blend"
        ) from error
    return False


def _mesh_object(options: argparse.Namespace) -> Object:
    """Return the character's mesh object.

    Raises:
        RetargetError: none is called so, or the file has several.
    """
    meshes = [thing for thing in bpy.context.scene.objects if isinstance(thing.data, Mesh)]
    names = ", ".join(thing.name for thing in meshes) or "none"
    if options.mesh:
        named = [thing for thing in bpy.context.scene.objects if thing.name == options.mesh]
        if not named:
            raise RetargetError(f"{options.character} has no object {options.mesh}. Its meshes are {names}")
        check_character(named[0])
        return named[0]
    keyed = [thing for thing in meshes if thing.data.shape_keys is not None]
    if len(keyed) != 1:
        raise RetargetError(
            f"{options.character} has {len(keyed)} meshes with shape keys. Name the face with --mesh; the meshes are "
            f"{names}"
        )
    return keyed[0]


def _profile_for(mesh_object: Object, options: argparse.Namespace) -> RetargetProfile:
    """Return the profile that the options ask for: a file's or the character's own, changed by what they say."""
    profile, note = profile_and_note_of(mesh_object)
    if options.profile:
        profile, note = fitted(*load_retarget_profile(options.profile), mesh_facts(mesh_object))
    changes = {name: getattr(options, name) for name in ("by", "smoothness", "sparsity")}
    profile = replace(profile, **{name: value for name, value in changes.items() if value is not None})
    profile = replace(profile, regions=profile.regions | {name: gain for name, gain in options.gain})
    if options.landmarks not in (None, FIND):
        marked, note = fitted(*load_retarget_profile(options.landmarks), mesh_facts(mesh_object))
        profile = replace(profile, landmarks=marked.landmarks)
    if note:
        say(note)
    if options.landmarks == FIND or (options.landmarks is None and _needs_landmarks(mesh_object, profile)):
        say(f"Looking for the face of {mesh_object.name}")
        models = dict(python=options.python, landmark_model=options.landmark_model)
        found = find_landmarks_of(mesh_object, **models)
        say(f"Found {len(found.landmarks)} landmarks")
        for note in found.notes:
            say(note)
        profile = replace(profile, landmarks=found.landmarks)
    return profile


def _needs_landmarks(mesh_object: Object, profile: RetargetProfile) -> bool:
    if profile.landmarks is not None:
        return False
    bones = find_bones(mesh_object)
    character = read_character(mesh_object, profile, bones=bones.names())
    follows = profile.followers != "auto" or (bones.followers and not character.key_names)
    return bool(follows) or (bool(character.key_names) and way_of(character, profile) != "names")


def _add_profile_options(add: Callable) -> None:
    add("--profile", metavar=f"NAME{PROFILE_SUFFIX}", help="a retarget profile; the character's own where left out")
    save = "write the profile that was used, for other files"
    add("--save-profile", metavar=f"NAME{PROFILE_SUFFIX}", help=save)
    landmarks = "where its face is: found in drawings of it (usual where it is needed), or as a profile's file says"
    add("--landmarks", metavar=f"{FIND}|FILE", help=landmarks)
    by = "how keys are found: by ARKit's names, by what they do, or by both (usual where landmarks are known)"
    add("--by", choices=get_args(get_type_hints(RetargetProfile)["by"]), help=by)
    gain = f"how much of a region's movement comes over: {', '.join(REGIONS)}; may be given several times"
    add("--gain", type=_gain, action="append", default=[], metavar="REGION=GAIN", help=gain)
    add("--smoothness", type=_share, metavar="0-1", help="how smooth keys move (0.5)")
    add("--sparsity", type=_share, metavar="0-1", help="how few keys move at once (0.5)")
    add_python_option(add)
    model = "MediaPipe's landmark model, for finding landmarks"
    add("--landmark-model", metavar="face_landmarker.task", type=lambda text: str(Path(text).absolute()), help=model)


def _gain(text: str) -> tuple[str, float]:
    region, _, number = text.partition("=")
    try:
        gain = float(number)
        profile_of_facts({"regions": {region: gain}})
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not REGION=GAIN ({error})") from error
    return region, gain


def _share(text: str) -> float:
    number = float(text)  # argparse reports a ValueError
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie within 0 to 1")
    return number

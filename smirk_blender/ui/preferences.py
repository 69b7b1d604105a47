"""What is set once for all files: model files, the worker's Python, device and folders."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy.types import AddonPreferences, Context, UILayout

from ..errors import SmirkError

ADDON = __package__.rpartition(".ui")[0]
DEVICES = (
    ('auto', "Automatic", "The fastest that the worker's PyTorch has"),
    ('cuda', "CUDA", "An NVIDIA graphics card"),
    ('mps', "Metal", "The graphics of an Apple computer"),
    ('cpu', "CPU", "The processor: slowest, always there"),
)
DATA_FOLDER = "smirk_blender"  # among Blender's data files
CACHE_FOLDER = "smirk_cache"  # within the folder that the user names, so that nobody else's files lie there
# All that Clear Cache removes.
CACHE_KINDS = ("bytecode", "checks", "cleaned", "exports", "landmarks", "logs", "parts", "previews", "thumbnails")


sections: list[Callable[[UILayout, Context, "SMIRK_AP_preferences"], None]] = []  # of the window, drawn in this order
watchers: list[Callable[[str], None]] = []  # called with a path's name after it has changed


def _changed(name: str) -> Callable[["SMIRK_AP_preferences", Context], None]:
    """Return the update callback of a path."""

    def update(settings: "SMIRK_AP_preferences", context: Context) -> None:
        path = getattr(settings, name)
        if path.startswith("//"):  # preferences belong to no file that a path could be relative to
            setattr(settings, name, bpy.path.abspath(path))  # comes here again
            return
        for watcher in watchers:
            watcher(name)

    return update


class SMIRK_AP_preferences(AddonPreferences):
    bl_idname = ADDON

    weights: StringProperty(
        name="SMIRK Weights",
        description="SMIRK_em1.pt, for the smirk solver; without it faces are solved from landmarks",
        subtype='FILE_PATH',
        update=_changed("weights"),
    )
    flame_model: StringProperty(
        name="FLAME Model",
        description="generic_model.pkl, to solve on and to build heads from; the built-in head where left empty",
        subtype='FILE_PATH',
        update=_changed("flame_model"),
    )
    eyelid_folder: StringProperty(
        name="Eyelids",
        description="Folder with SMIRK's eyelid shapes and landmark embedding; the FLAME model's own where left empty",
        subtype='DIR_PATH',
        update=_changed("eyelid_folder"),
    )
    landmark_model: StringProperty(
        name="Landmark Model",
        description="face_landmarker.task; the models inside the worker's MediaPipe where left empty",
        subtype='FILE_PATH',
        update=_changed("landmark_model"),
    )
    worker_python: StringProperty(
        name="Worker Python",
        description="Python that solves, such as that of an environment with PyTorch for your graphics card; "
        "Blender's own where left empty",
        subtype='FILE_PATH',
        update=_changed("worker_python"),
    )
    device: EnumProperty(name="Device", description="What SMIRK's encoder runs on", items=DEVICES, default='auto')
    cache_folder: StringProperty(
        name="Cache Folder",
        description="Where thumbnails, unfinished takes and logs go; the add-on's own folder where left empty",
        subtype='DIR_PATH',
        update=_changed("cache_folder"),
    )
    takes_folder: StringProperty(
        name="Takes Folder",
        description="Where takes go while the .blend file has not been saved; a folder among Blender's data files, "
        "which uninstalling leaves alone, where left empty",
        subtype='DIR_PATH',
        update=_changed("takes_folder"),
    )

    def draw(self, context: Context) -> None:
        for section in sections:
            section(self.layout, context, self)


PATHS = (
    "weights",
    "flame_model",
    "eyelid_folder",
    "landmark_model",
    "worker_python",
    "cache_folder",
    "takes_folder",
)
NOTHING_SET = dict.fromkeys(PATHS, "") | {"device": 'auto'}
_unsaved = SimpleNamespace(**NOTHING_SET)  # the preferences where this package is registered without being an enabled add-on


def preferences(context: Context | None = None) -> SMIRK_AP_preferences:
    """Return the add-on's preferences; where it runs without being enabled, defaults that are not kept."""
    addon = (context or bpy.context).preferences.addons.get(ADDON)
    return _unsaved if addon is None or addon.preferences is None else addon.preferences


def worker_arguments(context: Context | None = None) -> tuple[str, list[str]]:
    """Return the worker's Python and the folders of packages that it needs besides its own, as `Job` takes them."""
    return worker_of(preferences(context))


def worker_of(settings: SMIRK_AP_preferences) -> tuple[str, list[str]]:
    """Return the same for what has the preferences' fields."""
    if settings.worker_python:
        return settings.worker_python, []
    unpacked = unpacked_folders()
    return own_python(), unpacked + [folder for folder in package_folders() if folder not in unpacked]


def unpacked_folders() -> list[str]:
    """Return the folder into which Blender unpacks all extensions' wheels, whether it is there or not."""
    version = "python{}.{}".format(*sys.version_info)
    extensions = Path(bpy.utils.user_resource('EXTENSIONS'))
    return [str(extensions / ".local" / "lib" / version / "site-packages")]


def package_folders() -> list[str]:
    """Return the folders of packages that Blender's Python knows."""
    return [path for path in sys.path if Path(path).name == "site-packages"]


def own_python() -> str:
    """Return Blender's Python."""
    return sys.executable


def set_path(name: str, path: str | Path) -> None:
    """Set one of PATHS, and have Blender save its preferences when it quits."""
    setattr(preferences(), name, str(path))
    bpy.context.preferences.is_dirty = True


def log_file(name: str) -> Path:
    """Return where a worker's log goes, its folder made."""
    folder = cache_folder("logs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SmirkError(
            f"Cannot write to {folder}: {error.strerror or error}. Choose another cache folder in the preferences"
        ) from error
    return folder / f"{name}.log"


def solve_options(context: Context | None = None) -> dict[str, str | None]:
    """Return the fields of `SolveOptions` that the preferences know: head, eyelids, weights, landmark_model, device."""
    return options_of(preferences(context))


def options_of(settings: SMIRK_AP_preferences) -> dict[str, str | None]:
    """Return the same for what has the preferences' fields."""
    return {
        "head": settings.flame_model or "builtin",
        "eyelids": settings.eyelid_folder or None,
        "weights": settings.weights or None,
        "landmark_model": settings.landmark_model or None,
        "device": None if settings.device == 'auto' else settings.device,
    }


def data_folder() -> Path:
    """Return the folder for what the user keeps, takes and model files; not made yet.

    It lies outside the extensions' folders, since Blender removes an extension's own with the extension, and is the
    same for every repository that the add-on may come from.
    """
    return Path(bpy.utils.user_resource('DATAFILES', path=DATA_FOLDER))


def passing_folder() -> Path:
    """Return the add-on's own writable folder, which Blender removes with the add-on; not made yet."""
    return Path(bpy.utils.extension_path_user(ADDON)) if ADDON.startswith("bl_ext.") else data_folder()


def cache_folder(kind: str = "", context: Context | None = None) -> Path:
    """Return the folder of what may be deleted at any time, or its folder of one of CACHE_KINDS; not made yet."""
    assert not kind or kind in CACHE_KINDS, kind
    chosen = preferences(context).cache_folder
    return (Path(chosen) if chosen else passing_folder()) / CACHE_FOLDER / kind


def takes_folder(context: Context | None = None) -> Path:
    """Return the folder for takes of .blend files that have not been saved; not made yet."""
    chosen = preferences(context).takes_folder
    return Path(chosen) if chosen else data_folder() / "takes"


def register() -> None:
    _unsaved.__dict__.update(NOTHING_SET)
    bpy.utils.register_class(SMIRK_AP_preferences)


def unregister() -> None:
    bpy.utils.unregister_class(SMIRK_AP_preferences)

"""What happens in the Blender of a sandbox: `python -I inside.py REQUEST.json ANSWER.json`, with a list of steps in it.

A script that imports nothing of this repository, so that all of the add-on comes from where it was installed.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

connections: list[str] = []  # tried by this process


def listen(event: str, arguments: tuple) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        connections.append(f"{event} {arguments[1:] if event == 'socket.connect' else arguments}")


sys.addaudithook(listen)
import bpy  # noqa: E402  # the hook hears what Blender does at its start, too

NAME = "smirk_blender"
# Before it, Blender as a module crashes when it reads preferences, whichever, and at its end where any property had a
# Python callback.
SOUND_VERSION = (4, 3)
meant = {"repository": "user_default"}  # whose copy of the add-on the steps are about


def press(path: str, **options: object) -> str:
    """Run an operator and return what it said that went wrong, "" where nothing did."""
    folder, name = path.split(".")
    try:
        getattr(getattr(bpy.ops, folder), name)(**options)
    except RuntimeError as error:
        return str(error).removeprefix("Error: ").strip()
    return ""


def package() -> str:
    return f"bl_ext.{meant['repository']}.{NAME}"


def addon(name: str):
    """Return one of the installed add-on's modules: "ui.tasks"."""
    return importlib.import_module(f"{package()}.{name}")


# --- steps


def use(repository: str) -> None:
    """Let the steps after this one be about another repository's copy of the add-on."""
    meant["repository"] = repository


def install(path: str, enable: bool = True) -> dict:
    options = {"filepath": path, "repo": meant["repository"], "enable_on_install": enable}
    said = press("extensions.package_install_files", **options)
    return {"said": said, "enabled": enabled()}


def enabled() -> list[str]:
    """Return the enabled extensions."""
    return sorted(each.module for each in bpy.context.preferences.addons if each.module.startswith("bl_ext."))


def enable() -> str:
    return press("preferences.addon_enable", module=package())


def disable() -> str:
    return press("preferences.addon_disable", module=package())


def uninstall() -> str:
    repositories = bpy.context.preferences.extensions.repos
    folder = next(each.directory for each in repositories if each.module == meant["repository"])
    return press("extensions.package_uninstall", repo_directory=folder, pkg_id=NAME)


def add_repository(name: str) -> str:
    """Add a repository for packages from disk; return its module's name."""
    return bpy.context.preferences.extensions.repos.new(name=name, module=name).module


def set_preferences(**values: str) -> None:
    settings = addon("ui.preferences").preferences()
    for name, value in values.items():
        setattr(settings, name, value)


def preferences() -> dict[str, str]:
    shown = addon("ui.preferences")
    return {name: getattr(shown.preferences(), name) for name in (*shown.PATHS, "device")}


def folders() -> dict[str, str]:
    shown = addon("ui.preferences")
    found = {"takes": shown.takes_folder(), "cache": shown.cache_folder(), "data": shown.data_folder()}
    return {name: str(path) for name, path in found.items()}


def blender_version() -> str:
    return ".".join(map(str, bpy.app.version))


def version() -> str:
    """Return the version that the manifest beside the loaded modules names."""
    manifest = Path(addon("ui").__file__).parents[1] / "blender_manifest.toml"
    return next(line.split('"')[1] for line in manifest.read_text().splitlines() if line.startswith("version"))


def has(name: str, modules: list[str]) -> list[bool]:
    """Return whether each of the add-on's modules has a name in it."""
    return [hasattr(addon(module), name) for module in modules]


def save_preferences() -> str:
    return press("wm.save_userpref")


def start_again(**values: str) -> bool:
    """Read the saved preferences as a Blender that starts does; return whether that was possible.

    Where it was not, enable the add-on and set its preferences to these values.
    """
    if bpy.app.version >= SOUND_VERSION:
        bpy.ops.wm.read_userpref()
        return True
    enable()
    set_preferences(**values)
    return False


def doctor() -> int:
    """Do what `blender --command smirk doctor` does; return its exit code."""
    return addon("cli").main(["doctor"])


def check_python() -> str:
    """Press the button; its findings are printed."""
    return press("smirk.check_python")


def check_installation() -> str:
    """Press the button; its findings are printed."""
    return press("smirk.check_installation")


def download(setting: str) -> str:
    return press("smirk.download_model", setting=setting)


def solve(footage: str = "") -> dict:
    """Solve the sample clip, or other footage, and wait for it; return what the panel says then."""
    bpy.ops.smirk.use_sample() if not footage else bpy.ops.smirk.choose_footage(filepath=footage)
    said = press("smirk.solve")
    outcome = addon("ui.tasks").outcome_of(bpy.context.scene.name)
    return {"said": said, "state": outcome and outcome.state, "text": outcome and outcome.text, "takes": takes()}


def begin_to_solve(seconds: float) -> str:
    """Begin to solve the sample clip, as a click does, and look at it for a while; return what the panel says then."""
    bpy.ops.smirk.use_sample()
    tasks = addon("ui.tasks")
    task = tasks.start(addon("ui.solve").solve_task(bpy.context))
    until = time.monotonic() + seconds
    while time.monotonic() < until and task.outcome is None:
        tasks._tick()
        time.sleep(0.05)
    return task.text


def takes() -> list[dict]:
    items = bpy.context.scene.smirk.takes
    return [{"path": bpy.path.abspath(item.path), "frames": item.num_frames, "gaps": item.num_gaps} for item in items]


def bake() -> str:
    return press("smirk.bake_take")


def num_keys() -> int:
    """Return how many keyframes all actions hold."""
    compat = addon("rig.compat")
    return sum(len(curve.keyframe_points) for action in bpy.data.actions for curve in compat.fcurves(action))


def save_file(path: str) -> str:
    return press("wm.save_as_mainfile", filepath=path)


def open_file(path: str) -> str:
    return press("wm.open_mainfile", filepath=path)


def tried_connections() -> list[str]:
    return connections


def registered() -> list[str]:
    """Return what of the add-on's is registered in Blender."""
    names = sorted(name for name in dir(bpy.types) if "SMIRK" in name)
    return names + ["Scene.smirk"] * hasattr(bpy.types.Scene, "smirk")


def main(request_path: str, answer_path: str) -> None:
    steps = json.loads(Path(request_path).read_text(encoding="utf-8"))
    answers = []
    for name, options in steps:
        print(f"--- {name}", flush=True)
        try:
            answers.append(globals()[name](**options))
        except Exception:
            traceback.print_exc()
            break
    Path(answer_path).write_text(json.dumps(answers), encoding="utf-8")
    sys.stdout.flush()
    if bpy.app.version < SOUND_VERSION:
        import addon_utils  # found only once bpy is imported

        addon_utils.disable_all()  # as at a Blender's end
        os._exit(0)


main(*sys.argv[1:])

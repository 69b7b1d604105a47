"""The add-on as an extension: packed and installed by Blender itself into a user folder of its own."""

import json
import os
import subprocess
import time
from pathlib import Path

import build

from .scenarios import MODULE

HEAVY = ("torch", "cv2", "mediapipe")  # the worker's; none of them may come into Blender's process
LIMIT_S = 600  # for one call of Blender; the shared tool's first call installs a Blender
MARK = "enabled: "
MEASURE = f"""
import json, sys, time
import addon_utils
start = time.perf_counter()
module = addon_utils.enable({MODULE!r}, default_set=True)
elapsed_s = time.perf_counter() - start
print({MARK!r} + json.dumps([module is not None, elapsed_s, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


class WindowError(Exception):
    """The window test cannot go on; the text is for whoever runs it."""


def install(blender: list[str], folder: Path) -> tuple[Path, dict[str, str]]:
    """Pack the add-on, have Blender validate it, install it and enable it.

    Args:
        blender: the command that starts Blender.
        folder: empty; the package and Blender's user folder go there.
    Returns:
        The package, and the environment in which Blender has the add-on.
    Raises:
        WindowError: Blender would not pack or install it.
    """
    downloads = folder / "Downloads"
    downloads.mkdir()
    package = build.pack(downloads)
    environment = fresh(folder, "user")
    extension = [*blender, "--command", "extension"]
    call([*extension, "validate", str(package)], environment)
    call([*extension, "install-file", "-r", "user_default", "-e", str(package)], environment)
    return package, environment


def fresh(folder: Path, name: str) -> dict[str, str]:
    """Return the environment of a Blender with a new user folder."""
    (folder / name).mkdir()
    return {**os.environ, "BLENDER_USER_RESOURCES": str(folder / name)}


def measure_enabling(blender: list[str], environment: dict[str, str]) -> tuple[float, list[str]]:
    """Enable the installed add-on in a Blender of factory settings, without a window.

    Returns:
        How long it took, in seconds, and which heavy packages were imported.
    Raises:
        WindowError: it was not enabled.
    """
    printed = call([*blender, "--background", "--factory-startup", "--python-expr", MEASURE], environment)
    line = next((line for line in printed.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise WindowError(f"Blender did not get as far as enabling the add-on. It printed:\n{printed}")
    enabled, elapsed_s, heavy = json.loads(line.removeprefix(MARK))
    if not enabled:
        raise WindowError(f"The add-on could not be enabled. Blender printed:\n{printed}")
    return elapsed_s, heavy


def call(command: list[str], environment: dict[str, str]) -> str:
    """Return what a command printed; raise WindowError where it failed."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise WindowError(f"{' '.join(command)} did not end within {LIMIT_S} s") from error
    if done.returncode:
        took_s = time.perf_counter() - start
        raise WindowError(f"{' '.join(command)} failed ({done.returncode}) after {took_s:.1f} s:\n{done.stdout}")
    return done.stdout

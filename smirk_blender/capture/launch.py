"""Runs a module of this package in any Python: `python .../capture/launch.py MODULE REQUEST.json`.

Or in a Blender without a window: `blender -b --python .../capture/launch.py -- MODULE REQUEST.json`.

A script, since `python -m` would need the folder above the package among Python's own: an extension lies there beside
others, whose folders would then pass for modules, and under a name that Blender gave it. Standard library only, in the
syntax of Python 3.8: an interpreter that is too old can still say so.
"""

import importlib.util
import json
import os
import runpy
import sys
import traceback

PACKAGE = "smirk_blender"  # as the worker imports it, whatever Blender calls it
OLDEST_PYTHON = (3, 10)  # whose syntax this package is written in
FAILED = 1  # exit code, as the worker's
OTHER_PYTHON = "Choose another Worker Python in the add-on's preferences"


def main(module: str, request_path: str) -> int:
    """Run a module as the main one; return an exit code where it does not end the process itself."""
    if sys.version_info < OLDEST_PYTHON:
        version, oldest = (".".join(map(str, numbers)) for numbers in (sys.version_info[:3], OLDEST_PYTHON))
        return fail(
            f"{sys.executable} is Python {version}; the worker needs {oldest} or newer",
            OTHER_PYTHON,
        )
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]  # crop.py is no module "crop"
    with open(request_path, encoding="utf-8") as file:
        folders = json.load(file).get("site_packages", [])
    sys.path += [folder for folder in folders if folder not in sys.path]
    import_package(os.path.dirname(here))
    sys.argv = [module, request_path]
    try:
        runpy.run_module(f"{PACKAGE}.{module}", run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:
        traceback.print_exc()  # to the log
        return fail(*missing_package(error))
    return 0


def missing_package(error: ModuleNotFoundError) -> "tuple[str, str]":
    """Return the text and hint of a `Failed` for a package that the worker's Python lacks, or a module of our own."""
    if (error.name or "").split(".")[0] == PACKAGE:
        folder = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        return f"The add-on is damaged: {error.name} is not in {folder}", "Install the add-on again"
    return f"{sys.executable} has no package {error.name}", f"Install it there. {OTHER_PYTHON} if one has it"


def import_package(folder: str) -> None:
    """Import the package in a folder, by our name for it and without its neighbours."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[PACKAGE])


def fail(text: str, hint: str) -> int:
    """Send the message Failed, which this script cannot import from `protocol`."""
    print(json.dumps({"kind": "Failed", "text": text, "hint": hint}), flush=True)
    return FAILED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[-2:]))  # Blender's own arguments stand before

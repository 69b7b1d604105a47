"""Runs a module of this package in any Python: `python .../capture/launch.py MODULE REQUEST.json`.

Or in a Blender without a window: `blender -b --python .../capture/launch.py -- MODULE REQUEST.json`.

A script, since `python -m` would need the folder above the package among Python's own: an extension lies there beside
others, whose folders would then pass for modules, and under a name that Blender gave it. Standard library only, in the
syntax of Python 3.8: an interpreter that is too old can still say so.
"""

import glob
import importlib
import importlib.util
import json
import os
import runpy
import sys
import traceback
import zipfile

PACKAGE = "smirk_blender"  # as the worker imports it, whatever Blender calls it
OLDEST_PYTHON = (3, 10)  # whose syntax this package is written in
PACKAGES = "packages"  # as in `errors`
FOLDERS_VARIABLE = "SMIRK_PACKAGE_FOLDERS"  # where packages are looked for before the interpreter's own
FAILED = 1  # exit code, as the worker's
MODULE_ENDINGS = (".py", ".so", ".pyd")  # of a module that is one file
INSTALL_AGAIN = "Install the add-on again"
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
    os.environ[FOLDERS_VARIABLE] = os.pathsep.join(folders)
    import_package(os.path.dirname(here))
    sys.argv = [module, request_path]
    try:
        errors = importlib.import_module(f"{PACKAGE}.errors")  # for newer Pythons than this script
    except (ImportError, SyntaxError, ValueError) as error:
        traceback.print_exc()  # to the log
        return fail(f"The add-on in {package_folder()} is damaged: errors.py: {error}", INSTALL_AGAIN)
    try:
        with errors.own_modules():
            importlib.import_module(f"{PACKAGE}.capture.probe").search_first(folders)
            runpy.run_module(f"{PACKAGE}.{module}", run_name="__main__", alter_sys=True)
    except errors.DamagedError as error:
        traceback.print_exc()
        return fail(str(error), "")
    except ModuleNotFoundError as error:
        traceback.print_exc()  # to the log
        return fail(*missing_package(error))
    return 0


def missing_package(error: ModuleNotFoundError) -> "tuple[str, str, str]":
    """Return the fields of a `Failed` for a package that the worker's Python lacks; `errors` tells of our own modules."""
    if is_brought_along(error.name or ""):
        text = f"{sys.executable} cannot find the package {error.name}, which the add-on brings along"
        return text, INSTALL_AGAIN, ""
    text = f"{sys.executable} lacks {', '.join(missing_names()) or error.name}, which the worker needs"
    return text, "The add-on's preferences have the command that installs what is missing", PACKAGES


def missing_names() -> "list[str]":
    """Return the names of the packages that a solve needs and this interpreter has not."""
    known = importlib.import_module(f"{PACKAGE}.capture.interpreter").PACKAGES
    return [package.name for package in known if package.essential and not importlib.util.find_spec(package.module)]


def package_folder() -> str:
    return os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def is_brought_along(name: str) -> bool:
    """Return whether a package is in one of the add-on's wheels, and is looked for where Blender unpacks them."""
    wheels = glob.glob(os.path.join(glob.escape(package_folder()), "wheels", "*.whl"))
    return bool(os.environ.get(FOLDERS_VARIABLE)) and any(holds(wheel, name.split(".")[0]) for wheel in wheels)


def holds(wheel: str, name: str) -> bool:
    """Return whether a wheel holds a package or a module of this name; one that cannot be read may."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return True
    alone = [member for member in members if "/" not in member and member.endswith(MODULE_ENDINGS)]
    return any(member.startswith(f"{name}/") for member in members) or any(
        member.split(".")[0] == name for member in alone
    )


def import_package(folder: str) -> None:
    """Import the package in a folder, by our name for it and without its neighbours."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[PACKAGE])


def fail(text: str, hint: str, lacks: str = "") -> int:
    """Send the message Failed, which this script cannot import from `protocol`."""
    print(json.dumps({"kind": "Failed", "text": text, "hint": hint, "lacks": lacks}), flush=True)
    return FAILED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[-2:]))  # Blender's own arguments stand before

"""What an interpreter is and which packages it has: `python probe.py NAMES [FOLDERS]` prints JSON, one object a line.

NAMES are modules to import, joined by commas; FOLDERS are searched before the interpreter's own. A script in the syntax
of any Python, so that those that cannot run the worker can still say what they are. Standard library only.
"""

import importlib
import importlib.util
import json
import os
import struct
import sys
import sysconfig
import traceback
import types

DRAWING = ("matplotlib", "matplotlib.pyplot")  # what mediapipe imports to draw with, which nobody here asks it to
# MediaPipe 1.2.2 looks up play.googleapis.com once a landmark model has been used, to log that, it seems; no option that
# would stop it was found. It heeds https_proxy (seen on Linux), and nobody listens here: port 9 is "discard".
NOWHERE = "http://127.0.0.1:9"
PACKAGE_FOLDERS = ("site-packages", "dist-packages")  # on every sys.path, after the standard library; also Debian's
CV2_PACKAGES = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)


def look(names, tell=lambda name: None):
    """Return a report: of the interpreter, of each of these modules, of torch's devices.

    `tell` gets each module's name before it is imported, which may take long or end the process.
    """
    report = {
        "version": list(sys.version_info[:3]),
        "executable": sys.executable,
        "bits": 8 * struct.calcsize("P"),
        "takes_packages": _takes_packages(),
        "modules": {},
        "devices": {},
        "cv2_packages": [name for name in CV2_PACKAGES if _distribution_version(name)],
    }
    for name in names:
        tell(name)
        try:
            module = import_mediapipe() if name == "mediapipe" else importlib.import_module(name)
            version = getattr(module, "__version__", "") or _distribution_version(name)
            report["modules"][name] = {"version": str(version), "fault": ""}
        except Exception as error:  # whatever it raises, it cannot be used; the report says why
            absent = isinstance(error, ImportError) and getattr(error, "name", None) == name
            fault = "not installed" if absent else "%s: %s" % (type(error).__name__, error)
            if not absent:
                traceback.print_exc()  # to the log, where there is one
            report["modules"][name] = {"version": _distribution_version(name), "fault": fault}
    torch = sys.modules.get("torch")
    if hasattr(torch, "cuda") and torch.cuda.is_available():
        report["devices"]["cuda"] = torch.cuda.get_device_name(0)
    if hasattr(torch, "backends") and hasattr(torch.backends, "mps") and torch.backends.mps.is_available():
        report["devices"]["mps"] = "Apple graphics"
    return report


def search_first(folders):
    """Have packages looked for in these folders before the interpreter's own, as Blender does with extensions' wheels.

    An older copy of a package among Blender's own would be taken for one that came along. Not so NumPy: Blender's is
    what everything was made for, whatever another extension brings.
    """
    new = [folder for folder in folders if folder not in sys.path]
    if new and sys.flags.no_user_site:  # Blender itself may look there
        import site

        new = [folder for folder in new if folder != site.getusersitepackages()]
    if not new:
        return
    try:
        importlib.import_module("numpy")
    except Exception:  # whoever needs it tries again, and says what is wrong
        pass
    names = [os.path.basename(entry) for entry in sys.path]
    first = min([names.index(name) for name in PACKAGE_FOLDERS if name in names] or [len(names)])
    sys.path[first:first] = new


def import_mediapipe():
    """Return mediapipe, imported without matplotlib, which takes longer to import than all of mediapipe, and kept from
    the network.

    Where nobody has imported matplotlib before, empty modules have its name meanwhile, whether it is installed or not;
    afterwards it can be imported as ever. From now on this process finds no https address: it is for processes that
    solve, and never Blender's own.

    Raises:
        ImportError: mediapipe, or something that it needs, is not installed.
    """
    os.environ["https_proxy"] = NOWHERE
    for name in ("no_proxy", "NO_PROXY"):  # addresses that would be reached without it
        os.environ.pop(name, None)
    stand_ins = {}
    if "mediapipe" not in sys.modules and not any(name in sys.modules for name in DRAWING):
        stand_ins = {name: types.ModuleType(name) for name in DRAWING}
        stand_ins["matplotlib"].pyplot = stand_ins["matplotlib.pyplot"]
        sys.modules.update(stand_ins)
    try:
        return importlib.import_module("mediapipe")
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def _takes_packages():
    """Return whether pip is there and the system lets it install; it guards its own Python by a file. Source: PEP 668."""
    if sys.prefix != sys.base_prefix:
        return True
    guard = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return importlib.util.find_spec("pip") is not None and not os.path.exists(guard)


def _distribution_version(name):
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.7 and older
        return ""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _print(content):
    print(json.dumps(content))
    sys.stdout.flush()


if __name__ == "__main__":
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]  # crop.py is no module "crop"
    search_first(sys.argv[2:])
    _print({"report": look(sys.argv[1].split(","), lambda name: _print({"importing": name}))})

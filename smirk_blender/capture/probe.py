"""What an interpreter is and which packages it has: `python probe.py NAMES [FOLDERS]` prints JSON, one object a line.

NAMES are modules to import, joined by commas; FOLDERS are searched after the interpreter's own. A script in the syntax
of any Python, so that those that cannot run the worker can still say what they are. Standard library only.
"""

import importlib
import json
import os
import struct
import sys
import traceback

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
        "modules": {},
        "devices": {},
        "cv2_packages": [name for name in CV2_PACKAGES if _distribution_version(name)],
    }
    for name in names:
        tell(name)
        try:
            module = importlib.import_module(name)
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
    sys.path += [folder for folder in sys.argv[2:] if folder not in sys.path]
    _print({"report": look(sys.argv[1].split(","), lambda name: _print({"importing": name}))})

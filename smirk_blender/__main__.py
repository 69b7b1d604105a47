"""The command line from anywhere: `python .../smirk_blender COMMAND`, in a Python that has the `bpy` module."""

import importlib
import importlib.util
import os
import sys

NAME = "smirk_blender"


def main() -> int:
    """Import the package that this file lies in, whose other files are not to pass for modules; run its `cli`."""
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != here]
    place = os.path.join(here, "__init__.py")
    spec = importlib.util.spec_from_file_location(NAME, place, submodule_search_locations=[here])
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])
    return importlib.import_module(f"{NAME}.cli").main(sys.argv[1:])


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # Blender as a module may crash or hang while Python shuts down

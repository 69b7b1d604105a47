"""Blender's own builder and validator of extensions: a script that comes with Blender and runs without it."""

import subprocess
from pathlib import Path

from wheels import BuildError

TOOL = "*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
TAGS = "scripts/modules/_bpy_internal/extensions/tags.py"  # beside it; run as a plain script it does not look there
FIND = "import importlib.util; print(importlib.util.find_spec('bpy').origin)"  # without starting Blender


class ExtensionTool:
    """The tool of the Blender module in an environment."""

    def __init__(self, python: Path) -> None:
        """Find it.

        Args:
            python: of the environment.
        Raises:
            BuildError: that has none.
        """
        self._python = python
        found = subprocess.run([python, "-c", FIND], capture_output=True, text=True)
        tools = sorted(Path(found.stdout.strip()).parent.glob(TOOL)) if found.returncode == 0 else []
        if not tools:
            raise BuildError(f"{python} has no Blender that builds extensions. Delete it; it is made again")
        self._tool = tools[-1]
        self._tags = self._tool.parents[4] / TAGS

    def build(self, source: Path, path: Path) -> None:
        """Build a zip from a folder; raise BuildError where that fails."""
        self._run("build", "--source-dir", source, "--output-filepath", path)

    def validate(self, path: Path) -> None:
        """Raise BuildError with Blender's words where it would refuse a zip."""
        self._run("validate", path)

    def _run(self, command: str, *arguments: object) -> None:
        line = [str(part) for part in (self._python, self._tool, command, *arguments, "--valid-tags", self._tags)]
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise BuildError(f"Blender's tool would not {command} the extension. It says:\n{done.stdout.strip()}")

"""The add-on's own files: what git tracks of them, where there is a git."""

import shutil
import subprocess
from pathlib import Path

from wheels import BuildError

ROOT = Path(__file__).resolve().parents[1]
ADDON = ROOT / "smirk_blender"


def addon_files(root: Path = ROOT, addon: Path = ADDON) -> list[Path]:
    """Return the files of the add-on; in an unpacked archive of the sources all that lie there.

    Args:
        root: of the repository.
        addon: the folder of the add-on, in it.
    Raises:
        BuildError: a file that git neither tracks nor ignores lies there, a tracked one is gone, or git fails.
    """
    if not (root / ".git").exists() or shutil.which("git") is None:
        return [path for path in sorted(addon.rglob("*")) if path.is_file() and not _left_out(path.relative_to(addon))]
    if untracked := _ls_files(addon, "--others", "--exclude-standard"):
        names = ", ".join(str(path) for path in untracked)
        raise BuildError(f"git does not know {names}. Add what belongs to the add-on to git; put the rest elsewhere")
    tracked = _ls_files(addon)
    if gone := [path for path in tracked if not path.is_file()]:
        raise BuildError(f"{gone[0]} is gone. Take it from git again: git checkout {gone[0]}")
    return tracked


def _ls_files(folder: Path, *options: str) -> list[Path]:
    # A checkout of another owner's, as build machines have them, is no reason to fail: its code is running already.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise BuildError(f"git does not say what belongs to {folder}: {said}. Follow what it says, and build again")
    return [folder / name for name in sorted(done.stdout.decode().split("\0")) if name]


def _left_out(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)

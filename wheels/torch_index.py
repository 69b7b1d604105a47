"""PyTorch from a package index that the user names, with the libraries that it needs."""

import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from . import BuildError
from .fetch import describe, fetch, run_pip, target_options
from .lock import TORCH, Wheel

# What PyTorch asks for and a solve does not import; numpy is Blender's own.
NOT_PACKED = frozenset("filelock fsspec jinja2 markupsafe mpmath networkx numpy setuptools sympy".split())
LACKING = re.compile(r"No matching distribution found for ([\w.-]+(?:\[[^\]]*\])?[^;\s]*)")  # pip's words
OWN_INDEX = "pip's own index"


@dataclass(frozen=True)
class Found:
    """A wheel with its file, and the index that it came from, in words."""

    wheel: Wheel
    path: Path
    source: str


def kept_beside(locked: Mapping[tuple[str, str], Sequence[Wheel]], python: str) -> dict[str, Wheel]:
    """Return the locked wheels of the smirk solver that run anywhere, by name: they stay with any PyTorch."""
    wheels = [wheel for (version, _), group in locked.items() if version == python for wheel in group]
    return {wheel.name: wheel for wheel in wheels if wheel.part == TORCH and wheel.file.endswith("-none-any.whl")}


def fetch_torch(
    pip: Sequence[str],
    python: str,
    platform: str,
    *,
    torch: str,
    index: str,
    folder: Path,
    locked: Mapping[tuple[str, str], Sequence[Wheel]],
    given: Path | None = None,
) -> list[Found]:
    """Download PyTorch from an index of the user's, and on Linux the libraries that it asks for.

    PyTorch comes from that index alone. So do its libraries, but for those that the index lacks: these come from pip's
    own index. What is locked beside PyTorch is taken as the lock has it.

    Args:
        torch: its version, such as "2.13.0+cu130".
        index: address or folder of a package index.
        folder: where the files go.
        locked: all wheels of the lock, as `lock.read_lock` returns them.
        given: a folder of the user's in which to look for locked wheels.
    Returns:
        What is packed for the smirk solver. Wheels are pinned where the lock has their hash.
    Raises:
        BuildError: pip does not find them, or they cannot be told for a platform that is not this one.
    """
    # Linux's PyTorch is linked against CUDA in packages of its own; those of Windows and macOS bring all along. pip
    # reads the conditions under which something is needed as those of the machine that it runs on.
    if platform == "linux-x64" and sys.platform != "linux":
        raise BuildError("What PyTorch needs on Linux can be told on Linux alone. Run this build there")
    target = target_options(python, platform, TORCH)
    what = f"PyTorch {torch} for {platform} and Python {python} from {index}"
    alone = ["download", "--quiet", "--dest", folder, "--no-deps", "--index-url", index, *target, f"torch=={torch}"]
    run_pip(pip, alone, what, "Check --torch-index and --torch", _only(index, folder))
    (path,) = folder.glob("*.whl")
    local = torch.partition("+")[2]
    if local and describe(path, TORCH).version.partition("+")[2] != local:
        raise BuildError(f"{index} has {path.name} and no PyTorch {torch}. Check --torch-index and --torch")
    from_own = _fetch_libraries(pip, target, path, index, folder) if platform == "linux-x64" else set()
    kept = kept_beside(locked, python)
    by_hash = {wheel.sha256: wheel for wheel in locked.get((python, platform), ())}
    found = []
    for path in sorted(folder.glob("*.whl")):
        wheel = describe(path, TORCH)
        if wheel.name not in NOT_PACKED and wheel.name not in kept:
            wheel = by_hash.get(wheel.sha256, replace(wheel, pinned=False))
            found.append(Found(wheel, path, OWN_INDEX if path.name in from_own else index))
    files = fetch(kept.values(), pip, python, platform, given=given)
    return found + [Found(wheel, path, "the lock") for wheel, path in zip(kept.values(), files, strict=True)]


def _fetch_libraries(pip: Sequence[str], target: list[str], torch: Path, index: str, folder: Path) -> set[str]:
    """Download what a wheel of PyTorch asks for; return the names of the files that came from pip's own index."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".own_") as place:
        asked: set[str] = set()
        while True:
            arguments = ["--quiet", "--dest", folder, "--index-url", index, "--find-links", place, *target, torch]
            try:
                run_pip(pip, ["download", *arguments], f"what {torch.name} needs", "", _only(index, Path(place)))
                break
            except BuildError as error:
                missing = LACKING.search(str(error))
                if missing is None or missing[1] in asked:
                    raise
            asked.add(missing[1])
            own = ["--quiet", "--dest", place, "--no-deps", *target, missing[1]]
            what = f"{missing[1]}, which {torch.name} needs and {index} lacks"
            run_pip(pip, ["download", *own], what, "Check --torch-index")
        return {path.name for path in Path(place).iterdir()}


def _only(index: str, links: Path) -> dict[str, str]:
    """Return an environment in which pip looks nowhere else: one variable takes the place of a setting of that name."""
    return os.environ | {"PIP_EXTRA_INDEX_URL": index, "PIP_FIND_LINKS": str(links)}

"""Made-up wheels, and a package index of them in a folder."""

import zipfile
from pathlib import Path

from wheels.fetch import describe
from wheels.lock import SOLVING, TORCH, Wheel

LINUX, WINDOWS = "manylinux_2_28_x86_64", "win_amd64"


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    tags: str = "py3-none-any",
    *,
    needs: tuple[str, ...] = (),
    **more: str,
) -> Path:
    """Write a wheel with one module and a licence, and whatever headers and files are given besides.

    Args:
        needs: requirements.
        more: contents of files, by their names with __ for each dot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    headers = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", "License-Expression: MIT"]
    headers += [f"Requires-Dist: {line}" for line in needs]
    files = {
        f"{module}/__init__.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": "\n".join(headers) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n",
        f"{info}/licenses/LICENSE": f"The licence of {name}\n",
        **{f"{module}/{key.replace('__', '.')}": text for key, text in more.items()},
    }
    path = folder / f"{module}-{version}-{tags}.whl"
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)  # of the earliest date there is, not of now
    return path


def make_index(folder: Path, *wheels: Path) -> str:
    """Return the address of a package index of these wheels."""
    for wheel in wheels:
        project = folder / wheel.name.split("-")[0].replace("_", "-").lower()
        project.mkdir(parents=True, exist_ok=True)
        with open(project / "index.html", "a", encoding="utf-8") as page:
            page.write(f'<a href="{wheel.as_uri()}">{wheel.name}</a><br>\n')
    return folder.as_uri()


def full_set(folder: Path, python: str = "311", platform: str = LINUX) -> dict[Wheel, Path]:
    """Return made-up wheels of a full package, with their files."""
    native = f"cp{python}-cp{python}-{platform}"
    parts = {
        make_wheel(folder, "mediapipe", tags=native): SOLVING,
        make_wheel(folder, "opencv-python-headless", tags=f"cp37-abi3-{platform}"): SOLVING,
        make_wheel(folder, "scipy", tags=native, COPYING__txt="Of a library inside"): SOLVING,
        make_wheel(folder, "torch", "2.0+cpu", native): TORCH,
    }
    return {describe(path, part): path for path, part in parts.items()}

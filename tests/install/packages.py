"""Packages that are not as they should be, or of another version: made from one that is."""

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

MANIFEST = "blender_manifest.toml"
RUNNING = ".".join(map(str, sys.version_info[:2]))  # Python, here and in the sandboxes
WHEEL_TEXT = b"ANSWER = 42\n"  # of the wheel's only module


def changed(
    package: Path, path: Path, *, manifest: tuple[str, str] = ("", ""), files: dict[str, bytes | None] | None = None
) -> Path:
    """Write a copy of a package, and return its path.

    Args:
        manifest: what of the manifest's text is replaced, and by what.
        files: of other contents, or to be left out, by name.
    """
    files = files or {}
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename == MANIFEST and manifest[0]:
                assert manifest[0].encode() in content, f"no {manifest[0]} in the manifest"
                content = content.replace(manifest[0].encode(), manifest[1].encode())
            if info.filename not in files:
                target.writestr(info, content, zipfile.ZIP_DEFLATED)
        for name, content in files.items():
            if content is not None:
                target.writestr(name, content)
    return path


def with_wheel(
    package: Path,
    path: Path,
    tag: str,
    *,
    module: str = "smirk_probe",
    damage: tuple[bytes, bytes] = (b"", b""),
    sha256: str = "",
) -> Path:
    """Write a copy of a light package that brings one small wheel along, for the Pythons of a tag.

    Args:
        sha256: what the package says that the wheel's is; the truth where left out.
        damage: bytes of the wheel that are replaced, and by what, as long: it is stored, not packed.
    """
    info, packed = f"{module}-1.0.dist-info", io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", WHEEL_TEXT)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", f"{module}/__init__.py,,\n")
    wheel_name = f"wheels/{module}-1.0-{tag}.whl"
    listed = f'wheels = ["./{wheel_name}"]\n\n[permissions]'
    content = packed.getvalue().replace(*damage) if damage[0] else packed.getvalue()
    wheels = [{"file": Path(wheel_name).name, "sha256": sha256 or digest(content), "name": module, "version": "1.0"}]
    facts = {"size": "full", "python": RUNNING, "platform": "linux-x64", "wheels": wheels}
    files = {wheel_name: content, "wheels.json": json.dumps(facts).encode()}
    return changed(package, path, manifest=("[permissions]", listed), files=files)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

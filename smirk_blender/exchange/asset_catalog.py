"""The catalogues of an asset library, in the text file that Blender keeps beside its .blend files.

Source: Blender's manual, "Asset Catalogs": a line `UUID:path/of/catalogue:simple-name` each, after `VERSION 1`.
"""

import os
import uuid
from pathlib import Path

from ..errors import ExportError
from .writing import written_export

CATALOG_FILE = "blender_assets.cats.txt"
HEADER = "# This is an Asset Catalog Definition file for Blender.\n#\n\nVERSION 1\n\n"
NAMESPACE = uuid.UUID("0f6f0f5b-2f0c-4f0a-9c53-6a6b7e0c5a11")  # so that a catalogue has the same id in every library


def ensure_catalog(folder: str | os.PathLike, catalog: str) -> str:
    """Return the id of a catalogue of the library in a folder; it is added where there is none of that path.

    Other lines stay as they are.
    Args:
        folder: of the .blend.
        catalog: its path, parts with a slash between them: "Expressions/Mouth".
    Raises:
        ExportError: a name that a catalogue cannot have, or a file that cannot be read or written.
    """
    path = Path(folder) / CATALOG_FILE
    catalog = "/".join(part.strip() for part in catalog.split("/") if part.strip())
    if not catalog or ":" in catalog or "\n" in catalog:
        raise ExportError(f"{catalog or 'An empty name'!r} cannot be a catalogue. Choose a name without a colon")
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else HEADER
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"Cannot read {path} ({error}). Choose another library") from error
    for line in text.splitlines():
        identifier, _, rest = line.strip().partition(":")
        if rest.partition(":")[0] == catalog and not line.startswith("#"):
            return identifier
    identifier = str(uuid.uuid5(NAMESPACE, catalog))
    text += "" if text.endswith("\n") else "\n"
    with written_export(path) as temporary, open(temporary, "w", newline="\n", encoding="utf-8") as file:
        file.write(f"{text}{identifier}:{catalog}:{catalog.replace('/', '-')}\n")
    return identifier

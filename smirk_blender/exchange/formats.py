"""The formats of a take's parameters by name, for everything that offers them: Python, commands, panels."""

import os
from collections.abc import Callable
from pathlib import Path

from ..take import Take
from .flame_parameters import save_frame_parameters, save_smirk_parameters, save_vhap_parameters
from .table import save_table

# Each writes a take to a path; "avatars" to a folder, of which it returns the files.
PARAMETERS: dict[str, Callable[[Take, str | os.PathLike], Path | list[Path]]] = {
    "npz": save_smirk_parameters,
    "vhap": save_vhap_parameters,
    "avatars": save_frame_parameters,
    "csv": save_table,
}

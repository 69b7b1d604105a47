"""Files that are being written, named NAME.TOKEN.part beside their place. Imported by all; imports nothing.

The token is the job's that a worker does, so that whoever started it can clean up after it. It is no process id: the
python.exe of a virtual environment on Windows is a launcher, whose id its starter knows, and the worker its child.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TOKEN_VARIABLE = "SMIRK_JOB"  # of the environment, set by `capture.job`
TOKEN = secrets.token_hex(6)  # of a process that is no worker; not its id, which another machine's may have too


def own_token() -> str:
    """Return the token of the job that this process does, or its own."""
    return os.environ.get(TOKEN_VARIABLE) or TOKEN


def partial_path(path: Path) -> Path:
    """Return where to write a file, to be renamed to `path` when it is complete."""
    return path.with_name(f"{path.name}.{own_token()}.part")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give where to write a file, which takes its place at the end; nothing is left of it where that fails."""
    temporary = partial_path(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)
        raise


def remove_partial(arguments: dict, token: str) -> None:
    """Remove the files that a job had only begun, in the folders that its arguments ..._path and ..._folder name."""
    for name, value in arguments.items():
        if isinstance(value, dict):
            remove_partial(value, token)
        elif isinstance(value, str) and name.endswith(("_path", "_folder")):
            folder = Path(value) if name.endswith("_folder") else Path(value).parent
            for path in folder.glob(f"*.{token}.part"):
                with suppress(OSError):  # Windows keeps a file that is still open
                    path.unlink()

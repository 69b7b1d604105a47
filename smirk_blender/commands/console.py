"""What commands print, and what Blender should not."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print at once; Blender holds back what is printed otherwise."""
    print(text, flush=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Blender from printing: three lines for every frame it renders."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)

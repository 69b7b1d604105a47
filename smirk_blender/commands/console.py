"""What commands print, and what Blender should not."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print at once; Blender holds back what is printed otherwise."""
    print(text, flush=True)


@contextmanager
def quiet(*, errors: bool = False) -> Iterator[None]:
    """Keep Blender from printing: three lines for every frame it renders.

    Args:
        errors: whether what goes to the other stream is kept back too: its own words on files that may be damaged.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in ((1, 2) if errors else (1,))}
    with open(os.devnull, "w") as nowhere:
        for number in kept:
            os.dup2(nowhere.fileno(), number)
    try:
        yield
    finally:
        for number, descriptor in kept.items():
            os.dup2(descriptor, number)
            os.close(descriptor)

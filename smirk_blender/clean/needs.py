"""The packages that cleaning needs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import NoPackageError

CLEANING_NEEDS = "scipy"


@contextmanager
def packages_for_cleaning() -> Iterator[None]:
    """While modules of the clean-up are imported: say what to do where this Python lacks what they need.

    Raises:
        NoPackageError: it does.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != CLEANING_NEEDS:
            raise
        raise NoPackageError(
            f"Takes are cleaned with SciPy, which {sys.executable} does not have. Use the add-on's full or landmarks "
            "zip, or a Python with SciPy; --raw does without cleaning"
        ) from error

"""The errors that users see. Imported by every room; imports the standard library alone.

A message names the thing, the place and the next step.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

LANDMARK_MODEL, PACKAGES = "landmark model", "packages"


class SmirkError(Exception):
    """Something outside the program is not as it must be; `str(error)` is for the user to read.

    Attributes:
        lacks: LANDMARK_MODEL or PACKAGES, where it is one of those that is missing and the panel can help; else "".
    """

    lacks = ""


class VideoError(SmirkError):
    """Footage that cannot be read, or that shows no face."""


class TakeError(SmirkError):
    """A take file that is broken, newer than this version, or cannot be written."""


class ProfileError(SmirkError):
    """An actor profile that is broken, of another head, newer than this version, or cannot be written."""


class RetargetError(SmirkError):
    """A character that a take cannot come onto, or a file of retargeting that is broken."""


class ExportError(SmirkError):
    """A format that cannot hold what is to be handed on, or a file that cannot be written."""


class BatchError(SmirkError):
    """A job, a list of clips or an output folder that a batch cannot work with."""


class WeightsError(SmirkError):
    """An encoder checkpoint that is not SMIRK's, or is damaged."""


class HeadError(SmirkError):
    """A FLAME model file that is not one, or lacks a part that was asked for."""


class ModelError(SmirkError):
    """A landmark model, or the package that carries it, that is missing or damaged."""


class NoLandmarkModelError(ModelError):
    """There is no landmark model where one is needed."""

    lacks = LANDMARK_MODEL


class NoPackageError(ModelError):
    """A package is missing that the worker needs."""

    lacks = PACKAGES


class DamagedError(SmirkError):
    """A module of the add-on itself that is missing, or cannot be read."""


@contextmanager
def own_modules() -> Iterator[None]:
    """While modules of this package are imported: have one that is missing or broken said as what it is.

    Raises:
        DamagedError: one is.
    """
    folder = os.path.dirname(os.path.realpath(__file__))
    try:
        yield
    except (AttributeError, ImportError, SyntaxError, ValueError) as error:
        what = _damage(error, folder)
        if not what:
            raise
        raise DamagedError(f"The add-on in {folder} is damaged: {what}. Install it again") from error


def _damage(error: Exception, folder: str) -> str:
    """Return what an error says of a module of this package; "" where it is about something else."""
    if isinstance(error, ImportError):
        ours = f"{error.name}.".startswith(f"{__package__}.")
    elif isinstance(error, AttributeError):  # of a module that was cut short
        ours = isinstance(error.obj, ModuleType) and f"{error.obj.__name__}.".startswith(f"{__package__}.")
    else:
        name = getattr(error, "filename", None)
        if name is None:  # Python does not say where the NULs are that a disk's failure leaves
            return next((f"{path} holds NUL bytes" for path in _sources(folder) if _holds_nul(path)), "")
        ours = os.path.realpath(name).startswith(folder + os.sep)
    return str(error).partition(" from ")[0] if ours else ""  # Python would go on with guesses


def _sources(folder: str) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in sorted(names) if name.endswith(".py"))


def _holds_nul(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"\0" in file.read()
    except OSError:  # which is not what the error was about
        return False

"""The errors that users see. Imported by every room; imports nothing.

A message names the thing, the place and the next step.
"""


class SmirkError(Exception):
    """Something outside the program is not as it must be; `str(error)` is for the user to read."""


class VideoError(SmirkError):
    """Footage that cannot be read, or that shows no face."""


class TakeError(SmirkError):
    """A take file that is broken, newer than this version, or cannot be written."""


class WeightsError(SmirkError):
    """An encoder checkpoint that is not SMIRK's, or is damaged."""


class HeadError(SmirkError):
    """A FLAME model file that is not one, or lacks a part that was asked for."""


class ModelError(SmirkError):
    """A landmark model, or the package that carries it, that is missing or damaged."""

"""A take: one performance as parameters per frame, with its rate and source. No `bpy` here.

In: a solver's parameters. Out: the same, saved, loaded, checked, its gaps filled.
"""

from .files import load_take, save_take
from .take import Source, Take

__all__ = ["Source", "Take", "load_take", "save_take"]

"""A take: one performance as parameters per frame, with its rate and source. No `bpy` here.

In: a solver's parameters. Out: the same, saved, loaded, checked, its gaps filled.
"""

from .clean_up import CleanUp
from .files import load_clean_up, load_take, save_clean_up, save_take
from .take import Source, Take

__all__ = ["CleanUp", "Source", "Take", "load_clean_up", "load_take", "save_clean_up", "save_take"]

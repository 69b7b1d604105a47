"""The built-in head: a whole human head made by this package's own code, in FLAME's layout. In: nothing. Out: a `Head`.

Every vertex follows from the control cage, the clay and the tables in these files. No `bpy` here;
`build.py landmarks` remakes the landmarks' data file.
"""

from .assemble import builtin_head

__all__ = ["builtin_head"]

"""Names that a package hands on, imported when they are first asked for. Imported by all; imports nothing."""

from collections.abc import Callable, Mapping
from importlib import import_module


def late(package: str, places: Mapping[str, str]) -> Callable[[str], object]:
    """Return a package's `__getattr__`.

    Args:
        package: its `__name__`.
        places: by name, the module in which it is, relative to the package.
    """

    def find(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(places[name], package), name)

    return find

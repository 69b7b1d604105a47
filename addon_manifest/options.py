"""The options of `build.py package`: which there are, which go together, what is meant where one is left out."""

import argparse
from pathlib import Path

from wheels import PLATFORMS, BuildError

SIZES = ("full", "landmarks", "light")
MAKING = ("size", "platform", "blender", "torch_index", "torch", "wheels", "out")  # options for making a package


def add_options(command: argparse.ArgumentParser) -> None:
    """Add them to a command; those that are left out are None."""
    sizes = "full (usual): everything inside; landmarks: all but PyTorch; light: no packages, on a Python of the user's"
    command.add_argument("--size", choices=SIZES, help=sizes)
    command.add_argument("--platform", choices=(*PLATFORMS, "all"), help="this one if left out")
    command.add_argument("--blender", metavar="X.Y", help="to 5.0 one Python (usual), from 5.1 another")
    command.add_argument("--torch-index", metavar="URL", help="take PyTorch from this package index; for CUDA, say")
    command.add_argument("--torch", metavar="VERSION", help="which one, such as 2.13.0+cu130")
    command.add_argument("--wheels", type=Path, metavar="DIR", help="look here for wheels before they are fetched")
    command.add_argument("--out", type=Path, metavar="DIR", help="where the zip goes; dist if left out")
    command.add_argument("--check", type=Path, metavar="ZIP", help="instead, check a package that is there")
    command.add_argument("--relock", action="store_true", help="instead, write wheels/lock.toml from wheels/lock.py")


def complete(options: argparse.Namespace, blender: str, out: Path) -> bool:
    """Fill in what is left out; return whether a package is to be made.

    Args:
        blender, out: what is meant without --blender and --out.
    Raises:
        BuildError: an option would do nothing beside another.
    """
    given = [name for name in MAKING if getattr(options, name) is not None]
    making = options.check is None and not options.relock
    if options.check is not None:
        _refuse(given + ["relock"] * options.relock, "--check, which takes a package as it is")
    elif options.relock:
        _refuse(given, "--relock, which locks the wheels of all packages")
    elif options.size == "light":
        unused = ("platform", "blender", "torch_index", "torch", "wheels")
        _refuse([name for name in given if name in unused], "--size light, which has no packages and runs anywhere")
    elif options.size == "landmarks":
        _refuse([name for name in given if name in ("torch_index", "torch")], "--size landmarks, which has no PyTorch")
    if making and options.torch and not options.torch_index:
        raise BuildError("--torch names a PyTorch of an index. Name that with --torch-index, or leave --torch out")
    options.size, options.blender = options.size or SIZES[0], options.blender or blender
    options.out = options.out or out
    return making


def _refuse(names: list[str], beside: str) -> None:
    if names:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise BuildError(f"{words} does nothing beside {beside}. Leave one of them out")

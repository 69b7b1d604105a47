"""Packages that the extension brings along: which ones, where they come from, whether they are what they should be.

`lock.toml` in, checked files in this folder out; none of those is committed. Standard library only.
"""

PLATFORMS = ("linux-x64", "windows-x64", "macos-arm64", "macos-x64")  # in Blender's words


class BuildError(Exception):
    """A command of build.py cannot go on; the text is for the user."""

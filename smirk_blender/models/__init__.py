"""The files that users bring: which there are, where they come from, whether one is the right one. In: paths and
addresses. Out: states, and files on disk. Standard library only. No `bpy` here."""

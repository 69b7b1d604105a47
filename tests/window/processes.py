"""Which processes a scenario's Blender has started, found by a mark in their environment; standard library only."""

from pathlib import Path

MARK = "SMIRK_WINDOW_TEST"  # the environment variable; its value is the scenario's own


def marked_processes(mark: str) -> dict[int, str]:
    """Return the command line of every running process with this mark, by pid; none where the system has no /proc."""
    wanted, found = f"{MARK}={mark}".encode(), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):  # empty for one that is dead
                words = (folder / "cmdline").read_bytes().split(b"\0")
                found[int(folder.name)] = b" ".join(words).decode(errors="replace").strip()
        except OSError:
            continue  # it has gone meanwhile, or is someone else's
    return found

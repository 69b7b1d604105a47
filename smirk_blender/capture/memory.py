"""How much memory a process takes, and how much the machine has left."""

from pathlib import Path

from .machine import memory_bytes

STATUS, MEMINFO, GROUP = Path("/proc/self/status"), Path("/proc/meminfo"), Path("/sys/fs/cgroup")  # of Linux


def peak_memory_mb() -> float:
    """Return the largest resident size this process has had, MB; 0 where the system does not say (Windows)."""
    if STATUS.is_file():  # not getrusage: Linux hands its figure down from the process that started this one
        return _told(STATUS, "VmHWM")
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes


def resident_memory_mb() -> float:
    """Return the resident size of this process, MB; its largest so far where the system does not say."""
    return _told(STATUS, "VmRSS") if STATUS.is_file() else peak_memory_mb()


def free_memory_mb(meminfo: Path = MEMINFO, group: Path = GROUP) -> float:
    """Return how much memory new processes may take, MB; half of all where the system does not say."""
    if not meminfo.is_file():
        return memory_bytes() / 2 / 1e6
    free = _told(meminfo, "MemAvailable")
    try:  # of a container, which meminfo knows nothing of
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        lines = (group / "memory.stat").read_text().splitlines()
        files = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))  # given up when asked
        return min(free, (limit - used + files) / 1e6)
    except (OSError, ValueError, StopIteration):  # no container, or one without a limit: "max"
        return free


def _told(path: Path, name: str) -> float:
    """Return a line of Linux' own figures, in kB there, as MB."""
    line = next(line for line in path.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6

"""How much memory a worker has taken."""

from pathlib import Path


def peak_memory_mb() -> float:
    """Return the largest resident size this process has had, MB; 0 where the system does not say (Windows)."""
    status = Path("/proc/self/status")
    if status.is_file():  # not getrusage: Linux hands its figure down from the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes

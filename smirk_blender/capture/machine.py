"""The machine and its system, as a bug report names them. Standard library only."""

import ctypes
import os
import platform
import sys
from pathlib import Path

THREADS_VARIABLE = "SMIRK_THREADS"  # of the environment: how many cores an encoder may use, where several are at work


class _WindowsMemory(ctypes.Structure):
    """MEMORYSTATUSEX of Windows' sysinfoapi.h, of which `total` is wanted."""

    _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32), ("total", ctypes.c_uint64)] + [
        (name, ctypes.c_uint64) for name in ("free", "page", "page_free", "virtual", "virtual_free", "extended")
    ]


def system_name() -> str:
    """Return the operating system and its version."""
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]} ({platform.machine()})"
    if sys.platform == "win32":
        return f"{platform.system()} {platform.release()} {platform.version()} ({platform.machine()})"
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:  # a system without that file
        name = "Linux"
    return f"{name}, {platform.system()} {platform.release()} ({platform.machine()})"


def processor_name() -> str:
    """Return the processor, as far as the system tells without asking another program."""
    told = Path("/proc/cpuinfo")
    if told.is_file():
        lines = told.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def num_cores() -> int:
    """Return how many of the processor's cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return how much memory there is; 0 where the system does not say."""
    if sys.platform == "win32":
        status = _WindowsMemory(length=ctypes.sizeof(_WindowsMemory))
        return status.total if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else 0
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 0

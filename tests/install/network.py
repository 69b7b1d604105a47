"""The network cut off, and every attempt to reach it written down, as far as the system lets us."""

import shutil
import subprocess
from pathlib import Path

CUT = ("unshare", "--net")  # a network of its own, without any device that is up
WATCH = ("strace", "--follow-forks", "--seccomp-bpf", "-qq", "--trace=connect,sendto,sendmsg,sendmmsg")


class Network:
    """What stands between a sandbox and the network.

    Attributes:
        command: runs another, given as its last arguments, without a network; empty where the system does not let us.
        calls_path: where calls are written down; None without strace.
    """

    def __init__(self, folder: Path) -> None:
        self.command: tuple[str, ...] = CUT if _runs(CUT) else ()
        self.calls_path: Path | None = None
        path = folder / "calls.txt"
        watch = (*self.command, *WATCH, "-o", str(path))
        if _runs(watch):
            self.command, self.calls_path = watch, path

    @property
    def is_cut(self) -> bool:
        return self.command[: len(CUT)] == CUT

    def calls(self) -> list[str]:
        """Return the calls so far that name an address in a network."""
        if self.calls_path is None:
            return []
        return [line for line in self.calls_path.read_text().splitlines() if "sa_family=AF_INET" in line]


def _runs(command: tuple[str, ...]) -> bool:
    return shutil.which(command[0]) is not None and not subprocess.run(
        [*command, "true"], stderr=subprocess.DEVNULL
    ).returncode

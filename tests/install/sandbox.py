"""A computer's worth of empty folders, and Blenders that see no others."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.window.processes import MARK, marked_processes

ADDON = "bl_ext.user_default.smirk_blender"
INSIDE = Path(__file__).with_name("inside.py")
LIMIT_S = 240.0  # a solve of the sample clip on a busy machine takes 60
KEPT_VARIABLES = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
# Which packages fit this Blender, folders that it makes for any extension and leaves there, pictures of saved files.
BLENDERS_OWN = (
    "user/extensions/.cache/compat.dat",
    "user/extensions/.local/",
    "user/extensions/.local/lib/python3.*/site-packages/",
    "user/extensions/*/.blender_ext/",
    "user/extensions/*/.blender_ext/cache/",
    "user/extensions/.user/*/",
    "user/config/",
    "home/.cache/thumbnails/*/",
    "home/.cache/thumbnails/*/*",
    "home/.cache/thumbnails/*/*/*",
    "tmp/blender_*/",  # of a session that `inside` ends itself
)


@dataclass(frozen=True)
class Ran:
    """What a Blender did.

    Attributes:
        answers: what each step returned.
        printed: on stdout and stderr, in order.
    """

    answers: list
    printed: str

    def reports(self, kind: str) -> dict[str, str]:
        """Return what was reported as "Info", "Warning" or "Error" of a subject: "Info: Head: The built-in head"."""
        lines = [line.split(": ", 2) for line in self.printed.splitlines() if line.startswith(f"{kind}: ")]
        return {line[1]: line[2] for line in lines if len(line) == 3}

    @property
    def complaints(self) -> list[str]:
        """The lines with which Blender or Python complain of something."""
        words = ("warning", "error", "traceback", "violation", "exception", "not freed")
        return [line for line in self.printed.splitlines() if any(word in line.lower() for word in words)]


class Sandbox:
    """Empty folders: `user` for Blender, `home`, `tmp`, and `work` for what the user saves.

    Attributes:
        before: a command that runs each Blender, given as its last arguments: ("unshare", "--net").
        more_environment: variables that each Blender is given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: tuple[str, ...] = ()
        self.more_environment: dict[str, str] = {}
        self.user, self.home, self.tmp, self.work = (folder / name for name in ("user", "home", "tmp", "work"))
        self._made = (self.user, self.home, self.tmp, self.work)
        for path in self._made:
            path.mkdir(parents=True)

    @property
    def extension(self) -> Path:
        """Where Blender puts the extension."""
        return self.user / "extensions" / "user_default" / "smirk_blender"

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return kept | self.more_environment | {
            "BLENDER_USER_RESOURCES": str(self.user),
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            MARK: str(self.folder),
        }

    def blender(self, *steps: str | tuple[str, dict]) -> Ran:
        """Do steps of `inside.py` in a new Blender; return what came of them. It must end by itself and well."""
        request, answer = self.folder / "request.json", self.folder / "answer.json"
        request.write_text(json.dumps([(step, {}) if isinstance(step, str) else step for step in steps]))
        answer.unlink(missing_ok=True)
        done = subprocess.run(
            [*self.before, sys.executable, "-I", str(INSIDE), str(request), str(answer)],
            cwd=self.work,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
        )
        assert answer.is_file(), f"Blender ended with {done.returncode}, having printed:\n{done.stdout}"
        answers = json.loads(answer.read_text())
        assert len(answers) == len(steps), f"{steps[len(answers)]} failed; Blender printed:\n{done.stdout}"
        assert done.returncode == 0, f"Blender ended with {done.returncode}, having printed:\n{done.stdout}"
        return Ran(answers, done.stdout)

    def files(self, *, blenders_own: bool = False) -> set[str]:
        """Return every file in the sandbox, and every empty folder with a slash at its end, relative to it.

        Without Blender's own unless asked for.
        """
        found = set()
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder).as_posix()
            if not path.is_dir():
                found.add(name)
            elif not any(path.iterdir()):
                found.add(f"{name}/")
        found -= {"request.json", "answer.json", *(f"{path.name}/" for path in self._made)}
        known = () if blenders_own else BLENDERS_OWN
        return {name for name in found if not any(PurePosixPath(name).match(pattern) for pattern in known)}

    def size_mb(self, folder: Path) -> float:
        return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6

    def processes(self) -> dict[int, str]:
        """Return the command lines of everything that was started in here and still runs, by pid."""
        return marked_processes(str(self.folder))

    def close(self) -> None:
        """End what a failed test has left running."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

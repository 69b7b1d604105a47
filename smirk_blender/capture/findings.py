"""What a check has found, as text that a bug report needs. Standard library only."""

import ctypes
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath, PureWindowsPath

from .protocol import Checked

SUBJECT_CHARACTERS, STATE_CHARACTERS = 24, 8  # columns of the text
SHORT_CHARACTERS = 32768  # the longest path that Windows knows


def without_home(text: str, home: PurePath | None = None) -> str:
    """Return a text with the user's own folder, which has their name in it, as ~."""
    windows = isinstance(home or Path.home(), PureWindowsPath)
    for spelling in (home,) if home else _spellings(Path.home()):
        if spelling == type(spelling)(spelling.anchor):  # of somebody without a folder; / is in every path
            continue
        parts = [re.escape(part) for part in re.split(r"[\\/]", str(spelling))]
        name = r"[\\/]+".join(parts) if windows else re.escape(str(spelling))  # Windows takes both, JSON doubles one
        # Before more of a name it is another folder: /home/al is not that of /home/alice, /home/al-2 or /home/al.old
        text = re.sub(rf"{name}(?![\w-]|\.\w)", "~", text, flags=re.IGNORECASE if windows else 0)
    return text


def _spellings(home: Path) -> list[Path]:
    """Return what a folder is called: as it is known, without links, and in Windows' short names; the longest first."""
    spellings = {home, Path(os.path.realpath(home))}
    if os.name == "nt":
        short = ctypes.create_unicode_buffer(SHORT_CHARACTERS)
        if 0 < ctypes.windll.kernel32.GetShortPathNameW(str(home), short, SHORT_CHARACTERS) < SHORT_CHARACTERS:
            spellings.add(Path(short.value))
    return sorted(spellings, key=lambda path: -len(str(path)))


def line_of(line: Checked) -> str:
    """Return a finding as a line of a report."""
    head = f"{line.state:<{STATE_CHARACTERS}}{line.subject:<{SUBJECT_CHARACTERS}}"
    return without_home(f"{head} {' '.join(line.text.split())}")


def summary(lines: Sequence[Checked]) -> str:
    """Return the last line of a report: "All good", or how many problems, and with what."""
    bad, notes = ([line.subject for line in lines if line.state == state] for state in ("bad", "warning"))
    told = f"{len(bad)} problem{'s' * (len(bad) > 1)}: {_names(bad)}" if bad else "All good"
    return f"{told}; to be noted: {_names(notes)}" if notes else told


def report_text(lines: Sequence[Checked]) -> str:
    """Return a whole report."""
    return "\n".join([*map(line_of, lines), "", summary(lines)]) + "\n"


def report_json(lines: Sequence[Checked]) -> str:
    """Return a whole report for programs."""
    findings = [{"subject": line.subject, "state": line.state, "text": without_home(line.text)} for line in lines]
    problems = sum(line.state == "bad" for line in lines)
    return json.dumps({"findings": findings, "problems": problems, "summary": summary(lines)}, indent=1)


def _names(subjects: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(subjects))

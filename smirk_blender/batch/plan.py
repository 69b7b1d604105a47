"""A plan: the command lines that do a job's clips, for machines that take them one by one; and Flamenco's own form."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from .job import Job

JOB_TYPE = "smirk-batch"  # as Flamenco calls a job compiler in smirk_batch.js
SPECIAL_IN_CMD = set(" &|<>^()%!,;=")
SCRIPT = Path(__file__).with_name("smirk_batch.js")


def plan_lines(commands: Sequence[Sequence[str]], *, windows: bool = sys.platform == "win32") -> list[str]:
    """Return commands as lines for the system's shell."""
    return [_for_cmd(command) if windows else shlex.join(command) for command in commands]


def flamenco_job(job: Job, *, name: str, job_path: str, out: str, priority: int = 50) -> str:
    """Return what Flamenco Manager takes as a new job (POST /api/v3/jobs), as JSON."""
    platform = {"win32": "windows"}.get(sys.platform, sys.platform)
    settings = {"job_file": job_path, "out": out, "clips": "\n".join(clip.name for clip in job.clips)}
    content = {"name": name, "type": JOB_TYPE, "priority": priority, "submitter_platform": platform}
    return json.dumps(content | {"settings": settings}, indent=1)


def _for_cmd(command: Sequence[str]) -> str:
    """Return a command as Windows' shell takes it; no path there holds quotes."""
    return " ".join(part if part and not SPECIAL_IN_CMD & set(part) else f'"{part}"' for part in command)

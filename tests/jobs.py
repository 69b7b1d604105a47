"""Waiting for jobs, though not for ever."""

import os
import time
from collections.abc import Iterator

import pytest

from smirk_blender.capture.protocol import Message

SCRIPT_LIMIT_S = 120.0  # far beyond what any script of the tests takes
LIMIT_S = 240.0  # far beyond any job of the tests, on a machine whose cores are taken, too
posix = pytest.mark.skipif(os.name != "posix", reason="this system has no signals")


def messages_of(job, limit_s: float = LIMIT_S) -> Iterator[Message]:
    """Yield a job's messages as they come, until the ending, as `Job.messages` does; fail where none comes in time."""
    until_s = time.monotonic() + limit_s
    while not job.ended:
        messages = job.poll()
        yield from messages
        if not messages:
            assert time.monotonic() < until_s, f"no ending in {limit_s:g} s; its log: {job.log_path}"
            time.sleep(0.005)

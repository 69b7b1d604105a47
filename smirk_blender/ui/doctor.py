"""A look at everything, for a report: what Blender knows, then what the worker finds. No window is needed."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace

from ..capture.job import Job
from ..capture.protocol import Checked, Failed
from ..errors import SmirkError
from .preferences import (
    NOTHING_SET,
    SMIRK_AP_preferences,
    log_file,
    options_of,
    preferences,
    unpacked_folders,
    worker_of,
)
from .surroundings import look_around


def examine(given: dict[str, str]) -> Iterator[Checked]:
    """Yield all findings, waiting for them.

    Args:
        given: by a preference's name, what holds in its place.
    """
    settings = SimpleNamespace(**{name: getattr(preferences(), name) for name in NOTHING_SET} | given)
    yield from look_around(settings)
    with ExitStack() as stack:
        try:
            log_path = log_file("check")
        except SmirkError:  # a finding says so already; the worker must have one
            log_path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smirk_"))) / "check.log"
        try:
            job = stack.enter_context(closing(check_job(settings, log_path)))
        except SmirkError as error:
            yield Checked("Check", "bad", str(error))
            return
        for message in job.messages():
            if isinstance(message, Checked):
                yield message
            elif isinstance(message, Failed):
                yield failure(message)


def check_job(settings: SMIRK_AP_preferences, log_path: Path) -> Job:
    """Return the worker's check, started.

    Args:
        settings: what has the preferences' fields.
    Raises:
        SmirkError: its Python cannot be started, or its log cannot be written.
    """
    python, site_packages = worker_of(settings)
    arguments = {"options": options_of(settings), "unpacked": unpacked_folders()}
    return Job(python, "capture.check", arguments, log_path, site_packages=site_packages)


def failure(ending: Failed) -> Checked:
    """Return the finding that a check did not come to its end."""
    return Checked("Check", "bad", f"{ending.text}. {ending.hint}" if ending.hint else ending.text)

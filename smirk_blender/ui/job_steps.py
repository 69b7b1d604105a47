"""A worker's job as steps of a task."""

from collections.abc import Callable, Generator

from ..capture.job import Job
from ..capture.protocol import Message
from .tasks import WAIT, Task


def job_steps(
    task: Task, job: Job, hear: Callable[[Message], None]
) -> Generator[object, None, Message | None]:
    """Hand a job's messages on until it ends; stop it where the task is cancelled. Return the last message."""
    last, asked = None, False
    while not job.ended:
        for last in job.poll():
            hear(last)
        if task.cancelled and not asked:
            asked, task.text = True, "Stopping"
            job.ask_to_stop()
        yield WAIT
    return last

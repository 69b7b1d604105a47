"""A worker's parent, for the tests of both."""

import sys

import pytest

from smirk_blender.capture.job import Job
from smirk_blender.sample import SAMPLE_CLIP


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a solve of the sample; every job is closed at the end."""
    jobs = []

    def start_job(python=sys.executable, module="capture.worker", **options):
        arguments = {"video_path": str(SAMPLE_CLIP), "take_path": str(tmp_path / "one.take.npz"), "options": options}
        jobs.append(Job(python, module, arguments, tmp_path / "worker.log"))
        return jobs[-1]

    yield start_job
    for job in jobs:
        job.close()

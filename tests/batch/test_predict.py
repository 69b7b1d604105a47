"""How many clips at once."""

import pytest

from smirk_blender.batch.predict import Scale, memory_mb, num_jobs


@pytest.mark.parametrize(
    ("free_mb", "cores", "jobs"),
    [(64_000, 8, 8), (64_000, 1, 1), (2_000, 8, 1), (8_000, 64, 6), (500, 4, 1), (-100, 4, 1), (0, 4, 4)],
)
def test_memory_and_cores_limit_how_many_run_at_once(free_mb, cores, jobs):
    assert num_jobs(1000.0, free_mb=free_mb, num_cores=cores) == jobs


def test_a_clip_takes_more_where_it_is_larger_longer_or_solved_by_smirk():
    small = memory_mb(Scale(24, 320, 240))
    others = [Scale(24_000, 320, 240), Scale(24, 3840, 2160), Scale(24, 320, 240, smirk=True)]
    assert all(memory_mb(other) > small + 100 for other in others)  # MB

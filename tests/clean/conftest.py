"""The closed-loop clip's truth and takes, made once a session."""

import numpy as np
import pytest

from smirk_blender.capture import solve_video
from smirk_blender.flame import builtin_head
from smirk_blender.take import Take, load_take
from tests.clean.closed_loop import CLIP, badly_solved, truth, with_landmarks


@pytest.fixture(scope="session")
def head():
    return builtin_head()


@pytest.fixture(scope="session")
def known(head) -> Take:
    """The truth with landmarks as a camera would see them: a little noise, and shut eyes that seem a tenth open."""
    return with_landmarks(truth(head), head, noise=0.002, left_open=0.1)


@pytest.fixture(scope="session")
def unsteady(known, head) -> Take:
    """The truth as a poor solver would have it, with the landmarks of the truth."""
    return badly_solved(known, head)


@pytest.fixture(scope="session")
def solved_clip(tmp_path_factory) -> Take:
    """The rendered clip, solved."""
    path = tmp_path_factory.mktemp("closed_loop") / "closed_loop.take.npz"
    list(solve_video(CLIP, path))
    take = load_take(path)
    assert not np.any(take.gap)
    return take

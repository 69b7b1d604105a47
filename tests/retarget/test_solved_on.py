"""Takes and the heads that they were solved on."""

from dataclasses import replace

import pytest

from smirk_blender.errors import TakeError
from smirk_blender.retarget.solved_on import check_solved_on
from tests.builders import make_take, tiny_head


def test_a_take_goes_with_its_own_head_and_one_that_names_no_head_with_any():
    head = tiny_head()
    check_solved_on(make_take(2, head, models=head.models()), head)
    check_solved_on(make_take(2, head, models={}), head)


def test_a_take_of_another_head_is_refused_with_both_names_and_advice():
    head = tiny_head()
    with pytest.raises(TakeError, match=f"was solved on generic, not on {head.name}. Name it$"):
        check_solved_on(make_take(2, head, models={"head": "generic"}), head, "Name it")


def test_a_take_of_another_head_of_the_same_name_is_not_said_to_be_of_this_one():
    head = replace(tiny_head(), sha256="1" * 64)
    take = make_take(2, head, models={"head": head.name, "head_sha256": "2" * 64})
    with pytest.raises(TakeError, match=f"was solved on another {head.name} than this one. Choose the head"):
        check_solved_on(take, head)

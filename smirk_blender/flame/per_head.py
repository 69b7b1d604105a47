"""What is worked out once for a head and kept as long as the head lives."""

import weakref
from collections.abc import Callable
from functools import wraps

from .head import Head


def once_a_head(make: Callable) -> Callable:
    """Have a function of a head and small plain arguments answer the second time as it did the first."""
    answers: dict[int, tuple[weakref.ref, dict]] = {}  # by id: heads hold arrays, which have no hash

    @wraps(make)
    def kept(head: Head, *arguments: int) -> object:
        number = id(head)
        if number not in answers:
            answers[number] = weakref.ref(head, lambda _: answers.pop(number, None)), {}
        of_this_head = answers[number][1]
        if arguments not in of_this_head:
            of_this_head[arguments] = make(head, *arguments)
        return of_this_head[arguments]

    return kept

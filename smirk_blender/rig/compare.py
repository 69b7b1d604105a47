"""Versions of one performance on one head: actions among which it switches at once."""

from bpy.types import Action, Object

from ..errors import HeadError
from .actions import play_action
from .memory import HEAD_ID


def show_version(head_object: Object, action: Action) -> None:
    """Let a head play one of its baked actions at once, bones and shape keys; every other action is kept.

    Raises:
        HeadError: it was baked onto another head.
    """
    if action.get(HEAD_ID) != head_object.data[HEAD_ID]:
        raise HeadError(f"{action.name} was not baked onto {head_object.name}. Choose an action of this head")
    play_action(head_object, action)

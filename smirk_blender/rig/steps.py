"""Work on a head in small steps, so that Blender's window lives on between them.

Between two steps the user may do anything: rename, delete, undo, open another file. So nothing of Blender's is held
across them but names.
"""

import time
from collections.abc import Callable, Generator
from threading import Thread
from typing import TypeVar

import bpy
from bpy.types import Action, Object

from ..errors import HeadError
from .memory import HEAD_ID, rig_action_of
from .standing import name_of

WAIT_S = 0.001  # that a step waits for work done aside: far below a frame, and not a busy loop
THREADS_LIMIT_S = 2.0  # that a window may stand still; preparing a head takes a second
THREADS_BACKGROUND_LIMIT_S = 30.0  # on a machine whose cores are taken that takes ten, and nobody looks

_threads: set[Thread] = set()  # of `aside`, that run
Result = TypeVar("Result")
Steps = Generator[None, None, Result]


class HeldHead:
    """A head, and the action that is baked onto it, by name."""

    def __init__(self, head_object: Object) -> None:
        self._name, self._head_id = name_of(head_object), head_object.data[HEAD_ID]
        self._action_name = ""

    @property
    def head_object(self) -> Object:
        """The mesh object, under another name where it was renamed.

        Raises:
            HeadError: it is gone.
        """
        thing = self._name.find()
        if thing is None:
            raise HeadError(
                f"{self._name.object_name} was deleted while a take was being baked onto it. Undo that, or choose "
                "another head, and bake again"
            )
        return thing

    @property
    def action(self) -> Action:
        """The action, once there is one.

        Raises:
            HeadError: it is gone.
        """
        action = bpy.data.actions.get((self._action_name, None))
        if action is None or action.get(HEAD_ID) != self._head_id:
            raise HeadError(f"The action {self._action_name} was deleted or renamed while it was baked. Bake again")
        return action

    @action.setter
    def action(self, action: Action) -> None:
        self._action_name = action.name

    def remove_action(self) -> None:
        """Delete the action, where it is still there, with the one that turns the head where that is another."""
        action = bpy.data.actions.get((self._action_name, None))
        if action is not None and action.get(HEAD_ID) == self._head_id:
            bpy.data.batch_remove({rig_action_of(action), action})


def finish(steps: Steps[Result]) -> Result:
    """Take all steps at once; return what they lead to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def aside(function: Callable[..., Result], *arguments: object, threaded: bool) -> Steps[Result]:
    """Run a function that touches nothing of Blender's, in a thread where wanted; return what it returns."""
    if not threaded:
        result = function(*arguments)
        yield
        return result
    results, errors = [], []

    def run() -> None:
        try:
            results.append(function(*arguments))
        except BaseException as error:  # raised again below, in the step that asked for it
            errors.append(error)
        finally:
            _threads.discard(thread)

    thread = Thread(target=run, name=f"SMIRK {function.__name__}", daemon=True)  # Blender may quit meanwhile
    _threads.add(thread)
    thread.start()
    while thread.is_alive():
        thread.join(WAIT_S)
        yield
    if errors:
        raise errors[0]
    return results[0]


def wait_for_threads() -> None:
    """Wait for what still runs in threads that nobody asks about any more, two seconds at most where there is a window.

    Blender 4.5 as a module hangs where it ends before they do, and code that was unregistered should not run on.
    """
    until_s = time.monotonic() + (THREADS_BACKGROUND_LIMIT_S if bpy.app.background else THREADS_LIMIT_S)
    for thread in tuple(_threads):
        thread.join(max(0.0, until_s - time.monotonic()))
    _threads.clear()

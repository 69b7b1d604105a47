"""Operators that start a task. A click starts it and returns; a script's call returns when it has ended.

There is no modal operator: while one runs, Blender does not save automatically. Esc is a key of the add-on's own.
"""

from bpy.types import Context, Event

from ..errors import SmirkError, own_modules
from . import tasks
from .tasks import Outcome, Task

REPORTS = {"done": 'INFO', "cancelled": 'WARNING', "failed": 'ERROR'}


class TaskOperator:
    """Starts the task that `make_task` makes.

    Attributes:
        clicked: a dialog was opened, so that `execute` comes from a click.
    """

    bl_options = {'UNDO'}  # of a script's call; after a click, the task's end is the undo step
    clicked = False

    def make_task(self, context: Context) -> Task:
        """Return the task.

        Raises:
            SmirkError: it cannot be done; the message is for the user.
        """
        raise NotImplementedError

    def invoke(self, context: Context, event: Event) -> set[str]:
        return {'CANCELLED'} if self._start(context, attended=True) is None else {'INTERFACE'}

    def execute(self, context: Context) -> set[str]:
        if self.clicked:
            return TaskOperator.invoke(self, context, None)
        task = self._start(context, attended=False)
        if task is None:
            return {'CANCELLED'}
        outcome = tasks.run_to_end(task)
        self.report({REPORTS[outcome.state]}, "\n".join(filter(None, (outcome.text, outcome.hint))))
        return {'FINISHED'} if outcome.state == "done" or outcome.changed else {'CANCELLED'}

    def _start(self, context: Context, *, attended: bool) -> Task | None:
        try:
            with own_modules():  # some are imported only now
                task = self.make_task(context)
            return tasks.start(task, attended=attended)
        except SmirkError as error:
            tasks.set_outcome(context.scene.name, Outcome("failed", str(error), lacks=error.lacks))
            self.report({'ERROR'}, str(error))
            return None

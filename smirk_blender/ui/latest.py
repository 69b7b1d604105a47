"""How the task goes, or ended, that was started last in the Export panel: shown there, below the buttons."""

from bpy.types import Context, UILayout

from .solve import draw_outcome, draw_task
from .task_operator import TaskOperator
from .tasks import Task, outcome_of

_latest: Task | None = None


class WatchedOperator(TaskOperator):
    """Starts a task that `draw_latest` shows."""

    def _start(self, context: Context, *, attended: bool) -> Task | None:
        global _latest
        _latest = super()._start(context, attended=attended)
        return _latest


def draw_latest(layout: UILayout, context: Context) -> None:
    """Lay out the task, or how it ended, until another one of the scene does or another file is opened."""
    if _latest is None or _latest.scene_name != context.scene.name:
        return
    if _latest.outcome is None:
        draw_task(layout, context, _latest)
    elif _latest.outcome is outcome_of(context.scene.name):
        draw_outcome(layout, context, _latest.outcome)

"""What came of a click, as a report."""

from collections.abc import Callable

from bpy.types import Operator

from ..errors import SmirkError


def report(operator: Operator, work: Callable[[], str]) -> set[str]:
    """Do the work and show the sentence it returns, or what was wrong."""
    try:
        sentence = work()
    except SmirkError as error:
        operator.report({'ERROR'}, str(error))
        return {'CANCELLED'}
    operator.report({'INFO'}, sentence)
    return {'FINISHED'}

"""What a user sees: panels, operators, preferences. In: clicks. Out: calls of `rig`, jobs for the worker, and a line that
says what came of them.
"""

from . import (
    bake,
    cache,
    footage,
    head,
    installation,
    jobs,
    model_files,
    preferences,
    preview,
    properties,
    solve,
    takes,
    tasks,
)

# In the order of the panels; each that others build on before those.
modules = (
    preferences,
    model_files,
    installation,
    cache,
    properties,
    tasks,
    head,
    footage,
    solve,
    takes,
    bake,
    preview,
)


def register() -> None:
    for module in modules:
        module.register()


def unregister() -> None:
    jobs.stop_all()
    for module in reversed(modules):
        module.unregister()

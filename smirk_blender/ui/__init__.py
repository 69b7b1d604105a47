"""What a user sees: operators and panels. In: clicks. Out: calls of `rig`, and a line that says what came of them."""

from . import head

modules = (head,)


def register() -> None:
    for module in modules:
        module.register()


def unregister() -> None:
    for module in reversed(modules):
        module.unregister()

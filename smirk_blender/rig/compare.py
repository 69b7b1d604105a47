"""Versions of one performance on one head: as actions among which it switches at once."""

from collections.abc import Mapping
from pathlib import Path

from bpy.types import Action, Object

from ..errors import HeadError, TakeError
from ..flame.head import Head
from ..take import Take
from .actions import Wearing, bake_take, check_bake, play_action
from .memory import HEAD_ID

VERSION = "smirk_version"  # of an action: which version of its performance it is


def bake_versions(
    head_object: Object,
    head: Head,
    takes: Mapping[str, Take],
    *,
    scene_frame_start: int = 1,
    identity: Wearing = "keys",
) -> dict[str, Action]:
    """Write several versions of a take onto a head, each as an action of its own; the last one plays.

    Args:
        head_object, head: see `bake_take`.
        takes: by the version's name, such as "raw" and "cleaned". An action is called after its take's source and its
            version. Versions of another speed or range start on the same scene frame.
        scene_frame_start: of every version's first row.
        identity: whose face the head wears from now on, the last version's; see `bake_take`. The others play on it.
    Returns:
        The actions with the shape keys' F-curves, by version.
    Raises:
        HeadError, TakeError: see `bake_take`; nothing is changed then. Or there are no takes.
    """
    if not takes:
        raise TakeError("There are no versions to compare. Choose two takes, or clean one")
    *_, last = takes
    order = {last: identity} | {version: "keep" for version in takes if version != last}  # by version, whose face
    for version, wearing in order.items():
        check_bake(head_object, head, takes[version], identity=wearing)
    actions = {}
    for version, wearing in order.items():
        take = takes[version]
        actions[version] = bake_take(
            head_object,
            head,
            take,
            scene_frame_start=scene_frame_start,
            action_name=f"{Path(take.source.name).stem} {version}",
            identity=wearing,
        )
        actions[version][VERSION] = version
    play_action(head_object, actions[last])
    return {version: actions[version] for version in takes}


def show_version(head_object: Object, action: Action) -> None:
    """Let a head play one of its baked actions at once, bones and shape keys; every other action is kept.

    Raises:
        HeadError: it was baked onto another head.
    """
    if action.get(HEAD_ID) != head_object.data[HEAD_ID]:
        raise HeadError(f"{action.name} was not baked onto {head_object.name}. Choose an action of this head")
    play_action(head_object, action)


def version_shown(head_object: Object) -> Action | None:
    """Return the baked action that a head's shape keys play; None where they play none, or another's."""
    animation = head_object.data.shape_keys.animation_data
    action = animation.action if animation is not None else None
    return action if action is not None and action.get(HEAD_ID) == head_object.data[HEAD_ID] else None

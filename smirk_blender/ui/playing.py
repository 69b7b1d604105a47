"""Which version of a take a head plays: as cleaned, as solved, another take's, or none."""

from typing import Literal

from bpy.types import Action, Object, Scene

from ..rig import is_head
from ..rig.memory import HEAD_ID
from ..rig.nla import is_pushed_down, unbind
from .properties import SMIRK_PG_take

Playing = Literal["cleaned", "solved", "strips", "other", "no head", "not baked"]


def head_of_take(scene: Scene, item: SMIRK_PG_take) -> Object | None:
    """Return the head onto which a take was baked; None where it was not, or the head is gone.

    A copy of a head is of the same make: of several, the one that plays the take is meant.
    """
    if item.action is None:
        return None
    head_id = item.action.get(HEAD_ID)
    heads = [thing for thing in scene.objects if is_head(thing) and thing.data[HEAD_ID] == head_id]
    plays = lambda head: _bound(head) in (item.action, item.raw_action) or is_pushed_down(head, item.action)
    return next((head for head in heads if plays(head)), heads[0] if heads else None)


def playing(scene: Scene, item: SMIRK_PG_take) -> Playing:
    """Return what of a take its head plays; cheap enough to draw.

    "strips": the action lies in the NLA editor, and nothing plays over it. A head that plays nothing may as well play
    the take.
    """
    if item.action is None:
        return "not baked"
    head_object = head_of_take(scene, item)
    if head_object is None:
        return "no head"
    bound = _bound(head_object)
    if bound is None:
        return "strips" if is_pushed_down(head_object, item.action) else "cleaned"
    return "cleaned" if bound == item.action else "solved" if bound == item.raw_action else "other"


def _bound(head_object: Object) -> Action | None:
    animation = head_object.data.shape_keys.animation_data
    return animation.action if animation is not None else None


def show_cleaned(head_object: Object, item: SMIRK_PG_take) -> None:
    """Let a head play a take's action, or its strips where it lies in them."""
    from ..rig.compare import show_version  # with all that bakes, which enabling the add-on does without

    if is_pushed_down(head_object, item.action):
        unbind(head_object)
    else:
        show_version(head_object, item.action)

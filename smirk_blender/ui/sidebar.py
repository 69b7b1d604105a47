"""Where the panels are, and what they are about."""

from bpy.types import Context, Object

from ..rig import is_head

CATEGORY = "SMIRK"


class View3DPanel:
    """A panel of the 3D viewport's sidebar."""

    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'
    bl_category = CATEGORY


class SequencerPanel:
    """A panel of the Sequencer's sidebar."""

    bl_space_type = 'SEQUENCE_EDITOR'
    bl_region_type = 'UI'
    bl_category = CATEGORY


def target_head(context: Context) -> Object | None:
    """Return the head that solves and bakes are for: the active one, or the scene's where it has just one.

    Of an active armature, its head.
    """
    active = context.view_layer.objects.active
    if is_head(active):
        return active
    heads = [thing for thing in context.scene.objects if is_head(thing)]
    turned = [thing for thing in heads if active is not None and thing.parent == active]
    if len(turned) == 1:
        return turned[0]
    return heads[0] if len(heads) == 1 else None


def character_of(context: Context) -> Object | None:
    """Return the character that takes are retargeted onto; None where none is chosen, or it is not in the scene."""
    chosen = context.scene.smirk.retarget.character
    return chosen if chosen is not None and chosen.name in context.scene.objects else None


def several_heads(context: Context) -> bool:
    """Return whether the scene has heads, but none of them is meant."""
    return target_head(context) is None and any(is_head(thing) for thing in context.scene.objects)


class HeadOperator:
    """An operator on the head that is meant."""

    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if target_head(context) is None:
            cls.poll_message_set("Select a SMIRK head")
            return False
        return True

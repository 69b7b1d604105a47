"""The property of objects that holds a character's retarget profile."""

import bpy
from bpy.types import Object

PROFILE = "smirk_retarget_profile"


def register() -> None:
    """Give objects the property; nothing happens where they have it."""
    if not hasattr(Object, PROFILE):
        description = "How takes come onto this character, as a retarget profile file has it"
        text = bpy.props.StringProperty(
            name="Retarget Profile", description=description, options={'HIDDEN'}, override={'LIBRARY_OVERRIDABLE'}
        )
        setattr(Object, PROFILE, text)


def unregister() -> None:
    if hasattr(Object, PROFILE):
        delattr(Object, PROFILE)

"""What a character remembers of retargeting: its profile, in a property of its object.

The property is registered and may be overridden: of a linked character's library override Blender keeps such ones, on
4.2 to 5.0, while custom properties that the other file does not have are lost when the file is opened again.
"""

from bpy.types import Object

from ..retarget.profile import RetargetProfile
from ..retarget.profile_files import MadeOn, fitted, profile_from_text, profile_text
from .character import check_character
from .overrides import make_writable
from .profile_property import PROFILE, register


def profile_of(mesh_object: Object) -> RetargetProfile:
    """Return a character's profile; the usual one where it has none of its own.

    Landmarks are left out where the mesh has other vertices by now, of which `profile_and_note_of` tells.
    Raises:
        RetargetError: it is damaged, or was kept by a newer version.
    """
    return profile_and_note_of(mesh_object)[0]


def profile_and_note_of(mesh_object: Object) -> tuple[RetargetProfile, str]:
    """Return `profile_of`, and what to say of landmarks that were left out; or ""."""
    register()  # a script's import of this module is no enabled add-on
    text = getattr(mesh_object, PROFILE)
    if not text:
        return RetargetProfile(), ""
    where = f"The retarget profile of {mesh_object.name}"
    profile, made_on = profile_from_text(text, where, "Load one from a file, or reset it")
    return fitted(profile, made_on, mesh_facts(mesh_object))


def keep_profile(mesh_object: Object, profile: RetargetProfile) -> None:
    """Keep a profile with a character, in the .blend; of a linked one in its library override.

    Raises:
        RetargetError: it is no mesh, or is linked without an override.
    """
    check_character(mesh_object)
    make_writable(mesh_object)
    register()
    setattr(mesh_object, PROFILE, profile_text(profile, mesh_facts(mesh_object)))


def forget_profile(mesh_object: Object) -> None:
    """Let a character have the usual profile again."""
    make_writable(mesh_object)
    register()
    setattr(mesh_object, PROFILE, "")


def mesh_facts(mesh_object: Object) -> MadeOn:
    """Return by what a character's mesh is known again in profile files."""
    return MadeOn(mesh_object.name, len(mesh_object.data.vertices))

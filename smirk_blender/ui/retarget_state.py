"""How the active take stands on the chosen character: whether it is there, plays, and is up to date."""

from dataclasses import dataclass
from hashlib import blake2b

from bpy.types import Action, Object, Scene

from ..rig.profile_property import PROFILE
from .properties import SMIRK_PG_take

MADE_OF = "smirk_retarget_made_of"  # of a retargeted action: `stamp_of` what it was made of


@dataclass(frozen=True)
class State:
    """What there is to say of a take on a character.

    Attributes:
        action: that the take was retargeted to; None where it was not.
        playing: the name of what the character plays; "" where that is nothing.
        plays_it: whether that is the action.
        is_new: whether nothing was changed since.
        notes: of the action, a sentence each.
    """

    action: Action | None
    playing: str
    plays_it: bool
    is_new: bool
    notes: tuple[str, ...]


def state_of(scene: Scene, mesh_object: Object, item: SMIRK_PG_take) -> State:
    """Return how a take stands on a character."""
    from ..rig.character import armature_of_character
    from ..rig.rest import played_actions
    from ..rig.retarget_actions import notes_of, retargeted_action

    action = retargeted_action(mesh_object, item.name)
    datablock = mesh_object.data.shape_keys or armature_of_character(mesh_object) or mesh_object
    played = [played for played, _ in played_actions(datablock)]
    is_new = action is not None and action.get(MADE_OF, "") == stamp_of(scene, mesh_object, item)
    notes = notes_of(action) if action is not None else ()
    return State(action, played[0].name if played else "", action in played, is_new, notes)


def stamp_of(scene: Scene, mesh_object: Object, item: SMIRK_PG_take | None) -> str:
    """Return what is another text once a setting of the character, of the take's clean-up or of its frames changed."""
    bake, profile = scene.smirk.bake, getattr(mesh_object, PROFILE, "")
    clean_up = item.clean_up.wanted() if item is not None else ""
    facts = (profile, clean_up, scene.smirk.retarget.write_as, bake.scene_frame_start, bake.timing, scene.render.fps)
    return blake2b(repr(facts).encode(), digest_size=8).hexdigest()

"""A take onto a character: its shape keys by ARKit's names, by geometry or by both, its bones by what they are for."""

from dataclasses import dataclass, replace

import numpy as np

from ..flame import Head
from ..flame.regions import region_masks
from ..take import Take
from .arkit import is_arkit
from .arkit_curves import LOOKS, columns_of, curves_with
from .arkit_solve import arkit_curves
from .bone_motion import role_turns, turning_curves
from .by_names import CARRIED, TURNED_NAMES, NamedWeights, character_weights, keys_by_name, named_values
from .character import BoneCurves, Character, CharacterBone, Retargeted
from .correspondence import FEWEST_LANDMARKS, Correspondence
from .face_bones import FaceBones
from .followers import FollowingRig, follower_curves
from .key_weights import finished_weights, missed_motion, offsets_at, solve_key_weights, solving_limits
from .places import places_of, points_on
from .profile import RetargetProfile
from .surface_motion import carried, surface_motion

EYES = ("eye_L", "eye_R")


@dataclass(frozen=True)
class Recipient:
    """A character that is ready for takes.

    Attributes:
        character: read with the names of `bones`.
        bones: what a take turns.
        following: what follows the face.
        axes: (3, 3) orthogonal, a take's axes in the mesh's object space.
    """

    character: Character
    bones: FaceBones
    following: FollowingRig
    axes: np.ndarray


@dataclass(frozen=True)
class _Turning:
    """What a take turns on a character.

    Attributes:
        curves: of the bones.
        turns: of `role_turns`, of the roles that bones or objects take on.
        bones: by role, jaw and eyes that went to a bone or an object; the others are the keys'.
        notes: what a user should know, a sentence each.
    """

    curves: tuple[BoneCurves, ...]
    turns: dict[str, np.ndarray]
    bones: dict[str, CharacterBone]
    notes: tuple[str, ...]


def retargeted(take: Take, head: Head, recipient: Recipient, profile: RetargetProfile) -> Retargeted:
    """Return a take on a character.

    Args:
        take: cleaned.
        head: that it was solved on.
    Raises:
        RetargetError: it has to go by geometry, and the character has no landmarks, or none that the head has too; or
            by names, and the head cannot be read as ARKit's.
    """
    character, way = recipient.character, way_of(recipient.character, profile)
    turning = _turning(take, recipient, profile)
    take = _with_gains(take, profile)
    places, notes = None, []
    if way != "names" and character.key_names or recipient.following.followers:
        places = places_of(head, character, profile, take.shape)
    looks = looks_of(character, profile)
    keys, weights = (), np.zeros((len(take), 0), np.float32)
    missed = np.full(len(take), np.nan, np.float32)
    if way == "names":
        named = character_weights(arkit_curves(take, head), character, profile, turned=turning.bones)
        keys, weights, notes = named.key_names, named.weights, [*named.notes]
    elif character.key_names:
        named = None
        if way == "both" or looks:
            named = named_values(arkit_curves(take, head), character, profile, turned=turning.bones)
            notes += named.notes if way == "both" else ()
        keys = character.key_names
        weights, missed = _by_geometry(take, head, character, profile, places, turning.bones, named, way == "both")
    notes += _about_eyes(take, character, turning.bones, looks)
    bones = turning.curves
    if recipient.following.followers:
        surface = carried(surface_motion(take, head, places, regions=profile.regions), places)
        points, up = points_on(character, places), recipient.axes[:, 1]
        bones += follower_curves(recipient.following, turning.turns, points, surface, up=up)
    notes = (*character.notes, *recipient.bones.notes, *turning.notes, *notes)
    return Retargeted(keys, weights, bones, missed, tuple(dict.fromkeys(notes)))


def retargeted_curves(
    weights: np.ndarray, take: Take, head: Head, recipient: Recipient, profile: RetargetProfile
) -> Retargeted:
    """Return ARKit's weights on a character: straight on the keys that bear their names, else as a take.

    Args:
        weights: (T, 52) in ARKIT_NAMES' order.
        take: of `take_of_curves` for the same frames: the turns that go to bones, and all for a character without the
            names or whose profile asks for its geometry.
        head: the built-in one.
    Raises:
        RetargetError: as `retargeted`.
    """
    character = recipient.character
    named = profile.by == "names" or profile.by == "auto" and way_of(character, profile) != "geometry"
    if not named or recipient.following.followers:
        return retargeted(take, head, recipient, profile)
    turning = _turning(take, recipient, profile)
    gained = weights.astype(np.float64)
    for role, names in TURNED_NAMES.items():
        gained[:, columns_of(names)] *= _route_gain(profile, role)
    found = character_weights(curves_with(take, gained), character, profile, turned=turning.bones)
    notes = (*character.notes, *recipient.bones.notes, *turning.notes, *found.notes)
    missed = np.full(len(take), np.nan, np.float32)
    return Retargeted(found.key_names, found.weights, turning.curves, missed, tuple(dict.fromkeys(notes)))


def way_of(character: Character, profile: RetargetProfile) -> str:
    """Return how a character's keys are found: "names", "geometry" or "both"."""
    if profile.by != "auto":
        return profile.by
    stand_ins = [settings.stands_for for settings in profile.keys.values() if settings.stands_for]
    if not is_arkit([*character.key_names, *stand_ins]):
        return "geometry"
    return "both" if profile.landmarks is not None and len(profile.landmarks) >= FEWEST_LANDMARKS else "names"


def _turning(take: Take, recipient: Recipient, profile: RetargetProfile) -> _Turning:
    jaw, eyes = (profile.regions.get(region, 1.0) for region in ("jaw", "eyes"))
    gained = replace(take, jaw_pose=jaw * take.jaw_pose, eye_pose=eyes * take.eye_pose)
    turns = role_turns(gained, profile, recipient.axes)
    character, bones = recipient.character, recipient.bones
    neck = dict(neck_gain=profile.neck.gain, neck_carries=recipient.following.neck_carries)
    curves, taken, notes = turning_curves(turns, character, bones, **neck)
    given = {role: turns[role] for role in taken}
    return _Turning(
        curves, given, {role: character.bone(*getattr(bones, role)) for role in ("jaw", *EYES) if role in taken}, notes
    )


def _route_gain(profile: RetargetProfile, role: str) -> float:
    route = getattr(profile, role)
    return 0.0 if route.to == "off" else route.gain


def _with_gains(take: Take, profile: RetargetProfile) -> Take:
    """Return a take whose jaw and eyes turn by their routes' gains; not at all where they are to go nowhere."""
    eyes = np.repeat([_route_gain(profile, eye) for eye in EYES], 3).astype(np.float32)
    return replace(take, jaw_pose=_route_gain(profile, "jaw") * take.jaw_pose, eye_pose=eyes * take.eye_pose)


def _by_geometry(
    take: Take,
    head: Head,
    character: Character,
    profile: RetargetProfile,
    places: Correspondence,
    turned: dict[str, CharacterBone],
    named: NamedWeights | None,
    from_names: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys' values (T, K), and what is missed in widths of the face (T,).

    Where eyes look is no motion of the skin: keys that are named for it go by their names, and what they do to the lids
    is left for the others to undo or to use. Keys that bones move instead rest.
    Args:
        named: values of the keys by ARKit's names; None where none bear those that are needed.
        from_names: whether the values of the other keys are to stay near those.
    """
    names = character.key_names
    limits = solving_limits(names, character.key_limits, profile)
    values = np.zeros((len(take), len(names)))
    held = looks_of(character, profile)
    if named is not None:
        values[:, [names.index(key) for key in named.key_names]] = named.weights
        held |= set(named.by_bones)
    solved, fixed = (np.flatnonzero([(name in held) == those for name in names]) for those in (False, True))
    values = np.clip(values, *limits.T)
    motion = surface_motion(take, head, places, regions=profile.regions, jaw=not _jaw_is_carried(turned, head, places))
    targets = places.with_relations(carried(motion, places))
    offsets = places.with_relations(offsets_at(character, places.corners, places.weights))
    left = targets
    if len(fixed):
        left = targets - np.tensordot(values[:, fixed].astype(np.float32), offsets[fixed].astype(np.float32), axes=1)
    values[:, solved] = solve_key_weights(
        left,
        offsets[solved],
        limits[solved],
        places.importance,
        start=values[:, solved] if from_names else None,
        smoothness=profile.smoothness,
        sparsity=profile.sparsity,
    )
    here = slice(len(places.corners))  # without the relations
    missed = missed_motion(values, targets[:, here], offsets[:, here]) / places.face_width
    return finished_weights(values, names, character.key_limits, profile), missed.astype(np.float32)


def _jaw_is_carried(turned: dict[str, CharacterBone], head: Head, places: Correspondence) -> bool:
    """Return whether the bone that the jaw turns deforms the skin too, and not the teeth alone."""
    skinning = turned["jaw"].skinning if "jaw" in turned else None
    if skinning is None:
        return False
    chin = places.regions[:, list(region_masks(head)).index("jaw")]
    return float((skinning[places.corners] * places.weights).sum(axis=1) @ chin) > CARRIED * float(chin.sum())


def looks_of(character: Character, profile: RetargetProfile) -> set[str]:
    """Return the keys that are named for where the eyes look."""
    return {key for name, key in keys_by_name(character, profile).items() if name in LOOKS}


def _about_eyes(
    take: Take, character: Character, turned: dict[str, CharacterBone], looks: set[str]
) -> tuple[str, ...]:
    if not np.any(take.eye_pose) or looks or any(eye in turned for eye in EYES):
        return ()
    return (
        f"{character.name} has no bone, object or key that is named for where its eyes look, so that they stay still. "
        "Name a bone or an object in its retarget profile",
    )

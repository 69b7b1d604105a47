"""A character's shape keys moved by the ARKit names that they bear."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .arkit import ARKIT_NAMES, ARKIT_REGIONS, matched_names
from .arkit_curves import ArkitCurves
from .character import Character, CharacterBone
from .key_weights import finished_weights
from .profile import KeySettings, RetargetProfile

# What bones turn besides the keys of these names, by the part of the face.
TURNED_NAMES = {
    "jaw": ("jawOpen", "jawLeft", "jawRight"),
    "eye_L": tuple(name for name in ARKIT_NAMES if name.startswith("eyeLook") and name.endswith("Left")),
    "eye_R": tuple(name for name in ARKIT_NAMES if name.startswith("eyeLook") and name.endswith("Right")),
}
CARRIED = 0.25  # of a key's whole motion, on what a bone carries: the key and the bone do the same


@dataclass(frozen=True)
class NamedWeights:
    """What curves are on a character's keys.

    Attributes:
        key_names: of K keys, in the character's order.
        weights: (T, K), within each key's limits; float32.
        notes: what a user should know, a sentence each.
        by_bones: those of the keys that rest, since bones do what they would.
    """

    key_names: tuple[str, ...]
    weights: np.ndarray
    notes: tuple[str, ...]
    by_bones: tuple[str, ...] = ()


def keys_by_name(character: Character, profile: RetargetProfile) -> dict[str, str]:
    """Return which key of a character moves for each ARKit name: as the profile says, else as they are spelled."""
    said = {key: profile.keys[key].stands_for for key in character.key_names if key in profile.keys}
    found = {name: key for key, name in reversed(said.items()) if name in ARKIT_REGIONS}
    spelled = matched_names(key for key in character.key_names if not said.get(key))
    both = spelled | found
    return {name: both[name] for name in ARKIT_NAMES if name in both}


def character_weights(
    curves: ArkitCurves,
    character: Character,
    profile: RetargetProfile,
    *,
    turned: Mapping[str, CharacterBone] | None = None,
) -> NamedWeights:
    """Return the values of the keys that bear ARKit's names; other keys are not among them.

    Args:
        turned: as in `named_values`.
    """
    named = named_values(curves, character, profile, turned=turned)
    rows = [character.key_names.index(key) for key in named.key_names]
    limits = np.tile([0.0, 1.0], (len(rows), 1)) if character.key_limits is None else character.key_limits[rows]
    return replace(named, weights=finished_weights(named.weights, named.key_names, limits, profile))


def named_values(
    curves: ArkitCurves,
    character: Character,
    profile: RetargetProfile,
    *,
    turned: Mapping[str, CharacterBone] | None = None,
) -> NamedWeights:
    """Return the same before the keys' own gains, bounds and neutrals: float64, with the regions' gains.

    Args:
        turned: the bones that jaw and eyes (TURNED_NAMES' keys) go to. A key that moves what such a bone carries is at
            rest, while lids that follow the eyes, and a jaw whose bone carries the teeth alone, are left to the keys.
    """
    found = keys_by_name(character, profile)
    by_bones = {
        name
        for part, bone in (turned or {}).items()
        for name in TURNED_NAMES[part]
        if name in found and _carries(bone, character, found[name])
    }
    name_of = {key: name for name, key in found.items()}
    keys = tuple(key for key in character.key_names if key in name_of)
    weights = np.zeros((len(curves), len(keys)))
    for column, key in enumerate(keys):
        name = name_of[key]
        if name not in by_bones:
            weights[:, column] = profile.regions.get(ARKIT_REGIONS[name], 1.0) * curves.weight(name)
    notes = _notes(character, profile, found, by_bones)
    return NamedWeights(keys, weights, notes, tuple(found[name] for name in by_bones))


def _carries(bone: CharacterBone, character: Character, key: str) -> bool:
    """Return whether a bone deforms what a key moves."""
    if bone.skinning is None or character.key_offsets is None:
        return False
    moved = np.linalg.norm(character.key_offsets[character.key_names.index(key)], axis=1)
    return bool(moved @ bone.skinning > CARRIED * moved.sum() > 0.0)


def _notes(
    character: Character, profile: RetargetProfile, found: Mapping[str, str], by_bones: set[str]
) -> tuple[str, ...]:
    notes = []
    lacking = [name for name in ARKIT_NAMES if name not in found]
    if lacking:
        notes.append(f"{character.name} has no key for {listed(lacking)}")
    if by_bones:
        notes.append(f"Bones turn what {listed([found[name] for name in found if name in by_bones])} would move")
    still = [key for key in found.values() if not profile.keys.get(key, KeySettings()).enabled]
    if still:
        notes.append(f"Switched off in the profile: {listed(still)}")
    return tuple(notes)


def listed(names: list[str], most: int = 8) -> str:
    """Return names with commas, of many the first and how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

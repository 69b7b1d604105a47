"""ARKit's 52 expression names, and the many spellings of them on characters.

Left and right are the character's own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

ARKIT_NAMES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
    "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)

NEVER_SEEN = ("tongueOut",)  # no head of ours has a tongue that the footage moves: always 0
POORLY_SEEN = ("cheekPuff", "jawForward", "mouthRollLower", "mouthRollUpper")  # a camera in front hardly tells them
ENOUGH_NAMES = 20  # of the 52 on a character that is taken for an ARKit one; the smallest sets in use have 30 or so
SHARED_BY = 5  # so many names with the same word before them make it a prefix; one or two may be another part's
# What exporters and artists put before all names, in lower case, without what parts the words.
USUAL_PREFIXES = frozenset(
    ("arkit", "blendshape", "blendshapes", "bs", "cc", "ccbase", "exp", "expression", "face", "facial", "head", "key")
    + ("mesh", "morph", "morpher", "shape", "shapes", "target", "vrm")
)
REGION_WORDS = {"eyeLook": "eyes", "eye": "lids", "jaw": "jaw", "mouth": "mouth", "brow": "brows", "cheek": "cheeks"}
REGION_WORDS |= {"nose": "nose", "tongue": "mouth"}  # the first that a name begins with counts
# One region of `flame.regions` for each name.
ARKIT_REGIONS = {
    name: next(region for word, region in REGION_WORDS.items() if name.startswith(word)) for name in ARKIT_NAMES
}
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # eyeBlink_L.001 -> eye, Blink, L, 001


def is_arkit(key_names: Iterable[str]) -> bool:
    """Return whether there are enough ARKit names among these for a face to be moved by them."""
    return len(matched_names(key_names)) >= ENOUGH_NAMES


def matched_names(key_names: Iterable[str]) -> dict[str, str]:
    """Return which key each ARKit name means, in ARKIT_NAMES' order; names without a key are left out.

    Sides may be written Left, L, left or l, before or after; words may be parted by anything, and in any case. What
    stands before a name counts as a prefix where it is a usual one or stands before some other names too, so that
    "upperMouthLeft" is not taken for mouthLeft. Of several keys for one name, the one written most like it is taken,
    and of equals the first.
    """
    key_names = list(dict.fromkeys(key_names))
    found = [_readings(key_name) for key_name in key_names]
    sharing = Counter(prefix for readings in found for prefix in {prefix for _, prefix, _ in readings})
    best: dict[str, tuple[tuple[bool, ...], str]] = {}
    for key_name, readings in zip(key_names, found):
        for name, prefix, rank in readings:
            if prefix and prefix not in USUAL_PREFIXES and sharing[prefix] < SHARED_BY:
                continue
            if name not in best or rank < best[name][0]:
                best[name] = rank, key_name
    return {name: best[name][1] for name in ARKIT_NAMES if name in best}


def _readings(key_name: str) -> list[tuple[str, str, tuple[bool, ...]]]:
    """Return what a key's name may mean: (ARKit name, prefix, how unlike it is written) of each way to read it."""
    if key_name in SPELLINGS:
        return [(key_name, "", (False,) * 5)]
    words = [word.lower() for word in WORDS.findall(key_name)]
    numbered = bool(words) and words[-1].isdigit()  # as Blender numbers copies
    words = words[:-1] if numbered else words
    readings = []
    for start in range(len(words)):
        spelled = "".join(words[start:])
        prefix = "".join(word for word in words[:start] if not word.isdigit())
        if spelled in SPELLED:
            name, as_usual = SPELLED[spelled]
            readings.append((name, prefix, (numbered, bool(prefix), not as_usual, spelled != name.lower(), True)))
    return readings


def _spellings(name: str) -> Sequence[str]:
    """Return how a name may be written in lower case without anything between its words; the usual ways first."""
    for side in ("Left", "Right"):
        if name.endswith(side):
            stem, letter = name.removesuffix(side).lower(), side[0].lower()
            return (name.lower(), stem + letter, side.lower() + stem, letter + stem)
    return (name.lower(),)


SPELLINGS = {name: _spellings(name) for name in ARKIT_NAMES}
SPELLED = {
    spelled: (name, place < 2) for name, spellings in SPELLINGS.items() for place, spelled in enumerate(spellings)
}

"""Which of a rig's bones turn jaw, eyes, head and neck, and which lie on the face's surface: told by their names.

A name is read as words: `mixamorig:LeftEye`, `CC_Base_L_Eye` and `eyeball_l` all say "eye" and "left".
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

SIDES = {"l": "L", "left": "L", "r": "R", "right": "R"}
# Words that say nothing of what a bone is for: prefixes of rigs and of exports, and what kind of bone it is.
NOISE = frozenset(
    "adj anim base bind bip bip01 bip001 bn bone c cc cen center centre character ctl ctrl control con cnt def deform "
    "biped facial fk g grp j jnt joint m mid mixamorig rig sk skel valve x".split()
)
MECHANISMS = ("ORG-", "MCH-", "VIS-", "WGT-")  # Rigify's; what deforms (DEF-) serves where nothing else is there
LEAVES = ("end", "nub", "tip", "site", "effector")  # a name's last word where an export closed a chain
# By what is turned: the words that name it, without side, noise and numbers; the better name first.
JAW = (
    {"jaw", "master"}, {"jaw", "root"}, {"jaw", "lower"}, {"lowerjaw"}, {"jaw"}, {"jawbone"}, {"mandible"},
    {"jaw", "main"}, {"jaw", "face"}, {"jaw", "lower", "face"},
)
EYE = (
    {"eye"}, {"eyeball"}, {"eye", "ball"}, {"eye", "face"}, {"eye", "master"}, {"eye", "root"}, {"eye", "socket"},
)
HEAD, NECK = ({"head"},), ({"neck"}, {"neck", "twist"}, {"neck", "lower"})
AIM = ({"eye", "target"}, {"eye", "aim"}, {"eye", "look"}, {"eye", "lookat"}, {"eye", "look", "at"})
SURFACE = frozenset(
    "brow brows eyebrow eyebrows lid lids eyelid eyelids lip lips mouth cheek cheeks cheekbone chin nose nostril "
    "nostrils forehead temple jaw jawline squint crease nasolabial philtrum sneer".split()
)
# With one of these words a bone does not lie on the skin, or moves a whole group of others.
NOT_SURFACE = frozenset(
    "all aim bag children eye eyeball lock look master mstr offset parent pivot ribbon root socket switch target "
    "teeth tongue tooth tweak upperteeth lowerteeth world zip".split()
)
UPPER, LOWER = frozenset("t top u up upper uppr".split()), frozenset("b bot bottom d down low lower".split())
OF_TWO = frozenset("lid lids eyelid eyelids lip lips mouth".split())  # parts with an upper and a lower one
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class NamedBones:
    """A rig's bones by what they are for; "" for what it does not have.

    Attributes:
        jaw, eye_L, eye_R, head, neck: bones that turn those; left is the name's left.
        aim_L, aim_R: bones that the eyes look at, and that are moved instead of turning the eyes.
        surface: those that lie on the face's skin, in the rig's order.
    """

    jaw: str = ""
    eye_L: str = ""
    eye_R: str = ""
    head: str = ""
    neck: str = ""
    aim_L: str = ""
    aim_R: str = ""
    surface: tuple[str, ...] = ()


def find_named_bones(parents: Mapping[str, str], hidden: Collection[str] = ()) -> NamedBones:
    """Return what a rig's bones are for.

    Args:
        parents: by a bone's name, its parent's; "" for none.
        hidden: bones that an animator does not see; they serve where a role has no other.
    """
    candidates = [name for name in parents if not name.startswith(MECHANISMS) and not _is_leaf(name)]
    controls = [name for name in candidates if not name.startswith("DEF-")]
    rank = {name: (name.startswith("DEF-"), name in hidden) for name in candidates}
    jaw = _best(candidates, JAW, "", rank)
    if _words(jaw) == {"jaw"} and any(_words(name) == {"jaw"} and _side(name) for name in controls):
        jaw = ""  # the middle of a chain along the jaw's edge, such as a metarig's, and no hinge
    head = _best(candidates, HEAD, "", rank)
    eyes, aims = {}, {}
    for side in ("L", "R"):
        eyes[side] = _best(candidates, EYE, side, rank)
        aims[side] = _best(candidates, AIM, side, rank)
        master = _best(candidates, ({"eye", "master"},), side, rank)
        plain = next((name for name in (f"eye.{side}",) if name in parents), "")
        if master and plain:  # Rigify: the plain name is the place that the eye looks at, the master turns the lids too
            eyes[side], aims[side] = master, plain
    roles = {jaw, head, *eyes.values(), *aims.values()}
    pool = controls if any(_on_surface(name) for name in controls) else candidates
    return NamedBones(
        jaw=jaw,
        eye_L=eyes["L"],
        eye_R=eyes["R"],
        head=head,
        neck=_neck(candidates, head, parents, rank),
        aim_L=aims["L"],
        aim_R=aims["R"],
        surface=tuple(name for name in pool if name not in roles and _on_surface(name)),
    )


def lean(name: str) -> int:
    """Return 1 for a bone of an upper lip or lid, -1 for one of a lower, 0 for any other: a closed mouth has both."""
    words = _all_words(name)
    if OF_TWO.isdisjoint(words):
        return 0
    return int(not UPPER.isdisjoint(words)) - int(not LOWER.isdisjoint(words))


def _best(names: Iterable[str], forms: tuple[set[str], ...], side: str, rank: Mapping[str, tuple]) -> str:
    """Return the name of a side that one of the forms describes: visible ones first, then by the forms' order."""
    found = []
    for order, name in enumerate(names):
        words = _words(name)
        if words in forms and _side(name) == side:
            found.append((*rank[name], forms.index(words), _number(name), order, name))
    return min(found)[-1] if found else ""


def _neck(names: list[str], head: str, parents: Mapping[str, str], rank: Mapping[str, tuple]) -> str:
    """Return the neck nearest below the head, else the best by its name."""
    above = parents.get(head, "")
    while above:
        if above in rank and _words(above) in NECK:
            return above
        above = parents.get(above, "")
    return _best(names, NECK, "", rank)


def _on_surface(name: str) -> bool:
    words = set(_all_words(name))
    skull = "jaw" in words and not words.isdisjoint(UPPER)
    return not words.isdisjoint(SURFACE) and words.isdisjoint(NOT_SURFACE) and not skull


def _is_leaf(name: str) -> bool:
    words = _all_words(name)
    return bool(words) and words[-1] in LEAVES


def _all_words(name: str) -> list[str]:
    """Return the words of a name, lower case, in their order; a namespace before a colon is not one of them."""
    return [word.lower() for word in WORD.findall(name.rpartition(":")[2])]


def _words(name: str) -> set[str]:
    """Return what the name says without its side, its numbers and what says nothing."""
    return {word for word in _all_words(name) if word not in SIDES and word not in NOISE and not word.isdigit()}


def _side(name: str) -> str:
    sides = {SIDES[word] for word in _all_words(name) if word in SIDES}
    return sides.pop() if len(sides) == 1 else ""


def _number(name: str) -> int:
    """Return the last number of a name, 0 for none: the first of a chain is the one that turns it."""
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else 0

"""The bones and objects of one character that a take turns, and those that follow its face."""

from dataclasses import dataclass, fields, replace

from .profile import Follower, RetargetProfile, Route

BoneName = tuple[str, str]  # owner and bone, as in `CharacterBone`
ROLES = ("jaw", "eye_L", "eye_R", "head", "neck")
AIMS = {"eye_L": "aim_L", "eye_R": "aim_R"}


@dataclass(frozen=True)
class FaceBones:
    """What was found on a character, or chosen by its profile; None where there is none.

    Attributes:
        jaw, eye_L, eye_R, head, neck: what turns.
        aim_L, aim_R: what the eye looks at: it is moved then, and the eye itself left alone.
        followers: bones that follow the face's surface.
        notes: what a user should know, a sentence each.
    """

    jaw: BoneName | None = None
    eye_L: BoneName | None = None
    eye_R: BoneName | None = None
    head: BoneName | None = None
    neck: BoneName | None = None
    aim_L: BoneName | None = None
    aim_R: BoneName | None = None
    followers: tuple[Follower, ...] = ()
    notes: tuple[str, ...] = ()

    def names(self) -> tuple[BoneName, ...]:
        """Return all of them once, for `read_character`."""
        single = [getattr(self, field.name) for field in fields(self) if field.name not in ("followers", "notes")]
        followers = [(follower.owner, follower.bone) for follower in self.followers]
        return tuple(dict.fromkeys(name for name in (*single, *followers) if name is not None))


def routed(found: FaceBones, profile: RetargetProfile, *, keys_move_face: bool) -> FaceBones:
    """Return the bones that a take goes to.

    Args:
        found: what the character has, by its names.
        keys_move_face: whether the character's shape keys follow the surface already: the followers that were found
            stay out of it then, since both would move the same skin. Those that the profile names do follow.
    """
    chosen, notes = found, list(found.notes)
    for role in ROLES:
        route: Route = getattr(profile, role)
        if route.to == "auto":
            continue
        aim = AIMS.get(role)
        place = (route.owner, route.bone) if route.to == "bone" else None
        if aim is not None and place is not None and place == getattr(found, aim):
            continue  # the place that the eye looks at, which is moved for it
        chosen = replace(chosen, **{role: place}, **({aim: None} if aim is not None else {}))
    followers = found.followers
    if profile.followers != "auto":
        followers = profile.followers
    elif keys_move_face and followers:
        followers = ()
        notes.append(
            f"{len(found.followers)} bones of the face stay at rest, since shape keys move it. Name bones in the "
            "profile to have them follow too"
        )
    return replace(chosen, followers=followers, notes=tuple(notes))

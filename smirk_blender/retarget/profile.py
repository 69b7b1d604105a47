"""Retarget profiles: how takes come onto one character; kept with it, and in files."""

from dataclasses import dataclass, field
from typing import Literal

from ..flame import LandmarkEmbedding


@dataclass(frozen=True)
class KeySettings:
    """What becomes of one shape key.

    Attributes:
        enabled: whether takes move it at all.
        gain: times its value.
        low, high: bounds within its own limits; None for those.
        neutral: added to it in every frame: the character's own resting face.
        stands_for: the ARKit name that it is taken for; "" to tell by its name.
    """

    enabled: bool = True
    gain: float = 1.0
    low: float | None = None
    high: float | None = None
    neutral: float = 0.0
    stands_for: str = ""


@dataclass(frozen=True)
class Route:
    """Where the turn of jaw, an eye or the head goes.

    Attributes:
        to: "auto" a bone or an object where one is found by its name, else the keys; "bone" the one named here; "keys";
            "off" nowhere.
        owner, bone: as in `CharacterBone`; for "bone".
        gain: times the angle.
    """

    to: Literal["auto", "bone", "keys", "off"] = "auto"
    owner: str = ""
    bone: str = ""
    gain: float = 1.0


@dataclass(frozen=True)
class Follower:
    """A bone that follows the face's surface at its place.

    Attributes:
        owner, bone: as in `CharacterBone`.
        rotate: whether it turns with the surface too.
        gain: times its way.
    """

    owner: str
    bone: str
    rotate: bool = False
    gain: float = 1.0


@dataclass(frozen=True)
class RetargetProfile:
    """How takes come onto a character.

    Attributes:
        name: for people to read.
        by: "names" the ARKit names of its keys, "geometry" what its keys do to the surface, "both" names, of which what
            the surface needs is changed; "auto" names where there are enough of them, both where it has landmarks too,
            else geometry.
        landmarks: where MediaPipe's landmarks lie on its mesh; None until they were found or picked.
        keys: by name, those that differ from the usual.
        jaw, eye_L, eye_R, head, neck: where their turns go.
        followers: bones of a face that is moved by bones; "auto" finds Rigify's and other usual names.
        regions: gains by region of `flame.regions`; 1 where one is left out.
        smoothness: in time, 0 none to 1; 0.5 is usual.
        sparsity: how few keys are moved at once, 0 to 1; 0.5 is usual.
    """

    name: str = ""
    by: Literal["auto", "names", "geometry", "both"] = "auto"
    landmarks: LandmarkEmbedding | None = None
    keys: dict[str, KeySettings] = field(default_factory=dict)
    jaw: Route = Route()
    eye_L: Route = Route()
    eye_R: Route = Route()
    head: Route = Route()
    neck: Route = Route(to="off")
    followers: tuple[Follower, ...] | Literal["auto"] = "auto"
    regions: dict[str, float] = field(default_factory=dict)
    smoothness: float = 0.5
    sparsity: float = 0.5

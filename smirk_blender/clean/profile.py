"""Actor profiles: what one take tells of an actor, in a file, for all the others."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ProfileError
from ..flame import Head
from ..partial import written_whole
from ..take import CleanUp, Take
from ..take.clean_up import Identity
from . import PROFILE_SUFFIX
from .identity import locked
from .neutral import RestingFace, neutral_of, neutral_rows

FORMAT_VERSION = 1  # of the file; a newer one is refused
KIND = "SMIRK actor profile"


@dataclass(frozen=True)
class Profile:
    """An actor on one head.

    Attributes:
        name: of the actor, for people to read.
        models: by what the head is known again; see `Head.models`.
        expression_names: of the head's expression directions; empty where it has none.
        shape: (S,) float32, identity.
        resting: the actor's neutral, for that identity.
        gains: by region, and "asymmetry", as in `take.clean_up.Gains`.
        lid_range: (2, 2) float32, left eye then right: how open the picture shows it when open as usual, which is 1, and
            when shut; see `targets.LidRange`.
    """

    name: str
    models: dict[str, str]
    expression_names: tuple[str, ...]
    shape: np.ndarray
    resting: RestingFace
    gains: dict[str, float]
    lid_range: np.ndarray

    def check_head(self, head: Head) -> None:
        """Raise ProfileError if the profile's numbers mean nothing on this head."""
        if not head.is_of(self.models):
            made_on = self.models.get("head", "another head")
            raise ProfileError(
                f"The actor profile {self.name} was made on {made_on}, not on {head.name}. Choose a profile of "
                f"{head.name}, or make one from a take on it"
            )
        if len(self.shape) > head.num_shape or len(self.resting.expression) > head.num_expression:
            raise ProfileError(
                f"The actor profile {self.name} has {len(self.shape)} identity and {len(self.resting.expression)} "
                f"expression coefficients; {head.name} has {head.num_shape} and {head.num_expression} directions. "
                "Choose the very file that it was made on"
            )


def profile_of(
    take: Take, head: Head, clean_up: CleanUp, *, name: str = "", lid_range: np.ndarray | None = None
) -> Profile:
    """Return the profile that a take on a head tells of its actor.

    Identity is the take's own, `identity.robust_shape`; the neutral is the one that the settings choose by range, and
    else the one that is found.
    Args:
        take: as solved, or mended, but before a neutral was taken out.
        name: of the actor; the video's, where it is left out.
        lid_range: (2, 2); by the take's own blinks where it is left out.
    Raises:
        TakeError: the neutral that the settings choose is not there.
        HeadError: see `regions.region_masks`.
    """
    steady = locked(take, head, Identity())
    resting = neutral_of(steady, neutral_rows(steady, head, clean_up.neutral))
    gains = {item: value for item, value in clean_up.facts()["gains"].items() if item != "mirror"}
    if lid_range is None:
        from .targets import lids_of  # scipy, which a profile that is only read does without

        lid_range = np.column_stack([np.ones(2), lids_of(take).shut])
    return Profile(
        name=name or Path(take.source.name).stem,
        models=head.models(),
        expression_names=take.expression_names,
        shape=steady.shape,
        resting=resting,
        gains=gains,
        lid_range=np.asarray(lid_range, np.float32),
    )


def save_profile(profile: Profile, path: str | os.PathLike) -> Path:
    """Write a profile as JSON under a temporary name beside `path`, then rename it; return the path.

    Raises:
        ProfileError: the folder does not exist or cannot be written.
    """
    path = Path(path)
    facts = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "name": profile.name,
        "models": profile.models,
        "expression_names": list(profile.expression_names),
        "gains": profile.gains,
        "lid_range": profile.lid_range.tolist(),
        "eyelid": profile.resting.eyelid.tolist(),
        "jaw_pose": profile.resting.jaw_pose.tolist(),
        "expression": profile.resting.expression.tolist(),
        "shape": profile.shape.tolist(),
    }
    text = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items())
    try:
        with written_whole(path) as temporary:
            temporary.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    except OSError as error:
        raise ProfileError(
            f"Cannot write the actor profile {path}: {error.strerror or error}. Choose a folder that you may write to"
        ) from error
    return path


def load_profile(path: str | os.PathLike) -> Profile:
    """Return the profile in a file.

    Raises:
        ProfileError: no such file, not a profile, damaged, or written by a newer version.
    """
    path = Path(path)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProfileError(f"No actor profile at {path}. Make one from a take, or choose another file") from error
    except OSError as error:
        raise ProfileError(
            f"The actor profile {path} cannot be read: {error.strerror or error}. Choose another file"
        ) from error
    except ValueError as error:
        raise ProfileError(f"{path} is no actor profile, or is damaged ({error}). Make it again from a take") from error
    if not isinstance(facts, dict) or facts.get("kind") != KIND:
        raise ProfileError(f"{path} is no actor profile. Choose a file that ends in {PROFILE_SUFFIX}")
    try:
        version = int(facts["format_version"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProfileError(f"{path} is damaged: it tells no version ({error}). Make it again from a take") from error
    if version > FORMAT_VERSION:
        raise ProfileError(
            f"{path} was written by a newer version (format {version}; this one reads up to {FORMAT_VERSION}). "
            "Update SMIRK for Blender to open it"
        )
    try:
        return _profile_from(facts)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProfileError(f"{path} is damaged: {error}. Make it again from a take") from error


def profile_for(take: Take, head: Head, clean_up: CleanUp) -> Profile | None:
    """Return the profile that the settings ask for, checked against the head; None where they ask for none.

    Raises:
        ProfileError: as `load_profile`; or it is of another head, or none is named.
    """
    wanted = "identity" if clean_up.identity.source == "profile" else "neutral"
    if "profile" not in (clean_up.identity.source, clean_up.neutral.source):
        return None
    if not clean_up.identity.profile:
        raise ProfileError(
            f"The take of {take.source.name} should have its {wanted} from an actor profile, but none is named. "
            f"Choose the profile's file, or take the {wanted} from the take"
        )
    profile = load_profile(clean_up.identity.profile)
    profile.check_head(head)
    return profile


def _profile_from(facts: dict) -> Profile:
    """Return the profile of such values.

    Raises:
        AttributeError, KeyError, TypeError, ValueError, OverflowError: values that are none.
    """
    gains = {region: float(gain) for region, gain in facts["gains"].items()}
    CleanUp.of({"gains": gains})  # which refuses what is no gain
    lid_range = _numbers(facts, "lid_range", (2, 2))
    if not (lid_range[:, 1] < 1.0).all():  # less than 0 are lids that overlap
        raise ValueError("its lid_range has eyes that are as open when they are shut")
    resting = RestingFace(
        _numbers(facts, "expression", (None,)), _numbers(facts, "jaw_pose", (3,)), _numbers(facts, "eyelid", (2,))
    )
    return Profile(
        name=str(facts["name"]),
        models={str(role): str(model) for role, model in facts["models"].items()},
        expression_names=tuple(str(name) for name in facts["expression_names"]),
        shape=_numbers(facts, "shape", (None,)),
        resting=resting,
        gains=gains,
        lid_range=lid_range,
    )


def _numbers(facts: dict, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    numbers = np.array(facts[name], dtype=np.float32)
    agrees = numbers.ndim == len(shape) and all(wanted in (None, size) for wanted, size in zip(shape, numbers.shape))
    if not agrees or not np.isfinite(numbers).all():
        raise ValueError(f"its {name} is misshapen or not finite")
    return numbers

"""Retarget profiles as text: in a file, from where other scenes take them, and in a .blend with the character."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np

from ..errors import RetargetError
from ..flame import LandmarkEmbedding
from ..partial import written_whole
from ..take.clean_up import REGIONS
from .arkit import ARKIT_NAMES
from .profile import Follower, KeySettings, RetargetProfile, Route

FORMAT_VERSION = 1  # of the text; a newer one is refused
KIND = "SMIRK retarget profile"
PROFILE_SUFFIX = ".retarget.json"
NUM_LANDMARKS = 478  # MediaPipe's
WEIGHT_DIGITS = 6  # of barycentric weights: a tenth of a micrometre on a face
GREATEST_GAIN = 10.0  # either way
GREATEST_VALUE = 10.0  # of a shape key, either way: Blender's own limit
ROUTES = tuple(item.name for item in fields(RetargetProfile) if item.type in (Route, "Route"))
# Ranges of the numbers, by field.
RANGES = {
    "gain": (-GREATEST_GAIN, GREATEST_GAIN),
    "low": (-GREATEST_VALUE, GREATEST_VALUE),
    "high": (-GREATEST_VALUE, GREATEST_VALUE),
    "neutral": (-GREATEST_VALUE, GREATEST_VALUE),
    "smoothness": (0.0, 1.0),
    "sparsity": (0.0, 1.0),
}


@dataclass(frozen=True)
class MadeOn:
    """The mesh that a profile's landmarks lie on.

    Attributes:
        name: of the mesh object.
        num_vertices: of the mesh, without modifiers.
    """

    name: str = ""
    num_vertices: int = 0


def fitted(profile: RetargetProfile, made_on: MadeOn, mesh: MadeOn) -> tuple[RetargetProfile, str]:
    """Return a profile for a mesh, without the landmarks where they cannot lie on it, and what to say of that; or "".

    Args:
        profile: of any mesh.
        made_on: that mesh; of no vertices where nobody knows.
        mesh: the one that it is wanted for.
    """
    landmarks = profile.landmarks
    if landmarks is None:
        return profile, ""
    beyond = len(landmarks) > 0 and landmarks.corners.max() >= mesh.num_vertices
    if made_on.num_vertices in (0, mesh.num_vertices) and not beyond:
        return profile, ""
    where = f"{made_on.name or 'another mesh'}, which has {made_on.num_vertices or 'other'} vertices"
    return replace(profile, landmarks=None), (
        f"The landmarks of the retarget profile lie on {where}; {mesh.name} has {mesh.num_vertices}. "
        f"They were left out: find or pick them on {mesh.name}"
    )


def save_retarget_profile(profile: RetargetProfile, made_on: MadeOn, path: str | os.PathLike) -> Path:
    """Write a profile as JSON under a temporary name beside `path`, then rename it; return the path.

    Raises:
        RetargetError: the folder does not exist or cannot be written.
    """
    path = Path(path)
    try:
        with written_whole(path) as temporary:
            temporary.write_text(profile_text(profile, made_on) + "\n", encoding="utf-8")
    except OSError as error:
        raise RetargetError(
            f"Cannot write the retarget profile {path}: {error.strerror or error}. "
            "Choose a folder that you may write to"
        ) from error
    return path


def load_retarget_profile(path: str | os.PathLike) -> tuple[RetargetProfile, MadeOn]:
    """Return the profile in a file, and the mesh that its landmarks lie on; see `fitted`.

    Raises:
        RetargetError: no such file, not a profile, damaged, or written by a newer version.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RetargetError(
            f"No retarget profile at {path}. Save one from a character, or choose another file"
        ) from error
    except OSError as error:
        raise RetargetError(
            f"The retarget profile {path} cannot be read: {error.strerror or error}. Choose another file"
        ) from error
    except ValueError as error:  # bytes that are no text
        raise RetargetError(
            f"{path} is no retarget profile ({error}). Choose a file that ends in {PROFILE_SUFFIX}"
        ) from error
    return profile_from_text(text, str(path), "Save it again from a character")


def profile_text(profile: RetargetProfile, made_on: MadeOn) -> str:
    """Return a profile as JSON, a line a field."""
    facts = {"kind": KIND, "format_version": FORMAT_VERSION, "mesh": asdict(made_on), **facts_of(profile)}
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def profile_from_text(text: str, where: str, remedy: str) -> tuple[RetargetProfile, MadeOn]:
    """Return what `profile_text` made a text of.

    Args:
        where: the text is, and
        remedy: what to do where it is damaged, for messages.
    Raises:
        RetargetError: it is no profile, is damaged, or was written by a newer version.
    """
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RetargetError(f"{where} is no retarget profile, or is damaged ({error}). {remedy}") from error
    if not isinstance(facts, dict) or facts.get("kind") != KIND:
        raise RetargetError(f"{where} is no retarget profile. Choose a file that ends in {PROFILE_SUFFIX}")
    version = facts.get("format_version")
    if not isinstance(version, int):
        raise RetargetError(f"{where} is damaged: it tells no version. {remedy}")
    if version > FORMAT_VERSION:
        raise RetargetError(
            f"{where} was written by a newer version (format {version}; this one reads up to {FORMAT_VERSION}). "
            "Update SMIRK for Blender to open it"
        )
    values = {name: value for name, value in facts.items() if name not in ("kind", "format_version", "mesh")}
    try:
        return profile_of_facts(values), _of(MadeOn, facts.get("mesh", {}), "mesh")
    except ValueError as error:
        raise RetargetError(f"{where} is damaged: {error}. {remedy}") from error


def facts_of(profile: RetargetProfile) -> dict:
    """Return a profile as plain values for JSON, by field; keys hold what differs from the usual alone."""
    facts = {item.name: getattr(profile, item.name) for item in fields(RetargetProfile)}
    facts |= {name: asdict(facts[name]) for name in ROUTES}
    facts["keys"] = {name: _unusual(settings) for name, settings in profile.keys.items()}
    facts["regions"] = {name: float(gain) for name, gain in profile.regions.items()}
    if profile.followers != "auto":
        facts["followers"] = [asdict(follower) for follower in profile.followers]
    landmarks = profile.landmarks
    if landmarks is not None:
        weights = np.round(np.asarray(landmarks.weights, np.float64), WEIGHT_DIGITS)
        facts["landmarks"] = {
            "indices": np.asarray(landmarks.indices).tolist(),
            "corners": np.asarray(landmarks.corners).tolist(),
            "weights": weights.tolist(),
        }
    return facts


def profile_of_facts(facts: Mapping) -> RetargetProfile:
    """Return the profile of such values; what is left out has its default, what is unknown is refused.

    Raises:
        ValueError: a field or a value that there is not.
    """
    facts = dict(facts)
    for name in ROUTES:
        if name in facts:
            facts[name] = _of(Route, facts[name], name)
    for name, kind in (("keys", KeySettings), ("regions", float)):
        values = facts.setdefault(name, {})
        if not isinstance(values, Mapping):
            raise ValueError(f"{name} is {values!r}; it should hold values by name")
        if kind is float:
            facts[name] = {key: _number(value, f"{name}.{key}", "gain") for key, value in values.items()}
        else:
            facts[name] = {key: _of(kind, value, f"{name}.{key}") for key, value in values.items()}
    unknown = [region for region in facts["regions"] if region not in REGIONS]
    if unknown:
        raise ValueError(f"no region is called {unknown[0]}; they are {', '.join(REGIONS)}")
    for key, settings in facts["keys"].items():
        if settings.low is not None and settings.high is not None and settings.low > settings.high:
            raise ValueError(f"keys.{key} has its low {settings.low:g} above its high {settings.high:g}")
        if settings.stands_for and settings.stands_for not in ARKIT_NAMES:
            raise ValueError(f"keys.{key} stands for {settings.stands_for}, which is none of ARKit's names")
    followers = facts.get("followers", "auto")
    if isinstance(followers, list):
        facts["followers"] = tuple(_of(Follower, item, f"followers {row}") for row, item in enumerate(followers))
    elif followers != "auto":
        raise ValueError(f"followers is {followers!r}; it should be a list, or auto")
    if facts.get("landmarks") is not None:
        facts["landmarks"] = _landmarks(facts["landmarks"])
    return _of(RetargetProfile, facts, "the profile")


def _unusual(settings: KeySettings) -> dict:
    usual = asdict(KeySettings())
    return {name: value for name, value in asdict(settings).items() if value != usual[name]}


def _of(kind: type, values: object, where: str) -> object:
    """Return a dataclass of values by field; those that are objects already are taken as they are."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{where} is {values!r}; it should hold values by name")
    kinds = get_type_hints(kind)
    unknown = [name for name in values if name not in kinds]
    if unknown:
        raise ValueError(f"{where} has no {unknown[0]}; it has {', '.join(kinds)}")
    missing = [item.name for item in fields(kind) if item.name not in values and _has_no_default(item)]
    if missing:
        raise ValueError(f"{where} lacks its {missing[0]}")
    return kind(**{name: _checked(value, kinds[name], f"{where}.{name}", name) for name, value in values.items()})


def _has_no_default(item: Field) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _checked(value: object, kind: object, where: str, name: str) -> object:
    optional = type(None) in get_args(kind)
    if optional and value is None:
        return None
    if kind is float or (optional and float in get_args(kind)):
        return _number(value, where, name)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{where} is {value!r}; it is one of {', '.join(get_args(kind))}")
    elif kind in (str, bool, int) and type(value) is not kind:
        raise ValueError(f"{where} is {value!r}, which it cannot be")
    return value


def _number(value: object, where: str, name: str) -> float:
    low, high = RANGES.get(name, (-math.inf, math.inf))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:  # NaN is not, either
        raise ValueError(f"{where} is {value!r}; it is a number within {low:g} to {high:g}")
    return float(value)


def _landmarks(facts: object) -> LandmarkEmbedding:
    if not isinstance(facts, Mapping) or set(facts) != {"indices", "corners", "weights"}:
        raise ValueError("its landmarks are not indices, corners and weights")
    try:
        indices, corners = np.array(facts["indices"]), np.array(facts["corners"])
        weights = np.array(facts["weights"], np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"its landmarks are no numbers ({error})") from error
    count = len(indices) if indices.ndim == 1 else -1
    if count == 0 and not corners.size and not weights.size:
        return LandmarkEmbedding(np.empty(0, int), np.empty((0, 3), int), np.empty((0, 3), np.float32))
    if corners.shape != (count, 3) or weights.shape != (count, 3):
        raise ValueError("its landmarks' indices, corners and weights are not equally many")
    if indices.dtype.kind != "i" or corners.dtype.kind != "i" or corners.min() < 0:
        raise ValueError("its landmarks' indices and corners are no whole numbers")
    if indices.min() < 0 or indices.max() >= NUM_LANDMARKS or len(np.unique(indices)) < count:
        raise ValueError(f"its landmarks are not each another of MediaPipe's {NUM_LANDMARKS}")
    sums = weights.sum(axis=1)
    if not (np.isfinite(sums).all() and np.abs(sums - 1.0).max() < 1e-3):
        raise ValueError("its landmarks' weights do not sum to 1")
    return LandmarkEmbedding(indices, corners, (weights / sums[:, None]).astype(np.float32))

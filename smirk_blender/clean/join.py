"""Takes end to end: one take of several, of one head."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import TakeError
from ..flame.rotations import rotations_between
from ..retarget.resample import SAME_RATE
from ..take import Source, Take
from ..take.take import OPTIONAL_ARRAYS
from .timing import sampled

TURNS = ("jaw_pose", "head_pose", "neck_pose", "eye_pose", "refined_jaw_pose")  # rotation vectors, one or two a row
BLENDED = ("expression", "eyelid", *TURNS, "frame_shape", "refined_expression", "refined_eyelid")


def joined(takes: Sequence[Take], *, blend_s: float = 0.0) -> Take:
    """Return one take that plays takes of one head one after the other, as solved, with nothing to clean.

    Rate, solver and first frame are the first take's; others are resampled to its rate. Times go on from take to take.
    Where the takes are of several videos, the source is called after all, has the first one's picture size and no
    fingerprint: there is no one video behind it. Crops and landmarks are laid into that picture, centred, as large as
    they fit. Where they are of several identities, `shape` is the first's and `frame_shape` says whose each row is, so
    that `clean.identity` can tell all of them by one. Other optional arrays are kept where all takes have them.
    Args:
        takes: one or more, each with at least one frame.
        blend_s: seconds; that long about each seam the face goes over into the pose midway between its two sides, half
            of the time before it and half after. Nothing is left out or overlaps; cameras are not blended.
    Raises:
        TakeError: no takes, one without frames, or two that are not of one head.
    """
    if not takes:
        raise TakeError("There are no takes to join. Choose two or more")
    for take in takes:
        _check(takes[0], take)
    parts = _of_one_identity(_in_one_picture([_at_rate_of(takes[0], take) for take in takes]))
    each = [part.frame_arrays() for part in parts]
    common = set.intersection(*(set(arrays) for arrays in each))
    arrays = {name: np.concatenate([arrays[name] for arrays in each]) for name in common}
    arrays |= {name: None for name in OPTIONAL_ARRAYS if name not in common}
    arrays["time_s"] = _times(parts)
    whole = replace(parts[0], **arrays, source=_source(takes), models=_models(takes), clean_up=None)
    seams = np.cumsum([len(part) for part in parts])[:-1]
    return _blended(whole, seams, round(blend_s / 2 * float(whole.fps)))


def _check(first: Take, take: Take) -> None:
    names = f"The takes of {first.source.name} and {take.source.name}"
    if not len(take):
        raise TakeError(f"The take of {take.source.name} has no frames. Leave it out, or solve the video again")
    known = "head_sha256" if all(one.models.get("head_sha256") for one in (first, take)) else "head"
    if first.models.get(known) != take.models.get(known):
        of = " and ".join(one.models.get("head", "an unknown head") for one in (first, take))
        raise TakeError(f"{names} were solved on {of}, which differ. Solve one again on the other's head")
    directions = [one.expression.shape[1] for one in (first, take)]
    if directions[0] != directions[1] or first.expression_names != take.expression_names:
        raise TakeError(
            f"{names} have {directions[0]} and {directions[1]} expression directions, or other names for them. Solve "
            "both with the same solver on the same head"
        )


def _at_rate_of(first: Take, take: Take) -> Take:
    step = float(take.fps / first.fps)
    return take if abs(step - 1.0) < SAME_RATE else sampled(take, step, fps=first.fps)


def _in_one_picture(takes: list[Take]) -> list[Take]:
    """Lay the takes' pictures into the first one's: centred, as large as they fit."""
    width_px, height_px = takes[0].source.width_px, takes[0].source.height_px
    laid = []
    for take in takes:
        source = take.source
        if (source.width_px, source.height_px) == (width_px, height_px):
            laid.append(take)
            continue
        scale = min(width_px / source.width_px, height_px / source.height_px)
        shift = [(width_px - 1) / 2 - scale * (source.width_px - 1) / 2]  # pixels count from the middle of the first
        shift += [(height_px - 1) / 2 - scale * (source.height_px - 1) / 2]
        back = np.array([[1 / scale, 0, -shift[0] / scale], [0, 1 / scale, -shift[1] / scale], [0, 0, 1]])
        landmarks = (take.landmarks * scale + [*shift, 0.0]).astype(take.landmarks.dtype)
        laid.append(replace(take, landmarks=landmarks, crop_transform=take.crop_transform @ back))
    return laid


def _of_one_identity(takes: list[Take]) -> list[Take]:
    """Give the takes the first one's identity; where theirs differ, every row knows the one that it was solved with."""
    count = max(len(take.shape) for take in takes)
    wide = [np.pad(take.shape, (0, count - len(take.shape))) for take in takes]
    if all(np.array_equal(shape, wide[0]) for shape in wide) and all(take.frame_shape is None for take in takes):
        return [replace(take, shape=wide[0]) for take in takes]
    alike = []
    for take, shape in zip(takes, wide):
        rows = np.tile(shape, (len(take), 1)) if take.frame_shape is None else take.frame_shape
        rows = np.pad(rows, ((0, 0), (0, count - rows.shape[1])))
        alike.append(replace(take, shape=wide[0], frame_shape=rows.astype(np.float32)))
    return alike


def _times(takes: Sequence[Take]) -> np.ndarray:
    """Return the takes' times one after the other, (T,) seconds: a take starts a frame after the one before it ends."""
    frame_s = 1.0 / float(takes[0].fps)
    times = [takes[0].time_s]
    for take in takes[1:]:
        times.append(take.time_s - take.time_s[0] + times[-1][-1] + frame_s)
    return np.concatenate(times)


def _source(takes: Sequence[Take]) -> Source:
    sources = list(dict.fromkeys(take.source for take in takes))
    if len(sources) == 1:
        return sources[0]
    names = [Path(source.name) for source in sources]
    called = " + ".join([name.stem for name in names[:-1]] + [names[-1].name])
    return Source(called, 0, "", sources[0].width_px, sources[0].height_px)


def _models(takes: Sequence[Take]) -> dict[str, str]:
    """Return the first take's models, with what the others were solved with where that is not the same."""
    roles = dict.fromkeys(role for take in takes for role in take.models)
    each = {role: dict.fromkeys(take.models[role] for take in takes if role in take.models) for role in roles}
    head = {role: name for role, name in takes[0].models.items() if role.startswith("head")}  # a file's other name
    return {role: " + ".join(names) for role, names in each.items()} | head


def _blended(take: Take, seams: np.ndarray, reach: int) -> Take:
    """Return a take whose face meets at the seams, which are the first rows of parts; `reach` rows to either side."""
    if reach < 1 or not len(seams):
        return take
    changed = {name: array.copy() for name, array in take.frame_arrays().items() if name in BLENDED}
    for before, seam, after in zip([0, *seams], seams, [*seams[1:], len(take)]):
        # Of a part between two seams, half belongs to each.
        room = [(seam - before) // (2 if before else 1), (after - seam) // (2 if after < len(take) else 1)]
        for rows in (seam - 1 - np.arange(min(reach, room[0])), seam + np.arange(min(reach, room[1]))):
            weight = 0.5 + 0.5 * np.cos(np.pi * np.arange(len(rows)) / max(len(rows), 1))  # 1 at the seam
            for name, values in changed.items():
                raw, mixed = getattr(take, name), _turned_to_middle if name in TURNS else _moved_to_middle
                values[rows] = mixed(raw[rows], raw[seam - 1], raw[seam], weight)
    return replace(take, **changed)


def _moved_to_middle(values: np.ndarray, before: np.ndarray, after: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return values + weight[:, None] * (0.5 * (before + after) - values)


def _turned_to_middle(poses: np.ndarray, before: np.ndarray, after: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return rotation vectors (K, 3 n) turned towards the one midway between two, each on its shortest way."""
    turned = np.empty_like(poses)
    for start in range(0, poses.shape[1], 3):
        columns = slice(start, start + 3)
        middle = rotations_between(before[None, columns], after[None, columns], np.array([0.5]))
        turned[:, columns] = rotations_between(poses[:, columns], middle, weight)
    return turned

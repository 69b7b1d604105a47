"""How good a take is, as solved and as cleaned: in numbers, and in lines to read."""

import math
from dataclasses import asdict, dataclass, replace

import numpy as np

from ..errors import HeadError
from ..flame import Head
from ..take import Take
from ..take.clean_up import Spikes
from ..take.fill import gap_ranges
from ..take.take import no_landmarks
from .contact import lid_gap_mm, lip_gap_mm
from .events import Blink, Closure, find_blinks, find_closures
from .jitter import jitter_mm, still_rows
from .spikes import find_spikes

EYES = {"both": (0, 1), "L": (0,), "R": (1,)}  # columns of the lid gaps
JITTER_FRAMES, RUN_FRAMES = 2000, 100
GAPS_NAMED = 4  # in a line of text; more are counted


Frames = tuple[tuple[int, int], ...]  # (first, last) frames of the video


@dataclass(frozen=True)
class Figures:
    """What is measured on one take. Frames are the video's; lengths are of the head at its model's size.

    Attributes:
        spikes: by group, the frames that are not believed.
        jitter_mm: of the face, where it is still in the take as solved; None where it never is.
        blinks, closures: of both eyes, of the lips, as the face of the head plays them; None where it cannot be told.
        lids_apart_mm, lips_apart_mm: the middle one and the greatest of the least gaps, in the blinks and winks, and in
            the closures, that were found; None where there are none, or it cannot be told.
    """

    spikes: dict[str, tuple[int, ...]]
    jitter_mm: float | None
    blinks: Frames | None
    closures: Frames | None
    lids_apart_mm: tuple[float, float] | None
    lips_apart_mm: tuple[float, float] | None


@dataclass(frozen=True)
class Quality:
    """The quality of a take.

    Attributes:
        num_frames: gaps included.
        fps: true frames per second.
        gaps: ranges without a face.
        confidence_mean, confidence_least: of the frames with a face, 0 to 1; 0 where there are none.
        blinks, winks, closures: what was found in the picture's landmarks; in a take without them, on the face. A wink
            is of one eye.
        solved, cleaned: the figures before and after; None where there is no after.
    """

    num_frames: int
    fps: float
    gaps: Frames
    confidence_mean: float
    confidence_least: float
    blinks: Frames
    winks: Frames
    closures: Frames
    solved: Figures
    cleaned: Figures | None = None

    def facts(self) -> dict:
        """Return all of it as plain values, for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines to read, "before -> after" where there is an after."""
        in_gaps = sum(last - first + 1 for first, last in self.gaps)
        ranges = [f"{first}" if first == last else f"{first}-{last}" for first, last in self.gaps[:GAPS_NAMED]]
        more = [f"{len(self.gaps) - GAPS_NAMED} more"] if len(self.gaps) > GAPS_NAMED else []
        gaps = f"{in_gaps} frame{'s' if in_gaps > 1 else ''} ({', '.join(ranges + more)})" if self.gaps else "none"
        winks = f" and {len(self.winks)} of one eye" if self.winks else ""
        each = [self.solved] if self.cleaned is None else [self.solved, self.cleaned]
        return [
            f"Frames: {self.num_frames} at {self.fps:.3f} per second",
            f"Without a face: {gaps}",
            f"Confidence: {self.confidence_mean:.2f} on average, {self.confidence_least:.2f} at least",
            f"Spikes: {_change([_spikes_text(figures) for figures in each])}",
            f"Jitter where still: {_change([_length_text(figures.jitter_mm) for figures in each])}",
            f"Blinks found: {len(self.blinks)}{winks}, on the face "
            + _change([_count_text(figures.blinks) for figures in each]),
            f"Lids apart in them: {_change([_apart_text(figures.lids_apart_mm) for figures in each])}",
            f"Lip closures found: {len(self.closures)}, on the face "
            + _change([_count_text(figures.closures) for figures in each]),
            f"Lips apart in them: {_change([_apart_text(figures.lips_apart_mm) for figures in each])}",
        ]


def quality(take: Take, head: Head, cleaned: Take | None = None) -> Quality:
    """Return how good a take is.

    Args:
        take: as solved.
        head: the one that it was solved on.
        cleaned: the same frames after the clean-up, none left out and at their own speed: `cleaned_frame_by_frame`.
    Raises:
        ValueError: the two do not have the same frames.
    """
    if cleaned is not None and (len(cleaned), cleaned.first_frame) != (len(take), take.first_frame):
        frames = [f"{len(one)} frames from {one.first_frame} on" for one in (take, cleaned)]
        raise ValueError(f"{frames[0]}, and cleaned {frames[1]}")
    take, cleaned = (one and replace(one, shape=one.shape[: head.num_shape]) for one in (take, cleaned))
    confidence = take.confidence[~take.gap]
    blinks, closures = find_blinks(take, head), _closures(take, head) or []
    spikes = replace(take.clean_up.spikes, enabled=True) if take.clean_up is not None else Spikes()
    measured = (head, spikes, _some_of(still_rows(take)), blinks, closures)
    return Quality(
        num_frames=len(take),
        fps=float(take.fps),
        gaps=tuple((take.first_frame + first, take.first_frame + last) for first, last in gap_ranges(take.gap)),
        confidence_mean=float(confidence.mean()) if len(confidence) else 0.0,
        confidence_least=float(confidence.min()) if len(confidence) else 0.0,
        blinks=_frames(take, _of_both(blinks)),
        winks=_frames(take, [blink for blink in blinks if blink.eye != "both"]),
        closures=_frames(take, closures),
        solved=_figures(take, *measured),
        cleaned=_figures(cleaned, *measured) if cleaned is not None else None,
    )


def _figures(
    take: Take, head: Head, settings: Spikes, still: np.ndarray, blinks: list[Blink], closures: list[Closure]
) -> Figures:
    """Measure a take, its lids and lips in the blinks and closures that another with the same frames has."""
    found = {group: np.flatnonzero(at) for group, at in find_spikes(take, settings).items()}
    on_the_face = replace(take, landmarks=no_landmarks(len(take)))
    lid_gap, face_closures = lid_gap_mm(take, head), _closures(on_the_face, head)
    jitter = float(jitter_mm(take, head, still))
    has_lids, lids_mm, lips_mm = not np.isnan(lid_gap).any(), [], []
    if has_lids:
        lids_mm = [lid_gap[at.first : at.last + 1, EYES[at.eye]].max(axis=1).min() for at in blinks]
    if face_closures is not None and closures:
        lip_gap = lip_gap_mm(take, head)
        lips_mm = [lip_gap[at.first : at.last + 1].min() for at in closures]
    return Figures(
        spikes={group: tuple((take.first_frame + rows).tolist()) for group, rows in found.items()},
        jitter_mm=jitter if math.isfinite(jitter) else None,
        blinks=_frames(take, _of_both(find_blinks(on_the_face, head))) if has_lids else None,
        closures=None if face_closures is None else _frames(take, face_closures),
        lids_apart_mm=_middle_and_greatest(lids_mm),
        lips_apart_mm=_middle_and_greatest(lips_mm),
    )


def _some_of(rows: np.ndarray) -> np.ndarray:
    """Return at most about JITTER_FRAMES of rows (T,) bool, in runs spread over the take: every vertex is measured."""
    every = int(np.ceil(rows.sum() / JITTER_FRAMES))
    return rows if every <= 1 else rows & (np.arange(len(rows)) // RUN_FRAMES % every == 0)


def _of_both(blinks: list[Blink]) -> list[Blink]:
    return [blink for blink in blinks if blink.eye == "both"]


def _closures(take: Take, head: Head) -> list[Closure] | None:
    """Return a take's lip closures; None where its lips are known neither in the picture nor on the head."""
    try:
        return find_closures(take, head)
    except HeadError:  # it has no landmarks on its lips
        return None


def _frames(take: Take, moments: list[Blink] | list[Closure]) -> Frames:
    return tuple((take.first_frame + moment.first, take.first_frame + moment.last) for moment in moments)


def _middle_and_greatest(lengths_mm: list[float]) -> tuple[float, float] | None:
    return (float(np.median(lengths_mm)), float(np.max(lengths_mm))) if lengths_mm else None


def _change(texts: list[str]) -> str:
    return " -> ".join(texts)


def _spikes_text(figures: Figures) -> str:
    counts = [f"{group} {len(frames)}" for group, frames in figures.spikes.items() if frames]
    return ", ".join(counts) or "none"


def _count_text(moments: Frames | None) -> str:
    return "not known" if moments is None else str(len(moments))


def _length_text(length_mm: float | None) -> str:
    return "not known" if length_mm is None else f"{length_mm:.3f} mm"


def _apart_text(lengths_mm: tuple[float, float] | None) -> str:
    if lengths_mm is None:
        return "not known"
    middle, greatest = (max(0.0, length_mm) for length_mm in lengths_mm)  # lips and lids may overlap
    return f"{middle:.2f} mm, {greatest:.2f} at most"

"""The messages of a solve, and how they cross a pipe: one JSON object a line. Standard library only; both ends import it."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Loading:
    """Something slow is being prepared."""

    text: str


@dataclass(frozen=True)
class Progress:
    """`video_frame` frames of `num_frames` have passed a stage: "solve", or "fit" after it. num_frames is 0 if unknown."""

    video_frame: int
    num_frames: int
    stage: str = "solve"


@dataclass(frozen=True)
class Part:
    """A take file of the next frames of a face, as solved so far; the finished take's may differ, its identity will.

    `first_frame` counts from the video's first, as everywhere.
    """

    take_path: str
    first_frame: int
    num_frames: int
    face: int = 0


@dataclass(frozen=True)
class Seen:
    """Somebody who was found in the footage: in `num_frames` of the `num_looked` frames that were looked at.

    Faces count from 0 in the order of how much they are seen. `box` is where, in the mean: left, top, right, bottom, each
    from 0 to 1 of the picture's width or height, from its upper left corner.
    """

    face: int
    num_frames: int
    num_looked: int
    box: list[float]
    thumbnail_path: str


@dataclass(frozen=True)
class Checked:
    """One line of a check; its state is "good", "warning" or "bad"."""

    subject: str
    state: str
    text: str


@dataclass(frozen=True)
class Warned:
    """The solve goes on, but the user should know."""

    text: str


@dataclass(frozen=True)
class Failed:
    """The solve ended without a take. `hint` says what to do, where the text does not; `lacks` is a SmirkError's."""

    text: str
    hint: str = ""
    lacks: str = ""


@dataclass(frozen=True)
class Stopped:
    """The job was asked to stop, and left nothing."""


@dataclass(frozen=True)
class Done:
    """The job is done. `paths` are the files it wrote: a solve's takes, in the order of their faces.

    `stage_fps` is frames per second of each stage's own time; memory is the process's peak.
    """

    paths: list[str]
    num_frames: int = 0
    num_faces: int = 0
    fps: float = 0.0
    stage_fps: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float = 0.0


Message = Loading | Progress | Part | Seen | Checked | Warned | Failed | Stopped | Done
REFINE, CLEAN, JUDGE = "refine", "clean", "judge"  # what `cleaner` is asked for
ENDINGS = (Done, Failed, Stopped)  # of which every job sends exactly one, as its last message
KINDS = {kind.__name__: kind for kind in Message.__args__}


def encode_message(message: Message) -> str:
    """Return a message as one line, without the line's end."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)})


def decode_message(line: str) -> Message:
    """Return the message in a line.

    Raises:
        ValueError: the line is not a message.
    """
    fields = json.loads(line)
    name = fields.pop("kind", None) if isinstance(fields, dict) else None
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"not a message: {line[:80]!r}")
    kind = KINDS[name]
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error

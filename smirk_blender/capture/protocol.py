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
class Warned:
    """The solve goes on, but the user should know."""

    text: str


@dataclass(frozen=True)
class Failed:
    """The solve ended without a take. `hint` says what to do, where the text does not."""

    text: str
    hint: str = ""


@dataclass(frozen=True)
class Done:
    """The take is written. `stage_fps` is frames per second of each stage's own time; memory is the process's peak."""

    take_path: str
    num_frames: int
    num_faces: int
    fps: float
    stage_fps: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float = 0.0


Message = Loading | Progress | Warned | Failed | Done
KINDS = {kind.__name__: kind for kind in (Loading, Progress, Warned, Failed, Done)}


def encode_message(message: Message) -> str:
    """Return a message as one line, without the line's end."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)})


def decode_message(line: str) -> Message:
    """Return the message in a line.

    Raises:
        ValueError: the line is not a message.
    """
    fields = json.loads(line)
    if not isinstance(fields, dict) or fields.get("kind") not in KINDS:
        raise ValueError(f"not a message: {line[:80]!r}")
    kind = KINDS[fields.pop("kind")]
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error

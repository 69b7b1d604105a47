"""How a take is cleaned: the settings of every step, kept in the take's file beside the raw take.

The steps themselves are in `clean`; they run in this order: refine, mend (spikes and gaps), identity, smooth, neutral,
gains, timing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Literal, get_args, get_origin, get_type_hints

GROUPS = ("expression", "jaw", "lids", "head", "gaze")  # smoothed each with a strength of its own
REGIONS = ("eyes", "lids", "brows", "cheeks", "nose", "mouth", "jaw")  # with a gain each


@dataclass(frozen=True)
class Refine:
    """How far the solved face follows the picture instead; without what `clean.refine` finds it does nothing.

    Attributes:
        mouth, lids, brows: 0 as solved to 1 as refined.
    """

    mouth: float = 1.0
    lids: float = 1.0
    brows: float = 0.0


@dataclass(frozen=True)
class Spikes:
    """Which frames are not believed.

    Attributes:
        enabled: whether they are looked for.
        threshold: from how many robust standard deviations on a jump that comes and goes is a spike.
        least_confidence: a frame below it is a spike too, 0 to 1.
    """

    enabled: bool = True
    threshold: float = 6.0
    least_confidence: float = 0.2


@dataclass(frozen=True)
class Fill:
    """What stands in frames without a face, and in spikes.

    Attributes:
        enabled: whether gaps are filled anew; otherwise they stay as the solve drew them, and spikes as they are.
        limit_s: seconds; gaps up to it are bridged by a smooth curve.
        beyond: what happens in longer ones: the face eases to neutral, or holds.
        ease_s: seconds from the gap's edge until it has arrived.
    """

    enabled: bool = True
    limit_s: float = 0.5
    beyond: Literal["neutral", "hold"] = "neutral"
    ease_s: float = 0.3


@dataclass(frozen=True)
class Identity:
    """Whose face it is.

    Attributes:
        source: "take" the take's own, robust over its frames; "profile" an actor profile's.
        profile: that profile's file; "" for none.
    """

    source: Literal["take", "profile"] = "take"
    profile: str = ""


@dataclass(frozen=True)
class Smoothing:
    """How strongly each group is smoothed, 0 not at all to 1; 0.5 is a usual take's."""

    enabled: bool = True
    expression: float = 0.5
    jaw: float = 0.5
    lids: float = 0.5
    head: float = 0.5
    gaze: float = 0.5


@dataclass(frozen=True)
class Neutral:
    """The resting face, which is taken out of expression and jaw by subtraction, and out of the lids by a factor.

    Attributes:
        source: "off", "auto" found in the take, "range" the mean of some frames, "profile" the actor profile's.
        first_frame, last_frame: of the video, for "range"; the same twice is one frame.
        strength: how much of it is taken out, 0 to 1.
    """

    source: Literal["off", "auto", "range", "profile"] = "off"
    first_frame: int = 0
    last_frame: int = 0
    strength: float = 1.0


@dataclass(frozen=True)
class Gains:
    """How much of each region's movement is kept: 1 as it is, 0 none.

    Attributes:
        eyes .. jaw: of the regions.
        asymmetry: of what differs between left and right; 0 makes the face symmetric.
        mirror: whether left and right change places, the head's turn too.
    """

    eyes: float = 1.0
    lids: float = 1.0
    brows: float = 1.0
    cheeks: float = 1.0
    nose: float = 1.0
    mouth: float = 1.0
    jaw: float = 1.0
    asymmetry: float = 1.0
    mirror: bool = False


@dataclass(frozen=True)
class Timing:
    """Which part of the take is played, and how fast.

    Attributes:
        first_frame, last_frame: of the video; a last frame of -1 is the take's last.
        speed: 2 plays twice as fast, in half as many frames.
    """

    first_frame: int = 0
    last_frame: int = -1
    speed: float = 1.0


MOST_FRAMES = 2**31 - 1  # more than Blender's whole numbers hold
# Ranges of the numbers, by step and field.
RANGES: dict[tuple[str, str], tuple[float, float]] = {
    **{("refine", item.name): (0.0, 1.0) for item in fields(Refine)},
    ("spikes", "threshold"): (2.0, 50.0),
    ("spikes", "least_confidence"): (0.0, 1.0),
    ("fill", "limit_s"): (0.0, 60.0),
    ("fill", "ease_s"): (0.0, 10.0),
    **{("smoothing", group): (0.0, 1.0) for group in GROUPS},
    ("neutral", "strength"): (0.0, 1.0),
    **{("gains", region): (0.0, 4.0) for region in (*REGIONS, "asymmetry")},
    ("timing", "speed"): (0.1, 10.0),
    **{(step, f"{end}_frame"): (-1, MOST_FRAMES) for step in ("neutral", "timing") for end in ("first", "last")},
}


@dataclass(frozen=True)
class CleanUp:
    """All settings. The defaults clean a usual take without changing what the actor did."""

    refine: Refine = field(default_factory=Refine)
    spikes: Spikes = field(default_factory=Spikes)
    fill: Fill = field(default_factory=Fill)
    identity: Identity = field(default_factory=Identity)
    smoothing: Smoothing = field(default_factory=Smoothing)
    neutral: Neutral = field(default_factory=Neutral)
    gains: Gains = field(default_factory=Gains)
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        for (step, name), (low, high) in RANGES.items():
            value = getattr(getattr(self, step), name)
            if not low <= value <= high:  # NaN does not, either
                raise ValueError(f"{step}.{name} is {value}; it lies within {low:g} to {high:g}")

    def facts(self) -> dict[str, dict]:
        """Return the settings as plain values, by step and field, for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Mapping]) -> "CleanUp":
        """Return the settings of such values; what is left out has its default, what is unknown is refused.

        Raises:
            ValueError: a step, a field or a value that there is not.
        """
        if not isinstance(facts, Mapping):
            raise ValueError(f"the clean-up is {facts!r}; it should hold steps by name")
        steps = get_type_hints(cls)
        unknown = [step for step in facts if step not in steps]
        if unknown:
            raise ValueError(f"no step of the clean-up is called {unknown[0]}; they are {', '.join(steps)}")
        return cls(**{step: _step_of(steps[step], step, values) for step, values in facts.items()})


def _step_of(kind: type, step: str, values: Mapping) -> object:
    if not isinstance(values, Mapping):
        raise ValueError(f"{step} is {values!r}; it should hold settings by name")
    kinds = get_type_hints(kind)
    unknown = [name for name in values if name not in kinds]
    if unknown:
        raise ValueError(f"{step} has no setting {unknown[0]}; it has {', '.join(kinds)}")
    for name, value in values.items():
        if not _is_a(value, kinds[name]):
            raise ValueError(f"{step}.{name} is {value!r}, which it cannot be")
    return kind(**{name: float(value) if kinds[name] is float else value for name, value in values.items()})


def _is_a(value: object, kind: object) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float and isinstance(value, int):
        return abs(value) <= MOST_FRAMES  # a whole number of hundreds of digits is no float
    return isinstance(value, kind)

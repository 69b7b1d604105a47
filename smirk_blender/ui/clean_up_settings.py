"""The clean-up's settings as Blender keeps them: a property for every field of `CleanUp`, named STEP_FIELD."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Literal, get_args, get_origin, get_type_hints

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy.types import Context, PropertyGroup

from ..rig import compat
from ..take import CleanUp
from ..take.clean_up import RANGES

FRAMES_LIMIT = 1_000_000
STEPS = get_type_hints(CleanUp)  # the class of each step's settings, by its name
DEFAULTS = CleanUp()
# What a property is called, and what it does.
WORDS: dict[str, tuple[str, str]] = {
    "refine_mouth": ("Mouth", "How far mouth and jaw follow the lips in the picture, from as solved to as refined"),
    "refine_lids": ("Lids", "How far the lids follow the eyes in the picture, from as solved to as refined"),
    "refine_brows": ("Brows", "How far the brows follow the picture, from as solved to as refined"),
    "spikes_enabled": ("Remove Spikes", "Do not believe frames in which the face jumps and comes back, or is hardly seen"),
    "spikes_threshold": ("Threshold", "How far a jump stands out of the take's usual movement, in standard deviations"),
    "spikes_least_confidence": ("Least Confidence", "Frames that were seen with less are not believed"),
    "fill_enabled": ("Fill Gaps", "Draw a smooth curve through frames without a face, and through spikes"),
    "fill_limit_s": ("Bridge Up To", "Longer gaps are not bridged, since nobody knows what the actor did"),
    "fill_beyond": ("Longer Gaps", "What the face does in longer gaps"),
    "fill_ease_s": ("Ease", "How long it takes to get there, and back"),
    "identity_source": ("Identity", "Whose face the take is of; the expression is told anew for it"),
    "identity_profile": ("Actor Profile", "A file with the actor's identity, neutral and settings, saved from another take"),
    "smoothing_enabled": ("Smoothing", "Take the jitter out, without lag; fast movement keeps its height"),
    "smoothing_expression": ("Expression", "How strongly the expression is smoothed"),
    "smoothing_jaw": ("Jaw", "How strongly the jaw is smoothed"),
    "smoothing_lids": ("Lids", "How strongly the lids are smoothed"),
    "smoothing_head": ("Head", "How strongly the head's turn and place are smoothed"),
    "smoothing_gaze": ("Gaze", "How strongly the gaze is smoothed"),
    "neutral_source": ("Neutral", "The resting face, which becomes the rig's rest; lids stay able to shut"),
    "neutral_first_frame": ("First", "The first video frame of the resting face"),
    "neutral_last_frame": ("Last", "The last video frame of the resting face"),
    "neutral_strength": ("Strength", "How much of the resting face is taken out"),
    "gains_eyes": ("Eyes", "How far the eyes turn, 1 as solved"),
    "gains_lids": ("Lids", "How far the lids move, 1 as solved"),
    "gains_brows": ("Brows", "How far the brows move, 1 as solved"),
    "gains_cheeks": ("Cheeks", "How far the cheeks move, 1 as solved"),
    "gains_nose": ("Nose", "How far the nose moves, 1 as solved"),
    "gains_mouth": ("Mouth", "How far the mouth moves, 1 as solved"),
    "gains_jaw": ("Jaw", "How far the jaw opens, 1 as solved"),
    "gains_asymmetry": ("Asymmetry", "How much of the difference between left and right is kept; 0 is symmetric"),
    "gains_mirror": ("Mirror", "Left and right change places"),
    "timing_first_frame": ("First", "The first video frame that is played"),
    "timing_last_frame": ("Last", "The last video frame that is played; -1 is the take's last"),
    "timing_speed": ("Speed", "2 plays twice as fast, in half as many frames; it leaves the footage's time"),
}
ITEMS = {
    "fill_beyond": (
        ('neutral', "Ease to Neutral", "The face comes to rest, and the head holds"),
        ('hold', "Hold", "Everything holds as it was last seen, and moves on to where it is seen again"),
    ),
    "identity_source": (
        ('take', "The Take's", "One identity from all frames, the odd ones left out"),
        ('profile', "Actor Profile's", "That of a saved actor profile"),
    ),
    "neutral_source": (
        ('off', "As Solved", "Nothing is taken out"),
        ('auto', "Found in the Take", "The stillest frames that look at the camera with the mouth closed"),
        ('range', "Frames", "The mean of some frames"),
        ('profile', "Actor Profile's", "That of a saved actor profile"),
    ),
}
PERCENT = ("refine_", "smoothing_", "neutral_strength")
SECONDS = ("fill_limit_s", "fill_ease_s")
_listeners: list[Callable[["SMIRK_PG_clean_up"], None]] = []  # called when a setting was changed; one module listens


def _changed(settings: "SMIRK_PG_clean_up", context: Context) -> None:
    for listener in _listeners:
        listener(settings)


def listen(listener: Callable[["SMIRK_PG_clean_up"], None]) -> None:
    _listeners.append(listener)


def forget(listener: Callable[["SMIRK_PG_clean_up"], None]) -> None:
    _listeners.remove(listener)


class SMIRK_PG_clean_up(PropertyGroup):
    """How a take is cleaned. The fields of `CleanUp` follow below."""

    enabled: BoolProperty(
        name="Clean-up", description="Bake the take cleaned; otherwise as it was solved", default=False, update=_changed
    )

    def wanted(self) -> CleanUp | None:
        """Return the settings; None where the take is to stay as solved."""
        if not self.enabled:
            return None
        of = lambda step, kind: {item.name: self._value(f"{step}_{item.name}") for item in fields(kind)}
        return CleanUp.of({step: of(step, kind) for step, kind in STEPS.items()})

    def _value(self, name: str) -> object:
        value = getattr(self, name)
        if isinstance(value, float):
            return round(value, 6)  # single precision's 0.3 is not 0.3
        return bpy.path.abspath(value) if name == "identity_profile" and value else value

    def show(self, clean_up: CleanUp | None) -> None:
        """Take settings over without anybody hearing of it; None switches them off and leaves them."""
        held, _listeners[:] = tuple(_listeners), []
        try:
            self.enabled = clean_up is not None
            for step, values in (clean_up.facts() if clean_up is not None else {}).items():
                for name, value in values.items():
                    setattr(self, f"{step}_{name}", value)
        finally:
            _listeners[:] = held


def clean_up_text(clean_up: CleanUp | None) -> str:
    """Return settings as an action remembers them; "" for none."""
    return "" if clean_up is None else json.dumps(clean_up.facts(), sort_keys=True)


def _property_of(name: str, kind: object, default: object, limits: tuple[float, float] | None) -> object:
    label, description = WORDS[name]
    common = dict(name=label, description=description, default=default, update=_changed)
    if get_origin(kind) is Literal:
        assert get_args(kind) == tuple(item[0] for item in ITEMS[name])
        return EnumProperty(items=ITEMS[name], **common)
    if kind is bool:
        return BoolProperty(**common)
    if kind is int:
        return IntProperty(min=-1, max=FRAMES_LIMIT, **common)
    if kind is str:
        return StringProperty(subtype='FILE_PATH', options=compat.RELATIVE_PATH, **common)
    low, high = limits
    subtype, unit = ('FACTOR', 'NONE') if name.startswith(PERCENT) else ('NONE', 'NONE')
    if name in SECONDS:
        subtype, unit = 'TIME_ABSOLUTE', 'TIME_ABSOLUTE'
    return FloatProperty(min=low, max=high, subtype=subtype, unit=unit, step=10, precision=2, **common)


for _step, _kind in STEPS.items():
    for _field, _type in get_type_hints(_kind).items():
        _name, _default = f"{_step}_{_field}", getattr(getattr(DEFAULTS, _step), _field)
        SMIRK_PG_clean_up.__annotations__[_name] = _property_of(_name, _type, _default, RANGES.get((_step, _field)))

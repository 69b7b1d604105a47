"""The Retarget panel's settings as Blender keeps them: the chosen character's profile, and how takes are written."""

from collections.abc import Callable
from dataclasses import replace

from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Context, Object, PropertyGroup

from ..errors import SmirkError
from ..retarget.arkit import ARKIT_NAMES
from ..retarget.profile import Follower, KeySettings, RetargetProfile, Route
from ..take.clean_up import REGIONS

ROUTES = ("jaw", "eye_L", "eye_R", "head", "neck")
LABELS = {"jaw": "Jaw", "eye_L": "Left Eye", "eye_R": "Right Eye", "head": "Head", "neck": "Neck"}
BY = (
    ('auto', "Automatic", "By names where the shape keys carry ARKit's, and geometry where landmarks are known"),
    ('names', "Names", "By the ARKit names of the shape keys, whatever they look like"),
    ('geometry', "Geometry", "By what the shape keys do to the face: needs landmarks on the character"),
    ('both', "Names and Geometry", "By names, corrected by what the shape keys do to the face: needs landmarks too"),
)
ROUTE_TO = (
    ('auto', "Automatic", "To a bone where one is found by its name, else to the shape keys"),
    ('bone', "Bone", "To the bone that is chosen"),
    ('keys', "Shape Keys", "To the shape keys, even where there is a bone"),
    ('off', "Off", "Nowhere"),
)
FOLLOWERS = (
    ('auto', "Automatic", "Face bones that are known by their names, Rigify's among them, follow the surface"),
    ('profile', "The Profile's", "The bones that the profile names follow the surface"),
    ('off', "Off", "No bone follows the surface"),
)
WRITE_AS = (
    ('action', "Action", "A new action that the character plays; the one before stays in the file"),
    ('strip', "NLA Strip", "A new action, as a strip on a new NLA track"),
    ('additive', "Additive Strip", "A strip whose values are added to what the character plays already"),
)
APART = "/"  # an armature's name from its bone's, where it is not the character's own
DIGITS = 6  # that are kept: single precision's 0.3 is not 0.3
_listeners: list[Callable[["SMIRK_PG_retarget"], None]] = []  # called when a setting was changed; one module listens


def listen(listener: Callable[["SMIRK_PG_retarget"], None]) -> None:
    _listeners.append(listener)


def forget(listener: Callable[["SMIRK_PG_retarget"], None]) -> None:
    _listeners.remove(listener)


def _changed(settings: PropertyGroup, context: Context) -> None:
    for listener in _listeners:
        listener(settings.id_data.smirk.retarget)


def _chosen(settings: "SMIRK_PG_retarget", context: Context) -> None:
    """Show another character's own profile."""
    from ..rig.retarget_memory import profile_of

    settings.trouble = ""
    if settings.character is None:
        return
    try:
        settings.show(profile_of(settings.character))
    except SmirkError as error:
        settings.show(RetargetProfile())
        settings.trouble = str(error)


def _may_be_chosen(settings: "SMIRK_PG_retarget", thing: Object) -> bool:
    from ..rig import is_head

    return thing.type == 'MESH' and not is_head(thing)


def _arkit_names(item: PropertyGroup, context: Context, text: str) -> list[str]:
    """Return the names to choose from where `text` was typed."""
    return [name for name in ARKIT_NAMES if text.lower() in name.lower()]


def _bone_names(settings: PropertyGroup, context: Context, text: str) -> list[str]:
    """Return the character's bones, and the objects beside its mesh."""
    from ..rig.character import armature_of_character

    mesh_object = settings.character
    if mesh_object is None:
        return []
    armature = armature_of_character(mesh_object)
    bones = armature.data.bones.keys() if armature is not None else []
    family = _family(mesh_object)
    return [name for name in (*bones, *sorted(family)) if text.lower() in name.lower()]


def _family(mesh_object: Object) -> list[str]:
    """Return the names of the objects that share a topmost parent with a mesh."""
    top = mesh_object
    while top.parent is not None:
        top = top.parent
    return [thing.name for thing in (top, *top.children_recursive) if thing != mesh_object]


class SMIRK_PG_retarget_key(PropertyGroup):
    """One shape key of the character; its name is the key's."""

    enabled: BoolProperty(name="Enabled", description="Whether takes move this key", default=True, update=_changed)
    gain: FloatProperty(
        name="Gain", description="Times the key's value", default=1.0, min=0.0, soft_max=3.0, max=10.0, update=_changed
    )
    low: FloatProperty(name="Low", description="The least value it gets", min=-10.0, max=10.0, update=_changed)
    high: FloatProperty(
        name="High", description="The greatest value it gets", default=1.0, min=-10.0, max=10.0, update=_changed
    )
    neutral: FloatProperty(
        name="Neutral",
        description="Added in every frame: the character's own resting face",
        min=-10.0,
        max=10.0,
        update=_changed,
    )
    stands_for: StringProperty(
        name="Stands For",
        description="The ARKit name that it is taken for; by its own name where left empty",
        search=_arkit_names,
        update=_changed,
    )


def _gain(what: str, description: str) -> object:
    return FloatProperty(
        name=what, description=description, default=1.0, min=0.0, soft_max=3.0, max=10.0, update=_changed
    )


def _share(name: str, description: str) -> object:
    return FloatProperty(
        name=name, description=description, default=0.5, min=0.0, max=1.0, subtype='FACTOR', update=_changed
    )


class SMIRK_PG_retarget(PropertyGroup):
    """How takes come onto the chosen character. Properties of every route and region follow below."""

    character: PointerProperty(
        name="Character",
        description="The mesh with the shape keys of the face, or with the face that bones move",
        type=Object,
        poll=_may_be_chosen,
        update=_chosen,
    )
    by: EnumProperty(name="By", description="How shape keys are found for a movement", items=BY, update=_changed)
    smoothness: _share("Smoothness", "How smooth the keys are in time; blinks keep their depth")
    sparsity: _share("Sparsity", "How few keys are moved at once")
    followers: EnumProperty(
        name="Face Bones", description="Which bones follow the face's surface", items=FOLLOWERS, update=_changed
    )
    keys: CollectionProperty(name="Shape Keys", description="The character's shape keys", type=SMIRK_PG_retarget_key)
    key_index: IntProperty(name="Active Shape Key", description="The one that is shown below", default=0, min=0)
    write_as: EnumProperty(name="Write As", description="Where the keyframes go", items=WRITE_AS, update=_changed)
    live: BoolProperty(
        name="Update Live", description="Retarget again soon after a setting was changed", default=True
    )
    trouble: StringProperty(name="Trouble", description="Why the settings could not be kept with the character")

    def wanted(self, before: RetargetProfile) -> RetargetProfile:
        """Return the character's profile with these settings; what the panel does not show stays as it was.

        Args:
            before: the character's profile so far.
        """
        of = lambda name: round(getattr(self, name), DIGITS)
        routes = {name: self._route(name) for name in ROUTES}
        followers: tuple[Follower, ...] | str = "auto"
        if self.followers != 'auto':
            kept = before.followers if isinstance(before.followers, tuple) else ()
            followers = kept if self.followers == 'profile' else ()
        return replace(
            before,
            by=self.by,
            smoothness=of("smoothness"),
            sparsity=of("sparsity"),
            followers=followers,
            regions={region: of(f"gain_{region}") for region in REGIONS if of(f"gain_{region}") != 1.0},
            keys=before.keys | self._keys(),
            **routes,
        )

    def _route(self, name: str) -> Route:
        to, gain = getattr(self, f"{name}_to"), round(getattr(self, f"{name}_gain"), DIGITS)
        if to != 'bone':
            return Route(to, gain=gain)
        bone = getattr(self, f"{name}_bone")
        armature = self._armature()
        if armature is not None and bone in armature.data.bones:
            return Route(to, armature.name, bone, gain)
        owner, _, bone = bone.partition(APART)
        return Route(to, owner, bone, gain)

    def _bone_of(self, route: Route) -> str:
        """Return a route's bone as it is shown."""
        armature = self._armature()
        if route.to != 'bone' or not route.bone:
            return route.owner if route.to == 'bone' else ""
        of_armature = armature is not None and route.owner == armature.name and route.bone in armature.data.bones
        return route.bone if of_armature else f"{route.owner}{APART}{route.bone}"

    def _armature(self) -> Object | None:
        from ..rig.character import armature_of_character

        return armature_of_character(self.character) if self.character is not None else None

    def _keys(self) -> dict[str, KeySettings]:
        key_blocks = self.character.data.shape_keys.key_blocks if self.character.data.shape_keys else {}
        settings = {}
        for item in self.keys:
            if item.name not in key_blocks:
                continue
            low, high = round(item.low, DIGITS), round(item.high, DIGITS)
            block = key_blocks[item.name]
            settings[item.name] = KeySettings(
                enabled=item.enabled,
                gain=round(item.gain, DIGITS),
                low=low if abs(low - block.slider_min) > 10**-DIGITS else None,
                high=high if abs(high - block.slider_max) > 10**-DIGITS else None,
                neutral=round(item.neutral, DIGITS),
                stands_for=item.stands_for,
            )
        return settings

    def show(self, profile: RetargetProfile) -> None:
        """Take a profile's settings over without anybody hearing of it."""
        held, _listeners[:] = tuple(_listeners), []
        try:
            self.by, self.smoothness, self.sparsity = profile.by, profile.smoothness, profile.sparsity
            self.followers = 'auto' if profile.followers == "auto" else 'profile' if profile.followers else 'off'
            for region in REGIONS:
                setattr(self, f"gain_{region}", profile.regions.get(region, 1.0))
            for name in ROUTES:
                route = getattr(profile, name)
                setattr(self, f"{name}_to", route.to)
                setattr(self, f"{name}_bone", self._bone_of(route))
                setattr(self, f"{name}_gain", route.gain)
            self._show_keys(profile)
        finally:
            _listeners[:] = held

    def _show_keys(self, profile: RetargetProfile) -> None:
        self.keys.clear()
        shape_keys = self.character.data.shape_keys if self.character is not None else None
        for block in shape_keys.key_blocks if shape_keys is not None else ():
            if block == shape_keys.reference_key:
                continue
            item, settings = self.keys.add(), profile.keys.get(block.name, KeySettings())
            item.name, item.enabled, item.gain = block.name, settings.enabled, settings.gain
            item.low = block.slider_min if settings.low is None else settings.low
            item.high = block.slider_max if settings.high is None else settings.high
            item.neutral, item.stands_for = settings.neutral, settings.stands_for


for _region in REGIONS:
    SMIRK_PG_retarget.__annotations__[f"gain_{_region}"] = _gain(
        _region.capitalize(), f"How far the {_region} move, 1 as the actor's"
    )
for _route in ROUTES:
    _label = LABELS[_route]
    SMIRK_PG_retarget.__annotations__ |= {
        f"{_route}_to": EnumProperty(
            name=_label,
            description=f"Where the turn of the {_label.lower()} goes",
            items=ROUTE_TO,
            default='off' if _route == "neck" else 'auto',
            update=_changed,
        ),
        f"{_route}_bone": StringProperty(
            name=f"{_label} Bone",
            description="The bone of the character's armature, or an object beside its mesh; of another armature, its "
            "name, a slash, and the bone's",
            search=_bone_names,
            update=_changed,
        ),
        f"{_route}_gain": _gain(f"{_label} Gain", f"Times the angle of the {_label.lower()}"),
    }
classes = (SMIRK_PG_retarget_key, SMIRK_PG_retarget)

"""What the panels remember in a scene: the footage, how to solve, the takes, how to bake."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Context, MovieClip, PropertyGroup, Scene

FOOTAGE_KINDS = (
    ('FILE', "File", "A video, a picture, or a numbered sequence of pictures"),
    ('STRIP', "Strip", "The Sequencer's active movie or image strip, with its trims, place and speed"),
    ('CLIP', "Clip", "A movie clip of this file"),
)
SOLVERS = (
    ('AUTO', "Automatic", "SMIRK's where its weights and a FLAME head are there, else from landmarks"),
    ('smirk', "SMIRK", "SMIRK's encoder: needs its weights and a FLAME head"),
    ('landmarks', "Landmarks", "Fit the head to MediaPipe's face landmarks"),
)
ONE_FACE, ALL_FACES = 'ONE', 'ALL'
KEYS = (
    ('expression', "Expression", "The face's shape keys"),
    ('jaw', "Jaw", "The jaw's rotation"),
    ('eyelids', "Lids", "The eyelids' shape keys"),
    ('gaze', "Gaze", "The eyes' rotation"),
    ('head', "Head", "The head's and the neck's rotation and place"),
)
IDENTITY = (
    ('keys', "On Shape Keys", "The head wears the take's identity on its identity keys"),
    ('basis', "In the Basis", "The head wears the take's identity, applied into the Basis"),
    ('keep', "Keep the Head's Own", "The head stays whose it is"),
)
HEAD_MOTION = (
    ('keep', "As Solved", "The head turns as the actor's did"),
    ('neck', "On the Neck", "The neck turns in the head's place"),
    ('off', "Off", "Only the face moves"),
)
SHOT = (
    ('none', "Not Matched", "The head turns on the spot"),
    ('ORTHO', "Orthographic", "The head lies on the actor, before a camera that sees as solvers do: exact"),
    ('PERSP', "Perspective", "The head lies on the actor, before a camera with a lens"),
)
TIMING = (
    ('set', "Set the Scene's Rate", "The scene gets the footage's rate: every video frame is one scene frame"),
    ('resample', "Resample to the Scene's", "The scene keeps its rate; the take is resampled to its frames"),
)
BAKE_AS = (
    ('action', "Action", "A new action that the head plays; the one before stays in the file"),
    ('nla', "NLA Strip", "A new action, pushed down to a new NLA track at its start"),
)


def _face_items(settings: "SMIRK_PG_scene", context: Context | None) -> list[tuple]:
    """Return the faces to choose from; the strings are kept, for Blender does not."""
    items = [(ONE_FACE, "The One Face", "The face that is found first: for footage of one actor", 'USER', 0)]
    if len(settings.faces) > 0:
        found = [(str(face.face), face.name, face.description(), 'USER', 2 + face.face) for face in settings.faces]
        items += [*found, (ALL_FACES, "All", "Everyone who was found, one take each", 'COMMUNITY', 1)]
    _kept_items[:] = items
    return _kept_items


_kept_items: list[tuple] = []


class SMIRK_PG_face(PropertyGroup):
    """Somebody found in the footage."""

    face: IntProperty(name="Face", description="Its number, from 0 in the order of how much is seen of it")
    num_frames: IntProperty(name="Frames", description="In how many of the frames that were looked at it is seen")
    num_looked: IntProperty(name="Frames Looked At", description="How many frames were looked at")
    thumbnail_path: StringProperty(name="Picture", description="A picture of the face", subtype='FILE_PATH')

    def description(self) -> str:
        return f"Seen in {100 * self.num_frames / max(self.num_looked, 1):.0f} % of the frames"


class SMIRK_PG_take(PropertyGroup):
    """A take of this file: where it is, and what the list says of it."""

    path: StringProperty(name="File", description="The take's file; relative to the .blend where it lies beside that")
    num_frames: IntProperty(name="Frames", description="How many frames it has")
    num_gaps: IntProperty(name="Frames Without a Face", description="How many frames were filled from their neighbours")
    confidence: FloatProperty(name="Confidence", description="Mean over the frames with a face, 0 to 1")
    fps: FloatProperty(name="Frame Rate", description="Of its footage, frames per second")
    solver: StringProperty(name="Solver", description="What solved it")
    head: StringProperty(name="Head", description="The model it was solved on")
    footage: StringProperty(name="Footage", description="What it was solved from, as JSON")


class BakeOptions:
    """How a take is baked: the panel's settings, and the operator's."""

    keys: EnumProperty(
        name="Keys",
        description="What gets keyframes",
        items=KEYS,
        options={'ENUM_FLAG'},
        default={key for key, _, _ in KEYS},
    )
    identity: EnumProperty(name="Identity", description="Whose face the head wears", items=IDENTITY)
    head_motion: EnumProperty(name="Head Motion", description="What becomes of the head's rotation", items=HEAD_MOTION)
    shot: EnumProperty(
        name="Shot", description="Whether the head is moved onto the actor, before a new camera", items=SHOT
    )
    focal_mm: FloatProperty(
        name="Focal Length",
        description="Of the perspective camera, in millimetres with 36 along the picture's longer side; 0 estimates it",
        default=0.0,
        min=0.0,
        max=1000.0,
    )
    timing: EnumProperty(
        name="Frame Rate", description="What happens where footage and scene have different rates", items=TIMING
    )
    scene_frame_start: IntProperty(
        name="Start Frame",
        description="Scene frame of the take's first frame; a strip's take starts where the strip does",
        default=1,
        min=-1_000_000,
        max=1_000_000,
    )
    bake_as: EnumProperty(name="Bake As", description="Where the keyframes go", items=BAKE_AS)
    fit_range: BoolProperty(
        name="Fit Frame Range", description="Set the scene's first and last frame to the take's", default=True
    )


class SMIRK_PG_bake(BakeOptions, PropertyGroup):
    """How takes are baked in this scene."""


class SMIRK_PG_scene(PropertyGroup):
    """Everything that the panels remember in a scene."""

    footage_kind: EnumProperty(name="Footage", description="Where the footage is", items=FOOTAGE_KINDS)
    footage_path: StringProperty(
        name="File",
        description="A video, a picture, or the first of a numbered sequence of pictures",
    )
    footage_is_sequence: BoolProperty(
        name="Image Sequence", description="The picture is the first of a numbered sequence", default=False
    )
    footage_clip: PointerProperty(name="Movie Clip", description="The movie clip to solve", type=MovieClip)
    solver: EnumProperty(name="Solver", description="How the footage is solved", items=SOLVERS)
    face: EnumProperty(name="Face", description="Whose face is solved", items=_face_items)
    faces: CollectionProperty(name="Faces", description="Who was found in the footage", type=SMIRK_PG_face)
    faces_of: StringProperty(name="Faces' Footage", description="The footage in which they were found")
    people_path: StringProperty(name="Faces' File", description="How to know them again", subtype='FILE_PATH')
    live: BoolProperty(
        name="Live", description="Show on the head what is solved so far, while the solve runs", default=True
    )
    follow: BoolProperty(
        name="Follow", description="Move the playhead to the newest solved frame while the solve runs", default=True
    )
    keep_when_cancelled: BoolProperty(
        name="Keep Frames When Cancelled",
        description="When a solve is cancelled, keep the frames solved so far as a take; otherwise all is as before",
        default=True,
    )
    takes: CollectionProperty(name="Takes", description="The takes of this scene", type=SMIRK_PG_take)
    take_index: IntProperty(name="Active Take", description="The take that is baked", default=0, min=0)
    bake: PointerProperty(name="Bake", description="How takes are baked", type=SMIRK_PG_bake)

    def active_take(self) -> SMIRK_PG_take | None:
        return self.takes[self.take_index] if 0 <= self.take_index < len(self.takes) else None


classes = (SMIRK_PG_face, SMIRK_PG_take, SMIRK_PG_bake, SMIRK_PG_scene)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register_classes()
    Scene.smirk = PointerProperty(name="SMIRK", description="Facial capture", type=SMIRK_PG_scene)


def unregister() -> None:
    del Scene.smirk
    _unregister_classes()
    _kept_items.clear()

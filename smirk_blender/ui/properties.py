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
from bpy.types import Action, Context, MovieClip, Object, PropertyGroup, Scene

from ..clean import KEY_TOLERANCE_MM
from ..rig import profile_property
from .clean_up_settings import SMIRK_PG_clean_up
from .retarget_settings import SMIRK_PG_retarget, SMIRK_PG_retarget_key

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
    first_frame: IntProperty(name="First Video Frame", description="The video frame that its first row is of")
    clean_up: PointerProperty(name="Clean-up", description="How it is cleaned", type=SMIRK_PG_clean_up)
    refined: BoolProperty(name="Refined", description="Whether lips and lids were refined from the picture")
    has_landmarks: BoolProperty(
        name="Landmarks", description="Whether it holds what was seen in the picture", default=True
    )
    quality: StringProperty(name="Quality", description="What was found in it, before and after clean-up")
    neutral_found: StringProperty(name="Neutral", description="Where it was found that the face rests")
    rests: BoolProperty(name="Rests", description="Whether the face rests there indeed", default=True)
    trouble: StringProperty(name="Trouble", description="Why it could not be cleaned as it is set; empty where it was")
    file_settings: StringProperty(
        name="File's Settings", description="The file's clean-up as JSON, where it was changed elsewhere; else empty"
    )
    action: PointerProperty(name="Action", description="What it was baked to last", type=Action)
    raw_action: PointerProperty(name="As Solved", description="The same, baked as it was solved", type=Action)
    camera: PointerProperty(name="Camera", description="Before which it was baked into its shot", type=Object)
    baked_with: StringProperty(name="Baked With", description="The settings of that bake, as JSON")
    scene_frame_start: FloatProperty(name="Start Frame", description="Scene frame of the baked take's first row")
    video_step: FloatProperty(name="Step", description="Video frames that pass in a scene frame", default=1.0)
    baked_first_frame: IntProperty(name="First Baked", description="The video frame of the baked take's first row")

    def note_bake(
        self,
        action: Action,
        settings: str,
        *,
        scene_frame_start: float,
        first_frame: int,
        video_step: float,
        camera: Object | None,
    ) -> None:
        """Remember a bake: scene frame and video frame of its first row, and video frames to a scene frame."""
        if self.action != action or self.baked_with != settings:
            self.raw_action = None  # of another bake
        self.action, self.baked_with, self.camera = action, settings, camera
        self.scene_frame_start, self.baked_first_frame, self.video_step = scene_frame_start, first_frame, video_step

    def video_frame_at(self, scene_frame: float) -> int:
        """Return the video frame that the baked take shows at a scene frame, kept within the take's."""
        passed = round((scene_frame - self.scene_frame_start) * self.video_step)
        last = self.first_frame + self.num_frames - 1
        return min(max(self.baked_first_frame + passed, self.first_frame), last)


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
    fewer_keys: BoolProperty(
        name="Fewer Keys",
        description="Key only where needed, with curves between; otherwise every frame gets a key",
        default=False,
    )
    key_tolerance_mm: FloatProperty(
        name="Tolerance",
        description="How far any point of the face may be off at any frame, in millimetres on a face of real size",
        default=KEY_TOLERANCE_MM,
        min=0.01,
        soft_max=2.0,
        max=100.0,
        precision=2,
        step=5,
    )
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
    smooth_crops: BoolProperty(
        name="Steady Crops",
        description="Crop the face steadily for SMIRK, by frames ahead and back; the landmark solver sees no crops",
        default=False,
    )
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
    clean_live: BoolProperty(
        name="Update Live",
        description="Bake the take again soon after its clean-up was changed, into the action that it was baked to",
        default=True,
    )
    take_index: IntProperty(name="Active Take", description="The take that is baked", default=0, min=0)
    bake: PointerProperty(name="Bake", description="How takes are baked", type=SMIRK_PG_bake)
    retarget: PointerProperty(name="Retarget", description="How takes come onto a character", type=SMIRK_PG_retarget)

    def active_take(self) -> SMIRK_PG_take | None:
        return self.takes[self.take_index] if 0 <= self.take_index < len(self.takes) else None


classes = (
    SMIRK_PG_face,
    SMIRK_PG_clean_up,
    SMIRK_PG_take,
    SMIRK_PG_bake,
    SMIRK_PG_retarget_key,
    SMIRK_PG_retarget,
    SMIRK_PG_scene,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register_classes()
    Scene.smirk = PointerProperty(name="SMIRK", description="Facial capture", type=SMIRK_PG_scene)
    profile_property.register()


def unregister() -> None:
    profile_property.unregister()
    del Scene.smirk
    _unregister_classes()
    _kept_items.clear()

"""Retargeting at work: landmarks are found on a character, and a take comes onto it, in slices."""

import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
from bpy.types import Object, Scene

from ..capture.job import Job
from ..capture.protocol import Done, Failed, Loading, Message, Progress
from ..errors import HeadError, RetargetError, SmirkError
from ..flame import Head
from ..retarget.drawable import read_found, save_drawable
from ..retarget.onto import retargeted
from ..rig.actions import check_take, scene_frames_of
from ..rig.character import meshes_with_same_keys
from ..rig.drawable import drawable_of
from ..rig.models import open_model
from ..rig.onto_character import let_play, missed_text
from ..rig.recipient import recipient_of
from ..rig.retarget_memory import keep_profile, profile_of
from ..take import Take
from .bake import BakeSettings
from .bake_task import fit_range, placed_take, scene_named
from .clean_steps import ModelFiles, cleaned_elsewhere, kept
from .footage import ChosenFootage
from .job_steps import job_steps
from .landmark_points import redraw
from .passing import new_folder
from .preferences import log_file, solve_options, worker_arguments
from .retarget_state import MADE_OF, stamp_of
from .takes import SUFFIX, take_at
from .tasks import WAIT, Outcome, Steps, Task, elsewhere, unless_cancelled

SETTLE_S = 0.15  # from the last change of a setting until it is believed: sliders are dragged


@dataclass(frozen=True)
class CharacterName:
    """Finds a character again, whatever became of Blender's references to it: undo makes them invalid.

    Attributes:
        object_name: when it was named.
        uid: Blender's number for the object, which undo keeps.
    """

    object_name: str
    uid: int

    @classmethod
    def of(cls, mesh_object: Object) -> "CharacterName":
        return cls(mesh_object.name, mesh_object.session_uid)

    def find(self) -> Object:
        """Return the character's mesh object.

        Raises:
            RetargetError: it is gone.
        """
        for thing in bpy.data.objects:
            if thing.session_uid == self.uid:
                return thing
        raise RetargetError(f"The character {self.object_name} was deleted meanwhile. Choose another")


class FindLandmarksTask(Task):
    """Lets the worker draw a character and find the landmarks of its face, and keeps them in its profile."""

    def __init__(self, scene: Scene, mesh_object: Object) -> None:
        super().__init__(f"Finding landmarks on {mesh_object.name}", scene.name)
        self._character = CharacterName.of(mesh_object)
        self._job: Job | None = None
        self._folder: Path | None = None

    def steps(self) -> Steps:
        self.text = "Reading the character"
        yield
        self._folder = new_folder("landmarks", "character")
        drawn, found = self._folder / "character.npz", self._folder / "landmarks.npz"
        drawable = drawable_of(bpy.context, self._character.find())
        yield from elsewhere(save_drawable, drawable, drawn)
        arguments = {
            "drawable_path": str(drawn),
            "out_path": str(found),
            "landmark_model": solve_options()["landmark_model"],
        }
        (python, site_packages), log_path = worker_arguments(), log_file("landmarks")
        self.log_path = str(log_path)
        self._job = Job(python, "capture.find_landmarks", arguments, log_path, site_packages=site_packages)
        last = yield from job_steps(self, self._job, self._hear)
        if not isinstance(last, Done):
            failed = last if isinstance(last, Failed) else None
            text = failed.text if failed else f"{self.title}: cancelled"
            hint, lacks = (failed.hint, failed.lacks) if failed else ("", "")
            self.outcome = Outcome("failed" if failed else "cancelled", text, hint, self.log_path, lacks=lacks)
            return
        seen = yield from elsewhere(read_found, found)
        mesh_object = self._character.find()
        keep_profile(mesh_object, replace(profile_of(mesh_object), landmarks=seen.landmarks))
        scene_named(self.scene_name).smirk.retarget.trouble = ""
        redraw()
        text = ". ".join([f"Found {len(seen.landmarks)} landmarks on {mesh_object.name}", *seen.notes])
        self.outcome = Outcome("done", text, "", self.log_path, changed=True)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Loading):
            self.text, self.fraction = message.text, None
        elif isinstance(message, Progress) and message.num_frames:
            self.text = f"Looking at view {message.video_frame} of {message.num_frames}"
            self.fraction = min(1.0, message.video_frame / message.num_frames)

    def close(self) -> None:
        from .retarget import follow

        if self._job is not None:
            self._job.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self.outcome is not None and self.outcome.changed:
            follow(bpy.context)


class RetargetTask(Task):
    """Brings a take onto a character; once more, where a setting was changed meanwhile."""

    def __init__(self, scene: Scene, path: str, mesh_object: Object, *, live: bool = False) -> None:
        super().__init__(f"Retargeting {Path(path).name.removesuffix(SUFFIX)}", scene.name)
        self.path, self.quiet = path, live
        self.character = CharacterName.of(mesh_object)
        self._changed_s = time.monotonic() if live else 0.0

    def touch(self) -> None:
        """Say that a setting was changed."""
        self._changed_s = time.monotonic()

    def steps(self) -> Steps:
        self.text, said = "Retargeting", None
        while not self.cancelled:
            if not bpy.app.background and time.monotonic() - self._changed_s < SETTLE_S:
                yield WAIT
                continue
            began_s = self._changed_s
            try:
                said = yield from unless_cancelled(self, self._retarget())
            except SmirkError as error:
                scene = bpy.data.scenes.get(self.scene_name)
                if self.quiet and scene is not None:  # nobody clicked, so the panel says it
                    scene.smirk.retarget.trouble = str(error)
                raise
            if self._changed_s == began_s:
                break
        cancelled = f"{self.title}: cancelled. The character plays what it played"
        self.outcome = Outcome("done" if said else "cancelled", said or cancelled, changed=said is not None)

    def _retarget(self) -> Generator[object, None, str]:
        scene, item = scene_named(self.scene_name), take_at(self.scene_name, self.path)
        chosen = ChosenFootage.from_text(item.footage) if item is not None else None
        settings, write_as = BakeSettings.of(scene.smirk.bake), scene.smirk.retarget.write_as
        made_of = stamp_of(scene, self.character.find(), item)
        cleaned, model, lead = yield from cleaned_take(self.scene_name, self.path)
        scene = scene_named(self.scene_name)
        placed, start = placed_take(scene, cleaned, chosen, settings, lead)
        mesh_object = self.character.find()
        profile = profile_of(mesh_object)
        recipient = recipient_of(mesh_object, model, profile, again=self.quiet)
        yield
        result = yield from elsewhere(retargeted, placed, model, recipient, profile)
        mesh_object, scene = self.character.find(), scene_named(self.scene_name)
        name = Path(self.path).name.removesuffix(SUFFIX)
        others = meshes_with_same_keys(mesh_object)
        action = let_play(mesh_object, result, scene_frames_of(placed, start), name=name, mode=write_as, others=others)
        if settings.fit_range:
            fit_range(scene, start, len(placed))
        said = f"Retargeted {len(placed)} frames to {action.name}{missed_text(result)}"
        action[MADE_OF], scene.smirk.retarget.trouble = made_of, ""
        return said


def cleaned_take(scene_name: str, path: str) -> Generator[object, None, tuple[Take, Head, int]]:
    """Return a take as its clean-up wants it, the head it was solved on, and how many frames were cut off before it.

    Raises:
        SmirkError: its file cannot be read, its head is not there, or it cannot be cleaned.
    """
    item = take_at(scene_name, path)
    listed, clean_up = item is not None, item.clean_up.wanted() if item is not None else None
    take = yield from elsewhere(kept.load, path)
    files = model_files(take.models, scene_named(scene_name))
    model = yield from elsewhere(open_model, files.head, files.eyelids)
    check_take(model, take)
    cleaned = yield from cleaned_elsewhere(take, model, clean_up if listed else take.clean_up, path, files)
    return cleaned, model, cleaned.first_frame - take.first_frame


def model_files(models: dict[str, str], scene: Scene) -> ModelFiles:
    """Return the files of the head that a take was solved on: a head's in the scene, else the built-in or a solve's."""
    from ..rig import is_head, model_of

    for thing in filter(is_head, scene.objects):
        try:
            fits = model_of(thing).is_of(models)
        except HeadError:  # its file is gone: another head may do
            continue
        if fits:
            return ModelFiles.of(thing)
    if open_model("builtin").is_of(models):
        return ModelFiles()
    options = solve_options()
    return ModelFiles(str(options["head"]), str(options["eyelids"] or ""))

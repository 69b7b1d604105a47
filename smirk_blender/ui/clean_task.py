"""The clean-up at work: a take is baked into its action again soon after a setting changed, compared, and refined."""

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import bpy
from bpy.types import Object, Scene

from ..capture.job import Job
from ..capture.protocol import REFINE, Done, Failed, Loading, Message, Progress
from ..errors import HeadError, NoPackageError, SmirkError, TakeError
from ..flame import Head
from ..rig.compare import show_version
from ..rig.nla import is_pushed_down
from ..rig.standing import name_of
from ..take import CleanUp, Take
from . import tasks
from .bake import BakeSettings
from .bake_task import baked, model_elsewhere
from .clean_follow import clean_soon, judge_soon, note_refined
from .clean_steps import ModelFiles, cleans_here, judged_elsewhere, kept
from .footage import ChosenFootage
from .job_steps import job_steps
from .playing import head_of_take, playing, show_cleaned
from .preferences import log_file, worker_arguments
from .properties import SMIRK_PG_take
from .takes import SUFFIX, take_at
from .tasks import WAIT, Outcome, Steps, Task, elsewhere, unless_cancelled

SETTLE_S = 0.12  # from the last change of a setting until it is believed: sliders are dragged
SETTLE_BY_WORKER_S = 0.3  # likewise, where that starts a process
FOLLOW_S = 0.3  # from one bake to the next while a slider is dragged without rest
NO_SCIPY = (
    "An actor profile needs SciPy in Blender's own Python. Install a zip of the add-on that brings its packages along, "
    "or use smirk clean --save-profile with the worker's Python"
)


class TakeTask(Task):
    """Does something with a listed take that was baked."""

    def __init__(self, title: str, scene: Scene, path: str) -> None:
        super().__init__(f"{title} {Path(path).name.removesuffix(SUFFIX)}", scene.name)
        self.path = path

    def item(self) -> SMIRK_PG_take:
        """Return the take.

        Raises:
            TakeError: it was taken off the list.
        """
        item = take_at(self.scene_name, self.path)
        if item is None:
            raise TakeError(f"The take {self.path} was taken off the list. Open it again")
        return item

    def head_object(self) -> Object:
        """Return the head onto which it was baked.

        Raises:
            TakeError, HeadError: its action or the head is gone.
        """
        item = self.item()
        if item.action is None:
            raise TakeError(f"The take {self.path} is not baked, or its action was deleted. Bake it")
        head_object = head_of_take(bpy.data.scenes[self.scene_name], item)
        if head_object is None:
            name = item.action.name
            raise HeadError(f"The head that played {name} was deleted. Add or select another, and bake again")
        return head_object

    def bake_again(self, *, raw: bool, show: bool = True) -> Generator[object, None, str]:
        """Bake the take as it was baked before: cleaned into its action, or as solved into another one.

        Args:
            raw: as solved.
            show: whether the head is to play it, whatever it plays; one in NLA strips is played from there.
        """
        item, head_object = self.item(), self.head_object()
        now = playing(bpy.data.scenes[self.scene_name], item)
        bind = raw or now in ("cleaned", "solved") or show and not is_pushed_down(head_object, item.action)
        action = item.raw_action if raw else item.action
        head, into = name_of(head_object), action.name if action is not None else ""
        clean_up = None if raw else item.clean_up.wanted()
        settings, chosen = BakeSettings.from_text(item.baked_with), ChosenFootage.from_text(item.footage)
        if raw:  # of one head, beside the other action, for a look
            settings = replace(settings, identity='keep', bake_as='action', fit_range=False)
        take = yield from elsewhere(kept.load, self.path)
        _put(self.item(), refined=take.refined_expression is not None)
        done = yield from baked(
            self.scene_name,
            head,
            take,
            chosen,
            settings,
            take_path=self.path,
            clean_up=clean_up,
            note=not raw,
            into=into,
            bind=bind,
            wear=now != "other" or bind,
        )
        if raw:
            raw_action = bpy.data.actions[done.action_name]
            self.item().raw_action = raw_action
            raw_action.name = f"{self.item().action.name} as solved"
        else:
            trouble = yield from elsewhere(kept.try_to_save, self.path, clean_up)
            _put(self.item(), file_settings="")
            return done.text + trouble
        return done.text


def _put(item: SMIRK_PG_take, **facts: object) -> None:
    """Let the list know facts that it does not know: to set one draws the whole window."""
    for name, value in facts.items():
        if getattr(item, name) != value:
            setattr(item, name, value)


class CleanTask(TakeTask):
    """Bakes a take again into its action, as its clean-up wants it; once more, where that was changed meanwhile.

    A slider that is dragged for long is followed where cleaning is quick; where a worker has to be started, its last
    place alone is.
    """

    quiet = True

    def __init__(self, scene: Scene, path: str, *, show: bool = False) -> None:
        super().__init__("Cleaning", scene, path)
        self._changed_s = self._first_change_s = time.monotonic()
        self._show = show

    def touch(self) -> None:
        """Say that a setting was changed."""
        self._changed_s = time.monotonic()

    def steps(self) -> Steps:
        self.text, said, error = "Cleaning", None, None
        while not self.cancelled:
            if not (bpy.app.background or self._is_settled()):
                yield WAIT
                continue
            began_s, item = self._changed_s, take_at(self.scene_name, self.path)
            if item is None:
                break
            said, error, wanted = None, None, item.clean_up.wanted()
            try:
                said = yield from self._unless_in_vain(began_s)
            except SmirkError as trouble:
                error = trouble
            item = take_at(self.scene_name, self.path)
            if self._changed_s == began_s and (item is None or item.clean_up.wanted() == wanted):  # by undo, too
                break
            self._first_change_s = time.monotonic()
        item = take_at(self.scene_name, self.path)
        if item is None:
            self.outcome = Outcome("cancelled", f"{self.title}: it was taken off the list, and stays as it was baked")
            return
        if error is not None:
            item.trouble = str(error)
            raise error
        if said is not None:
            _put(item, trouble="")
            judge_soon(bpy.data.scenes.get(self.scene_name), self.path)
        cancelled = f"{self.title}: cancelled. Change a setting, or bake again"
        self.outcome = Outcome("done" if said else "cancelled", said or cancelled, changed=bool(said))

    def _is_settled(self) -> bool:
        """Return whether it is time to bake: the setting rests, or has been changed for long."""
        now = time.monotonic()
        if not cleans_here():
            return now - self._changed_s >= SETTLE_BY_WORKER_S
        return now - self._changed_s >= SETTLE_S or now - self._first_change_s >= FOLLOW_S

    def _unless_in_vain(self, began_s: float) -> Generator[object, None, str | None]:
        """Bake; return what was said, None where it was cancelled, or a worker cleans what is not wanted any more."""
        work = self.bake_again(raw=False, show=self._show)
        while True:
            try:
                yield next(work)
            except StopIteration as done:
                return done.value
            if self.cancelled or not cleans_here() and self._changed_s != began_s:
                work.close()
                return None


class JudgeTask(TakeTask):
    """Lets the panel say what was found in a take, before and after; comes after whatever else there is to do."""

    quiet = True

    def __init__(self, scene: Scene, path: str) -> None:
        super().__init__("Looking at", scene, path)

    def steps(self) -> Steps:
        self.text = "Looking at the take"
        work = self._judge()
        while not self.cancelled:
            try:
                yield next(work)
            except StopIteration:
                break
            except SmirkError as error:
                item = take_at(self.scene_name, self.path)
                if item is not None:
                    item.quality = f"Not known: {error}"
                break
            if any(not isinstance(task, JudgeTask) for task in tasks.tasks()[1:]):
                work.close()
                judge_soon(bpy.data.scenes.get(self.scene_name), self.path, after=self)
                break
        self.outcome = Outcome("cancelled" if self.cancelled else "done", self.title)

    def _judge(self) -> Generator[object, None, None]:
        head_object, clean_up = self.head_object(), self.item().clean_up.wanted()
        files = ModelFiles.of(head_object)
        model = yield from model_elsewhere(name_of(head_object))
        take = yield from elsewhere(kept.load, self.path)
        found = yield from judged_elsewhere(take, model, clean_up, self.path, files)
        item = self.item()
        neutral_found = "" if found.neutral_frame is None else f"about frame {found.neutral_frame}"
        _put(item, quality="\n".join(found.lines), rests=found.rests, neutral_found=neutral_found)


class CompareTask(TakeTask):
    """Lets the head play the take as cleaned, or as it was solved where it plays that."""

    def __init__(self, scene: Scene, path: str) -> None:
        super().__init__("Comparing", scene, path)

    def steps(self) -> Steps:
        self.text = "Baking as solved"
        item, head_object = self.item(), self.head_object()
        shows_raw = playing(bpy.data.scenes[self.scene_name], item) in ("cleaned", "strips")
        if not shows_raw:
            show_cleaned(head_object, item)
            said = "Playing the take as cleaned"
        elif item.raw_action is not None:
            show_version(head_object, item.raw_action)
            said = "Playing the take as solved"
        else:
            said = yield from unless_cancelled(self, self.bake_again(raw=True))
        if said is None:
            self.outcome = Outcome("cancelled", f"{self.title}: cancelled", changed=True)
            return
        self.outcome = Outcome("done", said, changed=True)


class ProfileTask(TakeTask):
    """Saves an actor profile from a take."""

    def __init__(self, scene: Scene, path: str, profile_path: str) -> None:
        super().__init__("Profile of", scene, path)
        self._profile_path = profile_path

    def steps(self) -> Steps:
        self.text = "Looking at the actor"
        clean_up = self.item().clean_up.wanted() or CleanUp()
        model = yield from model_elsewhere(name_of(self.head_object()))
        take = yield from elsewhere(kept.load, self.path)
        yield from elsewhere(_save_profile, take, model, clean_up, self._profile_path)
        self.outcome = Outcome("done", f"Saved {self._profile_path}")


def _save_profile(take: Take, model: Head, clean_up: CleanUp, path: str) -> None:
    if not cleans_here():
        raise NoPackageError(NO_SCIPY)
    from ..clean.profile import profile_of, save_profile

    save_profile(profile_of(take, model, clean_up), path)


class RefineTask(Task):
    """Refines a take in its file, in the worker; the head then plays it."""

    def __init__(self, scene: Scene, path: str, files: ModelFiles) -> None:
        super().__init__(f"Refining {Path(path).name.removesuffix(SUFFIX)}", scene.name)
        self._path, self._files = path, files
        self._job: Job | None = None

    def steps(self) -> Steps:
        self.text = "Starting"
        arguments = {
            "work": REFINE,
            "take_path": self._path,
            "head": self._files.head,
            "eyelids": self._files.eyelids or None,
        }
        (python, site_packages), log_path = worker_arguments(), log_file("refine")
        self.log_path = str(log_path)
        self._job = Job(python, "capture.cleaner", arguments, log_path, site_packages=site_packages)
        last = yield from job_steps(self, self._job, self._hear)
        if not isinstance(last, Done):
            failed = last if isinstance(last, Failed) else None
            text = failed.text if failed else f"{self.title}: cancelled. The take is as before"
            hint, lacks = (failed.hint, failed.lacks) if failed else ("", "")
            self.outcome = Outcome("failed" if failed else "cancelled", text, hint, self.log_path, lacks=lacks)
            return
        scene = bpy.data.scenes.get(self.scene_name)
        item = take_at(self.scene_name, self._path)
        if item is not None:
            item.refined = True
            note_refined(self._path)
            clean_soon(scene, item)
        said = f"Refined {last.num_frames} frames"
        if item is not None and not item.clean_up.enabled:
            said += ". Switch Clean-up on to see it"
        elif item is not None and item.action is not None and not scene.smirk.clean_live:
            said += ". Clean and Bake Again shows it"
        self.outcome = Outcome("done", said, "", self.log_path)  # of a file, which undo does not reach

    def _hear(self, message: Message) -> None:
        if isinstance(message, Loading):
            self.text, self.fraction = message.text, None
        elif isinstance(message, Progress) and message.num_frames:
            self.text = f"Refining frame {message.video_frame} of {message.num_frames}"
            self.fraction = min(1.0, message.video_frame / message.num_frames)

    def close(self) -> None:
        if self._job is not None:
            self._job.close()

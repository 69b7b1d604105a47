"""A solve, from the click to the moving head: the worker's messages, the head that moves meanwhile, and the end."""

import shutil
import time
import traceback
from collections.abc import Generator, Iterator
from pathlib import Path

import bpy
from bpy.types import Scene

from ..capture.job import Job
from ..capture.protocol import Done, Failed, Loading, Message, Part, Progress, Stopped, Warned
from ..errors import SmirkError
from ..take import CleanUp, Take, load_take, save_take
from ..take.parts import join_parts
from . import landmark_model
from .bake_task import baked
from .clean_follow import judge_soon
from .clean_steps import kept
from .live_head import LiveHead, SolveRequest
from .passing import make_folder, new_folder
from .takes import SUFFIX, add_take, new_take_path, take_at
from .tasks import WAIT, Outcome, Steps, Task, elsewhere, unless_cancelled

STAGES = {"solve": ("Looking at", 0.0, 0.8), "fit": ("Fitting", 0.8, 0.2)}  # in words; from; how much of the whole
SPEED_OVER_S = 3.0  # the newest seconds, over which frames per second are told


class SolveTask(Task):
    """Solves footage in a worker, shows it on the head as it comes, keeps the take and bakes it."""

    def __init__(self, scene: Scene, request: SolveRequest, python: str, site_packages: list[str]) -> None:
        super().__init__(f"Solving {request.chosen.footage.name}", scene.name)
        self.can_finish_early = True
        self._request, self._python, self._site_packages = request, python, site_packages
        self._job: Job | None = None
        self._ending: Message | None = None
        self._parts: dict[int, list[str]] = {}  # files of each face's parts, in order
        self._warnings: list[str] = []
        self._live = LiveHead(self, request)
        self._speed = _Speed()
        self._parts_folder: Path | None = None
        self._take_path: Path | None = None

    def steps(self) -> Steps:
        self.text = "Starting"
        self._start_job()
        shown = self._live.steps() if self._request.live else iter(())
        yield from self._watch(self._guarded(shown))
        if self._request.live:
            shown.close()  # with what it had begun
        if isinstance(self._ending, Done):  # maybe it was, when it was asked to stop
            landmark_model.found(self._request.options["landmark_model"])
            if not self.cancelled or self._keeps_when_cancelled():
                text, state = yield from self._keep(self._ending.paths)
                solved = f"Solved {self._request.chosen.footage.name}"
                self._end(state, _sentences(solved, text, *self._warnings), changed=True)
                return
            for path in self._ending.paths:
                Path(path).unlink(missing_ok=True)
        yield from self._stop_short()

    def _start_job(self) -> None:
        request = self._request
        self._take_path = new_take_path(request.chosen.footage.path.stem)  # now: a solve before may have taken a name
        make_folder(self._take_path.parent)
        self._parts_folder = new_folder("parts", request.chosen.footage.path.stem)
        arguments = {
            "video_path": str(request.chosen.footage.path),
            "take_path": str(self._take_path),
            "options": request.options | {"live_folder": str(self._parts_folder)},
        }
        self.log_path, site_packages = str(request.log_path), self._site_packages
        self._job = Job(self._python, "capture.worker", arguments, request.log_path, site_packages=site_packages)

    def _guarded(self, shown: Iterator[object]) -> Iterator[object]:
        """Yield what the live head yields; whatever goes wrong there, the solve goes on."""
        try:
            yield from shown
        except Exception as error:
            traceback.print_exc()
            self._warnings.append(f"The head did not play along ({type(error).__name__}: {error})")

    def _watch(self, shown: Iterator[object]) -> Steps:
        """Listen to the worker until it ends, and let the head play what comes."""
        asked = finishing = False
        while not self._job.ended:
            for message in self._job.poll():
                self._hear(message)
            if self.cancelled and not asked:
                asked, self.text = True, "Stopping"
                self._job.ask_to_stop()
            if self.finish_early and not finishing:
                finishing, self.can_finish_early = True, False
                self._job.ask_to_finish()
            yield WAIT if asked else next(shown, WAIT)

    def _stop_short(self) -> Steps:
        """Keep the frames so far, or put everything back; say why the solve did not come to its end."""
        failed = self._ending if isinstance(self._ending, Failed) else None
        keep = bool(self._parts) and (failed is not None or self._keeps_when_cancelled())
        if keep:
            self.text = "Keeping the frames so far"
            paths = []
            for path, parts in self._kept_parts():
                kept_path, num_frames = yield from elsewhere(_join_files, parts, path)
                paths.append(str(kept_path))
            said, _ = yield from self._keep(paths)
            kept = _sentences(f"The first {num_frames} frames were kept", said)
        else:
            self._live.put_back()
            kept = "Everything is as before" if failed is None else ""
        if failed is not None:
            text = _sentences(failed.text.splitlines()[0].rstrip(":"), kept)
            hint = landmark_model.learn(failed, self._request.options["landmark_model"])
            self._end("failed", text, hint, changed=keep, lacks=failed.lacks)
        else:
            self._end("cancelled", _sentences(f"{self.title}: cancelled", kept), changed=keep)

    def _end(self, state: str, text: str, hint: str = "", *, changed: bool, lacks: str = "") -> None:
        self.outcome = Outcome(state, text, hint, str(self._request.log_path), changed, lacks)

    def close(self) -> None:
        if self._job is not None:
            self._job.close()
        self._live.close()
        if self._parts_folder is not None:
            shutil.rmtree(self._parts_folder, ignore_errors=True)

    def abandoned(self, why: str) -> None:
        if self._job is None:
            return
        self._job.kill()
        text = f"{self.title}: {why}"
        if isinstance(self._ending, Done):  # it is solved; only the head has not got it yet
            text += f". The take is {', '.join(self._ending.paths)}"
        elif self._parts:
            kept = [_join_files(parts, path) for path, parts in self._kept_parts()]
            text += ". " + ". ".join(f"The first {num_frames} frames are in {path}" for path, num_frames in kept)
        self.outcome = Outcome("cancelled", text, "", str(self._request.log_path))

    def _kept_parts(self) -> list[tuple[Path, list[str]]]:
        """Return the files of parts by the take that they make: one a face."""
        if len(self._parts) == 1:
            return [(self._take_path, *self._parts.values())]
        name = self._take_path.name.removesuffix(SUFFIX)
        return [
            (self._take_path.with_name(f"{name}_face{face + 1}{SUFFIX}"), parts)
            for face, parts in sorted(self._parts.items())
        ]

    def _hear(self, message: Message) -> None:
        """Take note of a message of the worker's."""
        if isinstance(message, Loading):
            self.text = message.text
        elif isinstance(message, Progress):
            self._show_progress(message)
        elif isinstance(message, Part):
            self._parts.setdefault(message.face, []).append(message.take_path)
            if message.face == next(iter(self._parts)):  # one head shows one of them: who was seen first
                self._live.parts.append(message.take_path)
        elif isinstance(message, Warned):
            self._warnings.append(message.text)
        elif isinstance(message, (Done, Failed, Stopped)):
            self._ending = message

    def _show_progress(self, message: Progress) -> None:
        words, start, share = STAGES.get(message.stage, (message.stage.title(), 0.0, 1.0))
        fps, left_s = self._speed.after(message)
        total = message.num_frames
        self.fraction = start + share * message.video_frame / total if total else None
        self.text = f"{words} frame {message.video_frame} of {total or '?'}"
        if fps:
            self.text += f"\n{fps:.0f} frames per second"
            if left_s is not None:
                self.text += f", {_duration(left_s)} left"

    def _keeps_when_cancelled(self) -> bool:
        scene = bpy.data.scenes.get(self.scene_name)
        return scene is None or scene.smirk.keep_when_cancelled

    def _keep(self, paths: list[str]) -> Generator[object, None, tuple[str, str]]:
        """List the takes, bake the first onto the head; return what to know of it, and the outcome's state."""
        self.text, self.fraction = "Baking", 1.0
        first = None
        for path in paths:
            take = yield from elsewhere(load_take, path)
            first = take if first is None else first
            scene = bpy.data.scenes.get(self.scene_name)
            if scene is None:
                lost = f"The scene {self.scene_name} was deleted meanwhile"
                return f"{lost}. Open the take {paths[0]} in another", "failed"
            item = add_take(scene, path, take, self._request.chosen.to_text())
            if take.clean_up is None:
                item.clean_up.show(CleanUp())  # a new take is a cleaned one; the bake keeps that in its file
        said, state = yield from self._bake(first, paths[0])
        if len(paths) > 1:
            said = _sentences(said, f"{len(paths)} takes are in the list; {Path(paths[0]).name} is baked")
        return said, state

    def _bake(self, take: Take, path: str) -> Generator[object, None, tuple[str, str]]:
        """Bake a take, unless that is cancelled from now on; frames that a cancelled solve keeps are baked."""
        request, was_cancelled = self._request, self.cancelled
        try:
            head = yield from self._live.head_steps()
            replaces = self._live.action_name
            item = take_at(self.scene_name, path)
            clean_up = item.clean_up.wanted() if item is not None else None
            options = dict(replaces=replaces, take_path=path, clean_up=clean_up)
            work = baked(self.scene_name, head, take, request.chosen, request.bake, **options)
            done = yield from (work if was_cancelled else unless_cancelled(self, work))
            if done is None:
                return "The take is in the list; baking it was cancelled", "cancelled"
            trouble = yield from elsewhere(kept.try_to_save, path, clean_up)
            judge_soon(bpy.data.scenes.get(self.scene_name), path)
            return done.text + trouble, "done"
        except SmirkError as error:  # the take is there: say why it is not on the head
            return f"The take was not baked. {error}", "failed"


class _Speed:
    """Frames per second over the newest seconds of a stage, and how long the rest of it takes."""

    def __init__(self) -> None:
        self._stage, self._seen = "", []

    def after(self, message: Progress) -> tuple[float, float | None]:
        now = time.monotonic()
        if message.stage != self._stage:
            self._stage, self._seen = message.stage, []
        self._seen.append((now, message.video_frame))
        while now - self._seen[0][0] > SPEED_OVER_S:
            self._seen.pop(0)
        elapsed, frames = now - self._seen[0][0], message.video_frame - self._seen[0][1]
        if elapsed <= 0 or frames <= 0:
            return 0.0, None
        fps = frames / elapsed
        return fps, (message.num_frames - message.video_frame) / fps if message.num_frames else None


def _join_files(paths: list[str], out: Path) -> tuple[Path, int]:
    """Join parts into a take file; return it and its length."""
    take = join_parts([load_take(path) for path in paths])
    return save_take(take, out), len(take)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _sentences(*texts: str) -> str:
    return ". ".join(text.rstrip(".") for text in texts if text)

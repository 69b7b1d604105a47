"""A worker that is none: it says what a test has it say, one message a poll."""

import shutil
from pathlib import Path

from smirk_blender.capture.protocol import ENDINGS, Done, Failed, Loading, Part, Progress, Stopped, Warned
from smirk_blender.flame import save_head
from smirk_blender.take import Take, save_take
from smirk_blender.take.parts import part_of
from smirk_blender.ui import clean_steps, faces, preferences, solve_task
from tests.builders import tiny_head


class FakeJob:
    """Stands in for `Job`: solves into a take that is there already.

    Attributes:
        started: every job, in order.
        take: what every job solves.
        late_face: what it solves too, as face 0, seen one part after the other, which is face 1 then; None for nobody.
        hold_at: frames after which it waits, until `go_on`; None for never.
        dies_at: frames after which it is killed; None for never.
        fails_with: what it says instead of solving; None where it solves.
    """

    started: list["FakeJob"] = []
    take: Take | None = None
    late_face: Take | None = None
    hold_at: int | None = None
    dies_at: int | None = None
    part_frames = 4
    fails_with: Failed | None = None

    def __init__(self, python, module, arguments, log_path, *, site_packages=()):
        self.python, self.module, self.arguments, self.log_path = python, module, arguments, Path(log_path)
        self.log_path.write_text("what libraries print\n")
        self.ended = self.closed = self.asked_to_stop = self.finishing = False
        self._held = self.hold_at is not None
        self._messages = self._say()
        FakeJob.started.append(self)

    def poll(self):
        if self.ended:
            return []
        if self.asked_to_stop:
            return self._end(Stopped())
        message = next(self._messages, None)
        if message is None:
            return []
        return self._end(message) if isinstance(message, ENDINGS) else [message]

    def ask_to_stop(self):
        self.asked_to_stop = True

    def ask_to_finish(self):
        self.finishing = True

    def go_on(self):
        self._held = False

    def kill(self):
        self.ended = True

    def close(self):
        self.closed = True

    def _end(self, message):
        self.ended = True
        return [message]

    def _say(self):
        if self.fails_with is not None:
            yield self.fails_with
        options = self.arguments["options"]
        take = part_of(self.take, slice(options["first_frame"], (options["last_frame"] or len(self.take)) + 1))
        yield Loading("Loading the landmark model")
        yield Warned("The light is poor")
        for start in range(0, len(take), self.part_frames):
            part = part_of(take, slice(start, start + self.part_frames))
            done = start + len(part)
            yield self._part(part, 0 if self.late_face is None else 1)
            if self.late_face is not None and start > 0:
                yield self._part(part_of(self.late_face, slice(start, done)), 0)
            yield Progress(done, len(take))
            while self._held and done >= self.hold_at:
                if self.finishing:
                    take, self._held = part_of(take, slice(0, done)), False
                yield Progress(done, len(take))
            if self.dies_at is not None and done >= self.dies_at:
                yield Failed("The worker capture.worker was killed by SIGKILL", f"Its log: {self.log_path}")
            if self.finishing:
                break
        yield Progress(len(take), len(take), "fit")
        yield Done([str(save_take(take, self.arguments["take_path"]))], len(take), len(take), 25.0)

    def _part(self, part, face):
        path = Path(self.arguments["options"]["live_folder"]) / f"part_{part.first_frame:05d}_{face}.take.npz"
        return Part(str(save_take(part, path, compress=False)), part.first_frame, len(part), face)


class FakeCleaner:
    """Stands in for the `Job` that cleans where Blender's own Python cannot: the take stays as it was solved."""

    ended = False

    def __init__(self, python, module, arguments, log_path, *, site_packages=()):
        shutil.copyfile(arguments["take_path"], arguments["out_path"])
        self._done = Done([arguments["out_path"]])

    def poll(self):
        self.ended = True
        return [self._done]

    def close(self):
        pass


def solve_without_a_worker(monkeypatch, tmp_path, **attributes) -> None:
    """Have a `FakeJob` with these attributes solve and look for faces, in the test's own folders, on a made-up head."""
    for name, value in {"started": [], **attributes}.items():
        monkeypatch.setattr(FakeJob, name, value)
    for module in (solve_task, faces):
        monkeypatch.setattr(module, "Job", FakeJob)
    monkeypatch.setattr(clean_steps, "Job", FakeCleaner)
    settings = preferences.preferences()
    settings.cache_folder, settings.takes_folder = str(tmp_path / "cache"), str(tmp_path / "takes")
    settings.flame_model = str(tmp_path / "tiny.npz")
    save_head(tiny_head(), settings.flame_model)

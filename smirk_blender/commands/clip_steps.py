"""The steps of one clip: each makes files in a folder of its own, which takes what others have made from the clip's."""

import argparse
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..batch.job import PLAYED, Clip, Job
from ..batch.key import BAKE, CLEAN, EXPORT, PREVIEW, RETARGET, SOLVE
from ..batch.place import Place, Record
from ..capture.memory import resident_memory_mb
from ..capture.protocol import CLEAN as CLEANING
from ..capture.protocol import REFINE, Done, Message, Progress, Warned
from ..capture.solving import refine_file, run_worker, solve_to
from ..clean.needs import CLEANING_NEEDS
from ..errors import SmirkError
from ..take import CleanUp, load_take, save_clean_up, save_take
from ..take.fill import gap_ranges
from ..take.take import OPTIONAL_ARRAYS
from .preview import PICTURES, encode, review
from .solve import TAKE_ENDING

CLEANED = ".cleaned"
REFINED = tuple(name for name in OPTIONAL_ARRAYS if name.startswith("refined_"))
# What files of exports are called after the take's name; others by their format alone.
ENDINGS = {"npz": "_flame.npz", "vhap": "_vhap.npz", "livelink": "_livelink.csv", "usd": ".usdc"}
FLAME_ONLY = ("npz", "vhap")  # exports that the built-in head's directions mean nothing in
MODELS = ("head", "eyelids")
WORDS = ("take", "blend", "video", "name", "head", "folder")  # that further steps may name, in braces
GAPS_SHOWN = 20  # in the figures, of a take's gaps
STAGES = {"people": 0.1, "solve": 0.7, "fit": 0.2}  # of a solve, and their shares of it


@dataclass
class Work:
    """What the steps of a clip work with.

    Attributes:
        folder: where they make files.
        tell: gets how far a step is, 0 to 1.
        parser: of the whole command line.
    """

    job: Job
    clip: Clip
    place: Place
    record: Record
    python: tuple[str, list[str]]
    tell: Callable[[str, float], None]
    parser: argparse.ArgumentParser
    folder: Path
    memory_mb: float = 0.0

    def do(self, step: str) -> None:
        """Do a step, and note its figures.

        Raises:
            SmirkError: it failed.
        """
        start = time.perf_counter()
        self.tell(step, 0.0)
        self.record.warnings[step] = []
        known = {SOLVE: self._solve, CLEAN: self._clean, PREVIEW: self._preview, BAKE: self._bake}
        known |= {RETARGET: self._retarget, EXPORT: self._export}
        known[step]() if step in known else self._other(step)
        self.record.figures.setdefault("seconds", {})[step] = round(time.perf_counter() - start, 2)
        self.record.figures["memory_mb"] = round(max(self.memory_mb, resident_memory_mb()))

    def names(self) -> list[str]:
        """Return what the files of each take are called after."""
        takes = self.record.steps[SOLVE]["files"]
        return [name.removesuffix(TAKE_ENDING) for name in takes if name.endswith(TAKE_ENDING)]

    def _solve(self) -> None:
        settings = asdict(self.job.solve_of(self.clip))
        path = self.folder / f"{self.clip.name}{TAKE_ENDING}"
        with_folder = self.folder / ".people"
        with_folder.mkdir()
        done = solve_to(self.clip.video, path, settings, folder=with_folder, **self._run(SOLVE))
        self._note(done)
        takes = [load_take(each, landmarks=False) for each in done.paths]
        first = takes[0]
        self.record.faces = len(takes)
        self.record.figures |= {
            "frames": done.num_frames,
            "fps": round(float(first.fps), 3),
            "size": [first.source.width_px, first.source.height_px],
            "gap_frames": int(sum(take.gap.sum() for take in takes)),
            "gaps": [[first.first_frame + a, first.first_frame + b] for a, b in gap_ranges(first.gap)][:GAPS_SHOWN],
            "confidence": round(float(np.mean([take.confidence.mean() for take in takes])), 3),
            "solver": first.solver,
            "solve_fps": round(done.fps, 1),
        }

    def _clean(self) -> None:
        """Refine takes and note how they are cleaned, from what was solved, whatever another job has made of it."""
        clean, settings = self.job.clean, asdict(self.job.solve)
        clean_up = CleanUp.of(clean.settings) if clean.enabled else None
        for name in self.names():
            if clean.enabled and clean.refine:
                path = self._copied(f"{name}{TAKE_ENDING}")
                self._note(refine_file(path, settings, clean_up=clean_up.facts(), **self._run(CLEAN)))
            else:
                self._unrefined(f"{name}{TAKE_ENDING}", clean_up)

    def _unrefined(self, name: str, clean_up: CleanUp | None) -> None:
        """Make a take as it was solved, to the last byte, with settings to clean it by; nothing where it is that."""
        take = load_take(self.place.folder / name)
        if take.refined_eyelid is None and take.clean_up == clean_up:
            return
        save_take(replace(take, clean_up=None, **dict.fromkeys(REFINED)), self.folder / name)
        if clean_up is not None:
            save_clean_up(self.folder / name, clean_up)

    def _preview(self) -> None:
        models, solve = {name: getattr(self.job.solve, name) for name in MODELS}, self.job.solve_of(self.clip)
        footage = {"first_frame": solve.first_frame, "last_frame": solve.last_frame}
        for name in self.names():
            take_path, pictures = self.place.folder / f"{name}{TAKE_ENDING}", self.folder / PICTURES
            files = {"video": self.clip.video, "take": take_path, "movie": pictures}
            files["thumbnail"] = self.folder / f"{name}_thumbnail.jpg"
            if self.job.preview.sheet:
                files["report"] = self.folder / f"{name}_report.png"
            self._note(review(files, models, footage, **self._run(PREVIEW)))
            if self.job.preview.enabled:
                take = load_take(take_path, landmarks=False)
                encode(pictures, self.folder / f"{name}_preview.mp4", take, self.clip.video)
            pictures.unlink()

    def _bake(self) -> None:
        bake = self.job.bake
        for number, name in enumerate(self.names()):
            take_path = self.place.folder / f"{name}{TAKE_ENDING}"
            arguments = [str(take_path), "--video", self.clip.video, "--out", str(self.folder / f"{name}.blend")]
            if bake.template:
                arguments += ["--template", bake.template, "--on", bake.head_object]
            else:
                arguments += self._head_arguments()
            if self.job.clean.enabled and "--raw" not in bake.arguments and not find_spec(CLEANING_NEEDS):
                arguments += ["--cleaned", str(self._cleaned_elsewhere(take_path))]
            self._run_command(["bake", *arguments, *bake.arguments])
            self.tell(BAKE, (number + 1) / self.record.faces)

    def _retarget(self) -> None:
        retarget = self.job.retarget
        for number, name in enumerate(self.names()):
            out = self.folder / f"{self._on_character(name)}.blend"
            arguments = [*self._played_take(name, retarget.arguments), retarget.character, "--out", str(out)]
            arguments += ["--mesh", retarget.mesh] if retarget.mesh else []
            arguments += ["--profile", retarget.profile] if retarget.profile else []
            self._run_command(["retarget", *arguments, *self._head_arguments(), *retarget.arguments])
            self.tell(RETARGET, (number + 1) / self.record.faces)

    def _export(self) -> None:
        export, num_made = self.job.export, 0
        for name in self.names():
            for kind in export.formats:
                if is_played(kind, self.job):
                    self._export_blend(name, kind, self.job.bake.head_object)
                else:
                    source = [*self._played_take(name, export.arguments), *self._head_arguments()]
                    self._run_export(source, name, kind)
                if of_character(kind, self.job):
                    self._export_blend(self._on_character(name), kind, self.job.retarget.mesh)
                num_made += 1
                self.tell(EXPORT, num_made / (len(export.formats) * self.record.faces))

    def _export_blend(self, name: str, kind: str, mesh: str) -> None:
        """Export what plays in a .blend of the clip: a mesh of this name, or the only one that plays a take."""
        chosen = ["--object", mesh] if mesh else []
        self._run_export([str(self.place.folder / f"{name}.blend"), *chosen], name, kind)

    def _run_export(self, source: list[str], name: str, kind: str) -> None:
        out = str(self.folder / f"{name}{ENDINGS.get(kind, f'.{kind}')}")
        self._run_command(["export", *source, "--format", kind, "--out", out, *self.job.export.arguments])

    def _on_character(self, name: str) -> str:
        """Return what files of the character that plays a take are called after."""
        return f"{name}_{Path(self.job.retarget.character).stem}"

    def _head_arguments(self) -> list[str]:
        solve = self.job.solve
        return ["--head", solve.head, *(["--eyelids", solve.eyelids] if solve.eyelids else [])]

    def _played_take(self, name: str, arguments: tuple[str, ...]) -> list[str]:
        """Return a take as a command takes it: its file, or what a worker cleaned of it where this Python cannot."""
        path = self.place.folder / f"{name}{TAKE_ENDING}"
        if not self.job.clean.enabled or "--raw" in arguments or find_spec(CLEANING_NEEDS):
            return [str(path)]
        return [str(self._cleaned_elsewhere(path)), "--raw"]

    def _other(self, step: str) -> None:
        """Run a further command on each take; what it leaves in the folder is kept."""
        arguments = self.job.steps[int(step.partition("_")[0]) - 1]
        for name in self.names():
            words = step_words(self.place.folder, name, self.folder, self.clip, self.job)
            self._run_command([part.format(**words) for part in arguments])

    def _run_command(self, arguments: list[str]) -> None:
        """Run another command in this process.

        Raises:
            SmirkError: it failed, or is used wrongly.
        """
        try:
            options = self.parser.parse_args(arguments)
            options.check_usage(self.parser, options)
        except SystemExit as error:  # argparse has printed what is wrong, into the log
            raise SmirkError(f"smirk {arguments[0]} does not take {arguments[1:]}. Its log says why") from error
        options.parser = self.parser
        if options.command(options):
            raise SmirkError(f"smirk {arguments[0]} failed. Its log says why")

    def _cleaned_elsewhere(self, take_path: Path) -> Path:
        path = self.folder / CLEANED / take_path.name
        if path.is_file():
            return path
        path.parent.mkdir(exist_ok=True)
        models = {name: getattr(self.job.solve, name) for name in MODELS}
        arguments = {"work": CLEANING, "take_path": str(take_path), "out_path": str(path)}
        self._note(run_worker("capture.cleaner", arguments | models, **self._run(BAKE)))
        return path

    def _copied(self, name: str) -> Path:
        return Path(shutil.copyfile(self.place.folder / name, self.folder / name))

    def _run(self, step: str) -> dict:
        """Return what `run_worker` wants besides its arguments."""
        return dict(log_path=self.place.log_path, python=self.python, hear=lambda message: self._hear(step, message))

    def _hear(self, step: str, message: Message) -> None:
        if isinstance(message, Warned):
            self.record.warnings[step].append(message.text)
        elif isinstance(message, Progress) and message.num_frames:
            share = min(1.0, message.video_frame / message.num_frames)
            if step == SOLVE and message.stage in STAGES:
                stages = list(STAGES)
                before = sum(STAGES[stage] for stage in stages[: stages.index(message.stage)])
                share = before + STAGES[message.stage] * share
            self.tell(REFINE if step == CLEAN else step, share)

    def _note(self, done: Done) -> None:
        """Note how much memory this process and a worker that has ended took together."""
        self.memory_mb = max(self.memory_mb, resident_memory_mb() + done.peak_memory_mb)


def is_played(kind: str, job: Job) -> bool:
    """Return whether a format is exported from the baked .blend; otherwise it is of the take."""
    return bool(job.bake.enabled and job.bake.template and kind in PLAYED)


def of_character(kind: str, job: Job) -> bool:
    """Return whether a format is exported of the character, too."""
    return bool(job.retarget.character and kind in PLAYED)


def step_words(
    folder: str | os.PathLike, name: str, out: str | os.PathLike, clip: Clip, job: Job
) -> dict[str, str]:
    """Return what WORDS stand for: a take, its .blend, where a step writes, and so on."""
    files = {"take": Path(folder) / f"{name}{TAKE_ENDING}", "blend": Path(folder) / f"{name}.blend"}
    words = {word: str(path) for word, path in files.items()}
    return words | {"video": clip.video, "name": name, "head": job.solve.head, "folder": str(out)}

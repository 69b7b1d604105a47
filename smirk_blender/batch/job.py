"""A job: which clips, and what is made of each. `job.schema.json` says what a file of one may hold."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

from ..errors import BatchError
from ..partial import written_whole
from ..sequences import is_image
from ..take import CleanUp
from .schema import faults

SCHEMA_PATH = Path(__file__).with_name("job.schema.json")
FORMAT_VERSION = 1
BUILTIN_HEAD = "builtin"  # as `flame` calls it
PLAYED = {"glb", "fbx", "abc", "usd"}  # exports of what plays in Blender, as `rig.export` calls them
# Settings that name files, by part of the job.
PATHS = {
    "solve": ("head", "eyelids", "weights", "landmark_model"),
    "bake": ("template",),
    "retarget": ("character", "profile"),
}


@dataclass(frozen=True)
class Clip:
    """One clip; what is None is as the job's `solve` says.

    Attributes:
        video: its file, a video, an image, or the first image of a sequence.
        name: of its folder and files; "" for one by the job's rule.
        first_frame, last_frame: of the video, both included.
        face: see `Solve`.
    """

    video: str
    name: str = ""
    first_frame: int | None = None
    last_frame: int | None = None
    face: int | str | None = None


@dataclass(frozen=True)
class Folder:
    """Where clips are looked for: files of a folder that fit a pattern, in the folders below it too if `recursive`."""

    path: str
    patterns: tuple[str, ...] = ()
    recursive: bool = False


@dataclass(frozen=True)
class Solve:
    """How clips are solved.

    Attributes:
        solver: "smirk", "landmarks", or None for SMIRK's where there are weights.
        head: "builtin" or a FLAME model file.
        eyelids, weights, landmark_model, device, smooth_crops: as in `capture.SolveOptions`.
        first_frame, last_frame: of the video, both included; None for its end.
        face: a number counted from 1, those that are seen most first; "all" for a take of everybody; None where there
            is one face.
        image_fps: the rate of images, which are first ones of sequences then; None where each is one frame.
    """

    solver: str | None = None
    head: str = BUILTIN_HEAD
    eyelids: str | None = None
    weights: str | None = None
    landmark_model: str | None = None
    device: str | None = None
    smooth_crops: bool = False
    first_frame: int = 0
    last_frame: int | None = None
    face: int | str | None = None
    image_fps: float | None = None


@dataclass(frozen=True)
class Clean:
    """How takes are cleaned.

    Attributes:
        enabled: whether they are.
        refine: whether lips and lids are found in the picture.
        settings: those that are not the usual ones, as `CleanUp.facts` has them.
    """

    enabled: bool = True
    refine: bool = True
    settings: dict = field(default_factory=dict)

    @property
    def profile(self) -> str:
        """The actor profile that the settings name; "" for none."""
        return self.settings.get("identity", {}).get("profile", "")


@dataclass(frozen=True)
class Preview:
    """Whether there is a preview video, and a report sheet of each take."""

    enabled: bool = True
    sheet: bool = False


@dataclass(frozen=True)
class Bake:
    """What is baked.

    Attributes:
        enabled: whether there is a .blend.
        template: the .blend whose head takes the action; None for a new head.
        head_object: the head's name in the template; "" for its only one.
        arguments: more of the command `bake`, such as ["--layout", "matched"].
    """

    enabled: bool = True
    template: str | None = None
    head_object: str = ""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retarget:
    """Onto whom takes are retargeted.

    Attributes:
        character: the .blend, .glb or .gltf that holds the character; None for nobody.
        mesh: its mesh with the shape keys; "" for its only one.
        profile: a retarget profile; None for the character's own.
        arguments: more of the command `retarget`, such as ["--gain", "mouth=1.2"].
    """

    character: str | None = None
    mesh: str = ""
    profile: str | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Export:
    """In which other formats takes are written.

    Attributes:
        formats: as `smirk export` calls them. What plays in Blender is exported from the baked .blend where there is a
            template, and of the character besides.
        arguments: more of the command `export`, such as ["--head-motion", "neck"].
    """

    formats: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """Clips, and what is made of each.

    Attributes:
        clips: the clips by name.
        folders: where more are looked for, before any work.
        name: the rule for names, see `clips.named`.
        steps: commands that follow, each a list of arguments, in which {take}, {blend}, {video}, {name}, {head} and
            {folder} stand for the clip's; what they write into that folder is kept.
    """

    clips: tuple[Clip, ...] = ()
    folders: tuple[Folder, ...] = ()
    name: str = "{stem}"
    solve: Solve = Solve()
    clean: Clean = field(default_factory=Clean)
    preview: Preview = Preview()
    bake: Bake = Bake()
    retarget: Retarget = Retarget()
    export: Export = Export()
    steps: tuple[tuple[str, ...], ...] = ()

    def clip(self, name: str) -> Clip:
        """Return a clip.

        Raises:
            BatchError: there is none of that name.
        """
        for clip in self.clips:
            if clip.name == name:
                return clip
        raise BatchError(f"The job has no clip {name}. Choose one of its {len(self.clips)}, or plan it again")

    def solve_of(self, clip: Clip) -> Solve:
        """Return how a clip is solved; a video has no `image_fps`."""
        own = {name: getattr(clip, name) for name in ("first_frame", "last_frame", "face")}
        own = {name: value for name, value in own.items() if value is not None}
        return replace(self.solve, **own, **({} if is_image(clip.video) else {"image_fps": None}))

    def facts(self) -> dict:
        """Return it as plain values, for JSON."""
        return {"format_version": FORMAT_VERSION, **json.loads(json.dumps(asdict(self)))}

    @property
    def digest(self) -> str:
        """What tells it from other jobs."""
        return hashlib.sha256(json.dumps(self.facts(), sort_keys=True).encode()).hexdigest()


def unusual(clean_up: CleanUp) -> dict:
    """Return the settings that are not the usual ones, as `Clean.settings` has them."""
    usual, settings = CleanUp().facts(), {}
    for step, values in clean_up.facts().items():
        if changed := {name: value for name, value in values.items() if value != usual[step][name]}:
            settings[step] = changed
    return settings


@cache
def schema() -> dict:
    return json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))


def job_of(facts: object, where: str = "the job", folder: str | os.PathLike = "") -> Job:
    """Return the job of plain values.

    Args:
        where: the file that they are from, for messages.
        folder: that relative paths in it count from.
    Raises:
        BatchError: a field or a value that there is not; all that is wrong is said.
    """
    found = list(faults(facts, schema()))
    if not found:
        clean_up = facts.get("clean", {}).get("settings", {})
        try:
            CleanUp.of(clean_up)
        except ValueError as error:
            found = [f"clean.settings: {error}"]
    if found:
        raise BatchError(f"{where} is no job: {'. '.join(found)}. {SCHEMA_PATH.name} says what a job may hold")
    place = lambda text: os.path.normpath(os.path.join(folder, os.path.expanduser(text)))
    parts = {name: facts[name] for name in KINDS if name in facts}
    for part, names in PATHS.items():
        given = {name: parts.get(part, {}).get(name) for name in names}
        found = {name: place(path) for name, path in given.items() if path and path != BUILTIN_HEAD}
        if found:
            parts[part] = parts[part] | found
    identity = parts.get("clean", {}).get("settings", {}).get("identity", {})
    if identity.get("profile"):
        settings = parts["clean"]["settings"] | {"identity": identity | {"profile": place(identity["profile"])}}
        parts["clean"] = parts["clean"] | {"settings": settings}
    folders = [{**each, "path": place(each["path"])} for each in facts.get("folders", ())]
    return Job(
        clips=tuple(Clip(**{**each, "video": place(each["video"])}) for each in facts.get("clips", ())),
        folders=tuple(Folder(**_tuples(each)) for each in folders),
        name=facts.get("name", Job.name),
        steps=tuple(tuple(step) for step in facts.get("steps", ())),
        **{name: kind(**_tuples(parts[name])) for name, kind in KINDS.items() if name in parts},
    )


KINDS = {"solve": Solve, "clean": Clean, "preview": Preview, "bake": Bake, "retarget": Retarget, "export": Export}


def load_job(path: str | os.PathLike) -> Job:
    """Return the job in a file; paths in it count from its folder.

    Raises:
        BatchError: no such file, or not a job.
    """
    path = Path(path).absolute()
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BatchError(f"Cannot read the job {path}: {error.strerror or error}. Check the path") from error
    except ValueError as error:
        raise BatchError(f"{path} is no JSON: {error}. Mend it, or save the job again") from error
    return job_of(facts, str(path), path.parent)


def save_job(job: Job, path: str | os.PathLike) -> Path:
    """Write a job; return the path.

    Raises:
        BatchError: the folder cannot be written.
    """
    path = Path(path).absolute()
    try:
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(job.facts(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise BatchError(f"Cannot write the job {path}: {error.strerror or error}. Choose another folder") from error
    return path


def _tuples(values: Mapping) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

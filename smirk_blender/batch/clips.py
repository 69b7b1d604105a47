"""Which clips a job has, and what they are called: folders, lists and rules become clips, before any work."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

from ..errors import BatchError
from ..sequences import IMAGE_SUFFIXES, first_images, is_image, sequence_name
from .job import Clip, Folder, Job, load_job

VIDEO_PATTERNS = tuple(
    f"*.{suffix}" for suffix in "mp4 mov m4v mkv avi webm mpg mpeg mts m2ts mxf wmv ogv 3gp".split()
)
IMAGE_PATTERNS = tuple(f"*{suffix}" for suffix in IMAGE_SUFFIXES)
WORDS = ("stem", "parent", "number", "date")  # of the rule for names
JOB_SUFFIX = ".json"
BAD_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')  # what Windows has not, and separators
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # Windows' devices
LONGEST_NAME = 120  # characters; of 255 that file systems take, with endings and tokens
OWN_FOLDER = "_smirk"  # of an output folder: jobs, claims, hashes
PART_SUFFIX = ".part"  # beside it, of a folder in which a clip's files are made
SHOWN = 5  # clips named in a message


def job_from(sources: Sequence[str], *, patterns: Sequence[str] = (), recursive: bool = False) -> Job:
    """Return a job of folders, videos, lists (a path a line) or of one job file.

    Args:
        sources: paths.
        patterns: of the folders' files; the usual videos' where there are none, and images' where they have a rate.
        recursive: whether the folders below count.
    Raises:
        BatchError: a path that is none of them.
    """
    if len(sources) == 1 and sources[0].lower().endswith(JOB_SUFFIX):
        return load_job(sources[0])
    clips, folders = [], []
    for source in sources:
        path = Path(source).expanduser().absolute()
        if path.is_dir():
            folders.append(Folder(str(path), tuple(patterns), recursive))
        elif is_footage(path):  # one that is missing fails by itself
            clips.append(Clip(str(path)))
        elif path.suffix.lower() == JOB_SUFFIX:
            raise BatchError(f"{path} is a job, which has clips of its own. Give it alone")
        elif path.is_file():
            clips += [Clip(line) for line in _lines_of(path)]
        else:
            raise BatchError(f"No folder and no list at {path}. Check the path")
    if (patterns or recursive) and not folders:
        raise BatchError(f"--pattern and --recursive are of folders, and {', '.join(sources)} is none. Leave them out")
    return Job(clips=tuple(clips), folders=tuple(folders))


def clips_text(count: int) -> str:
    """Return how many clips, in words."""
    return f"{count} clip" if count == 1 else f"{count} clips"


def resolved(job: Job, out: str | os.PathLike) -> Job:
    """Return a job with every clip by name, and no folders to be searched.

    Args:
        out: the output folder, in which no clips are looked for.
    Raises:
        BatchError: a folder that cannot be read, no clips, names that two clips share or that no file can have.
    """
    clips = [*job.clips]
    known = {os.path.normcase(clip.video) for clip in clips}
    sequences = job.solve.image_fps is not None
    for folder in job.folders:
        for video in _videos_in(folder, Path(out).absolute(), sequences=sequences):
            if os.path.normcase(video) not in known:
                known.add(os.path.normcase(video))
                clips.append(Clip(video))
    if not clips:
        searched = ", ".join(folder.path for folder in job.folders) or "the list"
        raise BatchError(f"No clips in {searched}. Check the path, or give --pattern or --recursive")
    name = lambda clip, number: named(clip, job.name, number, sequence=sequences and is_image(clip.video))
    clips = [clip if clip.name else name(clip, number) for number, clip in enumerate(clips, 1)]
    for clip in clips:
        _check_name(clip)
    _check_apart(clips)
    return replace(job, clips=tuple(clips), folders=())


def named(clip: Clip, rule: str, number: int, *, sequence: bool = False) -> Clip:
    """Return a clip with its name by a rule: {stem} and {parent} of the file and its folder, {number} from 1 in order,
    {date} of the file's last change as 2026-01-31; Python's format, such as {number:03}.

    Args:
        sequence: whether it is a sequence of images, whose stem is without their numbers.
    Raises:
        BatchError: the rule has a word that there is not.
    """
    path = Path(clip.video)
    words = {"stem": sequence_name(path) if sequence else path.stem, "parent": path.parent.name, "number": number}
    if "{date" in rule:
        try:
            words["date"] = datetime.fromtimestamp(path.stat().st_mtime).date().isoformat()
        except OSError as error:
            reason = error.strerror or error
            raise BatchError(f"The date of {path} is not told: {reason}. Name clips otherwise") from error
    try:
        return replace(clip, name=rule.format(**words))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise BatchError(
            f"The rule for names {rule} cannot be followed ({error}). Its words are {', '.join(WORDS)} in braces"
        ) from error


def _videos_in(folder: Folder, out: Path, *, sequences: bool) -> Iterator[str]:
    """Yield a folder's footage in natural order; of each sequence of images the first, where `sequences` are meant."""
    root = Path(folder.path)
    patterns = folder.patterns or (*VIDEO_PATTERNS, *(IMAGE_PATTERNS if sequences else ()))
    found = []

    def refuse(error: OSError) -> None:
        raise BatchError(f"Cannot read the folder {error.filename}: {error.strerror or error}. Check the path")

    for place, below, names in os.walk(root, onerror=refuse):
        if not folder.recursive:
            below.clear()
        below[:] = [name for name in below if not (name.startswith(".") or _is_output(Path(place, name), out, below))]
        if Path(place) == out and out != root:
            continue
        paths = [Path(place, name) for name in names if not name.startswith(".")]
        if sequences:
            paths = [path for path in paths if not is_image(path)] + first_images([*filter(is_image, paths)])
        fits = lambda path: any(fnmatch(path.name.lower(), pattern.lower()) for pattern in patterns)
        found += filter(fits, paths)
    return iter([str(path) for path in sorted(found, key=lambda path: [_natural(part) for part in path.parts])])


def _is_output(folder: Path, out: Path, beside: Sequence[str]) -> bool:
    """Return whether a folder is what a batch has made, this one or an earlier one: no footage lies in it."""
    if folder == out or folder.name == OWN_FOLDER:
        return True
    return OWN_FOLDER in beside and (folder.suffix == PART_SUFFIX or (folder / f"{folder.name}.log").is_file())


def _natural(text: str) -> list:
    """Return what has line_2 before line_10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in re.split(r"(\d+)", text)]


def is_footage(path: Path) -> bool:
    """Return whether a file is a video or an image, by its name."""
    return is_image(path) or any(fnmatch(path.name.lower(), pattern) for pattern in VIDEO_PATTERNS)


def _lines_of(path: Path) -> list[str]:
    """Return the paths in a list; they count from its folder, and lines with # are remarks."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # Windows' editors may start with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise BatchError(
            f"{path} is no video, and no list of clips ({error}). Give a folder, or a text of a path a line in UTF-8"
        ) from error
    lines = [line.strip().strip('"') for line in lines]  # as Windows copies paths
    places = [path.parent / Path(line).expanduser() for line in lines if line and not line.startswith("#")]
    return [os.path.normpath(place) for place in places]


def _check_name(clip: Clip) -> None:
    name = clip.name
    bad = BAD_IN_NAMES.search(name) or RESERVED.fullmatch(name) or len(name) > LONGEST_NAME
    if bad or name != name.strip() or name.endswith(".") or name in ("", OWN_FOLDER) or name.startswith("."):
        raise BatchError(
            f"{clip.video} cannot be called {name!r}: no file on every system can. Rename it, or give --name"
        )


def _check_apart(clips: Sequence[Clip]) -> None:
    """Raise BatchError where two clips' files would be the same; there are disks without capitals."""
    first: dict[str, Clip] = {}
    shared = []
    for clip in clips:
        name = unicodedata.normalize("NFC", clip.name).casefold()
        if name in first:
            shared.append(f"{first[name].video} and {clip.video} are both {clip.name}")
        first.setdefault(name, clip)
    if shared:
        more = f", and {len(shared) - SHOWN} more" if len(shared) > SHOWN else ""
        raise BatchError(
            f"Names that two clips share: {'; '.join(shared[:SHOWN])}{more}. Give --name '{{parent}}_{{stem}}' or "
            "'{number:03}_{stem}'"
        )

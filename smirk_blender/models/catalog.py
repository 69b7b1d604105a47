"""The table of files that users bring, and whether a file is the one it should be."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..capture.packed import sha256_of_file

SMIRK_PAGE = "https://github.com/georgeretsi/smirk"
SMIRK_ASSETS = "https://raw.githubusercontent.com/georgeretsi/smirk/c7de404c4389f073906a6db1adabf62efcea3f35/assets"
MEDIAPIPE_MODELS = "https://storage.googleapis.com/mediapipe-models"
ZIP, PICKLE, TEXT_PICKLE = b"PK\x03\x04", b"\x80", b"("  # how such files begin
WEB_PAGE = b"<"
NUM_MAGIC_BYTES = 16


@dataclass(frozen=True)
class ModelFile:
    """A file that a user brings.

    Attributes:
        setting: the preference that holds its path, or its folder's where several files lie together.
        purpose: what it is for, a sentence for the user.
        file_names: under which it is known, the official one first.
        page: where it is explained, and `instructions` what to fetch there.
        url: where it may be downloaded without an account, with its `sha256` and `size_bytes`; empty where it may not.
        beginnings: of which it has one.
        min_bytes: below which it cannot be the file.
    """

    key: str
    setting: str
    name: str
    purpose: str
    file_names: tuple[str, ...]
    licence: str
    page: str
    instructions: str
    url: str = ""
    sha256: str = ""
    size_bytes: int = 0
    beginnings: tuple[bytes, ...] = ()
    min_bytes: int = 1

    @property
    def file_name(self) -> str:
        return self.file_names[0]


@dataclass(frozen=True)
class FileState:
    """How it stands with a file: `kind` is "unset", "absent", "there" or "wrong"; `text` says it to the user."""

    kind: str
    text: str


def _smirk_asset(key: str, name: str, place: str, purpose: str, sha256: str, size_bytes: int) -> ModelFile:
    return ModelFile(
        key=key,
        setting="eyelid_folder",
        name=name,
        purpose=purpose,
        file_names=(place.rpartition("/")[2],),
        licence="MIT, George Retsinas and others",
        page=SMIRK_PAGE,
        instructions=f"Take assets/{place}",
        url=f"{SMIRK_ASSETS}/{place}",
        sha256=sha256,
        size_bytes=size_bytes,
    )


EYELID_PURPOSE = "SMIRK's own eyelid shapes for a FLAME head; without them they are made from its geometry"
MODEL_FILES = (
    ModelFile(
        key="weights",
        setting="weights",
        name="SMIRK Weights",
        purpose="The smirk solver's encoder; without it faces are solved from landmarks",
        file_names=("SMIRK_em1.pt",),
        licence="as its page says",
        page=SMIRK_PAGE,
        instructions="Its README links to the pretrained model under Installation: fetch SMIRK_em1.pt, locate it here",
        beginnings=(ZIP, PICKLE),
        min_bytes=10_000_000,  # the three encoders alone are twice that
    ),
    ModelFile(
        key="flame_model",
        setting="flame_model",
        name="FLAME Model",
        purpose="The head that SMIRK was trained on; without it the built-in head is used",
        file_names=(
            "generic_model.pkl",
            "flame2023.pkl",
            "flame2023_Open.pkl",
            "female_model.pkl",
            "male_model.pkl",
        ),
        licence="FLAME's, free for research after registration; 2023 Open: CC BY 4.0",
        page="https://flame.is.tue.mpg.de",
        instructions="Register, download \u201cFLAME 2020\u201d, unzip it and locate generic_model.pkl here",
        beginnings=(PICKLE, TEXT_PICKLE, ZIP),
        min_bytes=100_000,
    ),
    _smirk_asset(
        "l_eyelid",
        "Left Eyelid",
        "l_eyelid.npy",
        EYELID_PURPOSE,
        "fa50997166c2f884fbfc577d99fe8707966763fc3d83a1870bb786df6cc9410d",
        120680,
    ),
    _smirk_asset(
        "r_eyelid",
        "Right Eyelid",
        "r_eyelid.npy",
        EYELID_PURPOSE,
        "dd78776fed765be4468889dd7d5b54b4bf61c8efbb2869b5b91409ce798aad8d",
        120680,
    ),
    _smirk_asset(
        "landmark_embedding",
        "Landmark Embedding",
        "mediapipe_landmark_embedding/mediapipe_landmark_embedding.npz",
        "Where landmarks lie on a FLAME head: the landmark solver needs it there, the smirk solver for the gaze",
        "8863363013fc6fe3752d4318ea02a1784970200616a54b785920cdd0568816fc",
        4518,
    ),
    ModelFile(
        key="landmark_model",
        setting="landmark_model",
        name="Landmark Model",
        purpose="MediaPipe's face landmarker; MediaPipe up to 0.10.21 brings its own, later ones need this",
        file_names=("face_landmarker.task",),
        licence="Apache-2.0, Google",
        page="https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker",
        instructions="Under Models, fetch FaceLandmarker (float16), then locate it here",
        url=f"{MEDIAPIPE_MODELS}/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        size_bytes=3758596,
    ),
)


def files_of(setting: str) -> tuple[ModelFile, ...]:
    """Return the files that a preference leads to."""
    return tuple(entry for entry in MODEL_FILES if entry.setting == setting)


def path_of(entry: ModelFile, value: str) -> str:
    """Return a file's path by its preference's value, a file or a folder; "" where that is not set."""
    return os.path.join(value, entry.file_name) if value and entry.setting.endswith("_folder") else value


def state_of(entry: ModelFile, path: str, *, verify: bool = False) -> FileState:
    """Return how it stands with a file, by its size and beginning, and by its hash if that is known already.

    Args:
        verify: read the whole file for its hash now, if one is known for it. Remembered until the file changes.
    """
    if not path:
        return FileState("unset", "Not set")
    try:
        status = os.stat(path)
        if not Path(path).is_file():
            return FileState("wrong", f"A folder; choose {entry.file_name}")
        wrong = _cheap_fault(entry, path, status.st_size)
        if not wrong and entry.sha256:
            digest = sha256_of(path) if verify else _digests.get((path, status.st_mtime_ns, status.st_size))
            if digest is not None and digest != entry.sha256:
                wrong = f"Not {entry.file_name}: its sha256 is {digest[:8]}\u2026, not {entry.sha256[:8]}\u2026"
    except FileNotFoundError:
        return FileState("absent", f"No {Path(path).name} there")
    except OSError as error:
        return FileState("wrong", f"Cannot be read: {error.strerror or error}")
    return FileState("wrong", wrong) if wrong else FileState("there", f"There, {size_text(status.st_size)}")


def sha256_of(path: str | os.PathLike) -> str:
    """Return a file's sha256; computed once, until its size or time changes."""
    status = os.stat(path)
    key = (str(path), status.st_mtime_ns, status.st_size)
    if key not in _digests:
        _digests[key] = sha256_of_file(path)
    return _digests[key]


def size_text(size_bytes: int) -> str:
    """Return a size in words: "4.5 kB", "3.8 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"


_digests: dict[tuple[str, int, int], str] = {}  # by path, time of change in ns, and size


def _cheap_fault(entry: ModelFile, path: str, size_bytes: int) -> str:
    """Return what is wrong with a file by its size and its first bytes; "" if nothing is."""
    with open(path, "rb") as file:
        beginning = file.read(NUM_MAGIC_BYTES)
    if beginning.lstrip().startswith(WEB_PAGE):
        return "A web page, not the file; download it again"
    if entry.size_bytes and size_bytes != entry.size_bytes:
        return f"Not {entry.file_name}: {size_bytes} bytes, not {entry.size_bytes}"
    if size_bytes < entry.min_bytes:
        return f"Too small for {entry.file_name} ({size_text(size_bytes)}); download it again"
    if entry.beginnings and not beginning.startswith(entry.beginnings):
        return f"Not a file such as {entry.file_name}"
    return ""

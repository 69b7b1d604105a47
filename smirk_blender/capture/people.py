"""Find out who is in the footage: `python -m smirk_blender.capture.people REQUEST.json`.

The file holds video_path, folder (for people.npz and the thumbnails), landmark_model, footage (the fields of `Footage`)
and log_path; messages as the worker's.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ..errors import VideoError
from .face_mesh import open_face_mesh
from .footage import Footage
from .memory import peak_memory_mb
from .protocol import Done, Loading, Message, Progress, Seen, Warned
from .roster import MAX_FACES, Person, Roster, save_roster, spread
from .tracking import Spell, Tracker, join_spells
from .worker import run_job

LOOK_EVERY_S = 0.2
LEAST_LOOKS = 12  # at a short clip
GHOST_LOOKS = 3  # who is seen less often, in a clip that is looked at often, is taken for a false find
ROSTER_NAME = "people.npz"


def find_people(
    video_path: str, folder: str, *, landmark_model: str | None = None, footage: dict | None = None
) -> Iterator[Message]:
    """Find everybody in footage, yielding messages: `Seen` for each, those who are seen most first, then `Done`.

    Args:
        folder: where the roster (see `roster`) and a picture of everybody are written.
        landmark_model: MediaPipe's face_landmarker.task; None for the models inside its wheel.
        footage: the fields of `Footage`.
    Raises:
        SmirkError: bad input, or nobody there.
    """
    start, footage = time.perf_counter(), Footage(**footage or {})
    reader = footage.open(video_path)
    face_mesh = None
    try:
        yield Loading("Loading the landmark model")
        face_mesh = open_face_mesh(landmark_model, max_faces=MAX_FACES, every_frame=False)
        yield from (Warned(sentence) for sentence in reader.warnings)
        num_frames, fps = footage.num_frames(reader), float(reader.fps)
        every = max(1, min(round(fps * LOOK_EVERY_S), num_frames // LEAST_LOOKS or 1))
        tracker, num_looked, frame = Tracker(), 0, None
        for frame in footage.frames(reader, every=every):
            tracker.add(frame, face_mesh.find_all(frame.rgb, frame.time_s))
            num_looked += 1
            yield Progress(frame.video_frame - footage.first_frame + 1, num_frames, "people")
    finally:
        reader.close()
        if face_mesh is not None:
            face_mesh.close()
    least = GHOST_LOOKS if num_looked >= LEAST_LOOKS else 1
    everybody = [spell for spell in join_spells(tracker.spells) if len(spell) >= least]
    if not everybody:
        raise VideoError(
            f"No face in any of the {num_looked} frames of {reader.path.name} that were looked at. Choose a clip that "
            "shows faces larger than a tenth of the picture, lit and not turned away"
        )
    everybody.sort(key=lambda spell: -len(spell) * np.mean(np.square(spell.places[:, 2])))
    persons = tuple(Person(spread(spell.shapes), spell.video_frames, spell.places) for spell in everybody)
    size_px = reader.width_px, reader.height_px
    cuts = np.array(tracker.cuts, int)
    roster_path = Path(folder) / ROSTER_NAME
    try:
        save_roster(Roster(persons, every, fps, size_px, tracker.most_at_once, cuts), roster_path)
        for face, spell in enumerate(everybody):
            yield _seen(face, spell, num_looked, size_px, Path(folder))
    except OSError as error:
        raise VideoError(f"Cannot write to {folder}: {error.strerror or error}. Choose another folder") from error
    elapsed_s = time.perf_counter() - start
    yield Done([str(roster_path)], num_looked, len(persons), num_looked / elapsed_s, {}, peak_memory_mb())


def _seen(face: int, spell: Spell, num_looked: int, size_px: tuple[int, int], folder: Path) -> Seen:
    """Return the message, having written the thumbnail."""
    path = folder / f"face_{face + 1}.png"
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(spell.thumbnail, cv2.COLOR_RGB2BGR))[1])
    box = np.clip(spell.boxes.mean(axis=0).reshape(2, 2) / size_px, 0.0, 1.0).ravel()
    return Seen(face, len(spell), num_looked, box.round(4).tolist(), str(path))


if __name__ == "__main__":
    run_job(find_people, sys.argv[1:])

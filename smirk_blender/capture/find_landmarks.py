"""Find landmarks on a character: it is drawn from many sides, and MediaPipe's landmarks are cast back onto its mesh.

`python .../capture/launch.py capture.find_landmarks REQUEST.json`, with the arguments of `find_landmarks` and log_path
in the file; messages as the worker's.
"""

import sys
from collections.abc import Callable, Iterator

from ..errors import RetargetError
from ..retarget.drawable import Drawable, FoundLandmarks, load_drawable, save_found
from .face_mesh import FaceMesh, open_face_mesh
from .memory import peak_memory_mb
from .mesh_landmarks import Settling
from .mesh_search import FRONT_DEG, SIDES_DEG, MeshSearch
from .protocol import Done, Loading, Message, Progress
from .worker import run_job

STAGE = "search"
LEAST_LANDMARKS = 40  # fewer are no face


def find_landmarks(
    drawable_path: str,
    out_path: str,
    *,
    landmark_model: str | None = None,
    send: Callable[[Message], None] = lambda message: None,
) -> Iterator[Message]:
    """Find MediaPipe's landmarks on a character's mesh, yielding messages; the last is `Done` with `out_path`.

    Args:
        drawable_path: what is drawn, as `save_drawable` writes it.
        out_path: where to write what `read_found` reads.
        landmark_model: MediaPipe's face_landmarker.task; None for the models inside its wheel.
        send: gets progress from within the search.
    Raises:
        SmirkError: bad input, or no face to be found.
    """
    yield Loading("Loading the landmark model")
    drawable = load_drawable(drawable_path)
    face_mesh = open_face_mesh(landmark_model, every_frame=False)
    try:
        yield Loading(f"Looking for the face of {drawable.name}")
        found = landmarks_on(drawable, face_mesh, lambda done, of: send(Progress(done, of, STAGE)))
    finally:
        face_mesh.close()
    path = save_found(found, out_path)
    yield Done([str(path)], num_faces=1, peak_memory_mb=peak_memory_mb())


def landmarks_on(
    drawable: Drawable, face_mesh: FaceMesh, tell: Callable[[int, int], None] = lambda done, of: None
) -> FoundLandmarks:
    """Return the landmarks on a character's mesh.

    Raises:
        RetargetError: no face to be found.
    """
    search = MeshSearch(drawable, face_mesh)
    view = search.face_view(tell)
    if view is None:
        raise _no_face(drawable)
    hits = search.hits(view, SIDES_DEG)
    if not len(hits.triangle):
        raise _no_face(drawable)
    settling = Settling(drawable, hits)
    parted = settling.parted(view.axes[1])
    if parted is not None:
        settling.look_at_lips(search.hits(view, FRONT_DEG, parted))
    found = settling.landmarks()
    if len(found.landmarks) < LEAST_LANDMARKS:
        raise _no_face(drawable)
    return found


def _no_face(drawable: Drawable) -> RetargetError:
    return RetargetError(
        f"No face was found on {drawable.name}, from no side. Show its eyes and hide what covers its face, or use "
        "Pick Points to show where its face is by hand"
    )


if __name__ == "__main__":
    run_job(find_landmarks, sys.argv[1:])

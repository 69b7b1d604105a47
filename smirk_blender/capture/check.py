"""The job behind Check Installation: packages, devices, model files, and a real solve of a few frames."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..errors import SmirkError
from . import probe
from .interpreter import PACKAGES, advice, findings
from .launch import FOLDERS_VARIABLE, OTHER_PYTHON
from .packed import AGAIN, came_along, packed_findings
from .protocol import Checked, Done, Loading, Message
from .worker import run_job

SAMPLE_CLIP = Path(__file__).parents[1] / "sample" / "sample.mp4"
NUM_SAMPLE_FRAMES = 8
NO_PACKAGES = f"Nothing can be solved before the packages are there. Install them. {OTHER_PYTHON} if one has them"
OTHER_PACKAGE = "Install the full package of this add-on, or choose a Worker Python that has what is missing"


def check_installation(
    options: dict, num_frames: int = NUM_SAMPLE_FRAMES, *, unpacked: Sequence[str] = ()
) -> Iterator[Message]:
    """Look at everything that a solve needs, yielding a `Checked` for each finding; a failure does not end the check.

    Args:
        options: fields of `SolveOptions`; those that name files have them opened.
        num_frames: of the packaged sample clip, to be solved by each solver that has what it needs.
        unpacked: folders in which Blender unpacks the packages that came along.
    """
    yield Loading("Comparing the packages that came along with what was packed")
    yield from packed_findings(unpacked)
    yield Loading("Importing the worker's packages")
    report = probe.look([package.module for package in PACKAGES])
    weights = options.get("weights")
    lines = findings(report, landmark_model=bool(options.get("landmark_model")), weights=bool(weights))
    yield from lines
    if came_along(unpacked):  # pip would put them into Blender's own folders
        for state, what_to_do in (("bad", AGAIN), ("warning", OTHER_PACKAGE)):
            if lacking := [line.subject for line in lines if line.state == state]:
                yield Checked("Packages", state, f"{', '.join(lacking)}: {what_to_do}")
    else:
        yield from advice(report, weights=bool(weights), own=bool(os.environ.get(FOLDERS_VARIABLE)))
    if any(line.state == "bad" and line.subject in ("NumPy", "SciPy") for line in lines):
        yield Checked("Solve", "bad", NO_PACKAGES)
        yield Done([])
        return
    if report["modules"]["torch"]["fault"]:  # a finding says so
        weights = None
    yield from _checked("Landmark Model", lambda: _open_landmark_model(options.get("landmark_model")))
    yield from _checked("Head", lambda: _open_head(options))
    if weights:
        yield from _checked("SMIRK Weights", lambda: _load_weights(weights, options.get("device")))
    for solver in ("landmarks", "smirk") if weights else ("landmarks",):
        text = f"Solving {num_frames} frames of the sample clip with the {solver} solver"
        yield from _checked(f"Solver {solver}", lambda: _solve(options | {"solver": solver}, num_frames), text)
    yield Done([])


def _checked(subject: str, look: Callable[[], str], text: str = "") -> Iterator[Message]:
    """Yield what `look` found; what it raises is a finding too."""
    yield Loading(text or f"Opening: {subject}")
    try:
        yield Checked(subject, "good", look())
    except SmirkError as error:
        yield Checked(subject, "bad", str(error))
    except Exception as error:  # of any library; the rest is still worth a look
        traceback.print_exc()  # to the log
        yield Checked(subject, "bad", f"{type(error).__name__}: {error}. The log has the details")


def _open_landmark_model(path: str | None) -> str:
    from .face_mesh import open_face_mesh  # packages that may be missing: their absence must not end the check

    face_mesh = open_face_mesh(path)
    face_mesh.close()
    return f"Opened {path}" if path else "MediaPipe's own"


def _open_head(options: dict) -> str:
    from ..flame import BUILTIN_HEAD, open_head

    path = options.get("head") or BUILTIN_HEAD
    head = open_head(path, options.get("eyelids"))
    if path == BUILTIN_HEAD:
        return "The built-in head"
    eyelids = "eyelids made from its geometry" if head.eyelids_computed else "SMIRK's eyelids"
    landmarks = "" if head.landmarks is not None else ", no landmark embedding: the landmark solver cannot use it"
    return f"Opened {path}: {len(head.template)} vertices, {eyelids}{landmarks}"


def _load_weights(path: str, device: str | None) -> str:
    from ..encoder import load_encoder

    return f"Loaded {path} on {load_encoder(path, device).device}"


def _solve(options: dict, num_frames: int) -> str:
    from ..take import load_take
    from .solve import SolveOptions, solve_video

    with tempfile.TemporaryDirectory(prefix="smirk_") as folder:
        take_path = os.path.join(folder, "check.take.npz")
        for message in solve_video(SAMPLE_CLIP, take_path, SolveOptions(**options, last_frame=num_frames - 1)):
            done = message
        take = load_take(take_path)
    stages = ", ".join(f"{name} {fps:.1f}" for name, fps in done.stage_fps.items())
    return f"{len(take)} frames, {done.num_faces} with a face; frames per second: {done.fps:.1f} ({stages})"


if __name__ == "__main__":
    run_job(check_installation, sys.argv[1:])

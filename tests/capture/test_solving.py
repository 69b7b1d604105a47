"""Workers that are waited for: what comes back, what is raised, and that none is left running."""

import pytest

from smirk_blender.capture import solving
from smirk_blender.capture.protocol import Done, Failed, Progress, Seen
from smirk_blender.errors import SmirkError, VideoError

DONE = Done(["a.take.npz"], 2, 2, 25.0, {}, 40.0)
HERE = dict(log_path="a.log", python=("python", ["packages"]))
SETTINGS = {"face": None, "first_frame": 3, "last_frame": None, "landmark_model": None, "head": "builtin"}


@pytest.fixture
def worker(monkeypatch):
    """Stands for workers: `says` has the messages of each in turn; None ends it with neither result nor failure."""

    class Worker:
        says, started, closed = [], [], 0

        def __init__(self, python, module, arguments, log_path, *, site_packages):
            assert (python, site_packages, log_path) == ("python", ["packages"], "a.log")
            Worker.started.append((module, arguments))
            self._says, self.ended = list(Worker.says.pop(0)), False

        def poll(self):
            message = self._says.pop(0)
            self.ended = message is None
            if message is KeyboardInterrupt:
                raise KeyboardInterrupt
            return [] if message is None else [message]

        def close(self):
            Worker.closed += 1

    monkeypatch.setattr(solving, "Job", Worker)
    return Worker


def test_what_a_worker_says_is_heard_and_its_last_message_comes_back(worker):
    worker.says, heard = [[Progress(1, 2), DONE]], []
    assert solving.run_worker("capture.worker", {"a": 1}, **HERE, hear=heard.append) == DONE
    assert heard == [Progress(1, 2)] and worker.started == [("capture.worker", {"a": 1})] and worker.closed == 1


@pytest.mark.parametrize(
    ("says", "error", "text"),
    [
        (Failed("No face", "Choose another clip"), solving.WorkerFailed, "No face. Choose another clip"),
        (Failed("No face"), solving.WorkerFailed, "No face$"),
        (None, SmirkError, "was stopped"),
        (KeyboardInterrupt, KeyboardInterrupt, "^$"),
    ],
)
def test_a_worker_without_a_result_is_an_error_and_is_closed(worker, says, error, text):
    worker.says = [[Progress(1, 2), says]]
    with pytest.raises(error, match=text):
        solving.run_worker("capture.worker", {}, **HERE)
    assert worker.closed == 1


def test_a_face_is_looked_for_first_in_the_frames_that_are_solved_and_counted_from_one(worker, tmp_path):
    people = Done(["people.json"], 2, 2, 25.0, {}, 40.0)
    worker.says = [[*[Seen(face, 2, 2, [0, 0, 1, 1], "") for face in range(2)], people], [DONE]]
    where = HERE | dict(folder=tmp_path, hear=lambda message: None)
    assert solving.solve_to("a.mp4", tmp_path / "a.take.npz", SETTINGS | {"face": 2}, **where) == DONE
    (first, looked), (second, solved) = worker.started
    assert (first, second) == ("capture.people", "capture.worker")
    assert looked["footage"] == {"first_frame": 3, "last_frame": None, "sequence": False}
    assert (solved["options"]["face"], solved["options"]["people"]) == (1, "people.json")
    worker.says = [[*[Seen(face, 2, 2, [0, 0, 1, 1], "") for face in range(2)], people], [DONE]]
    solving.solve_to("s.01.png", tmp_path / "s.take.npz", SETTINGS | {"face": 2, "image_fps": 24.0}, **where)
    sequence = {"sequence": True, "image_fps": 24.0}
    (_, looked), (_, solved) = worker.started[2:]
    assert looked["footage"] == {"first_frame": 3, "last_frame": None, **sequence}
    assert solved["options"].items() >= sequence.items()
    worker.says = [[Seen(0, 2, 2, [0, 0, 1, 1], ""), people]]
    with pytest.raises(VideoError, match="There is no face 2 in a.mp4; faces found: 1"):
        solving.solve_to("a.mp4", tmp_path / "a.take.npz", SETTINGS | {"face": 2}, **where)

"""Who is in the footage: what the worker says of it, and what the scene lists."""

from fractions import Fraction
from pathlib import Path

import bpy
import pytest

from smirk_blender.capture.protocol import ENDINGS, Done, Failed, Loading, Progress, Seen, Stopped
from smirk_blender.flame import save_head
from smirk_blender.take import save_take
from smirk_blender.ui import clean_steps, faces, preferences, solve, solve_task, tasks
from smirk_blender.ui.faces import FindFacesTask
from smirk_blender.ui.footage import faces_are_known, read_footage
from smirk_blender.ui.properties import ALL_FACES, ONE_FACE, _face_items
from tests.builders import make_take, tiny_head
from tests.rig.scenes import write_code_movie
from tests.ui.fake_worker import FakeCleaner

NUM_FRAMES = 6
DONE = object()
BOXES = ([0.1, 0.2, 0.4, 0.6], [0.4, 0.2, 0.6, 0.6], [0.7, 0.2, 0.9, 0.6])


class FakePeople:
    """Stands in for the `Job` that looks for faces.

    Attributes:
        num_faces: how many it finds.
        ending: what it says last, `DONE` for where the faces are; None to go on until it is asked to stop.
    """

    num_faces, ending = 2, DONE

    def __init__(self, python, module, arguments, log_path, *, site_packages=()):
        assert module == "capture.people"
        self.arguments, self.ended, self.closed = arguments, False, False
        folder = Path(arguments["folder"])
        people = folder / "roster"
        people.write_text("who they are")
        self._messages = [Loading("Loading the landmark model"), Progress(NUM_FRAMES // 2, NUM_FRAMES)]
        for face, box in enumerate(BOXES[: self.num_faces]):
            self._messages.append(Seen(face, NUM_FRAMES - face, NUM_FRAMES, box, str(folder / f"{face}.png")))
        ending = Done([str(people)]) if self.ending is DONE else self.ending
        self._messages += [ending] if ending else []

    def poll(self):
        message = self._messages.pop(0) if self._messages else None
        self.ended = isinstance(message, ENDINGS)
        return [message] if message else []

    def ask_to_stop(self):
        self._messages = [Stopped()]

    def close(self):
        self.closed = True


class FakeSolve(FakePeople):
    """Stands in for the `Job` that solves: a take of everybody."""

    def __init__(self, python, module, arguments, log_path, *, site_packages=()):
        self.arguments, self.ended = arguments, False
        FakeSolve.last = self
        path = Path(arguments["take_path"])
        paths = [path.with_name(path.name.replace(".take", f"_face{number}.take")) for number in (1, 2)]
        takes = [make_take(NUM_FRAMES, tiny_head(), seed=seed) for seed in range(2)]
        self._messages = [Done([str(save_take(take, path)) for take, path in zip(takes, paths)], NUM_FRAMES)]


@pytest.fixture(autouse=True)
def worker(monkeypatch, tmp_path):
    monkeypatch.setattr(faces, "Job", FakePeople)
    monkeypatch.setattr(solve_task, "Job", FakeSolve)
    monkeypatch.setattr(clean_steps, "Job", FakeCleaner)
    known = preferences.preferences()
    known.cache_folder, known.takes_folder = str(tmp_path / "cache"), str(tmp_path / "takes")
    save_head(tiny_head(), tmp_path / "tiny.npz")
    known.flame_model = str(tmp_path / "tiny.npz")
    yield
    tasks.abandon_all("the test is over")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return str(write_code_movie(tmp_path_factory.mktemp("video") / "codes.mp4", NUM_FRAMES, Fraction(30)))


@pytest.fixture(autouse=True)
def chosen(video):
    bpy.ops.smirk.choose_footage(filepath=video)


def settings():
    return bpy.context.scene.smirk


def begin():
    python = preferences.worker_arguments(bpy.context)
    return tasks.start(FindFacesTask(bpy.context, read_footage(bpy.context), *python))


def test_faces_are_listed_by_where_and_how_often_they_are_seen():
    assert bpy.ops.smirk.find_faces() == {'FINISHED'}
    facts = [(face.name, face.face, face.description()) for face in settings().faces]
    assert facts == [
        ("Face 1, left", 0, "Seen in 100 % of the frames"),
        ("Face 2, middle", 1, "Seen in 83 % of the frames"),
    ]
    assert [item[0] for item in _face_items(settings(), None)] == [ONE_FACE, "0", "1", ALL_FACES]
    assert settings().face == ALL_FACES and faces_are_known(bpy.context)
    assert Path(settings().people_path).read_text() == "who they are"
    outcome = tasks.outcome_of("Scene")
    assert outcome.text == "Found 2 faces in codes.mp4. Choose one under Face, or solve all"


def test_one_face_alone_needs_no_choice(monkeypatch):
    bpy.ops.smirk.find_faces()
    monkeypatch.setattr(FakePeople, "num_faces", 1)
    bpy.ops.smirk.find_faces()
    assert len(settings().faces) == 1 and settings().face == ONE_FACE
    assert tasks.outcome_of("Scene").text == "Found 1 face in codes.mp4"


def test_faces_of_other_footage_are_not_solved(video, tmp_path):
    bpy.ops.smirk.find_faces()
    other = tmp_path / "other.mp4"
    other.write_bytes(Path(video).read_bytes())
    bpy.ops.smirk.choose_footage(filepath=str(other))
    assert not faces_are_known(bpy.context)
    with pytest.raises(RuntimeError, match="found in other footage.*Press Find Faces again"):
        bpy.ops.smirk.solve()
    settings().face = ONE_FACE
    assert "face" not in solve.solve_task(bpy.context)._request.options
    bpy.ops.smirk.choose_footage(filepath=video)
    assert faces_are_known(bpy.context)


def test_the_chosen_face_is_the_one_that_is_solved():
    bpy.ops.smirk.find_faces()
    settings().face = "1"
    options = solve.solve_task(bpy.context)._request.options
    assert (options["face"], options["people"]) == (1, settings().people_path)


def test_all_faces_become_a_take_each(tmp_path):
    bpy.ops.smirk.find_faces()
    assert bpy.ops.smirk.solve() == {'FINISHED'}
    assert FakeSolve.last.arguments["options"]["face"] == "all"
    assert [item.name for item in settings().takes] == ["codes_face1", "codes_face2"]
    assert "2 takes are in the list" in tasks.outcome_of("Scene").text


@pytest.mark.parametrize("ending", [None, Failed("No face in codes.mp4", "Choose others")], ids=["cancel", "fail"])
def test_a_search_without_an_end_keeps_the_faces_that_were_known(monkeypatch, ending):
    bpy.ops.smirk.find_faces()
    monkeypatch.setattr(FakePeople, "ending", ending)
    task = begin()
    for _ in range(4):
        tasks._advance()
    if ending is None:
        assert task.text == "Looking at frame 3 of 6" and task.fraction == pytest.approx(0.5)
        tasks.cancel(task)
    outcome = tasks.run_to_end(task)
    assert outcome.state == ("cancelled" if ending is None else "failed") and not outcome.changed
    assert task._job.closed and not task._folder.exists()
    assert len(settings().faces) == 2 and Path(settings().people_path).read_text() == "who they are"


def test_footage_of_one_name_in_two_folders_has_faces_of_its_own(video, tmp_path):
    bpy.ops.smirk.find_faces()
    first = settings().people_path
    other = tmp_path / "codes.mp4"
    other.write_bytes(Path(video).read_bytes())
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    bpy.ops.smirk.choose_footage(filepath=str(other))
    bpy.ops.smirk.find_faces()
    assert settings().people_path != first and Path(first).is_file()


def test_a_cleared_cache_is_said_before_anything_starts():
    bpy.ops.smirk.find_faces()
    Path(settings().people_path).unlink()
    assert not faces_are_known(bpy.context)
    with pytest.raises(RuntimeError, match="Press Find Faces again"):
        bpy.ops.smirk.solve()


def test_a_scene_deleted_meanwhile_is_said(monkeypatch):
    task = begin()
    bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(bpy.context.scene)
    outcome = tasks.run_to_end(task)
    assert outcome.state == "failed" and "The scene Scene was deleted" in outcome.text
    assert task._job.closed

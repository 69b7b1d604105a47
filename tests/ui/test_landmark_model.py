"""A worker without a landmark model: the Solve panel says what is missing before or after the first try, and helps."""

from fractions import Fraction

import bpy
import pytest

from smirk_blender.capture import interpreter, launch
from smirk_blender.capture.protocol import Done, Failed
from smirk_blender.errors import LANDMARK_MODEL, PACKAGES
from smirk_blender.ui import installation, jobs, landmark_model, model_files, preferences, solve, tasks
from tests.builders import make_take, tiny_head
from tests.rig.scenes import write_code_movie
from tests.ui.content import scene_content
from tests.ui.fake_layout import Context, Layout
from tests.ui.fake_worker import FakeJob, solve_without_a_worker

NO_MODEL = Failed("MediaPipe 1.2.2 carries no face models. Name a face_landmarker.task file", lacks=LANDMARK_MODEL)
LINE = "MediaPipe's landmark model is missing: 3.8 MB from storage.googleapis.com"
TALK = ["smirk.download_model", "smirk.locate_model"]


@pytest.fixture(autouse=True)
def worker(monkeypatch, tmp_path):
    """Solve and look for faces with a worker that has no landmark model, in the test's own folders."""
    solve_without_a_worker(monkeypatch, tmp_path, take=make_take(8, tiny_head()), fails_with=NO_MODEL)
    yield
    tasks.abandon_all("the test is over")


@pytest.fixture
def video(tmp_path):
    path = str(write_code_movie(tmp_path / "codes.mp4", 8, Fraction(25)))
    bpy.ops.smirk.choose_footage(filepath=path)
    return path


def panel():
    """Return what the Solve panel shows, its lines as one."""
    layout = Layout()
    solve.draw_solve(layout, Context(width_px=2000))
    return layout


def solved():
    """Press Solve and wait; return how it ended."""
    return tasks.run_to_end(tasks.start(solve.solve_task(bpy.context)))


def test_a_solve_without_a_model_changes_nothing_and_offers_one(video, monkeypatch):
    before = scene_content()
    assert LINE not in panel().text
    outcome = solved()
    assert (outcome.state, outcome.lacks, outcome.changed) == ("failed", LANDMARK_MODEL, False)
    assert outcome.hint == landmark_model.HINT and scene_content() == before
    shown = panel()
    assert LINE in shown.text and [name for name in shown.drawn if name in TALK] == TALK
    assert "allow Online Access" in shown.text
    preferences.preferences().landmark_model = "/models/face_landmarker.task"
    assert LINE not in panel().text
    monkeypatch.setattr(FakeJob, "fails_with", None)
    assert solved().state == "done"
    assert FakeJob.started[-1].arguments["options"]["landmark_model"] == "/models/face_landmarker.task"


def test_a_model_that_has_gone_is_offered_again(video):
    preferences.preferences().landmark_model = "/models/gone.task"
    solved()
    assert landmark_model.is_missing()
    preferences.preferences().landmark_model = ""  # which may be as good as another
    assert not landmark_model.is_missing()


def test_finding_faces_without_a_model_offers_one(video):
    with pytest.raises(RuntimeError, match="Download it above Solve"):
        bpy.ops.smirk.find_faces()
    assert LINE in panel().text


@pytest.mark.parametrize("model", ["", "/models/face_landmarker.task"])
def test_a_solve_that_succeeds_takes_the_line_away(video, monkeypatch, model):
    preferences.preferences().landmark_model = model
    solved()
    assert LINE in panel().text
    monkeypatch.setattr(FakeJob, "fails_with", None)  # the package was installed, the file put back
    assert solved().state == "done" and LINE not in panel().text


def test_finding_faces_takes_the_line_away(video, monkeypatch, tmp_path):
    solved()
    assert LINE in panel().text
    monkeypatch.setattr(FakeJob, "_say", lambda job: iter([Done([str(tmp_path / "people.npz")])]))
    assert bpy.ops.smirk.find_faces() == {'FINISHED'} and LINE not in panel().text


def test_the_check_of_the_python_tells_before_the_first_solve(monkeypatch):
    class Check(installation.InterpreterCheck):
        def __init__(self, *_, **__):
            modules = {package.module: {"version": "1.2.2", "fault": ""} for package in interpreter.PACKAGES}
            self.report = {"version": [3, 13, 0], "executable": "python", "modules": modules}
            self.ended, self._process = False, None

        def poll(self):
            self.ended = True
            return [Done([])]

        def close(self):
            pass

    monkeypatch.setattr(installation, "InterpreterCheck", Check)
    preferences.preferences().worker_python = "/opt/python"
    installation.check_python()
    jobs.finish_all()
    assert LINE in panel().text
    preferences.preferences().worker_python = ""
    assert LINE not in panel().text


@pytest.mark.parametrize(
    ("newer", "along", "missing"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_packages_that_came_along_for_a_newer_python_need_a_model(monkeypatch, newer, along, missing):
    monkeypatch.setattr(landmark_model, "mediapipe_with_models", lambda: not newer)
    monkeypatch.setattr(landmark_model, "came_along", lambda folders: along)
    landmark_model._expected.cache_clear()
    assert landmark_model.is_missing() == missing
    preferences.preferences().worker_python = "/opt/python"  # which nobody has looked at
    assert not landmark_model.is_missing()


def test_a_download_shows_in_the_panel(video, monkeypatch):
    solved()
    download = model_files.Download(object(), 0.5, "1.9 of 3.8 MB")
    monkeypatch.setitem(model_files._rows.downloads, "landmark_model", download)
    shown = panel()
    assert "1.9 of 3.8 MB" in shown.text and "smirk.cancel_download" in shown.drawn
    assert not set(TALK) & set(shown.drawn)


@pytest.mark.parametrize(
    "failed",
    [Failed("python has no package scipy", lacks=PACKAGES), Failed("python is too old", launch.OTHER_PYTHON)],
)
def test_a_python_that_lacks_packages_leads_to_the_preferences(video, monkeypatch, failed):
    monkeypatch.setattr(FakeJob, "fails_with", failed)
    solved()
    assert "Open Preferences" in panel().text and LINE not in panel().text
    monkeypatch.setattr(FakeJob, "fails_with", Failed("No face in any frame"))
    solved()
    assert "Open Preferences" not in panel().text


def test_the_launcher_says_packages_as_everybody_does():
    assert launch.PACKAGES == PACKAGES
    assert launch.missing_package(ModuleNotFoundError("no", name="scipy"))[2] == PACKAGES

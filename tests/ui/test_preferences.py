"""The preferences: what is set once, and the buttons beside it, without a window."""

import dataclasses
import hashlib
import os
import random
import sys
from pathlib import Path

import bpy
import pytest

import smirk_blender
from smirk_blender.capture.protocol import Checked
from smirk_blender.errors import SmirkError
from smirk_blender.models.catalog import MODEL_FILES, files_of
from smirk_blender.ui import cache, installation, jobs, model_files, preview, solve, tasks
from smirk_blender.ui import preferences as preferences_module
from smirk_blender.ui.preferences import (
    ADDON,
    PATHS,
    cache_folder,
    preferences,
    solve_options,
    takes_folder,
    worker_arguments,
)
from tests.models.server import FileServer

CONTENT = random.Random(4).randbytes(50_000)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> Path:
    """The add-on's own folder, which must not be the user's."""
    folder = tmp_path / "own"
    for module in (preferences_module, model_files):
        monkeypatch.setattr(module, "data_folder", lambda: folder)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


@pytest.fixture
def served(monkeypatch):
    """Return a function that has a row's files come from a server on this computer."""

    def serve(server, setting="landmark_model"):
        changes = dict(url=server.url, sha256=hashlib.sha256(CONTENT).hexdigest(), size_bytes=len(CONTENT))
        entries = [dataclasses.replace(entry, **changes) for entry in files_of(setting)]
        monkeypatch.setattr(model_files, "files_of", lambda asked: entries if asked == setting else files_of(asked))

    return serve


def refusal(operator, **options):
    """Return what a button says that cannot be pressed, or that fails."""
    with pytest.raises(RuntimeError) as error:
        operator(**options)
    return str(error.value)


def test_everything_has_a_name_and_a_description():
    properties = preferences_module.SMIRK_AP_preferences.bl_rna.properties
    for name in (*PATHS, "device"):
        assert properties[name].name and properties[name].description and not properties[name].description.endswith(".")


def test_every_model_file_has_a_row():
    assert {entry.setting for entry in MODEL_FILES} == set(model_files.ROWS) == set(model_files.FILTERS)


def test_an_enabled_addon_keeps_its_preferences(tmp_path):
    smirk_blender.unregister()
    try:
        bpy.ops.preferences.addon_enable(module=ADDON)
        assert isinstance(preferences(), preferences_module.SMIRK_AP_preferences)
        assert all(getattr(preferences(), name) == "" for name in PATHS) and preferences().device == 'auto'
        preferences().weights = str(tmp_path / "a.pt")
        preferences().device = 'cpu'
        assert solve_options() == {
            "head": "builtin",
            "eyelids": None,
            "weights": str(tmp_path / "a.pt"),
            "landmark_model": None,
            "device": "cpu",
        }
    finally:
        bpy.ops.preferences.addon_disable(module=ADDON)
        smirk_blender.register()


def test_registering_again_leaves_nothing_behind():
    before = {name for name in dir(bpy.types) if "SMIRK" in name}
    for _ in range(2):
        smirk_blender.unregister()
        assert preferences_module.sections == [] and preferences_module.watchers == []
        assert not [name for name in dir(bpy.types) if "SMIRK" in name]
        smirk_blender.register()
    assert {name for name in dir(bpy.types) if "SMIRK" in name} == before


@pytest.mark.parametrize("failing", [solve, preview], ids=["solve", "preview"])
def test_a_registration_that_fails_leaves_nothing_behind(monkeypatch, failing):
    registered = lambda: {name for name in dir(bpy.types) if "SMIRK" in name}

    def fail():
        bpy.utils.register_class(failing.classes[0])  # it has begun
        raise RuntimeError("no room")

    smirk_blender.unregister()
    with monkeypatch.context() as patched:
        patched.setattr(failing, "register", fail)
        with pytest.raises(RuntimeError, match="no room"):
            smirk_blender.register()
    assert registered() == set() and not hasattr(bpy.types.Scene, "smirk") and not preferences_module.sections
    smirk_blender.register()
    assert registered()


def test_what_was_left_of_itself_is_not_called_another_copy():
    with pytest.raises(SmirkError, match="Parts of smirk_blender are still there from before. Start Blender again"):
        smirk_blender.register()


def test_without_being_enabled_preferences_last_until_it_is_unregistered():
    preferences().weights = "a.pt"
    assert solve_options()["weights"] == "a.pt"
    smirk_blender.unregister()
    smirk_blender.register()
    assert preferences().weights == "" and solve_options()["device"] is None


def test_the_worker_runs_on_blenders_python_with_its_packages_or_on_the_one_that_is_named():
    python, folders = worker_arguments()
    assert python == sys.executable and all(Path(folder).name == "site-packages" for folder in folders)
    assert folders[0].startswith(os.path.join(bpy.utils.user_resource('EXTENSIONS'), ".local"))  # first, as in Blender
    assert {folder for folder in sys.path if Path(folder).name == "site-packages"} <= set(folders)
    preferences().worker_python = "/opt/env/bin/python"
    assert worker_arguments() == ("/opt/env/bin/python", [])


def test_folders_are_the_addons_own_until_others_are_chosen(tmp_path, own_folder):
    assert takes_folder() == own_folder / "takes" and cache_folder("logs") == own_folder / "smirk_cache" / "logs"
    preferences().takes_folder, preferences().cache_folder = str(tmp_path / "t"), str(tmp_path / "c")
    assert takes_folder() == tmp_path / "t" and cache_folder("logs") == tmp_path / "c" / "smirk_cache" / "logs"


def test_a_file_is_located(tmp_path):
    path = tmp_path / "SMIRK_em1.pt"
    path.write_bytes(b"PK\x03\x04" + bytes(20_000_000))
    bpy.ops.smirk.locate_model(setting="weights", filepath=str(path))
    assert preferences().weights == str(path)
    assert [state.kind for state in model_files.states_of("weights", str(path))] == ["there"]


def test_a_folder_is_located_by_any_file_in_it(shared_folder):
    bpy.ops.smirk.locate_model(setting="eyelid_folder", filepath=str(shared_folder / "flame" / "l_eyelid.npy"))
    assert preferences().eyelid_folder == str(shared_folder / "flame")
    states = model_files.states_of("eyelid_folder", preferences().eyelid_folder)
    assert [state.kind for state in states] == ["there"] * 3


def test_a_wrong_file_is_not_taken(tmp_path):
    (tmp_path / "page.pt").write_text("<html>")
    said = refusal(bpy.ops.smirk.locate_model, setting="weights", filepath=str(tmp_path / "page.pt"))
    assert "A web page, not the file" in said
    said = refusal(bpy.ops.smirk.locate_model, setting="eyelid_folder", filepath=str(tmp_path))
    assert "has no l_eyelid.npy and no r_eyelid.npy" in said
    assert "No such row" in refusal(bpy.ops.smirk.locate_model, setting="other", filepath="x")
    assert preferences().weights == preferences().eyelid_folder == ""


def test_nothing_is_downloaded_while_blender_is_offline():
    assert not bpy.app.online_access
    said = refusal(bpy.ops.smirk.download_model, setting="landmark_model")
    assert "Allow Online Access in the preferences" in said


def test_a_download_sets_its_preference(own_folder, served):
    with FileServer(CONTENT) as server:
        served(server)
        model_files.start_download("landmark_model")
        jobs.finish_all()
    path = own_folder / "models" / "face_landmarker.task"
    assert preferences().landmark_model == str(path) and path.read_bytes() == CONTENT
    assert model_files._rows.downloads == {}


def test_files_that_lie_together_are_downloaded_together(own_folder, served):
    with FileServer(CONTENT) as server:
        served(server, "eyelid_folder")
        model_files.start_download("eyelid_folder")
        with pytest.raises(SmirkError, match="are being downloaded already"):
            model_files.start_download("eyelid_folder")
        jobs.finish_all()
    assert preferences().eyelid_folder == str(own_folder / "models")
    names = {"l_eyelid.npy", "r_eyelid.npy", "mediapipe_landmark_embedding.npz"}
    assert {path.name for path in (own_folder / "models").iterdir()} == names


def test_a_download_that_fails_says_why_and_sets_nothing(served):
    with FileServer(CONTENT[::-1]) as server:
        served(server)
        model_files.start_download("landmark_model")
        jobs.finish_all()
    assert "another file than expected" in model_files._rows.downloads["landmark_model"].fault
    assert preferences().landmark_model == ""


def test_a_cancelled_download_keeps_what_has_come(own_folder, served):
    part = own_folder / "models" / "face_landmarker.task.part"
    with FileServer(CONTENT, hang_after=20_000) as server:
        served(server)
        model_files.start_download("landmark_model")
        while not (part.exists() and part.stat().st_size == 20_000):
            assert jobs.tick() is not None
        bpy.ops.smirk.cancel_download(setting="landmark_model")
        jobs.finish_all()
    assert part.read_bytes() == CONTENT[:20_000]
    assert model_files._rows.downloads["landmark_model"].fault == "Stopped" and preferences().landmark_model == ""


def test_files_that_need_an_account_are_not_downloaded():
    with pytest.raises(SmirkError, match="FLAME Model may not be downloaded from here. Open its page"):
        model_files.start_download("flame_model")


def test_checking_the_python_lists_what_it_has():
    bpy.ops.smirk.check_python()  # waits, where there is no window
    lines = {line.subject: line for line in installation.python_findings.lines}
    assert lines["Python"].state == "good" and {"NumPy", "OpenCV", "MediaPipe"} <= set(lines)
    assert installation.python_findings.job is None


def test_checking_what_is_no_python_says_so(tmp_path):
    preferences().worker_python = str(tmp_path)
    bpy.ops.smirk.check_python()
    (line,) = installation.python_findings.lines
    assert (line.subject, line.state) == ("Check", "bad")
    assert "is a folder. Choose the program python in it" in line.text
    assert "Cannot start the worker's Python" in refusal(bpy.ops.smirk.check_installation)


def test_a_check_is_cancelled():
    installation.check_installation()
    assert "A check is going on" in refusal(bpy.ops.smirk.check_installation)
    bpy.ops.smirk.cancel_check()
    jobs.finish_all()
    assert installation.installation_findings.lines[-1] == Checked("Check", "warning", "Stopped")


def test_a_check_is_copied_and_saved_as_a_report(tmp_path):
    assert "Check the installation first" in refusal(bpy.ops.smirk.save_report, filepath=str(tmp_path / "a.txt"))
    lines = installation.installation_findings.lines
    lines += [Checked("Head", "good", str(Path.home() / "a.pkl")), Checked("NumPy", "bad", "not installed")]
    assert bpy.ops.smirk.save_report(filepath=str(tmp_path / "a")) == {'FINISHED'}
    saved = (tmp_path / "a.txt").read_text()
    assert saved.endswith("\n1 problem: NumPy\n") and str(Path.home()) not in saved
    assert "Cannot write" in refusal(bpy.ops.smirk.save_report, filepath=str(tmp_path / "nowhere" / "a.txt"))
    assert bpy.ops.smirk.copy_report() == {'FINISHED'}
    assert bpy.app.background or bpy.context.window_manager.clipboard == saved  # without a window there is none


def test_a_check_begins_with_what_blender_knows():
    installation.check_installation()
    subjects = [line.subject for line in installation.installation_findings.lines]
    assert subjects[:3] == ["Date", "Add-on", "Blender"] and "Takes Folder" in subjects
    jobs.stop_all()
    installation.installation_findings.job = None


def test_unregistering_ends_what_is_running():
    installation.check_installation()
    job = installation.installation_findings.job
    smirk_blender.unregister()
    assert job.wait(0.0) and not jobs.are_running()
    smirk_blender.register()


def test_clearing_the_cache_removes_only_its_own(tmp_path):
    preferences().cache_folder = str(tmp_path)
    own = [cache_folder("logs") / "a.log", cache_folder("parts") / "deep" / "b.npz"]
    others = [tmp_path / "logs" / "mine.log", cache_folder() / "mine.txt", tmp_path / "take.npz"]
    for path in (*own, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100))
    assert cache.cache_size() == 200  # bytes
    bpy.ops.smirk.clear_cache()
    assert not any(path.exists() for path in own) and all(path.exists() for path in others)
    assert cache.cache_size() == 0


@pytest.mark.parametrize("name", ["takes_folder", "weights"])
def test_a_cache_that_holds_takes_or_models_is_not_cleared(tmp_path, name):
    preferences().cache_folder = str(tmp_path)
    kept = cache_folder("parts") / "kept"
    kept.mkdir(parents=True)
    setattr(preferences(), name, str(kept))
    assert f"{kept} lies in the cache" in refusal(bpy.ops.smirk.clear_cache) and kept.exists()


def test_a_second_check_of_the_python_takes_the_firsts_place():
    installation.check_python()
    first = installation.python_findings.job
    installation.check_python()
    jobs.finish_all()
    assert first.ended and [line.subject for line in installation.python_findings.lines].count("Python") == 1
    assert "Check" not in [line.subject for line in installation.python_findings.lines]


def test_the_cache_is_not_cleared_while_something_runs(monkeypatch):
    installation.check_python()
    assert "Wait for what is running" in refusal(bpy.ops.smirk.clear_cache)
    jobs.finish_all()
    assert bpy.ops.smirk.clear_cache.poll()
    monkeypatch.setattr(tasks, "tasks", lambda: ("a solve",))
    assert "Wait for what is running" in refusal(bpy.ops.smirk.clear_cache)

"""From installing to uninstalling: all works in between, and only the user's own files stay."""

from pathlib import Path

import pytest

from smirk_blender.capture.interpreter import mediapipe_with_models

from .sandbox import ADDON, Sandbox

SAMPLE_FRAMES = 150
USERS_OWN = {
    "user/config/userpref.blend",
    "user/datafiles/smirk_blender/takes/sample.take.npz",
    "work/shot.blend",
}


def first_take(sandbox: Sandbox, package: Path, preferences: dict[str, str]) -> str:
    """Install, check, solve, bake, save and open again; assert what came of it, and return what was printed."""
    blend = str(sandbox.work / "shot.blend")
    used = sandbox.blender(
        ("install", {"path": str(package)}),
        ("set_preferences", preferences),
        "check_python",
        "check_installation",
        "doctor",
        "solve",
        "num_keys",
        ("save_file", {"path": blend}),
        ("open_file", {"path": blend}),
        "num_keys",
        "takes",
        "tried_connections",
        "save_preferences",
    )
    installed, _, python, checked, health, solved, keys, saved, opened, keys_again, takes, connections, _ = used.answers
    assert installed == {"said": "", "enabled": [ADDON]} and python == checked == saved == opened == ""
    assert health == 0
    findings = used.reports("Info")
    assert "The built-in head" in findings["Head"]
    assert "8 frames, 8 with a face" in findings["Solver landmarks"]
    assert used.reports("Warning") == used.reports("Error") == {}
    assert (solved["state"], solved["said"]) == ("done", ""), solved["text"]
    assert [(take["frames"], take["gaps"]) for take in solved["takes"]] == [(SAMPLE_FRAMES, 0)]
    assert takes == solved["takes"]
    assert keys_again == keys > 50 * SAMPLE_FRAMES
    assert connections == [] and used.complaints == []
    return used.printed


def goes(sandbox: Sandbox) -> None:
    """Disable and uninstall, as a user does on another day; assert that only the user's own files are left."""
    gone = sandbox.blender("start_again", "enabled", "disable", "registered", "uninstall")
    assert gone.answers[1:] == [[ADDON], "", [], ""] and gone.complaints == []
    assert sandbox.files() == USERS_OWN and sandbox.processes() == {}


def test_it_installs_solves_bakes_and_goes_without_a_trace(sandbox, light_package, worker_python, network):
    sandbox.before = network.command
    first_take(sandbox, light_package, {"worker_python": worker_python})
    goes(sandbox)
    assert network.calls() == []  # of the worker; its Blender's are asserted above


@pytest.fixture
def face_models(request) -> dict[str, str]:
    """The preferences that name face models, for a Python whose MediaPipe brings none."""
    if mediapipe_with_models():
        return {}
    return {"landmark_model": str(request.getfixturevalue("shared_folder") / "models" / "face_landmarker.task")}


def test_the_package_with_wheels_needs_no_other_python(sandbox, full_package, face_models, network, figure):
    sandbox.before = network.command
    printed = first_take(sandbox, full_package, face_models)
    wheels = sandbox.user / "extensions" / ".local"
    assert any(wheels.rglob("site-packages/mediapipe/__init__.py"))
    assert "Solver smirk" not in printed  # needs weights, which no package brings
    figure("installed, with its wheels", sandbox.size_mb(sandbox.user / "extensions"), "MB")
    goes(sandbox)
    assert network.calls() == []


def test_the_package_with_wheels_solves_with_the_smirk_solver(sandbox, full_package, face_models, shared_folder):
    if "-full-" not in full_package.name:
        pytest.skip(f"{full_package.name} brings no PyTorch")
    models = {"weights": "reference/smirk_like.pt", "flame_model": "flame/generic_model.pkl", "eyelid_folder": "flame"}
    preferences = face_models | {name: str(shared_folder / path) for name, path in models.items()}
    ran = sandbox.blender(
        ("install", {"path": str(full_package)}), ("set_preferences", preferences), "check_installation", "solve"
    )
    findings = ran.reports("Info")
    assert ran.reports("Warning") == ran.reports("Error") == {}
    assert all("8 frames, 8 with a face" in findings[name] for name in ("Solver landmarks", "Solver smirk"))
    solved = ran.answers[-1]
    assert (solved["state"], [take["frames"] for take in solved["takes"]]) == ("done", [SAMPLE_FRAMES]), solved["text"]


@pytest.mark.parametrize("enabled", [True, False])
def test_uninstalling_takes_cache_and_logs_along_and_nothing_else(sandbox, light_package, enabled):
    data, own = sandbox.user / "datafiles/smirk_blender", sandbox.user / "extensions/.user/user_default/smirk_blender"
    kept = [data / "takes" / "a.take.npz", data / "models" / "face_landmarker.task", sandbox.work / "takes/b.take.npz"]
    passing = [own / "smirk_cache" / "logs" / "solve.log"]
    for path in (*kept, *passing):
        path.parent.mkdir(parents=True)
        path.write_text("of value")
    answers = sandbox.blender(("install", {"path": str(light_package), "enable": enabled}), "uninstall").answers
    assert answers[1] == "" and all(path.read_text() == "of value" for path in kept)
    assert sandbox.files() == {path.relative_to(sandbox.folder).as_posix() for path in kept}


def test_files_of_an_older_version_outlive_uninstalling(sandbox, light_package):
    old = sandbox.user / "extensions/.user/user_default/smirk_blender"
    model = str(old / "models" / "face_landmarker.task")
    ran = sandbox.blender(
        ("install", {"path": str(light_package)}), ("set_preferences", {"landmark_model": model}), "save_preferences"
    )
    assert ran.complaints == []
    for name in ("takes/a.take.npz", "models/face_landmarker.task"):
        (old / name).parent.mkdir(parents=True)
        (old / name).write_text(name)
    new = sandbox.user / "datafiles/smirk_blender"
    loaded, preferences, _ = sandbox.blender("start_again", "preferences", "uninstall").answers
    if loaded:
        assert preferences["landmark_model"] == str(new / "models" / "face_landmarker.task")
    for name in ("takes/a.take.npz", "models/face_landmarker.task"):
        assert (new / name).read_text() == name and not (old / name).exists()


def test_enabling_and_disabling_again_leaves_nothing_behind(sandbox, light_package):
    again = ["registered", "disable", "registered", "enable"] * 2
    ran = sandbox.blender(("install", {"path": str(light_package)}), *again)
    first, *_ = answers = ran.answers[1:]
    assert "Scene.smirk" in first and answers == [first, "", [], ""] * 2 and ran.complaints == []

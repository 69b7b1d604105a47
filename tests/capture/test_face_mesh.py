"""What is said where MediaPipe, or its models, are missing: what this very Python can install."""

import sys
from types import ModuleType

import pytest

from smirk_blender.capture import face_mesh
from smirk_blender.capture.interpreter import mediapipe_with_models
from smirk_blender.errors import ModelError


def complaint(monkeypatch, module, version):
    """Return what `open_face_mesh` says of a module, or None, that stands for MediaPipe in a version of Python."""
    monkeypatch.setitem(sys.modules, "mediapipe", module)
    monkeypatch.setattr(face_mesh, "mediapipe_with_models", lambda: mediapipe_with_models(version))
    with pytest.raises(ModelError) as raised:
        face_mesh.open_face_mesh()
    return str(raised.value)


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        ((3, 12), "pip install mediapipe==0.10.21"),
        ((3, 13), 'pip install "mediapipe>=0.10.35", and name a face_landmarker.task file'),
    ],
)
def test_a_missing_mediapipe_comes_with_the_command_that_works_there(monkeypatch, version, advice):
    said = complaint(monkeypatch, None, version)
    assert said.startswith("MediaPipe cannot be imported (") and said.endswith(f"). Install it: {advice}")


def test_a_library_of_the_system_that_mediapipe_lacks_is_named(monkeypatch, tmp_path):
    vision = pytest.importorskip("mediapipe.tasks.python.vision", reason="no MediaPipe in this Python")
    (tmp_path / "a.task").write_bytes(b"a model")

    def load(options):
        raise OSError("libGLESv2.so.2: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(vision.FaceLandmarker, "create_from_options", load)
    with pytest.raises(ModelError, match=r"MediaPipe cannot be loaded \(libGLESv2.so.2: .+ libgles2 and libegl1"):
        face_mesh.open_face_mesh(tmp_path / "a.task")


@pytest.mark.parametrize(
    ("version", "other"), [((3, 12), ", or install mediapipe==0.10.21"), ((3, 13, 2), ""), ((3, 14), "")]
)
def test_a_mediapipe_without_models_comes_with_what_helps_there(monkeypatch, version, other):
    module = ModuleType("mediapipe")
    module.__version__ = "0.10.35"
    expected = f"MediaPipe 0.10.35 carries no face models. Name a face_landmarker.task file{other}"
    assert complaint(monkeypatch, module, version) == expected

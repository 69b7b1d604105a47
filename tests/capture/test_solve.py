"""A video solved into a take: made-up landmarks for the bookkeeping, real footage for the figures."""

import os
import threading

import numpy as np
import pytest

from smirk_blender.capture import SolveOptions, solve, solve_video
from smirk_blender.capture.protocol import Done, Loading, Progress, Warned
from smirk_blender.capture.review import frames_held
from smirk_blender.capture.solvers import SmirkSolver, open_solver
from smirk_blender.errors import HeadError, ModelError, SmirkError, TakeError, VideoError, WeightsError
from smirk_blender.flame import builtin_head, load_head, save_head
from smirk_blender.flame.measures import eye_distance, face_measures, without_head_motion
from smirk_blender.take import load_take
from smirk_blender.take.camera import image_points
from tests.builders import tiny_head
from tests.capture.videos import read_code, set_frame_durations, write_code_video

READ_BY_EYE = ("lip_gap", "mouth_width", "lid_L", "lid_R", "brow_L", "brow_R")


class CodeMesh:
    """A face mesh that needs no face: the built-in head's landmarks, moved by the number that a frame shows."""

    name = "codes"

    def __init__(self, blind=()):
        head = builtin_head()
        points = head.landmarks.points(head.template[None])[0]
        self._points = np.zeros((478, 3), np.float32)
        self._points[head.landmarks.indices] = points * [150, -150, -150] + [32, 24, 0]
        self._blind = blind
        self.closed = False

    def find(self, rgb, time_s):
        number = read_code(rgb)
        return None if number in self._blind else self._points + np.float32([number / 10, 0, 0])

    def close(self):
        self.closed = True


@pytest.fixture
def code_mesh(monkeypatch):
    """Return a function that puts a CodeMesh in MediaPipe's place."""

    def use(**arguments):
        mesh = CodeMesh(**arguments)
        monkeypatch.setattr(solve, "open_face_mesh", lambda task_path: mesh)
        return mesh

    return use


def solved(video, take_path, **options):
    messages = list(solve_video(video, take_path, SolveOptions(**options)))
    return load_take(take_path), messages


def test_every_frame_becomes_a_row_of_the_take(tmp_path, code_mesh):
    mesh = code_mesh()
    take, messages = solved(write_code_video(tmp_path / "codes.mp4", 40), tmp_path / "codes.take.npz")
    shift = take.landmarks[:, 1, 0] - take.landmarks[0, 1, 0]
    np.testing.assert_allclose(shift, np.arange(40) / 10, atol=1e-4)  # pixels: no frame dropped or doubled
    np.testing.assert_allclose(take.time_s, np.arange(40) / 25, atol=1e-3)
    assert isinstance(messages[-1], Done) and messages[-1].num_frames == messages[-1].num_faces == 40
    assert sum(isinstance(message, Done) for message in messages) == 1
    assert Progress(40, 40) in messages and mesh.closed
    assert (take.solver, take.models["head"], take.models["landmarks"]) == ("landmarks", "Built-in", "codes")
    assert take.source.name == "codes.mp4" and take.expression_names == builtin_head().expression_names


def test_frames_without_a_face_are_marked_and_filled(tmp_path, code_mesh):
    code_mesh(blind=(0, 7, 8, 9, 19))
    take, messages = solved(write_code_video(tmp_path / "codes.mp4", 20), tmp_path / "codes.take.npz")
    np.testing.assert_array_equal(np.flatnonzero(take.gap), [0, 7, 8, 9, 19])
    assert np.isnan(take.landmarks[take.gap]).all() and np.isfinite(take.landmarks[~take.gap]).all()
    assert (take.confidence[take.gap] == 0).all() and (take.confidence[~take.gap] > 0.9).all()
    assert np.isfinite(take.expression).all()
    np.testing.assert_allclose(take.crop_transform[8], (take.crop_transform[6] + take.crop_transform[10]) / 2)
    warnings = [message.text for message in messages if isinstance(message, Warned)]
    assert [text.split(" of ")[0] for text in warnings] == [
        "No face in frame 0",
        "No face in frames 7-9",
        "No face in frame 19",
    ]


def test_a_video_without_a_face_says_so_and_leaves_no_take(tmp_path, code_mesh):
    code_mesh(blind=range(10))
    with pytest.raises(VideoError, match="No face in any of the 10 frames of codes.mp4. Choose a clip"):
        list(solve_video(write_code_video(tmp_path / "codes.mp4", 10), tmp_path / "codes.take.npz"))
    assert os.listdir(tmp_path) == ["codes.mp4"]


def test_mediapipe_finds_no_face_where_there_is_none(tmp_path):
    with pytest.raises(VideoError, match="No face in any"):
        list(solve_video(write_code_video(tmp_path / "codes.mp4", 3), tmp_path / "codes.take.npz"))


def test_stopping_between_frames_leaves_no_take_and_no_thread(tmp_path, code_mesh):
    mesh = code_mesh()
    messages = solve_video(write_code_video(tmp_path / "codes.mp4", 60), tmp_path / "codes.take.npz")
    assert isinstance(next(messages), Loading)
    next(message for message in messages if isinstance(message, Progress))
    messages.close()
    assert mesh.closed and os.listdir(tmp_path) == ["codes.mp4"]
    assert not [thread for thread in threading.enumerate() if thread.name in ("landmarks", "fit")]


def test_stopping_during_the_fit_ends_the_fit(tmp_path, code_mesh):
    code_mesh()
    messages = solve_video(write_code_video(tmp_path / "codes.mp4", 60), tmp_path / "codes.take.npz")
    next(message for message in messages if isinstance(message, Progress) and message.stage == "fit")
    messages.close()
    assert os.listdir(tmp_path) == ["codes.mp4"]
    assert not [thread for thread in threading.enumerate() if thread.name in ("landmarks", "fit")]


def test_finished_before_a_face_was_seen_says_so(tmp_path, code_mesh):
    code_mesh(blind=range(60))
    finish = threading.Event()
    finish.set()
    video = write_code_video(tmp_path / "codes.mp4", 60)
    with pytest.raises(VideoError, match="Finished after 1 frames of codes.mp4, before a face was seen"):
        list(solve_video(video, tmp_path / "codes.take.npz", finish=finish))


def test_a_video_that_is_cut_short_is_solved_with_a_warning(tmp_path, code_mesh):
    code_mesh()
    path = write_code_video(tmp_path / "codes.avi", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    take, messages = solved(path, tmp_path / "codes.take.npz")
    warnings = [message.text for message in messages if isinstance(message, Warned)]
    assert 10 < len(take) < 55
    assert [f"codes.avi states 60 frames, but only {len(take)} could be decoded" in text for text in warnings] == [True]


def test_a_variable_rate_is_put_on_the_grid_that_most_frames_keep_to(tmp_path, code_mesh):
    code_mesh()
    path = write_code_video(tmp_path / "codes.mp4", 30)
    durations = [40] * 10 + [120] * 10 + [40] * 10
    set_frame_durations(path, 1000, durations)
    take, _ = solved(path, tmp_path / "codes.take.npz")
    assert take.fps == 25
    starts = np.concatenate([[0], np.cumsum(durations)[:-1]]) / 40
    np.testing.assert_allclose(take.time_s * float(take.fps), starts, atol=0.05)
    np.testing.assert_array_equal(frames_held(take), [1] * 10 + [3] * 10 + [1] * 10)


def test_an_error_in_a_thread_comes_out_of_the_solve(tmp_path, code_mesh, monkeypatch):
    mesh = code_mesh()
    monkeypatch.setattr(mesh, "find", lambda rgb, time_s: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(solve_video(write_code_video(tmp_path / "codes.mp4", 10), tmp_path / "codes.take.npz"))


def test_a_folder_that_cannot_be_written_is_told_before_the_solve(tmp_path, code_mesh):
    code_mesh()
    video = write_code_video(tmp_path / "codes.mp4", 3)
    for folder in (tmp_path / "none", video):
        with pytest.raises(TakeError, match="Cannot write to the folder .*Choose another output folder"):
            next(solve_video(video, folder / "codes.take.npz"))


def test_bad_input_is_named_before_anything_is_solved(tmp_path):
    video = write_code_video(tmp_path / "codes.mp4", 3)
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    cases = [
        (tmp_path / "none.mp4", {}, VideoError, "No video at"),
        (text, {}, VideoError, "not a video that can be decoded"),
        (video, {"landmark_model": str(tmp_path / "none.task")}, ModelError, "No landmark model at"),
        (video, {"landmark_model": str(text)}, ModelError, "not a face landmarker model"),
        (video, {"head": str(text)}, HeadError, "not a FLAME model"),
        (video, {"solver": "smirk"}, SmirkError, "needs SMIRK's weights"),
        (video, {"weights": str(text)}, SmirkError, "which the built-in head does not have"),
        (video, {"solver": "magic"}, SmirkError, "No solver is called magic"),
    ]
    for path, options, kind, text_of in cases:
        with pytest.raises(kind, match=text_of):
            list(solve_video(path, tmp_path / "out.take.npz", SolveOptions(**options)))


def test_solvers_say_what_they_lack(tmp_path):
    save_head(tiny_head(), tmp_path / "head.npz")
    with pytest.raises(HeadError, match="no landmarks to solve with. Put SMIRK's mediapipe_landmark_embedding.npz"):
        open_solver("landmarks", head=tmp_path / "head.npz")
    with pytest.raises(WeightsError, match="No weights at"):
        open_solver(None, head=tmp_path / "head.npz", weights=tmp_path / "none.pt")


# --- real footage


@pytest.fixture(scope="module", params=["flame", "built-in"])
def actor(request, shared_folder, tmp_path_factory):
    """The landmark solver's take of the actor, on a FLAME model and on the built-in head."""
    path = tmp_path_factory.mktemp("actor") / "actor.take.npz"
    model = str(shared_folder / "flame" / "generic_model.pkl") if request.param == "flame" else "builtin"
    take, _ = solved(shared_folder / "footage" / "actor_a.mp4", path, head=model)
    return take, load_head(model) if request.param == "flame" else builtin_head()


def landmarks_of(head, vertices) -> np.ndarray:
    placed = np.full((len(vertices), 478, 3), np.nan)
    placed[:, head.landmarks.indices] = head.landmarks.points(vertices)
    return placed


def test_the_actor_is_found_in_every_frame(actor):
    take, _ = actor
    assert len(take) == 99 and not take.gap.any()
    assert take.confidence.min() > 0.3


def test_the_solved_head_lies_on_the_measured_landmarks(actor, figure):
    take, head = actor
    projected = image_points(
        landmarks_of(head, head.vertices(**take.head_parameters())), take.camera, take.crop_transform
    )
    distance = np.linalg.norm((projected - take.landmarks)[..., :2], axis=-1)
    error = np.median(np.nanmean(distance, axis=1) / eye_distance(take.landmarks))
    figure("median landmark error", 100 * error, "% of the eye distance")
    assert error <= (0.022 if head.name != "Built-in" else 0.03)  # of the outer eye corners' distance


def test_the_solved_face_moves_as_the_measured_one(actor, figure):
    take, head = actor
    theirs = face_measures(without_head_motion(take.landmarks * [1, -1, -1]))
    ours = face_measures(landmarks_of(head, head.vertices(**take.head_parameters() | {"head_pose": None})))
    correlation = {name: np.corrcoef(ours[name], theirs[name])[0, 1] for name in READ_BY_EYE}
    for name, value in correlation.items():
        figure(f"correlation of {name}", value)
    assert min(correlation.values()) >= 0.9, correlation


def test_the_encoder_solves_the_actor(shared_folder, tmp_path):
    take, _ = solved(
        shared_folder / "footage" / "actor_a.mp4",
        tmp_path / "actor.take.npz",
        weights=str(shared_folder / "reference" / "smirk_like.pt"),
        head=str(shared_folder / "flame" / "generic_model.pkl"),
    )
    assert (take.solver, take.expression.shape, take.shape.shape) == ("smirk", (99, 50), (300,))
    digest = load_head(shared_folder / "flame" / "generic_model.pkl").sha256
    named = {"weights": "smirk_like.pt", "head": "generic_model.pkl", "landmarks": "mediapipe-wheel"}
    assert take.models == named | {"head_sha256": digest} and len(digest) == 64
    assert take.eyelid.min() >= 0 and np.abs(take.jaw_pose[:, 1:]).max() <= 0.2001
    assert take.frame_shape.shape == (99, 300) and take.frame_shape.dtype == np.float32
    np.testing.assert_allclose(np.median(take.frame_shape, axis=0), take.shape, atol=1e-6)


def test_smirk_keeps_the_identity_of_every_frame_and_tells_their_median(monkeypatch):
    from smirk_blender import encoder

    class Counting:
        calls = 0

        def encode(self, crops):
            self.calls += 1
            rows = {"head_pose": 3, "camera": 3, "expression": 50, "eyelid": 2, "jaw_pose": 3}
            values = {name: np.zeros((len(crops), width), np.float32) for name, width in rows.items()}
            return encoder.EncoderOutput(shape=np.full((len(crops), 300), self.calls, np.float32), **values)

    monkeypatch.setattr(encoder, "load_encoder", lambda weights, device: Counting())
    solver = SmirkSolver("weights.pt", tiny_head(), None)
    for _ in range(9):
        solver.add(np.zeros((4, 224, 224, 3), np.uint8))
    result = solver.finish(np.zeros((36, 478, 3)), np.zeros((36, 3, 3)), print)
    np.testing.assert_array_equal(result.frame_shape, np.tile(np.repeat(np.arange(1, 10), 4)[:, None], 300))
    np.testing.assert_array_equal(result.shape, 5)
    assert result.expression.shape == (36, 50) and result.frame_shape.dtype == np.float32


def test_the_task_file_gives_the_same_points_as_the_wheel(shared_folder, tmp_path):
    video = shared_folder / "footage" / "actor_a.mp4"
    wheel, _ = solved(video, tmp_path / "wheel.take.npz")
    task, _ = solved(
        video, tmp_path / "task.take.npz", landmark_model=str(shared_folder / "models" / "face_landmarker.task")
    )
    assert task.models["landmarks"] == "face_landmarker.task" and not task.gap.any()
    apart = np.linalg.norm((wheel.landmarks - task.landmarks)[..., :2], axis=-1).mean(axis=1) / eye_distance(
        wheel.landmarks
    )
    assert np.median(apart) < 0.05  # of the eye distance: two networks, one set of points

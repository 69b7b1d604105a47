"""A range of a video, and the parts of a take that come while it is solved."""

import numpy as np
import pytest

from smirk_blender.capture import SolveOptions, performer, solve, solve_video
from smirk_blender.capture.decode import VideoReader
from smirk_blender.capture.people import find_people
from smirk_blender.capture.protocol import Done, Part, Progress, Warned
from smirk_blender.errors import VideoError
from smirk_blender.sample import SAMPLE_CLIP
from smirk_blender.take import load_take
from smirk_blender.take.parts import join_parts
from tests.capture.pasted import from_left_to_right, read_clip, write_pasted
from tests.capture.quick_solver import QuickSolver
from tests.capture.test_solve import CodeMesh
from tests.capture.videos import read_code, write_code_video

PER_FRAME = ("expression", "camera", "crop_transform", "landmarks", "gap", "time_s")


@pytest.fixture
def codes(tmp_path, monkeypatch):
    """Return a function that solves 40 numbered frames with a solver that only counts."""

    def solved(*, blind=(), batch_size=0, delay_s=0.0, **options):
        solver = QuickSolver(batch_size, delay_s=delay_s)
        monkeypatch.setattr(solve, "open_face_mesh", lambda task_path: CodeMesh(blind=blind))
        monkeypatch.setattr(solve, "open_solver", lambda *args, **kwargs: solver)
        video = write_code_video(tmp_path / "codes.mp4", 40)
        messages = list(solve_video(video, tmp_path / "codes.take.npz", SolveOptions(**options)))
        return load_take(tmp_path / "codes.take.npz"), messages

    return solved


def live(tmp_path):
    folder = tmp_path / "live"
    folder.mkdir(exist_ok=True)
    return str(folder)


def test_a_range_is_solved_alone(codes):
    whole, _ = codes()
    take, messages = codes(first_frame=12, last_frame=30)
    assert (take.first_frame, len(take)) == (12, 19)
    for name in PER_FRAME:
        np.testing.assert_array_equal(getattr(take, name), getattr(whole, name)[12:31])
    progress = [message for message in messages if isinstance(message, Progress) and message.stage == "solve"]
    assert progress[-1] == Progress(19, 19) and {message.num_frames for message in progress} == {19}
    assert take.fps == whole.fps and take.source == whole.source
    assert messages[-1].num_frames == 19


def test_a_video_is_read_from_any_frame_to_any_other(tmp_path):
    video = write_code_video(tmp_path / "codes.mp4", 40)
    for first, last, every in ((0, None, 1), (7, 20, 1), (7, None, 5), (39, 39, 1), (3, 60, 30), (40, None, 1)):
        frames = list(VideoReader(video).frames(first, last, every=every))
        numbers = list(range(40))[first : None if last is None else last + 1 : every]
        assert [read_code(frame.rgb) for frame in frames] == [frame.video_frame for frame in frames] == numbers
        np.testing.assert_allclose([frame.time_s for frame in frames], np.array(numbers) / 25, atol=1e-3)  # seconds


def test_gaps_in_a_range_are_named_by_the_videos_frames(codes):
    _, messages = codes(first_frame=12, blind=(3, 20, 21))
    texts = [message.text for message in messages if isinstance(message, Warned)]
    assert [text.split(";")[0] for text in texts] == ["No face in frames 20-21 of codes.mp4"]


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (50, None, "Frames 50-its end do not lie in codes.mp4, which has 40 frames, 0-39. Choose a range inside it"),
        (30, 90, "Frames 30-90 do not lie in codes.mp4"),
        (-3, 5, "Frames -3-5 do not lie"),
        (9, 8, "Frames 9-8 do not lie"),
    ],
)
def test_a_range_outside_the_video_is_refused(codes, first, last, text):
    with pytest.raises(VideoError, match=text):
        codes(first_frame=first, last_frame=last)


def test_a_range_in_which_there_is_no_face_says_so(codes):
    with pytest.raises(VideoError, match="No face in any of the 3 frames of codes.mp4 from 5 on"):
        codes(first_frame=5, last_frame=7, blind=(5, 6, 7))


@pytest.mark.parametrize("batch_size", [0, 6])
@pytest.mark.parametrize("blind", [(), (0, 1, 10, 11, 12, 39), range(0, 25), range(5, 40)])
def test_the_parts_together_are_the_whole_range(codes, tmp_path, monkeypatch, batch_size, blind):
    monkeypatch.setattr(performer, "LIVE_EVERY_S", 0.0)
    take, messages = codes(live_folder=live(tmp_path), blind=blind, batch_size=batch_size, first_frame=1)
    parts = [message for message in messages if isinstance(message, Part)]
    takes = [load_take(part.take_path) for part in parts]
    assert [(part.first_frame, part.num_frames) for part in parts] == [(one.first_frame, len(one)) for one in takes]
    assert {part.face for part in parts} == {0} and parts[0].first_frame == 1
    assert len(parts) > (1 if 40 - len(blind) > 2 * batch_size else 0)  # crops of no full batch wait
    joined = join_parts(takes)
    assert (joined.first_frame, joined.source, joined.fps) == (1, take.source, take.fps)
    for name in ("landmarks", "gap", "time_s"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(take, name))
    for name in ("expression", "crop_transform"):
        np.testing.assert_allclose(getattr(joined, name)[~take.gap], getattr(take, name)[~take.gap], atol=1e-4)
        assert np.isfinite(getattr(joined, name)).all()
    assert (joined.confidence[~take.gap] > 0.5).all() and (joined.confidence[take.gap] == 0).all()


def test_a_gap_is_held_until_the_face_is_seen_again(codes, tmp_path, monkeypatch):
    monkeypatch.setattr(performer, "LIVE_EVERY_S", 0.0)
    take, messages = codes(live_folder=live(tmp_path), blind=range(10, 20))
    joined = join_parts([load_take(part.take_path) for part in messages if isinstance(part, Part)])
    held = joined.expression[9:20, 0]
    np.testing.assert_allclose(held, held[0], atol=1e-4)  # a part a frame: none knows what comes
    np.testing.assert_allclose(joined.expression[20:], take.expression[20:], atol=1e-4)


def test_parts_come_a_few_times_a_second_and_before_the_fit(codes, tmp_path):
    _, messages = codes(live_folder=live(tmp_path), batch_size=1, delay_s=0.05)  # 2 s in all
    kinds = [type(message) for message in messages]
    fit = next(at for at, message in enumerate(messages) if isinstance(message, Progress) and message.stage == "fit")
    at = [number for number, kind in enumerate(kinds) if kind is Part]
    assert 4 <= len(at) <= 7 and at[-1] < fit and isinstance(messages[-1], Done)


def test_without_a_folder_there_are_no_parts(codes):
    _, messages = codes()
    assert not any(isinstance(message, Part) for message in messages)


def test_every_face_has_its_own_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(performer, "LIVE_EVERY_S", 0.0)
    monkeypatch.setattr(solve, "open_solver", lambda *args, **kwargs: QuickSolver(4))
    clip = read_clip(SAMPLE_CLIP, 300, 20)
    ways = [lambda frame: (200.0, 200.0), lambda frame: (700.0, 200.0) if frame >= 8 else None]
    video = write_pasted(tmp_path / "two.mp4", [clip, clip], ways, 20)
    list(find_people(str(video), str(tmp_path)))
    options = SolveOptions(people=str(tmp_path / "people.npz"), face="all", live_folder=live(tmp_path))
    messages = list(solve_video(video, tmp_path / "two.take.npz", options))
    for face, path in enumerate(messages[-1].paths):
        parts = [message for message in messages if isinstance(message, Part) and message.face == face]
        joined, take = join_parts([load_take(part.take_path) for part in parts]), load_take(path)
        np.testing.assert_array_equal(joined.landmarks, take.landmarks)
        assert (joined.first_frame, len(joined)) == (0, 20)
    assert load_take(messages[-1].paths[1]).gap.sum() == 8


def test_two_who_swap_sides_in_one_range_are_followed_from_its_start(tmp_path, monkeypatch):
    monkeypatch.setattr(solve, "open_solver", lambda *args, **kwargs: QuickSolver())
    clip = read_clip(SAMPLE_CLIP, 300, 110)
    ways = [from_left_to_right(110), from_left_to_right(110, back=True)]
    video = write_pasted(tmp_path / "two.mp4", [clip, clip], ways, 110)
    list(find_people(str(video), str(tmp_path)))
    centers = []
    for first, last in ((0, 20), (90, 109)):
        options = SolveOptions(people=str(tmp_path / "people.npz"), face=0, first_frame=first, last_frame=last)
        list(solve_video(video, tmp_path / "two.take.npz", options))
        centers.append(np.nanmean(load_take(tmp_path / "two.take.npz").landmarks[..., 0]))
    assert abs(centers[1] - centers[0]) > 400  # pixels: the same person at either end

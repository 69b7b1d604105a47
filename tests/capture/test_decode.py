"""Videos: every frame once, in order, at its time, upright."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.capture.decode import VideoReader
from smirk_blender.errors import VideoError
from tests.capture.videos import SIZE_PX, read_code, set_frame_durations, set_rotation, write_code_video


@pytest.mark.parametrize(
    "fps", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60000, 1001)]
)
def test_every_frame_comes_once_in_order_at_its_time(tmp_path, fps):
    path = write_code_video(tmp_path / "codes.mp4", 40)
    set_frame_durations(path, fps.numerator, [fps.denominator] * 40)
    reader = VideoReader(path)
    frames = list(reader)
    assert [read_code(frame.rgb) for frame in frames] == list(range(40)) == [frame.video_frame for frame in frames]
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(40) / float(fps), atol=1e-3)  # seconds
    assert reader.fps == fps and reader.num_frames == 40


def test_frames_of_uneven_length_keep_their_times(tmp_path):
    path = write_code_video(tmp_path / "codes.mp4", 12, 25)
    durations = [40, 40, 120, 40, 80, 40, 40, 160, 40, 40, 40, 40]
    set_frame_durations(path, 1000, durations)
    frames = list(VideoReader(path))
    assert [read_code(frame.rgb) for frame in frames] == list(range(12))
    expected = np.concatenate([[0], np.cumsum(durations)[:-1]]) / 1000
    np.testing.assert_allclose([frame.time_s for frame in frames], expected, atol=1e-3)  # seconds


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_metadata_is_obeyed(tmp_path, degrees):
    path = write_code_video(tmp_path / "codes.mp4", 2)
    set_rotation(path, degrees)
    reader = VideoReader(path)
    shown = next(iter(reader)).rgb
    upright = np.rot90(shown, degrees // 90)  # undoes a clockwise turn
    assert upright.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert (reader.height_px, reader.width_px) == shown.shape[:2]
    assert upright[2, 30].mean() > 200 and upright[-3, 30].mean() < 50


def test_pictures_are_rgb(tmp_path):
    import cv2

    writer = cv2.VideoWriter(str(tmp_path / "red.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, SIZE_PX)
    writer.write(np.full((SIZE_PX[1], SIZE_PX[0], 3), (0, 0, 255), np.uint8))
    writer.release()
    red = next(iter(VideoReader(tmp_path / "red.mp4"))).rgb.mean(axis=(0, 1))
    assert red[0] > 230 and red[2] < 25


def test_a_source_is_remembered_by_name_size_and_hash(tmp_path):
    path = write_code_video(tmp_path / "codes.mp4", 2)
    source = VideoReader(path).source()
    assert (source.name, source.size_bytes, source.width_px, source.height_px) == (
        "codes.mp4",
        path.stat().st_size,
        *SIZE_PX,
    )
    assert len(source.sha256) == 64 and source == VideoReader(path).source()


def test_a_missing_video_is_named(tmp_path):
    with pytest.raises(VideoError, match="No video at .*none.mp4"):
        VideoReader(tmp_path / "none.mp4")


@pytest.mark.parametrize("content", [b"", b"this is a text\n" * 100])
def test_a_file_that_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match="text.mp4 is not a video that can be decoded"):
        VideoReader(path)


def test_a_videos_hash_is_that_of_its_bytes_on_any_python(tmp_path, monkeypatch):
    monkeypatch.delattr("hashlib.file_digest", raising=False)  # Python 3.10 has none
    path = write_code_video(tmp_path / "codes.mp4", 5)
    source = VideoReader(path).source()
    assert (source.size_bytes, source.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())

"""Movies encoded through Blender."""

from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.errors import VideoError
from smirk_blender.rig import compat
from smirk_blender.rig.movie import encode_movie, set_fps
from tests.rig.scenes import CODE_STEP, sequencer_grey, strip_range, write_code_movie, write_tone

GREY_TOLERANCE = 3.0  # levels of 255


@pytest.mark.parametrize(
    "fps, expected",
    [("30000/1001", (30, 1.001)), ("24000/1001", (24, 1.001)), ("60000/1001", (60, 1.001)), ("25", (25, 1.0)),
     ("2997/100", (30, 3000 / 2997)), ("25/2", (12, 0.96)), ("1/3", (1, 3.0))],
)  # fmt: skip
def test_a_scene_takes_any_rate(empty_scene, fps, expected):
    set_fps(empty_scene, Fraction(fps))
    assert (empty_scene.render.fps, empty_scene.render.fps_base) == pytest.approx(expected, rel=1e-7)
    assert empty_scene.render.fps / empty_scene.render.fps_base == pytest.approx(float(Fraction(fps)), rel=1e-7)


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(25)])
def test_a_movie_keeps_size_length_rate_and_colours(empty_scene, tmp_path, fps):
    movie = write_code_movie(tmp_path / "codes.mp4", 12, fps)
    clip = bpy.data.movieclips.load(str(movie))
    assert (*clip.size, clip.frame_duration) == (64, 48, 12)
    assert clip.fps == pytest.approx(float(fps), rel=1e-6)
    compat.sequencer_strips(empty_scene).new_movie("codes", str(movie), 1, 1)
    compat.set_view_transform(empty_scene, 'Standard')
    empty_scene.render.resolution_x, empty_scene.render.resolution_y = 64, 48
    for video_frame in (0, 5, 11):
        grey = sequencer_grey(empty_scene, 1 + video_frame, tmp_path)
        assert grey == pytest.approx(CODE_STEP * video_frame, abs=GREY_TOLERANCE)


def test_other_readers_see_the_same_movie(tmp_path):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here")
    movie = write_code_movie(tmp_path / "codes.mp4", 12, Fraction(30000, 1001))
    capture = cv2.VideoCapture(str(movie))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30000 / 1001, rel=1e-6)
    pictures = []
    while (frame := capture.read()[1]) is not None:
        pictures.append(frame)
    greys = np.array([picture.mean() for picture in pictures])
    np.testing.assert_allclose(greys, CODE_STEP * np.arange(12), atol=GREY_TOLERANCE)  # levels of 255


def test_the_sound_of_another_file_is_encoded_with_the_pictures(empty_scene, tmp_path):
    if not compat.has_sound():
        pytest.skip("this build of Blender has no sound")
    tone = write_tone(tmp_path / "tone.wav", seconds=2)
    movie = write_code_movie(tmp_path / "codes.mp4", 10, Fraction(10), sound_path=tone)
    set_fps(empty_scene, Fraction(10))
    strip = compat.sequencer_strips(empty_scene).new_sound("sound", str(movie), 1, 1)
    assert strip.sound.channels == 'STEREO'
    assert strip_range(strip) == pytest.approx((1, 10), abs=1)  # scene frames


def test_encoding_leaves_no_datablock_and_no_half_movie(tmp_path):
    silent = write_code_movie(tmp_path / "codes.mp4", 3, Fraction(25))
    before = [len(kind) for kind in (bpy.data.scenes, bpy.data.sounds, bpy.data.movieclips, bpy.data.images)]
    folder = tmp_path / "out"
    folder.mkdir()
    encode_movie(silent, folder / "again.mp4", fps=Fraction(25), sound_path=silent)
    assert [len(kind) for kind in (bpy.data.scenes, bpy.data.sounds, bpy.data.movieclips, bpy.data.images)] == before
    assert [path.name for path in folder.iterdir()] == ["again.mp4"]


def test_errors_name_the_file(tmp_path):
    (tmp_path / "text.mp4").write_text("not a movie")
    movie = write_code_movie(tmp_path / "codes.mp4", 2, Fraction(25))
    with pytest.raises(VideoError, match="none.mp4"):
        encode_movie(tmp_path / "none.mp4", tmp_path / "out.mp4", fps=Fraction(25))
    with pytest.raises(VideoError, match="text.mp4 is not a movie"):
        encode_movie(tmp_path / "text.mp4", tmp_path / "out.mp4", fps=Fraction(25))
    with pytest.raises(VideoError, match="does not end in .mp4"):
        encode_movie(movie, tmp_path / "out.avi", fps=Fraction(25))
    with pytest.raises(VideoError, match="Cannot write the movie .*nowhere"):
        encode_movie(movie, tmp_path / "nowhere" / "out.mp4", fps=Fraction(25))
    assert len(bpy.data.scenes) == 1

"""Preview and report: what is drawn, and where."""

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from smirk_blender.capture.raster import HeadRaster
from smirk_blender.capture.report import choose_frames, write_report
from smirk_blender.capture.review import PanelPainter, review_take
from smirk_blender.clean import frame_by_frame, quality
from smirk_blender.errors import SmirkError, VideoError
from smirk_blender.flame import builtin_head
from smirk_blender.take import CleanUp, Source, save_take
from smirk_blender.take.camera import image_points
from smirk_blender.take.clean_up import Gains, Timing
from tests.builders import make_take, tiny_head, tiny_surface
from tests.capture.videos import SIZE_PX, read_code, write_code_video


@pytest.fixture
def head():
    return builtin_head()


def centered_take(head, num_frames, **replacements):
    """A take whose head stands in the middle of a 64 x 48 picture."""
    at_rest = {name: np.zeros((num_frames, 3), np.float32) for name in ("jaw_pose", "head_pose", "neck_pose")}
    return make_take(
        num_frames,
        head,
        **at_rest,
        expression=np.zeros((num_frames, head.num_expression), np.float32),
        eyelid=np.zeros((num_frames, 2), np.float32),
        eye_pose=np.zeros((num_frames, 6), np.float32),
        shape=np.zeros(1, np.float32),
        camera=np.tile(np.float32([5.0, 0.01, -0.02]), (num_frames, 1)),
        crop_transform=np.tile(
            np.diag([224 / 48, 224 / 48, 1.0]) + [[0, 0, -8 * 224 / 48], [0, 0, 0], [0, 0, 0]], (num_frames, 1, 1)
        ),
        source=Source("codes.mp4", 1, "0" * 64, *SIZE_PX),
        fps=25,
        **replacements,
    )


def test_a_drawn_triangle_covers_its_pixels_and_faces_the_light():
    one_triangle = tiny_surface(np.array([[0, 1, 2]]), np.random.default_rng(0))
    head = tiny_head(surface=one_triangle)
    points = np.zeros((50, 3))
    points[:3] = [[10, 10, 0], [10, 50, 0], [50, 10, 0]]
    facing = HeadRaster(head).draw(points, 60, 60)[1]
    away = HeadRaster(head).draw(points * [1, -1, 1] + [0, 60, 0], 60, 60)[1]
    assert facing.sum() == pytest.approx(800, rel=0.05) and away.sum() == 0  # pixels
    assert facing[20, 20] == 1 and facing[45, 45] == 0


def test_the_nearer_face_is_drawn_over_the_farther(head):
    points = head.template * [1000, -1000, 1000] + [150, 150, 0]
    color, cover = HeadRaster(head).draw(points, 300, 300)
    iris = int(np.flatnonzero(head.landmarks.indices == 473)[0])
    x, y = (head.landmarks.points(head.template[None])[0, iris, :2] * [1000, -1000] + 150).round().astype(int)
    cheek = color[y + 35, x + 5]
    assert cover[y, x] == 1 and color[y, x].mean() < 0.6 * cheek.mean()  # the pupil, not the back of the head


def test_the_overlay_lies_where_the_camera_sees_the_head(head):
    take = centered_take(head, 2)
    painter = PanelPainter(head, take)
    black = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    overlay = painter.overlay_of(painter.paint(0, black)).astype(int).sum(axis=-1)
    rows, columns = (np.flatnonzero(overlay.any(axis=axis)) for axis in (1, 0))
    seen = image_points(head.vertices(), take.camera[:1], take.crop_transform[:1])[0, :, :2]
    scale = painter.panel_px[1] / SIZE_PX[1]
    low, high = ((seen.min(axis=0), seen.max(axis=0)) + np.array(0.5)) * scale
    drawn = [columns[0], columns[-1] + 1, rows[0], rows[-1] + 1]
    np.testing.assert_allclose(drawn, np.clip([low[0], high[0], low[1], high[1]], 0, painter.panel_px[1] * 4 / 3), atol=3)


def test_gaps_show_no_mesh_and_say_so(head):
    take = centered_take(head, 2, gap=np.array([False, True]))
    painter = PanelPainter(head, take)
    white = np.full((SIZE_PX[1], SIZE_PX[0], 3), 255, np.uint8)
    with_face, without = (painter.overlay_of(painter.paint(frame, white)) for frame in (0, 1))
    middle = (painter.panel_px[1] * 3 // 4, painter.panel_px[0] // 2)
    assert with_face[middle].min() < 250 and without[middle].min() == 255
    assert (without < 250).any()  # the words


def test_a_review_writes_every_frame_and_a_report(head, tmp_path):
    video = write_code_video(tmp_path / "codes.mp4", 20)
    save_take(centered_take(head, 20), tmp_path / "codes.take.npz")
    paths = [str(tmp_path / name) for name in ("codes.take.npz", "p.avi", "r.png")]
    messages = list(review_take(str(video), *paths, thumbnail_path=str(tmp_path / "t.jpg")))
    assert messages[-1].num_frames == 20 and messages[-1].paths == [*paths[1:], str(tmp_path / "t.jpg")]
    assert cv2.imread(str(tmp_path / "t.jpg")).shape == (96, 3 * 128, 3)
    movie = cv2.VideoCapture(str(tmp_path / "p.avi"))
    assert int(movie.get(cv2.CAP_PROP_FRAME_COUNT)) == 20
    assert cv2.imread(str(tmp_path / "r.png")).shape[1] > 1000


def test_without_matplotlib_there_is_a_movie_and_a_report_is_refused_at_once(head, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    video = write_code_video(tmp_path / "codes.mp4", 5)
    save_take(centered_take(head, 5), tmp_path / "codes.take.npz")
    out = str(tmp_path / "codes.take.npz"), str(tmp_path / "p.avi")
    with pytest.raises(SmirkError, match=r"A report is drawn with matplotlib, which .+ does not have. Install it"):
        list(review_take(str(video), *out, str(tmp_path / "r.png")))
    assert not (tmp_path / "p.avi").exists()
    assert list(review_take(str(video), *out))[-1].paths == [str(tmp_path / "p.avi")]
    assert int(cv2.VideoCapture(str(tmp_path / "p.avi")).get(cv2.CAP_PROP_FRAME_COUNT)) == 5


def test_a_take_of_another_video_is_refused(head, tmp_path):
    video = write_code_video(tmp_path / "codes.mp4", 20)
    save_take(centered_take(head, 10), tmp_path / "codes.take.npz")
    with pytest.raises(VideoError, match="has more frames than the take"):
        list(
            review_take(str(video), str(tmp_path / "codes.take.npz"), str(tmp_path / "p.avi"), str(tmp_path / "r.png"))
        )


def test_a_report_marks_missing_frames(head, tmp_path):
    gap = np.zeros(30, bool)
    gap[10:20] = True
    pictures = {frame: np.zeros((48, 64, 3), np.uint8) for frame in choose_frames(centered_take(head, 30))}
    red = []
    for name, take in (("without", centered_take(head, 30)), ("with", centered_take(head, 30, gap=gap))):
        write_report(take, head, pictures, tmp_path / f"{name}.png")
        blue, green, red_channel = np.moveaxis(cv2.imread(str(tmp_path / f"{name}.png")).astype(int), -1, 0)
        red.append(((red_channel - blue > 30) & (red_channel - green > 30) & (red_channel > 200)).mean())
    assert red[1] > red[0] + 0.1  # of the sheet's area


def test_a_head_without_landmarks_gets_a_report_of_what_there_is(tmp_path):
    head = tiny_head()
    write_report(make_take(12, head), head, {}, tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000  # bytes


@pytest.fixture
def sheet(monkeypatch):
    """Keep the figures of reports instead of writing them; return them, by the title of each row of curves."""
    kept = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path: kept.append(figure))
    return lambda: {axes.get_ylabel().partition("\n")[0]: axes for axes in kept[-1].axes}


def test_a_report_shows_before_and_after_and_what_was_found(head, sheet, tmp_path, monkeypatch):
    take = centered_take(head, 20, first_frame=100, gap=np.arange(20) == 15)
    take.eyelid[8:11] = 1.0
    take.landmarks[:] = np.nan
    spikes = {"lids": np.arange(20) == 3}
    monkeypatch.setattr(quality, "find_spikes", lambda take, settings: spikes)
    write_report(take, head, {}, tmp_path / "r.png", replace(take, eyelid=take.eyelid / 2))
    rows = sheet()
    raw, cleaned, crosses = (rows["Lids"].lines[at] for at in (0, 1, -1))
    np.testing.assert_array_equal(raw.get_xdata(), 100 + np.arange(20))
    np.testing.assert_array_equal(cleaned.get_ydata(), raw.get_ydata() / 2)
    assert raw.get_alpha() < 0.6 and cleaned.get_alpha() is None and raw.get_color() == cleaned.get_color()
    np.testing.assert_array_equal(crosses.get_xdata(), [103])
    assert len(rows["Head"].lines[-1].get_xdata()) == 0  # a spike of the lids is none of the head
    assert len(rows["Lids"].patches) == 2 and len(rows["Head"].patches) == 1  # the gap, and on the lids the blink
    assert "red crosses: spikes; grey: blinks" in rows["Head"].get_xlabel()
    text = "\n".join(part.get_text() for part in rows[""].texts)
    assert "Blinks found: 1, on the face 1 -> 0" in text and "Without a face: 1 frame (115)" in text
    write_report(take, head, {}, tmp_path / "r.png")
    assert [line.get_alpha() for line in sheet()["Lids"].lines] == [None] * 3
    assert "->" not in sheet()[""].texts[0].get_text()


def test_a_preview_of_a_take_that_is_cleaned_shows_every_frame_as_cleaned(head, tmp_path, monkeypatch):
    video = write_code_video(tmp_path / "codes.mp4", 8)
    asked = []

    def turned(take, head, clean_up):
        asked.append(clean_up)
        return replace(take, head_pose=take.head_pose + np.float32([0, 1.2, 0]), clean_up=None)

    monkeypatch.setattr(frame_by_frame, "cleaned", turned)
    clean_up = CleanUp(gains=Gains(jaw=2.0), timing=Timing(2, 5, 2.0))
    alone = []
    for settings in (None, clean_up):
        save_take(centered_take(head, 8, clean_up=settings), tmp_path / "codes.take.npz")
        out = [str(tmp_path / name) for name in ("codes.take.npz", "p.avi")]
        assert list(review_take(str(video), *out))[-1].num_frames == 8
        movie = cv2.VideoCapture(str(tmp_path / "p.avi"))
        assert int(movie.get(cv2.CAP_PROP_FRAME_COUNT)) == 8
        alone.append(np.split(movie.read()[1].astype(int), 3, axis=1)[2])
    assert asked == [CleanUp(gains=Gains(jaw=2.0))]
    assert np.abs(alone[0] - alone[1]).mean() > 5  # grey levels: the head is turned away


def test_a_take_of_a_range_is_shown_from_its_first_frame_to_its_last(head, tmp_path):
    video = write_code_video(tmp_path / "codes.mp4", 20)
    save_take(centered_take(head, 5, first_frame=9), tmp_path / "codes.take.npz")
    out = [str(tmp_path / name) for name in ("codes.take.npz", "p.avi", "r.png")]
    assert list(review_take(str(video), *out))[-1].num_frames == 5
    movie = cv2.VideoCapture(str(tmp_path / "p.avi"))
    assert int(movie.get(cv2.CAP_PROP_FRAME_COUNT)) == 5
    footage = cv2.resize(movie.read()[1][:, : int(movie.get(cv2.CAP_PROP_FRAME_WIDTH)) // 3], SIZE_PX)
    assert read_code(footage) == 9


def test_a_range_from_the_videos_start_is_shown_to_its_end(head, tmp_path):
    video = write_code_video(tmp_path / "codes.mp4", 20)
    save_take(centered_take(head, 8), tmp_path / "codes.take.npz")
    out = [str(tmp_path / name) for name in ("codes.take.npz", "p.avi", "r.png")]
    assert list(review_take(str(video), *out, footage={"last_frame": 7}))[-1].num_frames == 8


def test_a_take_that_is_longer_than_its_video_is_refused(head, tmp_path):
    video = write_code_video(tmp_path / "codes.mp4", 6)
    save_take(centered_take(head, 9), tmp_path / "codes.take.npz")
    out = [str(tmp_path / name) for name in ("codes.take.npz", "p.avi", "r.png")]
    with pytest.raises(VideoError, match="codes.mp4 ends before the take"):
        list(review_take(str(video), *out))

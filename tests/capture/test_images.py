"""Image sequences and single images as footage."""

import hashlib
from fractions import Fraction

import cv2
import numpy as np
import pytest

from smirk_blender.capture import SolveOptions, solve_video
from smirk_blender.capture.footage import open_footage
from smirk_blender.capture.protocol import Warned
from smirk_blender.capture.review import review_take
from smirk_blender.errors import VideoError
from smirk_blender.sample import SAMPLE_CLIP
from smirk_blender.take import load_take


def write_image(path, value, *, size_px=(64, 48), dtype=np.uint8):
    path.write_bytes(cv2.imencode(path.suffix, np.full((size_px[1], size_px[0], 3), value, dtype))[1])
    return path


def values(reader, **options):
    return [int(frame.rgb.mean().round()) for frame in reader.frames(**options)]


def test_a_sequence_is_counted_up_from_its_first_image(tmp_path):
    for number in (1, 7, 8, 9, 10, 11, 13, 14):
        write_image(tmp_path / f"shot_{number:02d}.png", number * 10)
    write_image(tmp_path / "shot_12.jpg", 120)
    reader = open_footage(tmp_path / "shot_07.png", sequence=True, image_fps=25)
    assert values(reader) == [70, 80, 90, 100, 110] and reader.num_frames == 5
    assert values(reader, first_frame=1, last_frame=3) == [80, 90, 100]
    assert [frame.video_frame for frame in reader.frames(every=2)] == [0, 2, 4]
    np.testing.assert_allclose([frame.time_s for frame in reader], np.arange(5) / 25)
    assert reader.warnings == (
        "shot_12.png is missing: the sequence ends before it, and 2 later images up to shot_14.png are left out. "
        "Put the missing image in its place to use them",
    )
    assert open_footage(tmp_path / "shot_07.png", sequence=True, num_images=3).warnings == ()


def test_numbers_may_grow_longer_and_the_rate_may_be_left_out(tmp_path):
    for number in (98, 99, 100):
        write_image(tmp_path / f"{number}.png", number)
    reader = open_footage(tmp_path / "98.png", sequence=True)
    assert values(reader) == [98, 99, 100] and reader.fps == Fraction(24)


def test_images_may_have_any_names(tmp_path):
    names = ["b.png", "a.png", "ünï çödé.png"]
    for value, name in enumerate(names):
        write_image(tmp_path / name, value * 50)
    reader = open_footage(tmp_path / "b.png", images=names)
    assert values(reader) == [0, 50, 100]
    content = b"".join((tmp_path / name).read_bytes() for name in names)
    source = reader.source()
    assert (source.name, source.size_bytes) == ("b.png", len(content))
    assert source.sha256 == hashlib.sha256(content).hexdigest()


def test_an_image_is_a_clip_of_one_frame_unless_a_sequence_is_meant(tmp_path):
    for number in (1, 2):
        write_image(tmp_path / f"shot_{number}.tif", number * 1000, dtype=np.uint16)
    assert values(open_footage(tmp_path / "shot_1.tif")) == [4]  # of 255, as 1000 is of 65535
    assert len(values(open_footage(tmp_path / "shot_1.tif", sequence=True))) == 2


def test_images_are_turned_as_their_exif_data_asks(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :10] = 255  # left
    content = cv2.imencode(".jpg", picture)[1].tobytes()
    orientation = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # 6: turn it clockwise
    exif = b"Exif\0\0" + orientation
    path = tmp_path / "turned.jpg"
    path.write_bytes(content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:])
    frame = next(iter(open_footage(path)))
    assert frame.rgb.shape == (60, 40, 3) and frame.rgb[:8].mean() > 240 and frame.rgb[20:].mean() < 15


def test_an_image_of_another_size_is_named(tmp_path):
    write_image(tmp_path / "a1.png", 1)
    write_image(tmp_path / "a2.png", 1, size_px=(32, 48))
    with pytest.raises(VideoError, match="a2.png has 32 x 48 pixels, but the .* first image a1.png has 64 x 48"):
        values(open_footage(tmp_path / "a1.png", sequence=True))


def test_images_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "shot_1.exr").write_bytes(b"v/1\x01")
    cases = [
        ("none.png", {}, "No image at .*none.png"),
        ("text.png", {}, "text.png is not an image that can be read"),
        ("shot_1.exr", {}, "shot_1.exr: .exr images cannot be read. Save them as PNG or JPEG"),
        ("text.png", {"sequence": True}, "text.png has no number at the end of its name"),
        ("text.png", {"images": []}, "No images are named"),
        ("text.png", {"images": ["gone.png"]}, "Cannot read the image .*gone.png"),
        ("text.png", {"image_fps": 0.0}, "cannot be shown at 0.0 frames per second"),
    ]
    for name, options, text in cases:
        with pytest.raises(VideoError, match=text):
            open_footage(tmp_path / name, **options)


def write_sequence(folder, num_images):
    """Write the sample clip's first frames as images; return the first."""
    capture = cv2.VideoCapture(str(SAMPLE_CLIP))
    for number in range(1, num_images + 1):
        (folder / f"clip_{number:03d}.png").write_bytes(cv2.imencode(".png", capture.read()[1])[1])
    return folder / "clip_001.png"


def test_a_sequence_is_solved_and_reviewed_like_the_video_it_came_from(tmp_path):
    first = write_sequence(tmp_path, 12)
    footage = {"sequence": True, "image_fps": 25, "first_frame": 4}
    list(solve_video(first, tmp_path / "images.take.npz", SolveOptions(**footage)))
    list(solve_video(SAMPLE_CLIP, tmp_path / "video.take.npz", SolveOptions(first_frame=4, last_frame=11)))
    images, video = (load_take(tmp_path / f"{name}.take.npz") for name in ("images", "video"))
    assert (len(images), images.first_frame, images.fps) == (8, 4, 25)
    np.testing.assert_allclose(images.landmarks, video.landmarks, atol=1e-3)  # pixels
    np.testing.assert_allclose(images.time_s, video.time_s, atol=1e-3)  # seconds
    out = [str(tmp_path / name) for name in ("images.take.npz", "p.avi", "r.png")]
    done = list(review_take(str(first), *out, footage=footage))[-1]
    assert done.num_frames == 8 and (tmp_path / "r.png").is_file()
    movie = cv2.VideoCapture(str(tmp_path / "p.avi"))
    shown = movie.read()[1][:, :200].astype(int)
    expected = cv2.imread(str(tmp_path / "clip_005.png"))
    height = shown.shape[0]
    expected = cv2.resize(expected, (height, height), interpolation=cv2.INTER_AREA)[:, :200]
    assert np.abs(shown - expected).mean() < 3  # grey levels: the take's first frame, not the sequence's


def test_a_broken_sequence_is_solved_with_a_warning(tmp_path):
    first = write_sequence(tmp_path, 5)
    (tmp_path / "clip_004.png").unlink()
    messages = list(solve_video(first, tmp_path / "out.take.npz", SolveOptions(sequence=True)))
    assert len(load_take(tmp_path / "out.take.npz")) == 3
    assert [message.text[:12] for message in messages if isinstance(message, Warned)] == ["clip_004.png"]


def test_a_still_becomes_a_take_of_one_frame(shared_folder, tmp_path):
    still = shared_folder / "footage" / "still_a.png"
    list(solve_video(still, tmp_path / "still.take.npz"))
    take = load_take(tmp_path / "still.take.npz")
    assert (len(take), take.source.name, take.confidence.tolist()) == (1, "still_a.png", [1.0])
    assert np.isfinite(take.expression).all() and np.isfinite(take.landmarks).all()
    out = [str(tmp_path / name) for name in ("still.take.npz", "p.avi", "r.png")]
    assert list(review_take(str(still), *out))[-1].num_frames == 1
    assert cv2.imread(out[2]).shape[1] > 1000

"""Face crops, against the authors' stored ones."""

import numpy as np
import pytest

from smirk_blender.capture import crop_face
from smirk_blender.capture.decode import VideoReader
from smirk_blender.encoder import load_encoder
from tests.encoder.test_encoder import OUTPUTS


@pytest.fixture(scope="module")
def crops_and_transforms(shared_folder, encoder_reference):
    frames = {frame.video_frame: frame.rgb for frame in VideoReader(shared_folder / "footage" / "actor_a.mp4")}
    pairs = zip(encoder_reference["frame_index"], encoder_reference["landmarks"])
    crops, transforms = zip(*(crop_face(frames[index], landmarks) for index, landmarks in pairs))
    return np.stack(crops), np.stack(transforms)


def test_transforms_are_the_authors(crops_and_transforms, encoder_reference):
    np.testing.assert_allclose(crops_and_transforms[1], encoder_reference["crop_transform"], rtol=0, atol=1e-6)


def test_crops_are_the_authors_within_a_grey_level(crops_and_transforms, encoder_reference):
    difference = np.abs(crops_and_transforms[0].astype(float) - encoder_reference["crop_rgb"])
    assert difference.mean() < 1.0  # grey levels; measured 0.0
    assert difference.max() <= 2.0


def test_the_encoder_sees_the_same_in_our_crops(crops_and_transforms, encoder_reference, shared_folder, figure):
    output = load_encoder(shared_folder / "reference" / "smirk_like.pt", device="cpu").encode(crops_and_transforms[0])
    for name, theirs in OUTPUTS.items():
        error = np.sqrt(np.mean((getattr(output, name) - encoder_reference[theirs]) ** 2))
        figure(name, 100 * error / encoder_reference[theirs].std(), "% of its spread")
        assert error <= 0.02 * encoder_reference[theirs].std(), name


def test_a_crop_that_leaves_the_picture_is_black_there():
    picture = np.full((100, 100, 3), 200, np.uint8)
    crop, transform = crop_face(picture, np.float32([[-20, -20], [60, 60]]))
    corner = transform[:2, 2]  # where the picture's first pixel lies in the crop
    assert crop[: int(corner[1]) - 1].max() == 0 and crop[:, : int(corner[0]) - 1].max() == 0
    assert (crop[int(corner[1]) + 1 :, int(corner[0]) + 1 :] == 200).all()


def test_a_crop_is_square_around_the_landmarks_middle():
    landmarks = np.float32([[40, 30], [80, 50]])
    _, transform = crop_face(np.zeros((100, 200, 3), np.uint8), landmarks)
    side = 223 / transform[0, 0]
    assert side == pytest.approx(int((40 + 20) / 2 * 1.4))
    np.testing.assert_allclose(transform @ [60, 40, 1], [111.5, 111.5, 1])

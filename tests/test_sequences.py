"""Numbered images: where a sequence starts, and what it is called."""

from pathlib import Path

import pytest

from smirk_blender.sequences import first_images, sequence_name


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("day1/shot.0001.png", "shot"),
        ("day1/shot_007.png", "shot"),
        ("day1/take 2 - 0010.jpg", "take 2"),
        ("day1/shot12.png", "shot"),
        ("day1/0001.png", "day1"),
        ("day1/_0001.png", "day1"),
        ("day1/poster.png", "poster"),
    ],
)
def test_a_sequence_is_called_as_its_images_without_their_number(image, name):
    assert sequence_name(Path(image)) == name


def test_the_lowest_number_is_first_in_each_folder_and_kind_and_images_without_one_are_left_out():
    images = ["a/s.0010.png", "a/s.0009.png", "a/s.0009.jpg", "a/poster.png", "b/s.0011.png", "a/t9.png", "a/t10.png"]
    first = first_images([Path(image) for image in images])
    assert [path.as_posix() for path in first] == ["a/s.0009.png", "a/s.0009.jpg", "b/s.0011.png", "a/t9.png"]

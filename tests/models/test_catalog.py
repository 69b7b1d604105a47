"""The table of files that users bring, held to the files themselves where they are at hand."""

import os

import pytest

from smirk_blender.models.catalog import MODEL_FILES, FileState, files_of, path_of, sha256_of, size_text, state_of

BY_KEY = {entry.key: entry for entry in MODEL_FILES}
SMIRK_ASSETS = ("l_eyelid.npy", "r_eyelid.npy", "mediapipe_landmark_embedding.npz")
PLACES = {
    "l_eyelid": "flame/l_eyelid.npy",
    "r_eyelid": "flame/r_eyelid.npy",
    "landmark_embedding": "flame/mediapipe_landmark_embedding.npz",
    "landmark_model": "models/face_landmarker.task",
}


@pytest.mark.parametrize("key", PLACES)
def test_a_downloadable_file_is_known_by_size_and_hash(key, shared_folder):
    path, entry = shared_folder / PLACES[key], BY_KEY[key]
    assert path.stat().st_size == entry.size_bytes and sha256_of(path) == entry.sha256
    assert state_of(entry, str(path), verify=True).kind == "there"
    assert entry.url.rpartition("/")[2] == entry.file_name == path.name


@pytest.mark.parametrize(
    ("key", "place"), [("weights", "reference/smirk_like.pt"), ("flame_model", "flame/generic_model.pkl")]
)
def test_a_file_without_a_known_hash_is_known_by_its_beginning(key, place, shared_folder):
    assert state_of(BY_KEY[key], str(shared_folder / place)).kind == "there"


def test_only_files_with_a_hash_are_downloaded():
    for entry in MODEL_FILES:
        assert bool(entry.url) == bool(entry.sha256) == bool(entry.size_bytes)
        assert entry.page.startswith("https://") and (not entry.url or entry.url.startswith("https://"))
        assert len(entry.sha256) in (0, 64)


def test_three_files_lie_in_the_eyelid_folder(tmp_path):
    entries = files_of("eyelid_folder")
    assert [path_of(entry, str(tmp_path)) for entry in entries] == [str(tmp_path / name) for name in SMIRK_ASSETS]
    assert path_of(entries[0], "") == ""
    assert path_of(BY_KEY["weights"], "x.pt") == "x.pt"


def test_what_is_not_there_is_told_from_what_is_not_set(tmp_path):
    assert state_of(BY_KEY["weights"], "") == FileState("unset", "Not set")
    assert state_of(BY_KEY["weights"], str(tmp_path / "a.pt")) == FileState("absent", "No a.pt there")
    assert state_of(BY_KEY["weights"], str(tmp_path)).kind == "wrong"


@pytest.mark.parametrize(
    ("key", "content", "text"),
    [
        ("weights", b"<!DOCTYPE html>" + bytes(20_000_000), "A web page"),
        ("weights", b"PK\x03\x04", "Too small"),
        ("weights", bytes(20_000_000), "Not a file such as SMIRK_em1.pt"),
        ("flame_model", b"PNG" * 50_000, "Not a file such as generic_model.pkl"),
        ("l_eyelid", b"x", "Not l_eyelid.npy: 1 bytes, not 120680"),
    ],
)
def test_a_wrong_file_is_known_without_reading_it(key, content, text, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    state = state_of(BY_KEY[key], str(path))
    assert state.kind == "wrong" and text in state.text


def test_a_changed_byte_is_found_by_the_hash_until_the_file_changes(tmp_path):
    entry, path = BY_KEY["l_eyelid"], tmp_path / "l_eyelid.npy"
    path.write_bytes(bytes(entry.size_bytes))
    assert state_of(entry, str(path)).kind == "there"  # nothing was read
    assert "its sha256 is" in state_of(entry, str(path), verify=True).text
    assert state_of(entry, str(path)).kind == "wrong"  # remembered
    os.utime(path, ns=(1, 1))
    assert state_of(entry, str(path)).kind == "there"


def test_sizes_are_told_in_words():
    sizes = (999, 4518, 3758596, 53028551, 2_000_000_000)
    assert [size_text(size) for size in sizes] == ["999 bytes", "4.5 kB", "3.8 MB", "53.0 MB", "2.0 GB"]

"""A clip's folder: whole files, what is done, what was changed."""

import json
import os

import pytest

from smirk_blender.batch.claims import Claims, TakenOver
from smirk_blender.batch.place import BEGUN, DONE, FAILED, Failure, Place, Record

KEYS = {"solve": "1", "bake": "2"}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "out", "line 3")


@pytest.fixture
def claim(tmp_path):
    claim = Claims(tmp_path / "claims").take("line 3")
    yield claim
    claim.release()


def do(place, claim, step, *names, record=None, keys=KEYS, done=False):
    record = record or place.record()
    with place.work(claim) as work:
        for name in names:
            (work / name).write_text(f"{step} {name} {keys[step]}")
        (work / ".passing").write_text("not kept")
        place.publish(claim, work, record, step, keys[step], done=done)


def test_a_step_is_done_once_its_files_are_there(place, claim):
    place.out.mkdir()
    assert place.missing(KEYS) == ["solve", "bake"] and not place.is_done(KEYS)
    do(place, claim, "solve", "a.npz")
    assert place.missing(KEYS) == ["bake"] and (place.folder / BEGUN).is_file() and not place.is_done(KEYS)
    place.fail(Failure("bake", "no", "2", "t"))
    do(place, claim, "bake", "a.blend", done=True)
    assert place.is_done(KEYS) and {path.name for path in place.folder.iterdir()} == {"a.npz", "a.blend", DONE}
    assert [path.name for path in place.out.iterdir()] == ["line 3"]
    assert place.missing(KEYS | {"bake": "3"}) == ["bake"] and not place.is_done(KEYS | {"bake": "3"})
    (place.folder / "a.npz").unlink()
    assert place.missing(KEYS) == ["solve"]


def test_a_step_that_is_done_again_leaves_no_file_of_before(place, claim):
    place.out.mkdir()
    do(place, claim, "solve", "a.npz", "b.npz")
    do(place, claim, "bake", "a.blend", done=True)
    do(place, claim, "solve", "c.npz", keys=KEYS | {"solve": "9"})
    assert not (place.folder / DONE).is_file() and (place.folder / BEGUN).is_file()
    assert {path.name for path in place.folder.iterdir()} == {"c.npz", "a.blend", BEGUN}
    assert place.record().steps["bake"]["key"] == "2"


def test_files_that_were_changed_since_are_told(place, claim):
    place.out.mkdir()
    do(place, claim, "solve", "a.npz")
    assert place.changed() == []
    (place.folder / "a.npz").write_text("cleaned by hand")
    assert place.changed() == ["a.npz"]


def test_what_killed_processes_left_is_removed_and_what_others_make_is_not(place, claim):
    left = [place.out / f"line 3.{'0' * 12}.part", place.out / f"line 3.b.{'0' * 12}.part", place.out / "line 3.part"]
    for folder in left:
        (folder / "inside").mkdir(parents=True)
    with place.work(claim) as work:
        assert work.parent == place.folder.parent and not left[0].exists()
    assert not work.exists() and left[1].is_dir() and left[2].is_dir()


def test_whoever_was_taken_over_writes_nothing_and_removes_nothing(place, claim, tmp_path):
    place.out.mkdir()
    before = place.record()
    with place.work(claim) as work:
        (work / "a.npz").write_text("late")
        (tmp_path / "claims" / "line 3.2").write_text("")
        with pytest.raises(TakenOver, match="Another process has taken over line 3"):
            place.publish(claim, work, before, "solve", "1", done=False)
    theirs = place.out / f"line 3.{'1' * 12}.part"
    theirs.mkdir()
    with pytest.raises(TakenOver), place.work(claim):
        pytest.fail("at work")
    with pytest.raises(TakenOver):
        place.finish(claim, before)
    assert list(place.folder.iterdir()) == [] and theirs.is_dir()


def test_a_file_that_was_changed_by_hand_is_kept_when_it_is_made_again(place, claim):
    place.out.mkdir()
    do(place, claim, "solve", "a.npz")
    do(place, claim, "bake", "a.blend", done=True)
    for number in (1, 2):
        (place.folder / "a.blend").write_text(f"bake a.blend {number + 7}")  # of the same length
        do(place, claim, "bake", "a.blend", keys=KEYS | {"bake": f"{number + 2}"}, done=True)
        assert (place.folder / f"edited_{number}_a.blend").read_text() == f"bake a.blend {number + 7}"
        said = f"a.blend had been changed since it was made, and is kept as edited_{number}_a.blend"
        assert place.record().warnings["bake"][-1] == said
    do(place, claim, "solve", "a.npz", keys=KEYS | {"solve": "5"})
    assert not list(place.folder.glob("edited_*a.npz")) and (place.folder / "a.blend").read_text() == "bake a.blend 4"


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_a_step_that_was_cut_short_counts_for_neither_settings(place, claim, monkeypatch, killed_at):
    place.out.mkdir()
    do(place, claim, "solve", "a.npz", "b.npz")
    do(place, claim, "bake", "a.blend", done=True)
    replaced = []

    def replace(source, target):
        replaced.append(target)
        if len(replaced) > killed_at:
            raise KeyboardInterrupt
        os.rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("smirk_blender.batch.place.os.replace", replace)
        with pytest.raises(KeyboardInterrupt):
            do(place, claim, "solve", "a.npz", "b.npz", keys=KEYS | {"solve": "9"})
    assert place.missing(KEYS) == ["solve"] and place.missing(KEYS | {"solve": "9"}) == ["solve"]
    do(place, claim, "solve", "a.npz", "b.npz")
    assert {path.name for path in place.folder.iterdir()} == {"a.npz", "b.npz", "a.blend", BEGUN}
    place.finish(claim, place.record())
    assert place.is_done(KEYS)


def test_a_file_that_lost_its_content_is_made_again(place, claim):
    place.out.mkdir()
    do(place, claim, "solve", "a.npz")
    do(place, claim, "bake", "a.blend", done=True)
    (place.folder / "a.npz").write_text("")
    assert place.missing(KEYS) == ["solve"]


GARBAGE = (b"", b"{", b"[1]", b"\xff\xfe", b'{"format_version": 99, "steps": {}}', b'{"format_version": 1, "x": 1}')
WRONG = (b'"steps": []', b'"steps": {"solve": 3}', b'"steps": {"solve": {"key": "1"}}', b'"files": {"a": null}')


@pytest.mark.parametrize("content", [*GARBAGE, *(b'{"format_version": 1, %s}' % wrong for wrong in WRONG)])
def test_a_record_that_is_none_of_ours_counts_for_nothing(place, content):
    place.folder.mkdir(parents=True)
    (place.folder / DONE).write_bytes(content)
    (place.folder / FAILED).write_bytes(content)
    assert place.record() == Record() and not place.is_done(KEYS) and place.changed() == []
    assert place.failure() is None


def test_a_failure_is_noted_in_words(place):
    place.fail(Failure("solve", "No face", "1", "abc", "Look for one"))
    assert place.failure() == Failure("solve", "No face", "1", "abc", "Look for one")
    assert json.loads((place.folder / FAILED).read_text())["text"] == "No face"

"""What is done already is known by content and settings."""

import os
from dataclasses import replace

import pytest

from smirk_blender.batch.job import Bake, Clean, Clip, Job, Preview, Solve
from smirk_blender.batch.key import Hashes, step_keys
from smirk_blender.errors import BatchError

STEPS = ("solve", "clean", "preview", "bake", "1_qa")


@pytest.fixture
def job(tmp_path):
    for name in ("a.mp4", "b.mp4", "flame.pkl", "l_eyelid.npy", "template.blend"):
        (tmp_path / name).write_text(f"content of {name}")
    solve = Solve(head=str(tmp_path / "flame.pkl"))
    clip = Clip(str(tmp_path / "a.mp4"), "a")
    return Job((clip,), solve=solve, bake=Bake(template=str(tmp_path / "template.blend")), steps=(("qa", "{take}"),))


def keys(job, version="1.0"):
    return step_keys(job, job.clips[0], Hashes(None), version)


def changed(job, other, version="1.0"):
    """Return the steps whose keys are others."""
    before, after = keys(job), keys(other, version)
    assert tuple(before) == STEPS
    return tuple(step for step in before if after.get(step) != before[step])


def test_a_setting_changes_its_step_and_what_follows_from_it(job):
    solve = lambda **changes: replace(job, solve=replace(job.solve, **changes))
    assert changed(job, job) == ()
    assert changed(job, solve(first_frame=3)) == STEPS
    assert changed(job, replace(job, clips=(replace(job.clips[0], face=2),))) == STEPS
    assert changed(job, replace(job, clean=Clean(refine=False))) == STEPS[1:]
    assert changed(job, replace(job, preview=Preview(sheet=True))) == ("preview", "1_qa")
    assert changed(job, replace(job, bake=replace(job.bake, arguments=("--raw",)))) == ("bake", "1_qa")
    assert changed(job, replace(job, steps=(("qa", "{take}", "--json"),))) == ("1_qa",)
    assert changed(job, job, version="1.1") == STEPS
    assert changed(job, solve(device="cuda")) == ()


def test_content_counts_and_places_and_times_do_not(job, tmp_path):
    before = keys(job)
    os.utime(tmp_path / "a.mp4", (1, 1))
    os.rename(tmp_path / "a.mp4", tmp_path / "moved.mp4")
    os.rename(tmp_path / "flame.pkl", tmp_path / "moved.pkl")
    moved = replace(job, clips=(Clip(str(tmp_path / "moved.mp4"), "a"),), solve=Solve(head=str(tmp_path / "moved.pkl")))
    assert keys(moved)["preview"] == before["preview"]
    assert keys(moved)["bake"] != before["bake"]  # the .blend names its footage
    (tmp_path / "moved.mp4").write_text("content of A.mp4")
    assert keys(moved)["solve"] != before["solve"]


@pytest.mark.parametrize("name", ["flame.pkl", "l_eyelid.npy"])
def test_a_model_file_with_other_content_has_it_solved_again(job, tmp_path, name):
    before = keys(job)
    (tmp_path / name).write_text("other")
    assert keys(job)["solve"] != before["solve"]


def test_of_a_sequence_each_image_counts_and_so_does_how_many(job, tmp_path):
    for number in (8, 9, 10):
        (tmp_path / f"shot{number}.png").write_text(f"image {number}")
    sequence = replace(job, clips=(Clip(str(tmp_path / "shot8.png"), "shot"),), solve=replace(job.solve, image_fps=24.0))
    hashes = Hashes(tmp_path / "kept")
    found = lambda: step_keys(sequence, sequence.clips[0], hashes, "1.0")["solve"]
    known = [found()]
    assert len(list((tmp_path / "kept").iterdir())) == 4  # the sequence, the head, its lids, the template
    (tmp_path / "shot10.png").write_text("another image 10")
    known.append(found())
    (tmp_path / "shot11.png").write_text("image 11")
    known.append(found())
    (tmp_path / "shot11.png").unlink()
    assert found() == known[1] and len(set(known)) == 3
    (tmp_path / "shot9.png").unlink()
    still = replace(sequence, solve=replace(job.solve, image_fps=None))
    assert len({found(), *known, keys(still)["solve"]}) == 5
    assert keys(replace(job, solve=replace(job.solve, image_fps=24.0))) == keys(job)  # a video has a rate of its own


def test_footage_is_read_again_only_if_it_has_changed(tmp_path):
    video, hashes = tmp_path / "a.mp4", Hashes(tmp_path / "kept")
    video.write_text("one")
    first = hashes.of(video)
    stat = video.stat()
    video.write_text("two")
    os.utime(video, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # nobody can tell, and it is not read
    assert Hashes(tmp_path / "kept").of(video) == first
    os.utime(video, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    second = Hashes(tmp_path / "kept").of(video)
    assert second != first and len(list((tmp_path / "kept").iterdir())) == 1
    for path in (tmp_path / "kept").iterdir():
        path.write_text("{")
    assert Hashes(tmp_path / "kept").of(video) == second


def test_footage_that_is_gone_is_named(job, tmp_path):
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(BatchError, match="Cannot read .*a.mp4"):
        keys(job)


def test_a_hash_that_cannot_be_kept_is_no_fault(tmp_path, monkeypatch):
    def refuse(self, path, kept):
        raise PermissionError("read by another process")

    monkeypatch.setattr(Hashes, "_keep", refuse)
    (tmp_path / "a.mp4").write_text("one")
    assert Hashes(tmp_path / "kept").of(tmp_path / "a.mp4") == Hashes(None).of(tmp_path / "a.mp4")


def test_footage_whose_name_is_no_text_is_known(tmp_path):
    path = os.path.join(tmp_path, "caf\udce9.mp4")
    try:
        with open(path, "w") as file:
            file.write("one")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert Hashes(tmp_path / "kept").of(path) == Hashes(None).of(path)

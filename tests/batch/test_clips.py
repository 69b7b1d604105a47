"""Folders, lists and rules become clips with names."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from smirk_blender.batch.clips import job_from, resolved
from smirk_blender.errors import BatchError
from smirk_blender.sequences import is_image


@pytest.fixture
def footage(tmp_path):
    """A folder of files, some of them videos."""
    for name in ("line_10.mp4", "line_2.MOV", "notes.txt", ".hidden.mp4", "day2/line_2.mp4", "day2/b.mxf"):
        path = tmp_path / "footage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "footage"


def names(footage, *, rule="", out="out", **how) -> list[str]:
    job = job_from([str(footage)], **how)
    return [clip.name for clip in resolved(replace(job, name=rule or job.name), footage.parent / out).clips]


def test_a_folder_gives_its_videos_in_natural_order(footage):
    assert names(footage) == ["line_2", "line_10"]


def test_patterns_and_recursion_choose(footage):
    assert names(footage, patterns=["*.mp4"]) == ["line_10"]
    assert names(footage, patterns=["*.mp4"], recursive=True) == ["line_2", "line_10"]
    everything = ["day2_b", "day2_line_2", "footage_line_2", "footage_line_10"]
    assert names(footage, recursive=True, rule="{parent}_{stem}") == everything


def test_outputs_inside_the_footage_folder_are_no_clips(footage):
    (footage / "out" / "line_2").mkdir(parents=True)
    (footage / "out" / "line_2" / "line_2_preview.mp4").write_text("")
    assert names(footage, patterns=["*preview*", "line_10*"], recursive=True, out="footage/out") == ["line_10"]


def test_what_earlier_batches_have_made_is_no_clip(footage):
    for night in (footage, footage / "night1"):  # a batch may put its output beside the footage, too
        made = ("_smirk/x.mp4", "line_2/line_2.log", "line_2/line_2_preview.mp4", "line_2.0123456789ab.part/a.mp4")
        for name in made:
            (night / name).parent.mkdir(parents=True, exist_ok=True)
            (night / name).write_text("")
    everything = ["day2_b", "day2_line_2", "footage_line_2", "footage_line_10"]
    assert names(footage, recursive=True, rule="{parent}_{stem}") == everything
    assert names(footage, recursive=True, rule="{parent}_{stem}", out="footage") == everything


def test_rules_have_numbers_and_dates(footage):
    for path in footage.iterdir():
        os.utime(path, (0, 86400 * 365.25))  # 1971-01-01, wherever it is
    assert names(footage, rule="{number:03}_{date}_{stem}") == ["001_1971-01-01_line_2", "002_1971-01-01_line_10"]


def test_names_that_two_clips_share_are_said_before_any_work(footage):
    with pytest.raises(BatchError, match="line_2.mp4 and .*line_2.MOV are both line_2") as caught:
        names(footage, recursive=True)
    assert "--name '{parent}_{stem}'" in str(caught.value)
    (footage / "LINE_10.mov").write_text("")
    with pytest.raises(BatchError, match="LINE_10"):
        names(footage)


@pytest.mark.parametrize(
    ("rule", "said"),
    [("{stam}", "Its words are stem"), ("a/{stem}", "no file on every system"), ("aux", "no file on every system")],
)
def test_a_rule_that_cannot_be_followed_is_refused(footage, rule, said):
    with pytest.raises(BatchError, match=said):
        names(footage, rule=rule)


def test_a_list_holds_a_path_a_line(footage):
    path = footage.parent / "night.txt"
    path.write_text(f"# the good ones\nfootage/line_10.mp4\n\n{footage / 'gone.mp4'}\n")
    clips = resolved(job_from([str(path)]), footage.parent / "out").clips
    assert [Path(clip.video) for clip in clips] == [footage / "line_10.mp4", footage / "gone.mp4"]


def test_a_list_may_be_windows_own(footage):
    path = footage.parent / "night.txt"
    path.write_bytes(f'\ufeff"{footage / "line_10.mp4"}"\r\nfootage\\b.mp4\r\n'.replace("\\", os.sep).encode())
    clips = resolved(job_from([str(path)]), footage.parent / "out").clips
    assert [Path(clip.video) for clip in clips] == [footage / "line_10.mp4", footage / "b.mp4"]


def test_an_image_is_a_clip_where_it_is_named(footage):
    assert is_image(Path("Smile.PNG")) and not is_image(Path("smile.mov"))
    assert [clip.name for clip in resolved(job_from([str(footage / "Smile.PNG")]), footage / "out").clips] == ["Smile"]


def test_what_is_no_source_is_said(footage):
    with pytest.raises(BatchError, match="No folder and no list at .*nowhere"):
        job_from([str(footage / "nowhere")])
    with pytest.raises(BatchError, match="No clips in .*day2.*--pattern"):
        names(footage / "day2", patterns=["*.avi"])
    (footage / "notes.mp3").write_bytes(b"\xff\xfb")
    with pytest.raises(BatchError, match="notes.mp3 is no video, and no list of clips"):
        job_from([str(footage / "notes.mp3")])
    with pytest.raises(BatchError, match="--pattern and --recursive are of folders"):
        job_from([str(footage / "line_10.mp4")], recursive=True)


def test_with_a_rate_numbered_images_of_a_folder_are_a_clip_and_without_one_each_is(tmp_path):
    for name in ("b.mp4", "shot.0010.png", "shot.0009.png", "shot.0011.png", "a_2.JPG", "a_10.JPG", "poster.png"):
        (tmp_path / name).write_text(name)
    (tmp_path / "day2").mkdir()
    for number in (101, 99, 100):
        (tmp_path / "day2" / f"{number}.png").write_text("")

    def found(image_fps=24.0, **how):
        job = job_from([str(tmp_path)], **how)
        clips = resolved(replace(job, solve=replace(job.solve, image_fps=image_fps)), tmp_path / "out").clips
        return {clip.name: os.path.relpath(clip.video, tmp_path) for clip in clips}

    top = {"a": "a_2.JPG", "b": "b.mp4", "shot": "shot.0009.png"}
    assert found() == top and list(found()) == list(top)
    assert found(recursive=True) == top | {"day2": os.path.join("day2", "99.png")}
    assert found(patterns=["*.0009.png"]) == {"shot": "shot.0009.png"}
    assert found(None) == {"b": "b.mp4"}
    assert list(found(None, patterns=["shot*"])) == ["shot.0009", "shot.0010", "shot.0011"]


def test_a_list_names_the_first_image_of_a_sequence(tmp_path):
    (tmp_path / "list.txt").write_text("shot.0003.png\nclip.mp4\n")
    job = job_from([str(tmp_path / "list.txt")])
    clips = resolved(replace(job, solve=replace(job.solve, image_fps=24.0)), tmp_path / "out").clips
    assert [(clip.name, Path(clip.video).name) for clip in clips] == [("shot", "shot.0003.png"), ("clip", "clip.mp4")]

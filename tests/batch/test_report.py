"""The reports name what was done and what was not."""

import json

from smirk_blender.batch.claims import Claims
from smirk_blender.batch.job import Clip, Job
from smirk_blender.batch.place import Failure, Place
from smirk_blender.batch.report import clip_facts, write_report

FIGURES = {
    "frames": 24,
    "fps": 25.0,
    "gap_frames": 3,
    "gaps": [[4, 6]],
    "confidence": 0.4,
    "seconds": {"solve": 2.0, "bake": 4.0},
}


def test_each_clip_is_a_row_with_its_figures_or_its_error(tmp_path):
    clips = tuple(Clip(f"/footage/{name}.mp4", name) for name in ("good", "bad", "<b>"))
    job, place = Job(clips), Place(tmp_path, "good")
    claim = Claims(tmp_path / "claims").take("good")
    record = place.record()
    record.figures, record.warnings = FIGURES, {"solve": ["No face in frames 4-6 & 9"]}
    with place.work(claim) as work:
        (work / "good_preview.mp4").write_text("x")
        (work / "good_thumbnail.jpg").write_bytes(b"jpeg")
        place.publish(claim, work, record, "solve", "1", done=True)
    claim.release()
    Place(tmp_path, "bad").fail(Failure("solve", "No face", "1", "t", "Look for one"))
    keys = {"solve": "1"}
    rows = [clip_facts(tmp_path, clip, keys) for clip in clips]
    page = write_report(tmp_path, job, rows, seconds=60.0).read_text("utf-8")
    told = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert (told["clips"], told["done"], told["failed"], told["open"]) == (3, 1, 1, 1)
    assert [row["name"] for row in told["rows"] if row["state"] == "failed"] == ["bad"]
    assert told["rows"][0]["warnings"] == ["No face in frames 4-6 & 9"] and told["rows"][1]["error"] == "No face"
    assert page.index("bad.mp4") < page.index("good.mp4") and "No face in frames 4-6 &amp; 9" in page
    assert 'href="good/good_preview.mp4"' in page and "data:image/jpeg;base64,anBlZw==" in page
    assert "<b></td>" not in page and "&lt;b&gt;" in page and "4.0 fps" in page
    assert "solve: No face. Look for one" in page
    assert 'href="good/good.log"' not in page and 'href="bad/bad.log"' not in page  # where there is none
    assert "color-scheme: light dark" in page and str(tmp_path) not in page.partition("<table>")[2]
    assert [row.get("log") for row in told["rows"]] == [None, "bad/bad.log", None]
    assert [row["folder"] for row in told["rows"]] == ["good", "bad", "<b>"]
    assert "http" not in page  # it opens without a network


def test_what_was_done_with_other_settings_is_open(tmp_path):
    Place(tmp_path, "a").folder.mkdir()
    assert clip_facts(tmp_path, Clip("a.mp4", "a"), {"solve": "2"})["state"] == "open"
    assert clip_facts(tmp_path, Clip("a.mp4", "a"), None)["state"] == "open"

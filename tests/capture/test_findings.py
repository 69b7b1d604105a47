"""A report: readable, complete, and without the user's name."""

import json
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from smirk_blender.capture.findings import report_json, report_text, summary, without_home
from smirk_blender.capture.machine import memory_bytes, processor_name, system_name
from smirk_blender.capture.protocol import Checked

LINES = [
    Checked("Add-on", "good", "0.1.0"),
    Checked("NumPy", "bad", "not installed;\nneeded for every solve"),
    Checked("PyTorch", "warning", f"in {Path.home() / 'env'}"),
    Checked("NumPy", "bad", "again"),
    Checked("Head", "bad", "gone"),
]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (LINES[:1], "All good"),
        (LINES[:1] + LINES[2:3], "All good; to be noted: PyTorch"),
        (LINES[1:2], "1 problem: NumPy"),
        (LINES, "3 problems: NumPy, Head; to be noted: PyTorch"),
    ],
)
def test_the_last_line_sums_up(lines, said):
    assert summary(lines) == said


def test_every_finding_is_one_line():
    lines = report_text(LINES).splitlines()
    assert lines[1].split() == ["bad", "NumPy", "not", "installed;", "needed", "for", "every", "solve"]
    assert lines[-2:] == ["", summary(LINES)] and len(lines) == len(LINES) + 2


def test_the_home_folder_is_left_out():
    home = Path.home()
    assert str(home) not in report_text(LINES) + report_json(LINES)
    assert json.loads(report_json(LINES))["findings"][2]["text"] == str(Path("in ~") / "env")
    windows = PureWindowsPath(r"C:\Users\ann")
    assert without_home(r"C:\Users\ann\a and C:/Users/ann/b", windows) == r"~\a and ~/b"
    assert without_home(r"c:\users\ANN\a, C:\\Users\\ann", windows) == r"~\a, ~"
    assert without_home("/a/b", Path("/")) == "/a/b"


@pytest.mark.parametrize("other", ["/home/alice/x", "/home/al-2/x", "/home/al.old/x", "/home/al_2", "/home/al2"])
def test_another_folder_that_begins_as_the_home_folder_does_is_left_whole(other):
    home = PurePosixPath("/home/al")
    assert without_home(f"in {other} of /home/al, /home/al/x. Not /home/al.", home) == f"in {other} of ~, ~/x. Not ~."
    windows = PureWindowsPath(r"C:\Users\al")
    assert without_home(r"C:\Users\alice\x", windows) == r"C:\Users\alice\x"


def test_the_home_folder_behind_a_link_is_left_out_too(tmp_path, monkeypatch):
    (tmp_path / "ann").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "ann")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert without_home(f"{tmp_path}/home/a {tmp_path}/ann/b {tmp_path}/anna") == f"~/a ~/b {tmp_path}/anna"


def test_a_report_for_programs_counts_the_problems():
    assert json.loads(report_json(LINES))["problems"] == 3


def test_the_machine_is_named():
    assert system_name() and processor_name() and memory_bytes() > 1e8  # bytes

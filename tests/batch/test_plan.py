"""A plan for machines that take clips one by one."""

import json
import shlex
import shutil

import pytest

from smirk_blender.batch.job import Clip, Job
from smirk_blender.batch.plan import SCRIPT, flamenco_job, plan_lines
from tests.batch.flamenco import compiled

COMMANDS = [["/opt/blender 4/blender", "--command", "smirk", "clip", "/out/job.json", "it's 3"]]
def test_lines_are_for_the_system_s_shell():
    assert shlex.split(plan_lines(COMMANDS, windows=False)[0]) == COMMANDS[0]
    line = '"/opt/blender 4/blender" --command smirk clip /out/job.json "it\'s 3"'
    assert plan_lines(COMMANDS, windows=True) == [line]
    assert plan_lines([["a", "100%", ""]], windows=True) == ['a "100%" ""']


@pytest.fixture
def node():
    if not shutil.which("node"):
        pytest.skip("no node to run JavaScript with")


def test_flamenco_gets_a_task_a_clip_and_a_report(node):
    job = Job((Clip("a.mp4", "line 1"), Clip("b.mp4", "line_2")))
    told = json.loads(flamenco_job(job, name="night", job_path="/out/job.json", out="/out"))
    assert told["type"] == SCRIPT.stem.replace("_", "-") and told["submitter_platform"] and told["priority"] == 50
    settings, (*tasks, report) = compiled(told)
    assert set(told["settings"]) <= set(settings)
    assert all(setting["key"] in told["settings"] for setting in settings.values() if setting.get("required", True))
    assert [task["name"] for task in tasks] == ["line 1", "line_2"] and report["after"] == ["line 1", "line_2"]
    (command,), (last,) = tasks[0]["commands"], report["commands"]
    assert (command["name"], command["parameters"]["exe"], last["parameters"]["exe"]) == ("exec", *["{blender}"] * 2)
    program = ["--background", "--command", "smirk"]
    assert command["parameters"]["args"] == [*program, "clip", "/out/job.json", "line 1", "--out", "/out", "--carry-on"]
    assert last["parameters"]["args"] == [*program, "batch", "/out/job.json", "--out", "/out", "--report-only"]
    told["settings"] |= {"blender": "/opt/blender", "python": "/opt/python"}
    command = compiled(told)[1][0]["commands"][0]["parameters"]
    assert command["exe"] == "/opt/blender" and command["args"][-2:] == ["--python", "/opt/python"]

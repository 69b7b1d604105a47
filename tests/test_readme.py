"""The README's commands are the ones that exist."""

import re
import shlex

import pytest

import build
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("#")[0].strip()
    for line in re.findall(r"^ *python3 build\.py (.+)$", TEXT, re.MULTILINE)
    if "[" not in line
]


def test_there_are_commands():
    assert len(COMMANDS) >= 7


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command):
    options = build.parser().parse_args(shlex.split(command))
    assert callable(options.command)


def test_every_option_of_the_demo_is_named():
    usage = next(line for line in TEXT.splitlines() if line.startswith("python3 build.py demo [VIDEO]"))
    actions = next(action for action in build.parser()._actions if action.choices).choices["demo"]._actions
    options = {name for action in actions for name in action.option_strings if name.startswith("--")} - {"--help"}
    assert options == set(re.findall(r"--[\w-]+", usage))


def test_files_and_pictures_that_are_named_are_there():
    for path in re.findall(r"!\[.*?\]\((.+?)\)", TEXT) + ["LICENSE", ".ci/run"]:
        assert (REPOSITORY / path).is_file(), path

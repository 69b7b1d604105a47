"""Who does which clip, where several processes share a folder."""

import os
import subprocess
import sys
import time

import pytest

from smirk_blender.batch import claims as claims_module
from smirk_blender.batch.claims import Claims
from tests.conftest import REPOSITORY
from tests.jobs import posix

QUICK = dict(beat_s=0.02, stale_s=0.3)
TAKE_ALL = """
import sys
from pathlib import Path
from smirk_blender.batch.claims import Claims
claims = Claims(Path(sys.argv[1]))
taken = [claims.take(f"clip{number}") for number in range(10)]
print(" ".join(f"clip{number}" for number, claim in enumerate(taken) if claim), flush=True)
sys.stdin.read()
"""


def started(folder):
    command = [sys.executable, "-c", TAKE_ALL, str(folder)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_one_clip_is_one_process_s_until_it_is_released(tmp_path):
    ours, others = Claims(tmp_path, **QUICK), Claims(tmp_path, **QUICK)
    claim = ours.take("a")
    assert claim.holds() and others.take("a") is None and others.take("a.1") is not None
    assert str(os.getpid()) in others.holder("a").text
    claim.release()
    assert others.holder("a") is None and others.take("a") is not None


def test_claims_that_beat_are_never_stale_and_those_that_do_not_are_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(claims_module, "_is_alive", lambda pid: True)
    claim = Claims(tmp_path, **QUICK).take("a")
    others = Claims(tmp_path, **QUICK)
    until = time.monotonic() + 3 * QUICK["stale_s"]
    while time.monotonic() < until:
        assert others.take("a") is None
        time.sleep(0.05)
    claim.stand_still()
    while (taken := others.take("a")) is None:
        assert time.monotonic() < until + 20, "never taken over"
        time.sleep(0.05)
    assert taken.holds() and not claim.holds()
    assert Claims(tmp_path, **QUICK).take("a") is None


def test_processes_that_start_together_share_out_all_clips(tmp_path):
    processes = [started(tmp_path) for _ in range(3)]
    try:
        taken = [process.stdout.readline().split() for process in processes]
    finally:
        for process in processes:
            process.communicate("", timeout=30)
    everything = sorted(name for names in taken for name in names)
    assert everything == sorted(f"clip{number}" for number in range(10))


@posix
def test_the_claims_of_a_killed_process_are_free_at_once(tmp_path):
    process = started(tmp_path)
    assert len(process.stdout.readline().split()) == 10
    others = Claims(tmp_path)  # with a minute's patience
    assert others.take("clip3") is None
    process.kill()
    process.communicate(timeout=30)
    assert others.take("clip3") is not None


def test_what_one_process_has_watched_another_takes_over_at_once(tmp_path):
    (tmp_path / "a.1").write_bytes(b"from another machine")
    watching = Claims(tmp_path, **QUICK)
    assert watching.holder("a") and watching.stale("a") == "" and watching.stale("b") == ""
    time.sleep(2 * QUICK["stale_s"])
    assert watching.holder("a") is None
    known = dict(known_stale=watching.stale("a"))
    assert Claims(tmp_path).take("a") is None
    (tmp_path / "a.1").write_bytes(b"it moves again")
    assert Claims(tmp_path, **known).take("a") is None
    (tmp_path / "a.1").write_bytes(b"from another machine")
    assert Claims(tmp_path, **known).take("a").holds()


@pytest.mark.parametrize("content", [b"", b"{", b"[]\n"])
def test_a_claim_that_says_nothing_is_held_until_it_is_stale(tmp_path, content):
    (tmp_path / "a.7").write_bytes(content)
    others = Claims(tmp_path, **QUICK)
    assert others.take("a") is None
    time.sleep(2 * QUICK["stale_s"])
    claim = others.take("a")
    assert claim.holds() and (tmp_path / "a.8").is_file()


def test_beats_go_on_where_their_process_was_killed(tmp_path):
    claim, others = Claims(tmp_path, **QUICK).take("a"), Claims(tmp_path, **QUICK)
    beating = claim._beating
    beating.kill()
    beating.wait()
    until = time.monotonic() + 3 * QUICK["stale_s"]
    while time.monotonic() < until:
        claim.keep()
        assert others.take("a") is None
        time.sleep(0.05)
    assert claim.holds() and claim._beating is not beating and claim._beating.poll() is None
    claim.release()
    claim.keep()
    assert claim._beating.poll() is not None and others.take("a") is not None

"""PyTorch from an index that the user names: where it and what it needs come from."""

import os
import sys

import pytest

from tests.wheel_files import LINUX, WINDOWS, make_index, make_wheel
from wheels import BuildError, torch_index
from wheels.fetch import describe, sha256
from wheels.lock import TORCH
from wheels.torch_index import OWN_INDEX, fetch_torch

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
NO_PIP = [sys.executable, "-c", "raise SystemExit('ERROR: No route to host')"]
NATIVE = f"cp311-cp311-{LINUX}"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="what PyTorch needs on Linux can be told on Linux alone")


@pytest.fixture
def typing_extensions(monkeypatch, tmp_path):
    """The locked wheel that stays beside PyTorch; it is there."""
    path = make_wheel(tmp_path / "locked", "typing-extensions", "4.0")
    wheel = describe(path, TORCH)
    monkeypatch.setattr(torch_index, "fetch", lambda wheels, *more, **options: [path for _ in wheels])
    return wheel


@pytest.fixture
def own(monkeypatch, tmp_path):
    """Make pip's own index of wheels."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)

    def make(*wheels):
        (tmp_path / "own_index").mkdir()
        monkeypatch.setenv("PIP_INDEX_URL", make_index(tmp_path / "own_index", *wheels))

    return make


@pytest.fixture
def take(tmp_path, typing_extensions):
    """Take PyTorch from an index of wheels; return name, version, whether it is pinned, and where from, of each."""

    def take(*wheels, torch="2.0+cu130", platform="linux-x64", locked=()):
        (tmp_path / "named").mkdir()
        (tmp_path / "place").mkdir()
        index = make_index(tmp_path / "named", *wheels)
        lock = {("3.11", "linux-x64"): (typing_extensions, *locked)}
        options = {"torch": torch, "index": index, "folder": tmp_path / "place", "locked": lock}
        found = fetch_torch(PIP, "3.11", platform, **options)
        assert all(one.wheel.sha256 == sha256(one.path) for one in found)
        words = {index: "named", OWN_INDEX: "own", "the lock": "lock"}
        return {(one.wheel.name, one.wheel.version, one.wheel.pinned, words[one.source]) for one in found}

    return take


@on_linux
def test_libraries_come_from_the_named_index_and_only_what_it_lacks_from_pips_own(own, take, tmp_path):
    needs = ("sympy", "cuda-runtime==1.0", "cuda-math", "typing-extensions>=3")
    torches = [make_wheel(tmp_path, "torch", version, NATIVE, needs=needs) for version in ("2.0+cpu", "2.0+cu130")]
    runtime = make_wheel(tmp_path, "cuda-runtime", needs=("cuda-base==3.0",))
    own(
        make_wheel(tmp_path / "own", "torch", "2.0+cu130", NATIVE, needs=("other",)),
        make_wheel(tmp_path / "own", "cuda-math", "9.0"),  # newer than the index's
        make_wheel(tmp_path / "own", "cuda-base", "3.0"),
        *(make_wheel(tmp_path / "own", name, "4.1") for name in ("sympy", "typing-extensions")),
    )
    assert take(*torches, runtime, make_wheel(tmp_path, "cuda-math")) == {
        ("torch", "2.0+cu130", False, "named"),
        ("cuda-runtime", "1.0", False, "named"),
        ("cuda-math", "1.0", False, "named"),
        ("cuda-base", "3.0", False, "own"),
        ("typing-extensions", "4.0", True, "lock"),
    }


@on_linux
def test_an_index_without_torch_is_said_whatever_pips_own_has(own, take, tmp_path, monkeypatch):
    torch = make_wheel(tmp_path / "own", "torch", "2.0", NATIVE)
    own(torch)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", os.environ["PIP_INDEX_URL"])  # as a setting of the user's
    monkeypatch.setenv("PIP_FIND_LINKS", str(torch.parent))
    with pytest.raises(BuildError, match="(?s)PyTorch 2.0 for linux-x64 and Python 3.11.*Check --torch-index"):
        take(torch="2.0")


@on_linux
def test_another_build_than_the_one_asked_for_is_refused(own, take, tmp_path):
    own()
    with pytest.raises(BuildError, match=r"(?s)2.0\+cu130.*Check --torch-index"):
        take(make_wheel(tmp_path, "torch", "2.0+cpu", NATIVE))


@on_linux
def test_a_library_that_no_index_has_is_named(own, take, tmp_path):
    own()
    with pytest.raises(BuildError, match="(?s)fetch cuda-nowhere==2, which torch.* needs and .* lacks.*--torch-index"):
        take(make_wheel(tmp_path, "torch", "2.0+cu130", NATIVE, needs=("cuda-nowhere==2",)))


def test_elsewhere_torch_alone_is_replaced_and_what_the_lock_has_beside_it_stays(own, take, tmp_path):
    own()
    torch = make_wheel(tmp_path, "torch", "2.0+cu130", f"cp311-cp311-{WINDOWS}", needs=("typing-extensions",))
    assert take(torch, platform="windows-x64") == {
        ("torch", "2.0+cu130", False, "named"),
        ("typing-extensions", "4.0", True, "lock"),
    }


@on_linux
def test_a_torch_that_the_lock_has_is_pinned(own, take, tmp_path):
    own()
    torch = make_wheel(tmp_path, "torch", "2.0", NATIVE)
    locked = describe(torch, TORCH)
    assert ("torch", "2.0", True, "named") in take(torch, torch="2.0", locked=(locked,))


def test_libraries_for_linux_are_not_guessed_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(BuildError, match="Run this build there"):
        fetch_torch(NO_PIP, "3.11", "linux-x64", torch="2.0", index="x", folder=tmp_path, locked={})

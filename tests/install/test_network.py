"""Nothing goes out, but after a click; that a whole first take needs no network is in `test_life`."""

import subprocess

import pytest


def test_the_watch_sees_a_worker_that_calls_out(network, worker_python):
    if not network.is_cut:
        pytest.skip("this system does not let us take the network away (unshare --net)")
    if network.calls_path is None:
        pytest.skip("no strace: the worker's calls cannot be seen")
    call = "import socket; print(socket.socket().connect_ex(('192.0.2.1', 80)))"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {call!r}])"
    subprocess.run([*network.command, worker_python, "-c", parent], check=True)
    (seen,) = network.calls()
    assert "192.0.2.1" in seen


def test_a_download_says_that_blender_is_offline(sandbox, light_package):
    _, said, tried = sandbox.blender(
        ("install", {"path": str(light_package)}), ("download", {"setting": "landmark_model"}), "tried_connections"
    ).answers
    assert "Allow Online Access in the preferences, under System, or fetch the file by hand" in said and tried == []

"""How much memory is free."""

import pytest

from smirk_blender.capture.machine import memory_bytes
from smirk_blender.capture.memory import free_memory_mb


@pytest.fixture
def meminfo(tmp_path):
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       32000000 kB\nMemAvailable:   10000000 kB\n")
    return path


def test_what_the_system_says_is_free_is_told(meminfo, tmp_path):
    assert free_memory_mb(meminfo, tmp_path / "none") == pytest.approx(10240.0)  # MB


@pytest.mark.parametrize(("limit", "free_mb"), [("4000000000", 1500.0), ("max", 10240.0), ("90000000000", 10240.0)])
def test_a_container_s_limit_counts_and_files_that_it_has_read_do_not(meminfo, tmp_path, limit, free_mb):
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("3500000000\n")
    (tmp_path / "memory.stat").write_text("anon 2500000000\nactive_file 7\ninactive_file 1000000000\n")
    assert free_memory_mb(meminfo, tmp_path) == pytest.approx(free_mb)


def test_where_the_system_does_not_say_half_of_all_is_taken_to_be_free(tmp_path):
    assert free_memory_mb(tmp_path / "none") == pytest.approx(memory_bytes() / 2e6)

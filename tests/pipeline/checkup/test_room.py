"""Memory and disk."""

from pathlib import Path

import pytest

from pipeline.checkup.room import check_disk, check_memory, judge_disk, judge_memory, memory_limits

GIB = 2**30


@pytest.mark.parametrize(("gib", "state"), [(1.9, "lacks"), (2, "note"), (3.9, "note"), (4, "ok")])
def test_memory_is_judged_by_what_is_free(gib, state):
    found = judge_memory(int(gib * GIB))
    assert (found.state, bool(found.remedy)) == (state, state != "ok")
    assert found.text == f"{gib:.1f} GiB free"
    assert check_memory().topic == "memory"


@pytest.mark.parametrize(("gib", "state"), [(0.9, "lacks"), (1, "note"), (9.9, "note"), (10, "ok")])
def test_disk_is_judged_by_what_is_free(tmp_path, gib, state):
    found = judge_disk(tmp_path, int(gib * GIB))
    assert (found.state, bool(found.remedy)) == (state, state != "ok")
    assert str(tmp_path) in found.text


def test_a_folder_that_is_yet_to_be_made_is_judged_by_the_one_above_it(tmp_path):
    assert check_disk(tmp_path / "runs" / "mine") == check_disk(tmp_path)


def test_a_folder_that_nobody_can_write_to_is_no_place_for_a_run():
    found = check_disk(Path("/proc/run"))
    assert found.state == "lacks"
    assert found.text.startswith("cannot write to '/proc': ")


def test_the_limit_of_a_container_counts(tmp_path):
    groups, root = tmp_path / "groups", tmp_path / "cgroup"
    own = root / "pods" / "7"
    own.mkdir(parents=True)
    (own / "memory.max").write_text("3221225472\n")
    (root / "memory.max").write_text("max\n")
    groups.write_text("0::/pods/7\n")
    assert list(memory_limits(groups, root)) == [3 * GIB]


def test_so_does_that_of_the_first_version_of_control_groups(tmp_path):
    groups, root = tmp_path / "groups", tmp_path / "cgroup"
    (root / "memory").mkdir(parents=True)
    (root / "memory" / "memory.limit_in_bytes").write_text("1073741824\n")
    groups.write_text("5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/\n")
    assert list(memory_limits(groups, root)) == [GIB]


def test_where_there_are_no_control_groups_there_is_no_limit(tmp_path):
    assert list(memory_limits(tmp_path / "nowhere", tmp_path)) == []

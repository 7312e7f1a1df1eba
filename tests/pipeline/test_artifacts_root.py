"""Whose a folder of artifacts is, and what in it is unknown."""

import pytest

from groundfloor.errors import UserError
from pipeline.artifacts_root import OWNER_FILE, Owner, claim, outputs_of, set_aside


def run_folder(path):
    """An output folder with a metadata store."""
    path.mkdir(parents=True)
    (path / "metadata.db").touch()
    return path


def claim_for(root, run, store):
    claim(root, Owner(store, str(run)), ("metadata.db",))


def execution(root, node, key, number):
    folder = root / node / key / str(number)
    folder.mkdir(parents=True)
    (folder / "file").write_text(f"{node} {number}")
    return folder


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "artifacts"
    folder.mkdir()
    return folder


def test_a_folder_that_was_claimed_is_claimed_again_by_the_same_run(root, tmp_path):
    run = run_folder(tmp_path / "a")
    claim_for(root, run, "1")
    claim_for(root, run, "1")


def test_another_run_does_not_get_it(root, tmp_path):
    first, second = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    claim_for(root, first, "1")
    with pytest.raises(UserError, match=rf"{root} holds the artifacts of {first}.*processed_dir"):
        claim_for(root, second, "2")
    claim_for(root, first, "1")


def test_a_copy_of_a_run_does_not_get_what_both_name(root, tmp_path):
    first, copy = run_folder(tmp_path / "a"), run_folder(tmp_path / "copy")
    claim_for(root, first, "1")
    with pytest.raises(UserError, match="holds the artifacts of"):
        claim_for(root, copy, "1")


def test_a_copy_of_a_run_owns_the_artifacts_inside_it(tmp_path):
    first, copy = run_folder(tmp_path / "a"), run_folder(tmp_path / "copy")
    root = copy / "artifacts"
    root.mkdir()
    claim_for(root, first, "1")
    claim_for(root, copy, "1")


def test_a_run_that_is_gone_owns_nothing(root, tmp_path):
    first, second = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    claim_for(root, first, "1")
    (first / "metadata.db").unlink()
    claim_for(root, second, "2")
    (first / "metadata.db").touch()
    with pytest.raises(UserError, match="holds the artifacts of"):
        claim_for(root, first, "1")


def test_a_run_whose_store_was_lost_keeps_its_artifacts_folder(root, tmp_path):
    run = run_folder(tmp_path / "a")
    claim_for(root, run, "1")
    claim_for(root, run, "2")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"store": "1"}'])
def test_a_torn_marker_is_written_anew(root, tmp_path, content):
    (root / OWNER_FILE).write_text(content)
    run = run_folder(tmp_path / "a")
    claim_for(root, run, "1")
    with pytest.raises(UserError):
        claim_for(root, run_folder(tmp_path / "b"), "2")


def test_what_a_store_has_not_had_yet_is_set_aside_under_its_own_name(root):
    kept = execution(root, "Trainer", "model", 5)
    moved = execution(root, "Trainer", "model", 6)
    aside = set_aside(root, last_execution=5)
    assert aside.parent == root
    assert (aside / "Trainer/model/6/file").read_text() == "Trainer 6"
    assert kept.exists()
    assert not moved.exists()


def test_a_lost_store_leaves_nothing_where_a_new_one_would_write(root):
    for number, node in enumerate(("ImageExampleGen", "StatisticsGen", "Pusher"), 1):
        execution(root, node, "output", number)
    set_aside(root, last_execution=0)
    assert [number for number in range(5) if outputs_of(root, number)] == []


def test_nothing_is_set_aside_where_all_is_known(root):
    execution(root, "Trainer", "model", 5)
    (root / "Trainer/.system/driver_execution/1795701327000000").mkdir(parents=True)
    assert set_aside(root, last_execution=5) is None
    assert [path.name for path in root.iterdir()] == ["Trainer"]


def test_folders_that_are_no_artifacts_are_left_alone(root):
    mine = execution(root, "photographs", "ann", 2024)
    execution(root, "Trainer", "model", 1)
    set_aside(root, last_execution=0)
    assert mine.exists()


def test_setting_aside_twice_in_a_second_loses_nothing(root):
    for content in ("first", "second"):
        execution(root, "Trainer", "model", 1).joinpath("file").write_text(content)
        set_aside(root, last_execution=0)
    kept = sorted(path.read_text() for path in root.glob("set-aside-*/Trainer/model/1/file"))
    assert kept == ["first", "second"]

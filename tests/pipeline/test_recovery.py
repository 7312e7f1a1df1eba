"""A metadata store held against the disk."""

import os

import pytest
from ml_metadata.proto.metadata_store_pb2 import Artifact, Execution

from pipeline import recovery
from pipeline.metadata_store import check_store, connect
from pipeline.recovery import give_up_missing, note_new_artifacts, recover
from pipeline.run_folder import RunFolder
from tests.pipeline.stores import add_artifact, add_execution


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    check_store(folder.metadata_db)
    return folder


@pytest.fixture
def model(folder):
    """A noted artifact of the Trainer, with two files."""
    path = folder.artifacts / "Trainer/model/1"
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"graph")
    (path / "variables/data").write_bytes(b"weights")
    add_artifact(folder.metadata_db, "model", path)
    note_new_artifacts(folder.metadata_db)
    return path


def states(folder):
    return [artifact.state for artifact in connect(folder.metadata_db).get_artifacts()]


def test_what_is_as_it_was_stays_live(folder, model):
    assert give_up_missing(folder.metadata_db) == {}
    assert states(folder) == [Artifact.LIVE]


def test_a_copy_put_back_is_as_good(folder, model):
    file = model / "variables/data"
    file.unlink()
    file.write_bytes(b"weights")
    assert give_up_missing(folder.metadata_db) == {}


def removed_folder(model):
    for path in sorted(model.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    model.rmdir()


def removed_file(model):
    (model / "variables/data").unlink()


def truncated_file(model):
    (model / "variables/data").write_bytes(b"weight")


def same_size_other_content(model):
    (model / "variables/data").write_bytes(b"w3ights")
    os.utime(model / "variables/data", ns=(1, 1))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (removed_folder, "Trainer/model/1 is missing"),
        (removed_file, "data is missing"),
        (truncated_file, "data has 6 bytes instead of 7"),
        (same_size_other_content, "data was changed"),
    ],
)
def test_what_is_not_as_it_was_is_given_up_and_told(folder, model, spoil, fault):
    spoil(model)
    missing = give_up_missing(folder.metadata_db)
    assert list(missing) == ["Trainer"]
    assert missing["Trainer"][0].endswith(fault)
    assert states(folder) == [Artifact.DELETED]
    assert give_up_missing(folder.metadata_db) == {}  # told once


def test_an_artifact_without_files_is_noted_by_its_folder(folder):
    path = folder.artifacts / "Pusher/pushed_model/1"
    path.mkdir(parents=True)
    add_artifact(folder.metadata_db, "pushed_model", path)
    note_new_artifacts(folder.metadata_db)
    assert give_up_missing(folder.metadata_db) == {}
    path.rmdir()
    assert list(give_up_missing(folder.metadata_db)) == ["Pusher"]


def test_a_pushed_model_is_gone_when_the_copy_in_use_is(folder):
    path, pushed = folder.artifacts / "Pusher/pushed_model/1", folder.serving_model / "17"
    for place in (path, pushed):
        place.mkdir(parents=True)
        (place / "saved_model.pb").write_bytes(b"graph")
    add_artifact(folder.metadata_db, "pushed_model", path, pushed)
    note_new_artifacts(folder.metadata_db)
    (pushed / "saved_model.pb").unlink()
    assert give_up_missing(folder.metadata_db) == {
        "Pusher": [f"{pushed / 'saved_model.pb'} is missing"]
    }


def test_what_was_not_noted_was_not_finished(folder):
    path = folder.artifacts / "SchemaGen/schema/1"
    path.mkdir(parents=True)
    add_artifact(folder.metadata_db, "schema", path)
    assert give_up_missing(folder.metadata_db) == {"SchemaGen": [f"{path} was not finished"]}


def test_a_killed_execution_is_closed_and_its_leftovers_removed(folder):
    killed = add_execution(folder.metadata_db, "Trainer", Execution.RUNNING)
    done = add_execution(folder.metadata_db, "Trainer")
    for number in (killed.id, done.id):
        (folder.artifacts / f"Trainer/model/{number}").mkdir(parents=True)
    (folder.artifacts / f"Trainer/.system/executor_execution/{killed.id}/.temp").mkdir(parents=True)
    calls = []
    (remark,) = recover(folder, lambda: calls.append("closed"))
    assert remark == "an earlier run was killed in Trainer, which runs anew"
    assert calls == ["closed"]
    found = connect(folder.metadata_db).get_executions()
    assert [item.last_known_state for item in found] == [Execution.FAILED, Execution.COMPLETE]
    left = sorted(path.name for path in (folder.artifacts / "Trainer/model").iterdir())
    assert left == [str(done.id)]
    assert not (folder.artifacts / "Trainer/.system").exists()
    assert recover(folder, lambda: calls.append("again")) == []
    assert calls == ["closed"]


def test_only_a_killed_training_has_a_tracked_run_to_close(folder):
    add_execution(folder.metadata_db, "StatisticsGen", Execution.RUNNING)
    recover(folder, lambda: pytest.fail("nothing was tracked"))


def test_a_run_killed_while_it_recovers_is_recovered_by_the_next(folder, monkeypatch):
    add_execution(folder.metadata_db, "Trainer", Execution.RUNNING)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recovery, "close_unfinished", killed)
    with pytest.raises(KeyboardInterrupt):
        recover(folder, lambda: None)
    monkeypatch.undo()
    calls = []
    recover(folder, lambda: calls.append("closed"))
    assert calls == ["closed"]


def test_what_the_store_does_not_know_is_set_aside_and_told(folder):
    (folder.artifacts / "ImageExampleGen/examples/1").mkdir(parents=True)
    (remark,) = recover(folder, lambda: None)
    assert "metadata.db does not know" in remark
    assert "set-aside-" in remark
    assert not (folder.artifacts / "ImageExampleGen/examples/1").exists()

"""The folder of a run."""

import multiprocessing
import os
from pathlib import Path

import pytest

from groundfloor.errors import UserError
from pipeline.run_folder import RunFolder


def test_everything_of_a_run_lies_below_its_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    assert folder.metadata_db == tmp_path / "run/metadata.db"
    assert folder.artifacts == tmp_path / "run/artifacts"
    assert folder.serving_model == tmp_path / "run/serving_model"
    assert sorted(path.name for path in folder.path.iterdir()) == ["artifacts", "latest", "logs"]


def test_the_artifacts_may_lie_elsewhere(tmp_path):
    folder = RunFolder(tmp_path / "run", artifacts=tmp_path / "elsewhere")
    folder.prepare()
    assert folder.artifacts == tmp_path / "elsewhere"
    assert folder.artifacts.is_dir()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write to .*file/run: Not a directory"):
        RunFolder(tmp_path / "file" / "run").prepare()


def test_a_folder_on_a_file_system_that_takes_no_files_is_an_error():
    with pytest.raises(UserError, match="cannot write to /proc/run"):
        RunFolder(Path("/proc/run")).prepare()


def test_one_run_at_a_time_uses_a_folder(tmp_path):
    folder = RunFolder(tmp_path)
    folder.prepare()
    second = RunFolder(tmp_path).locked()
    with (
        folder.locked(),
        pytest.raises(UserError, match=rf"another run \(process {os.getpid()}\) is using"),
    ):
        second.__enter__()
    with folder.locked():
        pass


def _hold_and_die(path, held):
    with RunFolder(path).locked():
        held.set()
        os.kill(os.getpid(), 9)


def test_the_lock_of_a_killed_run_is_gone_with_it(tmp_path):
    RunFolder(tmp_path).prepare()
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=_hold_and_die, args=(tmp_path, held))
    process.start()
    process.join()
    assert held.is_set()
    assert process.exitcode == -9
    with RunFolder(tmp_path).locked():
        pass

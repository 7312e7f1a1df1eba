"""The folder of pushed models: pushes that are killed, and which version is taken."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving.model_dir import (
    LocalFiles,
    UnusableModelError,
    load_pack,
    newest_complete,
    push_version,
    versions,
)
from tests import ROOT
from tests.serving.versions import FILES, pack_of, write_model, write_pack, write_version


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model")


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "blessing", pack_of())


def push(folder, model, pack, files=None):
    return push_version(str(folder), str(model), str(pack), files or LocalFiles())


def push_and_die(folder, model, pack, copies):
    script = Path(__file__).with_name("push_and_die.py")
    return subprocess.run(
        [sys.executable, script, folder, model, pack, str(copies)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_pushed_is_the_model_and_its_pack(tmp_path, model, pack):
    version = Path(push(tmp_path / "serving", model, pack))
    files = {
        path.relative_to(version).as_posix(): path.read_bytes()
        for path in version.rglob("*")
        if path.is_file()
    }
    assert files == FILES | {
        "assets.extra/mlflow_run.json": b"{}",
        "assets.extra/thresholds.json": pack.read_bytes(),
    }
    assert newest_complete(str(tmp_path / "serving")).version.path == str(version)
    assert os.listdir(tmp_path / "serving") == [version.name]


@pytest.mark.parametrize("copies", range(1, len(FILES) + 3))
def test_a_push_that_is_killed_at_any_file_leaves_the_former_version_in_place(
    tmp_path, model, pack, copies
):
    serving = tmp_path / "serving"
    former = push(serving, model, pack)
    killed = push_and_die(serving, model, pack, copies)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [name for name in os.listdir(serving) if name.isdigit()] == [Path(former).name]
    assert len(os.listdir(serving)) == 2  # what it had copied is there, hidden
    newest = newest_complete(str(serving))
    assert (newest.version.path, newest.skipped) == (former, {})

    later = push(serving, model, pack)
    assert sorted(os.listdir(serving)) == [Path(former).name, Path(later).name]
    assert newest_complete(str(serving)).version.path == later


def test_a_push_under_way_and_folders_of_others_are_left_alone(tmp_path, model, pack):
    serving = tmp_path / "serving"
    others = [serving / name for name in (".pushing-1", ".pushing-x", ".cache", "backup", "5.part")]
    for folder in others:
        folder.mkdir(parents=True)
    descriptor = os.open(others[0], os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    push(serving, model, pack)
    assert all(folder.exists() for folder in others)
    os.close(descriptor)
    push(serving, model, pack)
    assert [folder.exists() for folder in others] == [False, True, True, True, True]


def test_a_push_that_fails_leaves_nothing(tmp_path, model, pack):
    files = LocalFiles()

    def disk_full(source, target):
        raise OSError(28, "No space left on device")

    files.copy = disk_full
    with pytest.raises(OSError, match="No space left"):
        push(tmp_path / "serving", model, pack, files)
    assert os.listdir(tmp_path / "serving") == []


def test_a_version_is_newer_than_every_other_whatever_the_clock_says(tmp_path, model, pack):
    ahead = tmp_path / "serving" / "99999999999"
    write_version(ahead)
    assert Path(push(tmp_path / "serving", model, pack)).name == "100000000000"
    assert Path(push(tmp_path / "serving", model, pack)).name == "100000000001"


def test_a_number_that_another_push_took_meanwhile_is_left_to_it(tmp_path, model, pack):
    serving = tmp_path / "serving"
    other = push(serving, model, pack)
    os.rename(other, serving / "99999999999")
    looks = []

    class Racing(LocalFiles):
        def listdir(self, path):
            names = os.listdir(path)
            looks.append(names)
            return ["99999999998"] if len(looks) == 1 else names

    version = push(serving, model, pack, Racing())
    assert Path(version).name == "100000000000"
    assert len(os.listdir(serving)) == len(looks) == 2


def test_an_object_store_gets_the_thresholds_first_and_the_graph_last(model, pack):
    copied = []

    class Bucket(LocalFiles):
        def copy(self, source, target):
            copied.append(target)

        def makedirs(self, path):
            pass

        def isdir(self, path):
            return True

        def listdir(self, path):
            return ["7/", "20/"] if path == "s3://bucket/models" else os.listdir(path)

    version = push("s3://bucket/models", model, pack, Bucket())
    assert copied[0] == f"{version}/assets.extra/thresholds.json"
    assert copied[-1] == f"{version}/saved_model.pb"
    assert len(set(copied)) == len(FILES) + 2


def test_the_newest_version_is_the_one_of_the_highest_number(tmp_path):
    for name in ("9", "10", "latest", "2.5", "²", "-11", ".12"):
        write_version(tmp_path / name)
    assert versions(str(tmp_path)) == [str(tmp_path / "10"), str(tmp_path / "9")]
    newest = newest_complete(str(tmp_path))
    assert (newest.version.path, newest.skipped) == (str(tmp_path / "10"), {})
    assert newest.version.pack == pack_of()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: (path / "saved_model.pb").unlink(), "has no saved_model.pb: it is not whole"),
        (lambda path: (path / "variables/variables.index").unlink(), "files of it are missing"),
        (lambda path: (path / "saved_model.pb").write_bytes(b"g"), "or were changed"),
        (lambda path: (path / "new").write_bytes(b""), "holds the thresholds of another model"),
        (lambda path: (path / "assets.extra/thresholds.json").unlink(), "No such file"),
        (lambda path: (path / "assets.extra/thresholds.json").write_text("{"), "it is not JSON"),
        (lambda path: os.mkfifo(path / "variables/pipe"), "not a regular file"),
        (lambda path: (path / "variables/zero").symlink_to("/dev/zero"), "not a regular file"),
    ],
)
def test_a_newer_version_that_is_not_whole_is_passed_over_and_named(tmp_path, damage, reason):
    for name in ("7", "8"):
        write_version(tmp_path / name)
    damage(tmp_path / "8")
    with pytest.raises(UnusableModelError, match=reason):
        load_pack(tmp_path / "8")
    newest = newest_complete(str(tmp_path))
    assert newest.version.path == str(tmp_path / "7")
    assert reason in newest.skipped[str(tmp_path / "8")]


def test_where_there_is_no_version_there_is_no_newest(tmp_path):
    (tmp_path / "8").mkdir()
    assert newest_complete(str(tmp_path / "nowhere")).skipped == {}
    newest = newest_complete(str(tmp_path))
    assert newest.version is None
    assert list(newest.skipped) == [str(tmp_path / "8")]


@pytest.mark.parametrize("name", ["model_dir", "choice", "comparison", "signatures"])
def test_it_is_read_without_tensorflow_or_tfx(name):
    code = (
        f"import sys, serving.{name}\n"
        "heavy = {'tensorflow', 'tfx', 'sklearn', 'apache_beam', 'numba'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr

"""Data, checkpoints, artifacts and pushed models on a real server of S3, SeaweedFS."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from components.store_files import fileio, on_this_machine
from components.trainer.checkpoints import Checkpoint, Checkpoints
from engines.servers import BUCKET
from pipeline.config import load_config
from pipeline.kubeflow.compiler import compile_pipeline
from serving.model_dir import newest_complete, push_version, versions
from tests import ROOT
from tests.engines.commands import Run, files_with
from tests.pipeline.kubeflow.conftest import IMAGE, SETTINGS
from tests.pipeline.kubeflow.launcher import EmulatedLauncher
from tests.pipeline.kubeflow.test_steps import AT_SUBMISSION
from tests.s3_server import SECRET
from tests.serving.versions import FILES, pack_of, write_model, write_pack


class BucketLauncher(EmulatedLauncher):
    """The launcher's object store is the bucket."""

    root = f"{BUCKET}/artifacts/run-1"

    def fetch(self, uri, target):
        with on_this_machine(uri) as here:
            shutil.copytree(here, target, dirs_exist_ok=True)

    def send(self, source, uri):
        for path in (path for path in source.rglob("*") if path.is_file()):
            fileio.copy(str(path), f"{uri}/{path.relative_to(source).as_posix()}")


@pytest.fixture(scope="module")
def run(store, tmp_path_factory):
    """All steps, run with everything in the bucket."""
    settings = [
        *SETTINGS,
        f"kubeflow.serving_dir={BUCKET}/models",
        f"training.checkpoint_dir={BUCKET}/state",
        "tracking.enabled=false",
    ]
    document = compile_pipeline(load_config(None, settings), IMAGE)
    parameters = {"data-dir": f"{BUCKET}/faces", **AT_SUBMISSION}
    launcher = BucketLauncher(document, tmp_path_factory.mktemp("run"), parameters)
    launcher.run_all()
    return launcher


def test_every_step_runs_on_what_the_bucket_has(run, store):
    assert {step for step, _ in run.artifacts} == set(run.steps)
    assert all(artifact["uri"].startswith(BUCKET) for artifact in run.artifacts.values())
    assert store.exists(run.artifacts["Trainer", "model"]["uri"])


def test_the_pushed_model_is_whole_there_and_is_the_baseline_of_the_next_evaluation(run):
    newest = newest_complete(f"{BUCKET}/models", fileio)
    assert newest.version.path.startswith(f"{BUCKET}/models/")
    assert newest.skipped == {}
    run.run("FaceEvaluator")
    blessing = run.artifacts["FaceEvaluator", "blessing"]
    assert blessing["metadata"]["baseline_model"] == newest.version.path
    with fileio.open(f"{blessing['uri']}/reasons.txt") as file:
        assert "latest blessed model" in file.read()


def test_the_secret_is_nowhere(run, store, tmp_path):
    assert files_with(SECRET, run.folder) == []
    for path in store.find(BUCKET):
        assert SECRET.encode() not in store.cat_file(path)
    assert SECRET not in json.dumps([list(run.artifacts.values()), run.parameters])


def test_a_run_on_this_machine_reads_and_keeps_its_state_in_the_bucket(store, tmp_path):
    done = Run(f"{BUCKET}/faces", tmp_path / "run", [f"training.checkpoint_dir={BUCKET}/here"])
    assert "Trainer" in done.done()
    assert not store.exists(f"{BUCKET}/here/step")
    assert files_with(SECRET, tmp_path) == []


def test_artifacts_of_a_run_on_this_machine_are_refused_there_at_once(store, tmp_path):
    run = Run(f"{BUCKET}/faces", tmp_path / "run", [f"data.processed_dir={BUCKET}/artifacts"])
    printed = run.process.communicate()[0]
    assert run.process.returncode == 2, printed
    assert "data.processed_dir: it must be a path of this machine, not a URL" in printed


@pytest.fixture
def model(tmp_path):
    pack = write_pack(tmp_path / "blessing", pack_of())
    return str(write_model(tmp_path / "model")), str(pack)


def test_a_push_that_is_killed_at_any_file_is_never_taken_for_a_version(store, model):
    script, copies = Path(__file__).with_name("push_to_bucket.py"), len(FILES) + 2
    folders = [f"{BUCKET}/pushes-{last}" for last in range(1, copies + 1)]
    subprocess.run(
        [sys.executable, script, *model, *folders],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    for folder in folders:
        assert newest_complete(folder, fileio).version is None
    whole = push_version(folders[-1], *model, fileio)
    assert newest_complete(folders[-1], fileio).version.path == whole


def test_an_object_whose_writer_fails_is_not_there(store):
    place = f"{BUCKET}/half/object"
    with suppress(ZeroDivisionError), fileio.open(place, "wb") as file:
        file.write(b"half of it")
        raise ZeroDivisionError
    assert not fileio.exists(place)
    with fileio.open(place, "w") as file:
        file.write("all öf it")
    with fileio.open(place) as file:
        assert file.read() == "all öf it"


def state(step):
    return Checkpoint(step, {"weights": np.full(5, step, np.float32)}, {"step": step})


def test_a_checkpoint_that_is_cut_off_is_passed_over(store):
    folder = f"{BUCKET}/state-that-is-cut"
    checkpoints = Checkpoints(folder)
    checkpoints.claim()
    for step in (1, 2):
        checkpoints.save(state(step))
    checkpoints.wait()
    (arrays,) = store.glob(f"{folder}/step-*2/arrays.npy")
    store.pipe_file(arrays, store.cat_file(arrays)[:-3])
    assert Checkpoints(folder).newest().step == 1
    (whole,) = store.glob(f"{folder}/step-*1/state.json")
    store.rm(whole)
    assert Checkpoints(folder).newest() is None


def test_versions_are_told_apart_from_what_else_is_in_a_bucket(store):
    for name in ("7/saved_model.pb", "12/x", "notes.txt"):
        store.pipe_file(f"{BUCKET}/mixed/{name}", b"x")
    assert versions(f"{BUCKET}/mixed", fileio) == [f"{BUCKET}/mixed/12", f"{BUCKET}/mixed/7"]

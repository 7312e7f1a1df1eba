"""The steps on Beam, run by Flink: what they write, and what they survive."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apache_beam as beam
import pytest
import yaml

from biometrics.engine.pair_scores import score_pairs
from components.evaluator.beam_pairs import score_pairs_in_beam
from components.example_gen.checking import CheckImages, CheckOptions, read_checked
from components.run_environment import IN_PROCESS_BEAM
from engines.beam_helpers import job_server_jar
from engines.flink import RESTARTS, wait_until
from faces.sources.folder import FolderSource
from tests.biometrics.cases import random_faces
from tests.biometrics.engine.test_local import assert_same
from tests.engines.sources import DeadlySource, WaitingSource
from tests.engines.steps import run_data_steps, run_statistics


@pytest.mark.parametrize("parallelism", [1, 4])
def test_the_files_are_byte_for_byte_those_of_a_local_run(
    flink, images, of_a_local_run, tmp_path, parallelism
):
    assert len(of_a_local_run) > 8
    assert run_data_steps(images, tmp_path, flink.beam_args(parallelism)) == of_a_local_run


def test_statistics_are_those_of_a_local_run(flink, images, tmp_path):
    local = run_statistics(images, tmp_path / "local", list(IN_PROCESS_BEAM))
    assert len(local) == 3
    assert run_statistics(images, tmp_path / "flink", flink.beam_args(2)) == local


def test_pairs_are_counted_as_in_one_process(flink, tmp_path):
    sample = random_faces(people=30, images=5)
    scores = score_pairs_in_beam(
        lambda: beam.Pipeline(argv=flink.beam_args(4)),
        *sample,
        "cosine",
        shards=6,
        folder=str(tmp_path),
    )
    assert_same(scores, score_pairs(*sample))


def test_a_task_manager_that_is_killed_is_survived(flink, images, tmp_path):
    asked, gate = tmp_path / "asked", tmp_path / "gate"
    source = FolderSource(images)
    with ThreadPoolExecutor(1) as background:
        # More than one TaskManager has slots: both have a part.
        found = background.submit(
            check, WaitingSource(source, asked, gate), tmp_path / "flink", flink.beam_args(3)
        )
        wait_until(asked.exists)
        (job,) = (each for each in flink.ask("jobs")["jobs"] if each["status"] == "RUNNING")
        flink.kill_task_manager(1)
        gate.touch()
        flink.have_task_managers((1, 2))
        assert found.result() == check(source, tmp_path / "local", list(IN_PROCESS_BEAM))
    attempts = [
        subtask["attempt"]
        for vertex in flink.ask(f"jobs/{job['id']}")["vertices"]
        for subtask in flink.ask(f"jobs/{job['id']}/vertices/{vertex['id']}")["subtasks"]
    ]
    assert max(attempts) > 0


def test_an_image_that_kills_its_worker_ends_the_step_after_a_few_tries(flink, images, tmp_path):
    source = FolderSource(images)
    deadly = DeadlySource(source, source.list().records[30].key, tmp_path / "tries")
    with pytest.raises(RuntimeError, match="failed in state FAILED"):
        check(deadly, tmp_path / "spilled", flink.beam_args(1))
    assert len(deadly.tries.read_text().splitlines()) == 1 + RESTARTS


def test_the_whole_pipeline_runs_by_the_configuration_alone(flink, images, tmp_path):
    values = yaml.safe_load(Path("configs/flink.yaml").read_text())
    named = {
        "localhost:8081": flink.master,
        "localhost:50000": flink.pool,
        "build/engines/flink-job-server.jar": str(job_server_jar("flink")),
    }
    args = values["beam"]["pipeline_args"]
    for name, here in named.items():
        assert sum(arg.endswith(f"={name}") for arg in args) == 1
        args = [arg.replace(name, here) for arg in args]
    values["beam"]["pipeline_args"] = args
    values |= {"model": {"input_shape": [32, 32, 3]}, "training": {"epochs": 1}}
    config = tmp_path / "flink.yaml"
    config.write_text(yaml.safe_dump(values))
    before = len(flink.ask("jobs")["jobs"])
    ended = subprocess.run(
        [
            *(sys.executable, "pipeline/run_local.py", "--config", config),
            *("--data-dir", images, "--output-dir", tmp_path / "run"),
        ],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    assert ended.returncode in (0, 3), ended.stderr  # blessed, or measured and not blessed
    assert (tmp_path / "run/latest/report.html").exists()
    jobs = flink.ask("jobs")["jobs"][before:]
    assert len(jobs) >= 6
    assert {job["status"] for job in flink.ask("jobs")["jobs"]} <= {"FINISHED", "FAILED"}


def check(source, folder, beam_args):
    """What ImageExampleGen's first pass finds out of the images of a source."""
    folder.mkdir()
    records = source.list().records
    with beam.Pipeline(argv=beam_args) as pipeline:
        _ = pipeline | CheckImages(records, CheckOptions(source, str(folder), 10**6, 3))
    return list(read_checked(records, str(folder)))

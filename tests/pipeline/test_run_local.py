"""The whole DAG on drawn faces, and the command line that runs it."""

import fcntl
import io
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from rich.console import Console

from components.evaluator import component as evaluator_component
from pipeline.artifacts_root import NODES
from pipeline.config import load_config
from pipeline.local_runner import run_pipeline
from pipeline.run_folder import RunFolder
from tests import ROOT, mlflow_server
from tests.conftest import LENIENT, draw_face, write_faces
from tests.mlflow_server import TrackingServer

SMALL = """
data: {credit: drawn in the test, val_split: 0.2}
model: {input_shape: [32, 32, 3], embedding_dim: 16, arcface_scale: 16}
training: {batch_size: 8, epochs: 2}
"""


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    evaluation = {"evaluation": {"bounds": {"EER": {"max": 0.99}}} | LENIENT}
    path.write_text(SMALL + yaml.safe_dump(evaluation), encoding="utf-8")
    return path


class Runs:
    """Runs of one folder; each returns the nodes that were not taken from the cache."""

    def __init__(self, config_file, folder, faces):
        self.config_file = config_file
        self.folder = RunFolder(folder)
        self.faces = faces
        self.result = None
        self.folder.prepare()

    def run(self, *overrides):
        stream = io.StringIO()
        self.folder.claim()
        self.result = run_pipeline(
            load_config(self.config_file, list(overrides)),
            self.faces,
            self.folder,
            Console(file=stream, width=120),
        )
        self.lines = stream.getvalue().splitlines()
        finished = [line.split() for line in self.lines if re.search(r"\d s( |$)", line)]
        assert len(finished) == 9
        return {words[1] for words in finished if words[-1] != "cache"} - {"LatestBlessedModel"}


@pytest.fixture(scope="module")
def runs(config_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    runs = Runs(config_file, folder / "run", write_faces(folder / "faces", people=8, shots=5))
    runs.first = runs.run()
    runs.first_result = runs.result
    return runs


ALL = {
    "ImageExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "ImageTransform",
    "Trainer",
    "FaceEvaluator",
    "Pusher",
}


def test_the_first_run_runs_every_node_and_pushes_a_model(runs):
    assert runs.first == ALL
    assert runs.first_result.blessed
    assert tf.saved_model.contains_saved_model(str(runs.first_result.pushed_model))
    assert runs.first_result.metrics["counts"]["images"] == 10
    assert runs.first_result.tracking_failure == ""
    assert runs.first_result.anomalies == []


def test_the_folders_that_are_looked_after_are_those_of_the_nodes(runs):
    assert set(NODES) == ALL | {"LatestBlessedModel"}
    made = {path.name for path in runs.folder.artifacts.iterdir() if path.is_dir()}
    assert made - set(NODES) == set()


def test_the_metadata_store_has_every_execution(runs):
    with sqlite3.connect(runs.folder.metadata_db) as store:
        types = {name for (name,) in store.execute("select name from Type")}
    assert {"components.QuarantineReport", "ModelBlessing", "PushedModel"} <= types


def test_a_second_run_with_nothing_changed_takes_everything_from_the_cache(runs):
    runs.run()
    metrics = runs.result.metrics
    assert runs.run() == set()
    assert runs.result.metrics == metrics


def test_a_changed_value_runs_what_depends_on_it_and_no_more(runs):
    runs.run()
    assert runs.run("evaluation.max_regression=0.5") == {"FaceEvaluator", "Pusher"}


def test_a_changed_source_runs_what_depends_on_it_and_no_more(runs, monkeypatch):
    runs.run()
    monkeypatch.setattr(evaluator_component, "source_digest", lambda module: "edited")
    assert runs.run() == {"FaceEvaluator", "Pusher"}


def test_a_retrained_model_is_compared_with_the_latest_blessed_one(runs):
    runs.run()
    changed = runs.run("training.epochs=1", "evaluation.max_regression=1.0")
    assert changed == {"Trainer", "FaceEvaluator", "Pusher"}
    assert "latest blessed model" in runs.result.metrics["baselines"]


def first_shard(folder):
    return next(folder.artifacts.glob("ImageTransform/transformed_examples/*/Split-train/*.gz"))


def test_results_whose_files_are_gone_or_cut_are_made_anew_and_told(runs):
    runs.run()
    shutil.rmtree(runs.folder.artifacts / "Trainer")
    shutil.rmtree(runs.folder.artifacts / "ExampleValidator/anomalies")
    shard = first_shard(runs.folder)
    shard.write_bytes(shard.read_bytes()[:-3])
    anew = {"ImageTransform", "Trainer", "ExampleValidator", "FaceEvaluator", "Pusher"}
    assert runs.run() == anew
    told = [line for line in runs.lines if line.endswith("it is made anew where it is needed")]
    assert {line.split(":")[0] for line in told} == {
        "ImageTransform",
        "Trainer",
        "ExampleValidator",
    }
    assert f"{shard} has" in "".join(told)
    assert runs.result.metrics["counts"] == runs.first_result.metrics["counts"]
    assert runs.run() == set()


def test_a_pushed_model_that_is_gone_is_pushed_again(runs):
    runs.run()
    shutil.rmtree(runs.folder.serving_model)
    assert runs.run() == {"Pusher"}
    assert tf.saved_model.contains_saved_model(str(runs.result.pushed_model))


def test_a_lost_tracking_store_is_told_and_costs_nothing(runs):
    runs.run()
    runs.folder.mlflow_db.unlink()
    assert runs.run() == set()
    assert runs.result.tracking_uri == ""
    assert runs.result.tracking_failure.startswith(f"{runs.folder.mlflow_db} is gone")
    assert not runs.folder.mlflow_db.exists()


def test_a_lost_metadata_store_lets_nothing_old_be_read(runs):
    runs.run()
    runs.folder.metadata_db.unlink()
    assert runs.run() == ALL
    assert runs.result.metrics["counts"] == runs.first_result.metrics["counts"]
    (told,) = [line for line in runs.lines if "metadata.db does not know" in line]
    aside = Path(told.split()[-1])
    assert (aside / "ImageExampleGen/examples/1/Split-test").is_dir()


def test_a_new_image_runs_all_that_its_examples_change(runs, tmp_path):
    faces = shutil.copytree(runs.faces, tmp_path / "faces")
    grown = Runs(runs.config_file, tmp_path / "run", faces)
    grown.run()
    draw_face(0, 99).save(faces / "person00/new.png")
    assert grown.run() >= {"ImageExampleGen", "ImageTransform", "Trainer", "FaceEvaluator"}


def test_an_anomaly_and_an_unusable_file_are_told(config_file, tmp_path):
    faces = write_faces(tmp_path / "faces", people=8, shots=5)
    (faces / "person00/broken.png").write_bytes(b"")
    runs = Runs(config_file, tmp_path / "run", faces)
    runs.run("training.epochs=1")
    (test_person,) = {key.split("/")[0] for key in _test_keys(runs)[:1]}
    for image in (faces / test_person).glob("*.png"):
        draw_face(77, 1).save(image.with_suffix(".jpg"))
        image.unlink()
    runs.run("training.epochs=1")
    assert runs.result.quarantined == {"person00/broken.png": "empty file"}
    assert [line for line in runs.result.anomalies if line.startswith("test: image/format: ")]


def _test_keys(runs):
    return [str(key) for key in np.load(runs.result.report.with_name("embeddings.npz"))["keys"]]


def command(script, *arguments, **options):
    return subprocess.run(
        [sys.executable, ROOT / "pipeline" / script, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        **options,
    )


def test_the_command_runs_all_and_says_where_everything_is(config_file, tmp_path):
    faces = write_faces(tmp_path / "faces", people=20, shots=5, image_format="jpg")
    out = tmp_path / "run"
    run = command("run_local.py", "--config", config_file, "--data-dir", faces, "--output-dir", out)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert "[9/9] Pusher" in run.stdout
    assert "The model is blessed and pushed:" in run.stdout
    assert "threshold EER: " in run.stdout
    assert " people; on the other " in run.stdout
    assert "│ FAR " not in run.stdout  # at its own threshold it is no result
    for place in ("latest/report.html", "serving_model/", "mlflow.db", "tensorboard", "logs/"):
        assert f"{out}/" in run.stdout
        assert place in run.stdout
    assert json.loads((out / "latest/metrics.json").read_text())["counts"]["images"] == 20
    assert "drawn in the test" in (out / "latest/report.html").read_text(encoding="utf-8")

    images = [faces / "person00/0.jpg", tmp_path / "other.bmp"]
    draw_face(3, 1, size=(200, 150)).save(images[1])
    verdict = command("verify.py", *images, "--model-dir", out / "serving_model")
    assert verdict.returncode == 0, verdict.stderr
    distance, threshold, *_, answer = verdict.stdout.splitlines()
    is_same = float(distance.split()[1]) <= float(threshold.split()[1])
    assert answer == ("same person" if is_same else "different people")
    (printed,) = (line for line in run.stdout.splitlines() if "thresholds.json: sha256" in line)
    assert f"vouched   by thresholds.json, sha256 {printed.split()[-1]}" in verdict.stdout
    same = command("verify.py", images[0], images[0], "--model-dir", out / "serving_model")
    assert same.stdout.splitlines()[-1] == "same person"


def test_a_model_that_is_not_blessed_ends_with_exit_code_3(config_file, faces, tmp_path):
    """In folders with odd names, and with a password for the tracking server, which is kept out."""
    images = faces.rename(tmp_path / "it's [x]* {y}? 100% #&")
    out = tmp_path / "it's {y} 100% #& 1,2:3"
    with mlflow_server.serving(TrackingServer(asks_for_password=True)) as server:
        run = command(
            "run_local.py",
            "--config",
            config_file,
            "--data-dir",
            images,
            "--output-dir",
            out,
            "--set",
            "evaluation.min_people=3",
            "--set",
            "training.epochs=1",
            "--set",
            f"tracking.uri={server.uri_with_password}",
        )
    assert run.returncode == 3, run.stdout + run.stderr
    text = " ".join(run.stdout.split())
    assert (
        "The model is NOT blessed, and not pushed: The test split has 2 people with two images or "
        "more, and at least 3 are required"
    ) in text
    assert not (out / "serving_model").exists()
    assert server.refused == 0
    assert server.params["training.epochs"] == "1"
    assert server.metrics["loss"]
    assert server.uri in run.stdout
    kept = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    assert any(server.uri.encode() in content for content in kept)
    for secret in (mlflow_server.PASSWORD, mlflow_server.QUOTED_PASSWORD):
        assert secret not in run.stdout + run.stderr
        assert not [content for content in kept if secret.encode() in content]
    assert f"$ xdg-open {shlex.quote(str(out / 'latest/report.html'))}" in run.stdout
    assert "--logdir_spec" not in run.stdout  # which has separators that are in this path


def test_too_many_broken_images_are_one_message_that_names_the_log(config_file, faces, tmp_path):
    for shot in range(10):
        (faces / f"person00/{shot}.txt").write_text("not an image")
    run = command(
        "run_local.py", "--config", config_file, "--data-dir", faces, "--output-dir", tmp_path / "o"
    )
    assert run.returncode == 2
    assert "10 of 50 files cannot be used" in run.stderr
    assert "Traceback" not in run.stderr + run.stdout
    (log,) = (tmp_path / "o/logs").iterdir()
    assert str(log) in run.stderr


def _few_people(folder):
    return ["--data-dir", write_faces(folder / "faces", people=3, shots=3)]


def _two_shots(folder):
    faces = write_faces(folder / "faces", people=5, shots=2)
    return ["--data-dir", faces, "--set", "data.split_mode=stratified"]


def _empty(folder):
    (folder / "empty").mkdir()
    return ["--data-dir", folder / "empty"]


def _unwritable(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    return ["--data-dir", faces, "--output-dir", "/proc/run"]


def _artifacts_of_another_run(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    other = RunFolder(folder / "other", folder / "shared")
    other.prepare()
    other.claim()
    return ["--data-dir", faces, "--set", f"data.processed_dir={other.artifacts}"]


def _damaged_store(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    (folder / "out").mkdir()
    (folder / "out/metadata.db").write_text("no database")
    return ["--data-dir", faces]


def _folder_in_use(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    run = RunFolder(folder / "out")
    run.prepare()
    lock = (run.path / ".lock").open("w")
    lock.write("4321\n")
    lock.flush()
    fcntl.flock(lock, fcntl.LOCK_EX)
    _held.append(lock)
    return ["--data-dir", faces]


_held = []  # locks, until the tests end


def _output(name):
    """Arguments with an output folder of this name beside, or in, that of the images."""

    def arguments(folder):
        faces = write_faces(folder / "faces", people=10, shots=3)
        return ["--data-dir", faces, "--output-dir", folder / name if name else ""]

    return arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda folder: ["--data-dir", folder / "nowhere"], "No such file or directory"),
        (lambda folder: [], "no images: give --data-dir"),
        (_empty, "no images in"),
        (_few_people, "at least 4 identities"),
        (_two_shots, "split_mode stratified needs at least 3 images"),
        (_unwritable, "cannot write to /proc/run"),
        (_artifacts_of_another_run, "/shared holds the artifacts of "),
        (_damaged_store, "metadata.db: the metadata store is damaged"),
        (_folder_in_use, "another run (process 4321) is using "),
        (lambda folder: ["--data-dir", ""], "--data-dir: a path must not be empty"),
        (_output(""), "--output-dir: a path must not be empty"),
        (_output("a[b]c"), "must have none of these characters"),
        (_output("faces/run"), "must not write into the folder of the images"),
        (lambda folder: ["--set", "training.epoch=3"], "did you mean epochs?"),
        (lambda folder: ["--set", "training.epochs=-1"], "training.epochs: Input should be"),
        (lambda folder: ["--config", folder / "no.yaml"], "cannot read the configuration"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(config_file, tmp_path, arguments, message):
    defaults = ["--config", config_file, "--output-dir", tmp_path / "out"]
    run = command("run_local.py", *defaults, *arguments(tmp_path))
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_a_run_that_is_started_elsewhere_finds_its_default_configuration(tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / "pipeline" / "run_local.py", "--data-dir", "no such folder"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 2
    assert "configuration" not in run.stderr
    assert "cannot read the image folder 'no such folder'" in run.stderr


def on_small_disk(size, *arguments):
    """Runs run_local.py with its output on a file system of `size`, which only it can see."""
    mount = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'
    with tempfile.TemporaryDirectory() as disk:
        command = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, size, disk]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount a small disk")
        script = [sys.executable, str(ROOT / "pipeline/run_local.py"), "--output-dir", disk]
        return subprocess.run(
            [*command, *script, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )


@pytest.mark.parametrize(
    ("size", "reached"), [("16k", ""), ("700k", "[1/9] ImageExampleGen")], ids=["start", "node"]
)
def test_a_full_disk_is_one_message_and_exit_code_2(config_file, faces, size, reached):
    run = on_small_disk(size, "--config", config_file, "--data-dir", faces)
    assert run.returncode == 2, run.stdout + run.stderr
    assert run.stderr.startswith("error: the disk is full. Free some of it and run again")
    assert "Traceback" not in run.stderr + run.stdout
    assert reached in run.stdout


@pytest.mark.parametrize("script", ["run_local.py", "verify.py"])
def test_help_needs_no_heavy_library(script):
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        f"try: runpy.run_path({str(ROOT / 'pipeline' / script)!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'tfx', 'mlflow', 'apache_beam', 'keras'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "Usage" in run.stdout

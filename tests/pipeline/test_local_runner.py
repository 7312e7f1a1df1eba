"""The whole DAG on drawn faces, run again and again in one folder."""

import io
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.evaluator import component as evaluator_component
from pipeline.artifacts_root import NODES
from pipeline.config import load_config
from pipeline.console import TextConsole
from pipeline.local_runner import run_pipeline
from pipeline.run_folder import RunFolder
from tests import ROOT
from tests.conftest import draw_face, write_faces


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
            TextConsole(file=stream, width=120),
        )
        self.lines = stream.getvalue().splitlines()
        finished = [
            line.split() for line in self.lines if re.match(r"\[\d+/\d+\] .*\d s( |$)", line)
        ]
        assert len(finished) == 10
        return {words[1] for words in finished if words[-1] != "cache"} - RESOLVERS


@pytest.fixture(scope="module")
def runs(config_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    runs = Runs(config_file, folder / "run", write_faces(folder / "faces", people=8, shots=5))
    runs.first = runs.run()
    runs.first_result = runs.result
    return runs


RESOLVERS = {"LatestBlessedModel", "StatisticsBefore"}
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
    assert (runs.first_result.tracking_failure, runs.first_result.tracking_unsent) == ("", None)
    assert runs.first_result.anomalies == []


def test_the_folders_that_are_looked_after_are_those_of_the_nodes(runs):
    assert set(NODES) == ALL | RESOLVERS
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
    runs.folder.mlflow_unsent.mkdir()  # as a store leaves it that was away
    assert runs.run() == set()
    assert runs.result.tracking_unsent == runs.folder.mlflow_unsent
    runs.folder.mlflow_unsent.rmdir()
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


def test_drift_from_the_data_before_is_told_where_the_schema_asks_for_it(config_file, tmp_path):
    faces = write_faces(tmp_path / "faces", people=8, shots=5)
    runs = Runs(config_file, tmp_path / "run", faces)
    schema = f"data.schema={ROOT / 'configs' / 'schema.pbtxt'}"
    runs.run("training.epochs=1", schema)
    assert runs.result.anomalies == []
    for image in faces.glob("*/*.png"):
        face = Image.open(image)
        face.resize((face.width * 2, face.height * 2)).convert("L").save(image)
        face.resize((face.width * 2, face.height + 9)).convert("L").save(image.with_suffix(".jpg"))
    runs.run("training.epochs=1", schema)
    drifted = {": ".join(line.split(": ")[:2]) for line in runs.result.anomalies}
    expected = ("image/format", "image/height", "image/width", "image/is_grey", "person/images")
    assert {f"train: {feature}" for feature in expected} <= drifted
    assert all("between current and previous" in line for line in runs.result.anomalies)


def _test_keys(runs):
    return [str(key) for key in np.load(runs.result.report.with_name("embeddings.npz"))["keys"]]

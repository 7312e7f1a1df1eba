"""FaceEvaluator and Pusher, run for real."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from mlflow import MlflowClient
from tfx.components.util import model_utils
from tfx.types import standard_artifacts

from components.evaluator.metrics import calculate_verification_metrics
from components.trainer.export import EMBEDDING_KEY, SERVING_SIGNATURE
from components.trainer.tracking import RUN_FILE, TrackedRun
from components.transform.records import read_split
from tests.conftest import write_faces
from tests.stages import (
    SMALL_MODEL,
    files_of,
    new_artifact,
    run_evaluator,
    run_example_gen,
    run_pusher,
    run_trainer,
    run_transform,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("source") / "faces", people=8, shots=5)


@pytest.fixture(scope="module")
def transformed(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    examples = run_example_gen(source, folder / "gen", test_split=0.4)["examples"]
    return run_transform(examples, folder / "transform", tuple(SMALL_MODEL.input_shape))


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    return {
        "uri": f"sqlite:///{folder}/mlflow.db",
        "experiment": "faces",
        "artifact_dir": (folder / "mlflow").as_uri(),
    }


@pytest.fixture(scope="module")
def model(transformed, tracking, tmp_path_factory):
    return run_trainer(transformed, tmp_path_factory.mktemp("trained"), tracking=tracking)["model"]


@pytest.fixture(scope="module")
def evaluated(transformed, model, tmp_path_factory):
    return run_evaluator(
        transformed["transformed_examples"],
        model,
        tmp_path_factory.mktemp("evaluated"),
        thresholds={"EER": {"max": 0.99}},
        credit="drawn in the test",
    )


def metrics_of(outputs):
    path = Path(outputs["evaluation"].uri) / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_metrics_are_those_of_the_models_own_embeddings_of_the_test_files(
    source, transformed, model, evaluated
):
    test = read_split(files_of(transformed["transformed_examples"], "test"), (32, 32, 3))
    files = [(source / key.decode()).read_bytes() for key in test["image/key"]]
    served = tf.saved_model.load(f"{model.uri}/Format-Serving").signatures[SERVING_SIGNATURE]
    embeddings = served(image_bytes=tf.constant(files))[EMBEDDING_KEY].numpy()
    expected = calculate_verification_metrics(embeddings, test["identity"])
    metrics = metrics_of(evaluated)
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, abs=1e-5)


def test_metrics_json_holds_all_that_the_contract_names(evaluated):
    metrics = metrics_of(evaluated)
    for name in ("FAR", "FRR", "EER", "EER_threshold", "AUC", "Rank-1", "Rank-5"):
        assert isinstance(metrics[name], float)
    assert metrics["counts"] == {
        "genuine_pairs": 30,
        "impostor_pairs": 75,
        "identities": 3,
        "images": 15,
    }
    assert metrics["unsupported"] == {"TAR@FAR=1e-02": 300, "TAR@FAR=1e-03": 3000}
    assert set(metrics["baselines"]) == {"raw pixels", "eigenfaces"}
    assert metrics["intervals"]["EER"][0] <= metrics["EER"] <= metrics["intervals"]["EER"][1]


def test_the_embeddings_are_kept_with_their_keys(evaluated):
    content = np.load(Path(evaluated["evaluation"].uri) / "embeddings.npz")
    assert content["embeddings"].shape == (15, 16)
    assert list(content["keys"]) == sorted(content["keys"])
    assert [key.split("/")[0] for key in content["keys"]] == list(content["identities"])


def test_the_report_is_one_page_with_the_credit(evaluated):
    page = (Path(evaluated["evaluation"].uri) / "report.html").read_text(encoding="utf-8")
    assert "drawn in the test" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_model_within_the_thresholds_is_blessed_in_the_standard_way(evaluated):
    blessing = evaluated["blessing"]
    assert model_utils.is_model_blessed(blessing)
    assert (Path(blessing.uri) / "BLESSED").exists()
    assert "EER is" in (Path(blessing.uri) / "reasons.txt").read_text(encoding="utf-8")


def test_a_model_beyond_a_threshold_is_not_blessed_and_not_pushed(transformed, model, tmp_path):
    outputs = run_evaluator(
        transformed["transformed_examples"], model, tmp_path, thresholds={"AUC": {"min": 1.1}}
    )
    assert not model_utils.is_model_blessed(outputs["blessing"])
    assert (Path(outputs["blessing"].uri) / "NOT_BLESSED").exists()
    pushed = run_pusher(model, outputs["blessing"], tmp_path / "serving", tmp_path)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_a_blessed_model_is_pushed_with_its_threshold(model, evaluated, tmp_path):
    run_pusher(model, evaluated["blessing"], tmp_path / "serving", tmp_path)
    (version,) = (tmp_path / "serving").iterdir()
    assert tf.saved_model.contains_saved_model(str(version))
    threshold = json.loads((version / "assets.extra/threshold.json").read_text(encoding="utf-8"))
    assert threshold["threshold"] == metrics_of(evaluated)["EER_threshold"]
    assert (threshold["distance"], threshold["operating_point"]) == ("cosine", "EER")


def test_the_latest_blessed_model_is_measured_on_the_same_pairs(transformed, model, tmp_path):
    outputs = run_evaluator(
        transformed["transformed_examples"], model, tmp_path, baseline=model, max_regression=0.0
    )
    metrics = metrics_of(outputs)
    latest = metrics["baselines"]["latest blessed model"]
    assert latest["EER"] == metrics["EER"]
    assert latest["counts"] == metrics["counts"]
    assert model_utils.is_model_blessed(outputs["blessing"])


def test_a_blessed_model_of_another_input_is_named_and_not_compared(
    source, transformed, model, tmp_path
):
    examples = run_example_gen(source, tmp_path / "gen", test_split=0.4)["examples"]
    other_shape = SMALL_MODEL.model_copy(update={"input_shape": [40, 40, 3]})
    other = run_trainer(
        run_transform(examples, tmp_path / "transform", (40, 40, 3)),
        tmp_path / "trained",
        model=other_shape.model_dump(mode="json"),
    )["model"]
    outputs = run_evaluator(
        transformed["transformed_examples"], model, tmp_path / "run", baseline=other
    )
    assert "latest blessed model" not in metrics_of(outputs)["baselines"]
    reasons = (Path(outputs["blessing"].uri) / "reasons.txt").read_text(encoding="utf-8")
    assert "takes images of 40x40x3, this one of 32x32x3" in reasons


def test_mlflow_gets_the_test_figures_and_the_report_in_the_run_of_the_training(
    model, tracking, evaluated
):
    path = Path(model.uri) / "Format-Serving" / RUN_FILE
    run_id = TrackedRun.from_json(path.read_text(encoding="utf-8")).run_id
    client = MlflowClient(tracking["uri"])
    logged = client.get_run(run_id).data.metrics
    assert logged["test/EER"] == pytest.approx(metrics_of(evaluated)["EER"])
    assert "raw pixels/EER" in logged
    names = [file.path for file in client.list_artifacts(run_id)]
    assert {"report.html", "metrics.json"} <= set(names)


def test_a_model_from_elsewhere_is_evaluated_without_tracking(transformed, model, tmp_path):
    foreign = new_artifact(standard_artifacts.Model, tmp_path / "foreign")
    serving = Path(foreign.uri) / "Format-Serving"
    tf.io.gfile.makedirs(str(serving))
    module = tf.saved_model.load(f"{model.uri}/Format-Serving")
    tf.saved_model.save(module, str(serving), signatures=module.signatures)
    outputs = run_evaluator(transformed["transformed_examples"], foreign, tmp_path / "run")
    assert metrics_of(outputs)["counts"]["images"] == 15

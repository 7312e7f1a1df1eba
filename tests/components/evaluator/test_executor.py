"""FaceEvaluator and Pusher, run for real."""

import dataclasses
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from mlflow import MlflowClient
from tfx.components.util import model_utils
from tfx.types import standard_artifacts

from benchmarks.steps import new_artifact, run_example_gen, run_transform
from biometrics.figures.metrics import calculate_verification_metrics
from biometrics.thresholds.pack import (
    ThresholdPack,
    digest_of_images,
)
from components.run_environment import TrackingStore
from components.tracking.run import RUN_FILE, TrackedRun
from faces.storage import read_split
from groundfloor.errors import UserError
from serving.model_dir import load_pack, newest_complete
from serving.signatures import EMBEDDING_KEY, SERVING_SIGNATURE
from tests.conftest import LENIENT, write_faces
from tests.stages import SMALL_MODEL, files_of, run_evaluator, run_pusher, run_trainer


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("source") / "faces", people=10, shots=5)


@pytest.fixture(scope="module")
def transformed(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    examples = run_example_gen(source, folder / "gen", test_split=0.4)["examples"]
    return run_transform(examples, folder / "transform", tuple(SMALL_MODEL.input_shape))


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    return TrackingStore(f"sqlite:///{folder}/mlflow.db", "faces", (folder / "mlflow").as_uri())


@pytest.fixture(scope="module")
def model(transformed, tracking, tmp_path_factory):
    return run_trainer(transformed, tmp_path_factory.mktemp("trained"), tracking=tracking)["model"]


@pytest.fixture(scope="module")
def evaluated(source, transformed, model, tracking, tmp_path_factory):
    attributes = tmp_path_factory.mktemp("attributes") / "people.csv"
    people = sorted(folder.name for folder in source.iterdir())
    rows = [f"{person},{'dark' if index % 2 else 'fair'}" for index, person in enumerate(people)]
    attributes.write_text("\n".join(["identity,hair", *rows]), encoding="utf-8-sig")
    return run_evaluator(
        transformed["transformed_examples"],
        model,
        tmp_path_factory.mktemp("evaluated"),
        tracking=tracking,
        **LENIENT,
        bounds={"EER": {"max": 0.99}},
        credit="drawn in the test",
        protocols={"closed_set": {}, "open_set": {"non_mated": 0.5}},
        slices={"file": str(attributes), "columns": ["hair"]},
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
        "genuine_pairs": 40,
        "impostor_pairs": 150,
        "identities": 4,
        "images": 20,
    }
    assert metrics["unsupported"] == {"TAR@FAR=1e-02": 300, "TAR@FAR=1e-03": 3000}
    assert set(metrics["baselines"]) == {"raw pixels", "eigenfaces", "Fisherfaces"}
    assert metrics["intervals"]["EER"][0] <= metrics["EER"] <= metrics["intervals"]["EER"][1]


def test_the_embeddings_are_kept_with_their_keys(evaluated):
    content = np.load(Path(evaluated["evaluation"].uri) / "embeddings.npz")
    assert content["embeddings"].shape == (20, 16)
    assert list(content["keys"]) == sorted(content["keys"])
    assert [key.split("/")[0] for key in content["keys"]] == list(content["identities"])


def test_the_report_is_one_page_with_the_credit(evaluated):
    page = (Path(evaluated["evaluation"].uri) / "report.html").read_text(encoding="utf-8")
    assert "drawn in the test" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_model_within_the_bounds_is_blessed_in_the_standard_way(evaluated):
    blessing = evaluated["blessing"]
    assert model_utils.is_model_blessed(blessing)
    assert (Path(blessing.uri) / "BLESSED").exists()
    assert "EER is" in (Path(blessing.uri) / "reasons.txt").read_text(encoding="utf-8")


def test_a_model_beyond_a_bound_is_neither_blessed_nor_pushed_nor_registered(
    transformed, model, tracking, tmp_path
):
    outputs = run_evaluator(
        transformed["transformed_examples"],
        model,
        tmp_path,
        **LENIENT,
        bounds={"AUC": {"min": 1.1}},
    )
    assert not model_utils.is_model_blessed(outputs["blessing"])
    assert (Path(outputs["blessing"].uri) / "NOT_BLESSED").exists()
    asked = dataclasses.replace(tracking, registered_model="unblessed")
    pushed = run_pusher(model, outputs["blessing"], tmp_path / "serving", tmp_path, asked)
    assert MlflowClient(tracking.uri).search_registered_models("name = 'unblessed'") == []
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_by_default_few_people_bless_no_model(transformed, model, tmp_path):
    outputs = run_evaluator(transformed["transformed_examples"], model, tmp_path)
    assert not model_utils.is_model_blessed(outputs["blessing"])
    reasons = (Path(outputs["blessing"].uri) / "reasons.txt").read_text(encoding="utf-8")
    assert reasons.startswith(
        "The test split has 4 people with two images or more, and at least 10"
    )
    assert "No figure was required of it" in reasons


def test_a_blessed_model_is_pushed_with_its_thresholds(model, evaluated, tmp_path):
    pushed = run_pusher(model, evaluated["blessing"], tmp_path / "serving", tmp_path)
    (version,) = (tmp_path / "serving").iterdir()
    assert tf.saved_model.contains_saved_model(str(version))
    text = (version / "assets.extra/thresholds.json").read_text(encoding="utf-8")
    pack = ThresholdPack.from_json(text)
    content = json.loads(text)
    assert content["operating_points"] == metrics_of(evaluated)["thresholds"]
    assert pack.distance == "cosine"
    assert load_pack(version) == pack
    for artifact in (evaluated["blessing"], pushed):
        assert artifact.get_string_custom_property("thresholds_sha256") == content["sha256"]
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert load_pack(pushed.uri) == pack  # TFX's own copy


def test_the_pack_knows_what_the_images_look_like_that_were_measured(transformed, evaluated):
    text = (Path(evaluated["blessing"].uri) / "thresholds.json").read_text(encoding="utf-8")
    measured = ThresholdPack.from_json(text).measured_images
    test = read_split(files_of(transformed["transformed_examples"], "test"), (32, 32, 3))
    assert measured.images == 20
    assert measured.grey_share == 0.0
    assert [measured.unlike(image) for image in test["image"]] == [[]] * 20
    assert measured.unlike(np.zeros((32, 32, 3), np.uint8))


def test_the_pack_knows_how_large_the_images_were_before_they_were_resized(evaluated):
    text = (Path(evaluated["blessing"].uri) / "thresholds.json").read_text(encoding="utf-8")
    measured = ThresholdPack.from_json(text).measured_sizes
    assert set(measured.side) == {40.0}  # drawn as 40 x 48
    assert set(measured.aspect) == {40 / 48}
    assert measured.unlike(48, 40) == []
    assert measured.unlike(12, 10) == ["shorter side 10, where 40 to 40 was measured"]


def test_the_same_model_is_pushed_once_and_another_after_it(model, evaluated, tmp_path):
    for _ in range(2):
        pushed = run_pusher(model, evaluated["blessing"], tmp_path / "serving", tmp_path)
    (version,) = (tmp_path / "serving").iterdir()
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    (version / "saved_model.pb").unlink()
    again = run_pusher(model, evaluated["blessing"], tmp_path / "serving", tmp_path)
    newer = again.get_string_custom_property("pushed_destination")
    assert newest_complete(str(tmp_path / "serving")).version.path == newer != str(version)


def edited(artifact, folder, name, change):
    """A copy of an artifact in which a file is another."""
    shutil.copytree(artifact.uri, folder)
    copy = new_artifact(type(artifact), folder)
    copy.set_int_custom_property("blessed", artifact.get_int_custom_property("blessed"))
    digest = artifact.get_string_custom_property("thresholds_sha256")
    copy.set_string_custom_property("thresholds_sha256", digest)
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    return copy


def rewritten(text):
    """The whole pack anew, with a digest that fits."""
    pack = ThresholdPack.from_json(text)
    return dataclasses.replace(pack, data_sha256="2" * 64).to_json().encode()


def test_a_pushed_model_is_the_champion_of_the_registry_where_that_is_asked_for(
    model, evaluated, tracking, tmp_path
):
    client = MlflowClient(tracking.uri)
    run_pusher(model, evaluated["blessing"], tmp_path / "serving", tmp_path / "1", tracking)
    assert client.search_registered_models() == []
    asked = dataclasses.replace(tracking, registered_model="faces")
    for again in "23":  # what is pushed already is registered once, too
        run_pusher(model, evaluated["blessing"], tmp_path / "serving", tmp_path / again, asked)
    (version,) = client.search_model_versions("name = 'faces'")
    run_file = Path(model.uri) / "Format-Serving" / RUN_FILE
    assert version.run_id == TrackedRun.from_json(run_file.read_text()).run_id
    assert client.get_model_version_by_alias("faces", "champion").version == version.version
    digest = evaluated["blessing"].get_string_custom_property("thresholds_sha256")
    assert version.tags == {"thresholds_sha256": digest}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(b'"cosine"', b'"euclidean"'), "it was changed after it was"),
        (rewritten, "it is not what the evaluation wrote"),
    ],
)
def test_thresholds_that_were_edited_are_not_pushed(model, evaluated, tmp_path, change, message):
    blessing = edited(evaluated["blessing"], tmp_path / "blessing", "thresholds.json", change)
    with pytest.raises(UserError, match=message):
        run_pusher(model, blessing, tmp_path / "serving", tmp_path)
    assert not (tmp_path / "serving").exists()


def test_a_model_that_was_changed_after_its_evaluation_is_not_pushed(model, evaluated, tmp_path):
    other = edited(model, tmp_path / "model", "Format-Serving/fingerprint.pb", lambda _: b"")
    with pytest.raises(UserError, match="its files are not those that were evaluated"):
        run_pusher(other, evaluated["blessing"], tmp_path / "serving", tmp_path)


def test_the_digest_of_the_data_is_that_of_the_images_that_were_measured(transformed, evaluated):
    test = read_split(files_of(transformed["transformed_examples"], "test"), (32, 32, 3))
    pack = json.loads((Path(evaluated["blessing"].uri) / "thresholds.json").read_text("utf-8"))
    assert pack["data_sha256"] == digest_of_images(
        [key.decode() for key in test["image/key"]],
        [identity.decode() for identity in test["identity"]],
        [hashlib.sha256(pixels.tobytes()).digest() for pixels in test["image"]],
    )


def test_thresholds_are_chosen_on_some_people_and_measured_on_others(evaluated):
    points = metrics_of(evaluated)["thresholds"]
    assert [point["name"] for point in points] == ["EER"]
    assert (points[0]["dev"]["identities"], points[0]["test"]["identities"]) == (2, 2)
    assert set(points[0]["test"]["intervals"]) == {"FAR", "FRR"}
    assert (points[0]["state"], points[0]["interval"]) == ("provisional", None)
    # Two dev people of five images each have 25 impostor pairs.
    assert metrics_of(evaluated)["unsupported_thresholds"] == {
        "FAR=1e-01": {"impostor_pairs": 30, "people": 5},
        "FAR=1e-02": {"impostor_pairs": 300, "people": 15},
        "FAR=1e-03": {"impostor_pairs": 3000, "people": 46},
    }


def test_protocols_and_slices_are_measured_where_they_are_asked_for(evaluated):
    metrics = metrics_of(evaluated)
    assert metrics["protocols"]["closed_set"]["counts"]["gallery_images"] == 4
    assert "FNIR@FPIR=1e-01" in {
        **metrics["protocols"]["open_set"]["figures"],
        **metrics["protocols"]["open_set"]["unsupported"],
    }
    groups = metrics["slices"]["hair"]["groups"]
    assert sum(group["counts"]["images"] for group in groups.values()) == 20


def test_the_curves_are_written_for_those_who_plot_themselves(evaluated):
    folder = Path(evaluated["evaluation"].uri) / "curves"
    assert {"roc.csv", "cmc.csv", "scores.csv", "open_set.csv", "curves.npz"} <= {
        file.name for file in folder.iterdir()
    }
    with np.load(folder / "curves.npz") as curves, (folder / "roc.csv").open() as file:
        assert len(curves["roc/FAR"]) == len(file.readlines()) - 1


def test_the_figures_go_to_tensorboard(evaluated):
    folder = Path(evaluated["evaluation"].uri) / "tensorboard"
    (path,) = folder.iterdir()
    shown = {
        value.tag: tf.make_ndarray(value.tensor).item()
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert shown["test/EER"] == pytest.approx(metrics_of(evaluated)["EER"])
    assert "test/closed_set/Rank-1" in shown


def test_pairs_that_beam_counts_give_the_same_figures(transformed, model, evaluated, tmp_path):
    outputs = run_evaluator(transformed["transformed_examples"], model, tmp_path, shards=3)
    metrics, in_process = metrics_of(outputs), metrics_of(evaluated)
    for name in ("EER", "EER_threshold", "AUC", "Rank-1", "intervals", "counts", "thresholds"):
        assert metrics[name] == in_process[name]


def test_files_that_cannot_be_read_are_named_and_cost_no_other_figure(transformed, model, tmp_path):
    outputs = run_evaluator(
        transformed["transformed_examples"],
        model,
        tmp_path,
        slices={"file": str(tmp_path / "nowhere.csv"), "columns": ["hair"]},
        protocols={"pairs": {"file": str(tmp_path / "no pairs.txt")}},
    )
    metrics = json.loads((Path(outputs["evaluation"].uri) / "metrics.json").read_text())
    (remark,) = metrics["protocols"]["pairs"]["remarks"]
    assert re.match(r"cannot read .*/nowhere\.csv: ", metrics["slices_missing"])
    assert re.match(r"Not measured: cannot read .*/no pairs\.txt: ", remark)
    assert 0 <= metrics["EER"] <= 1
    assert (Path(outputs["blessing"].uri) / "NOT_BLESSED").exists()


def test_the_latest_blessed_model_is_measured_on_the_same_pairs(transformed, model, tmp_path):
    outputs = run_evaluator(
        transformed["transformed_examples"], model, tmp_path, baseline=model, **LENIENT
    )
    metrics = metrics_of(outputs)
    latest = metrics["baselines"]["latest blessed model"]
    assert latest["EER"] == metrics["EER"]
    assert latest["counts"] == metrics["counts"]
    gate = metrics["gate"]["overall"]
    assert (gate["difference"], gate["passed"]) == (0.0, True)
    assert model_utils.is_model_blessed(outputs["blessing"])


def test_a_blessed_model_of_another_input_is_named_and_not_compared(
    source, transformed, model, tmp_path
):
    examples = run_example_gen(source, tmp_path / "gen", test_split=0.4)["examples"]
    other_shape = SMALL_MODEL.model_copy(update={"input_shape": [40, 40, 3]})
    other = run_trainer(
        run_transform(examples, tmp_path / "transform", (40, 40, 3)),
        tmp_path / "trained",
        model=other_shape,
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
    client = MlflowClient(tracking.uri)
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
    assert metrics_of(outputs)["counts"]["images"] == 20

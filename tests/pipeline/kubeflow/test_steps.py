"""The compiled steps, run by their own commands and arguments in an emulated launcher's layout."""

import json

import ml_metadata
import pytest
import tensorflow as tf
from tfx.types.artifact import CUSTOM_PROPERTIES_PREFIX

from components.shards import shard_files
from faces.storage import read_split
from pipeline.config import load_config
from pipeline.kubeflow.compiler import compile_pipeline
from tests.conftest import write_faces
from tests.faces.sources.tables import rows_of_folder, write_csv
from tests.pipeline.kubeflow import recording
from tests.pipeline.kubeflow.conftest import IMAGE, SETTINGS
from tests.pipeline.kubeflow.launcher import ROOT, EmulatedLauncher, StepFailedError

AT_SUBMISSION = {"epochs": 1.0, "batch-size": 8.0, "margin": 0.25, "scale": 12.0}


def launcher_in(folder, **parameters):
    """A run on drawn faces, which are where `data-dir` says, not where the compiler was told."""
    faces = write_faces(folder / "faces", people=8, shots=5)
    settings = [*SETTINGS, f"kubeflow.serving_dir={folder}/models", "tracking.enabled=false"]
    document = compile_pipeline(load_config(None, settings), IMAGE)
    return EmulatedLauncher(
        document, folder, {"data-dir": str(faces), **AT_SUBMISSION, **parameters}
    )


@pytest.fixture(scope="module")
def without_metadata_store():
    """No step opens ML Metadata's store, by whatever way; the driver and the launcher would."""

    def refuse(*arguments, **options):
        raise AssertionError("a step opens ML Metadata's store")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml_metadata.MetadataStore, "__init__", refuse)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory, without_metadata_store):
    launcher = launcher_in(tmp_path_factory.mktemp("run"))
    launcher.run_all()
    return launcher


def test_every_step_runs_on_what_the_steps_before_it_uploaded(run):
    assert {step for step, _ in run.artifacts} == set(run.steps)


def test_no_step_needs_a_metadata_store(run):
    with pytest.raises(AssertionError, match="opens ML Metadata's store"):
        ml_metadata.MetadataStore(None)
    assert {step for step, _ in run.artifacts} == set(run.steps)


def test_the_images_named_at_submission_arrive_as_transformed_examples(run):
    transformed = run.folder_of("ImageTransform", "transformed_examples")
    images = [
        read_split(shard_files(f"{transformed}/Split-{split}"), (32, 32, 3))["image"]
        for split in ("train", "val", "test")
    ]
    assert sum(map(len, images)) == 40


def test_outputs_are_reported_as_the_uris_that_the_launcher_provisioned(run):
    assert all(artifact["uri"].startswith(ROOT) for artifact in run.artifacts.values())


def test_no_metadata_names_a_folder_of_the_container(run):
    metadata = [value for item in run.artifacts.values() for value in item["metadata"].values()]
    assert not [value for value in metadata if "/minio/" in str(value)]
    blessing = run.artifacts["FaceEvaluator", "blessing"]["metadata"]
    assert blessing["current_model"] == run.artifacts["Trainer", "model"]["uri"]


def test_the_number_of_epochs_given_at_submission_is_trained(run):
    history = run.folder_of("Trainer", "model_run") / "history.json"
    assert {len(values) for values in json.loads(history.read_text()).values()} == {1}


def test_the_pushed_model_is_whole_and_is_the_baseline_of_the_next_evaluation(run):
    (pushed,) = (run.folder / "models").iterdir()
    assert tf.saved_model.load(str(pushed)).signatures
    assert "no blessed model" in reasons_of(run).lower()
    run.run("FaceEvaluator")
    assert run.artifacts["FaceEvaluator", "blessing"]["metadata"]["baseline_model"] == str(pushed)
    assert "latest blessed model" in reasons_of(run)


@pytest.mark.parametrize(
    ("step", "output"),
    [("ImageTransform", "transformed_examples"), ("FaceEvaluator", "evaluation")],
)
def test_a_step_reads_inputs_as_kfp_gives_them_without_ml_metadata(run, step, output):
    before = run.folder_of(step, output)
    run.run(step, by_ml_metadata=False)
    after = run.folder_of(step, output)
    assert after != before
    assert {path.name for path in after.iterdir()} == {path.name for path in before.iterdir()}


def reasons_of(run):
    return (run.folder_of("FaceEvaluator", "blessing") / "reasons.txt").read_text()


@pytest.fixture
def recorded(run):
    """The Trainer's step with a function that only keeps what it gets."""
    constant = run.steps["Trainer"].task["inputs"]["parameters"]["run_fn"]["runtimeValue"]
    given, constant["constant"] = constant["constant"], f"{recording.__name__}.run_fn"
    recording.received.clear()
    recording.output_folders.clear()
    try:
        run.run("Trainer")
    finally:
        constant["constant"] = given
    return recording


def test_every_value_given_at_submission_reaches_run_fn(recorded):
    (config,) = recorded.received
    training, model = config["training"], config["model"]
    assert (training["epochs"], training["batch_size"]) == (1, 8)
    assert (model["arcface_margin"], model["arcface_scale"]) == (0.25, 12.0)
    assert isinstance(training["epochs"], int)  # JSON has only doubles; the configuration is strict
    assert model["input_shape"] == [32, 32, 3]


def test_an_executor_finds_the_folders_of_its_outputs(recorded):
    assert recorded.output_folders == [True]


def test_a_step_whose_data_cannot_be_used_fails_with_one_line(tmp_path, capfd):
    launcher = launcher_in(tmp_path, **{"data-dir": str(tmp_path / "nowhere")})
    with pytest.raises(StepFailedError, match="ended with 2"):
        launcher.run("ImageExampleGen")
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("error: ") and "nowhere" in line]
    assert "Traceback" not in "".join(lines)


def test_the_images_named_at_submission_may_be_a_manifest(tmp_path):
    launcher = launcher_in(tmp_path, **{"data-dir": str(tmp_path / "faces/faces.csv")})
    rows = rows_of_folder(tmp_path / "faces")[10:]
    write_csv(tmp_path / "faces/faces.csv", rows)
    launcher.run("ImageExampleGen")
    folder = launcher.folder_of("ImageExampleGen", "quarantine")
    assert sum(json.loads((folder / "splits.json").read_text())["images"].values()) == len(rows)


def test_what_a_killed_attempt_left_is_not_taken_for_the_new_ones(tmp_path):
    launcher = launcher_in(tmp_path)
    pod = tmp_path / "pods/1-ImageExampleGen" / ROOT.replace("://", "/")
    left = pod / "ImageExampleGen/1/examples/Split-train/left.gz"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of the killed attempt")
    launcher.run("ImageExampleGen")
    files = shard_files(str(launcher.folder_of("ImageExampleGen", "examples") / "Split-train"))
    assert files
    assert not left.exists()


def test_the_command_of_a_container_runs_as_a_process_of_its_own(tmp_path):
    launcher = launcher_in(tmp_path)
    launcher.run("ImageExampleGen", as_process=True)
    assert list(launcher.folder_of("ImageExampleGen", "examples").glob("Split-train/*.gz"))


def test_the_images_named_at_submission_may_be_a_pattern_of_spans(tmp_path):
    launcher = launcher_in(tmp_path, **{"data-dir": str(tmp_path / "span-{SPAN}/v{VERSION}")})
    for span, version in ((3, 1), (4, 1), (4, 2)):
        write_faces(tmp_path / f"span-{span}/v{version}", people=6, shots=3)
    launcher.run("ImageExampleGen")
    metadata = launcher.artifacts["ImageExampleGen", "examples"]["metadata"]
    # As TFX reports custom properties that the type declares, too.
    assert [metadata[CUSTOM_PROPERTIES_PREFIX + name] for name in ("span", "version")] == [4, 2]

"""The command `arcface evaluate`: what it writes, how it ends, and what it needs."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from biometrics import EmbeddingSet, Rules, Settings, ThresholdPack, evaluate
from biometrics.embedding_files import embeddings_sha256
from pipeline.evaluate import app
from tests import ROOT
from tests.biometrics.cases import random_faces

HEAVY = {"tensorflow", "keras", "tfx", "apache_beam", "mlflow", "ml_metadata", "sklearn"}


def write_faces(path, seed=0, spread=0.6, order=None):
    """Embeddings of 14 people with 4 images each; other seeds and spreads, other models."""
    vectors, people = random_faces(0, people=14, images=4, dim=12, spread=0.0)
    vectors += spread * np.random.default_rng(seed).normal(size=vectors.shape)
    keys = np.array([f"image {place}" for place in range(len(people))])
    order = np.arange(len(people)) if order is None else order
    np.savez(path, embeddings=vectors[order], identities=people[order], keys=keys[order])
    return path


@pytest.fixture
def faces(tmp_path):
    return write_faces(tmp_path / "faces.npz")


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_the_folder_holds_what_the_pipeline_writes(faces, tmp_path):
    done = run(faces, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    curves = {f"curves/{name}" for name in ("roc.csv", "cmc.csv", "scores.csv", "curves.npz")}
    assert files - {"curves/calibration.csv"} == curves | {
        "metrics.json",
        "report.html",
        "reasons.txt",
        "thresholds.json",
        "embeddings.npz",
    }
    images = EmbeddingSet.read_npz(tmp_path / "out/embeddings.npz")
    expected = evaluate(images, Settings(rules=Rules(beat_baselines=False))).metrics
    assert metrics_of(tmp_path / "out") == json.loads(json.dumps(expected))
    pack = ThresholdPack.from_json((tmp_path / "out/thresholds.json").read_bytes())
    assert pack.model_sha256 == embeddings_sha256(images)
    assert f"EER{expected['EER']:26.4f}" in done.output
    assert "blessed\n" in done.output


def test_protocols_groups_and_refused_figures_are_those_of_the_configuration(faces, tmp_path):
    (tmp_path / "people.csv").write_text(
        "identity,sex\n" + "".join(f"{one},{'fm'[one % 2]}\n" for one in range(14))
    )
    (tmp_path / "mine.yaml").write_text(
        "evaluation:\n"
        "  protocols: {open_set: {}, closed_set: {}, leave_one_out: {}, templates: {size: 2}}\n"
        f"  slices: {{file: {tmp_path / 'people.csv'}, columns: [sex]}}\n"
        "  target_fars: [0.1, 1.0e-6]\n"
    )
    done = run(faces, "--output", tmp_path / "out", "--config", tmp_path / "mine.yaml")
    assert done.exit_code == 0, done.output
    metrics = metrics_of(tmp_path / "out")
    assert list(metrics["protocols"]) == ["leave_one_out", "closed_set", "open_set", "templates"]
    assert set(metrics["slices"]["sex"]["groups"]) == {"f", "m"}
    assert metrics["unsupported"] == {"TAR@FAR=1e-06": 3_000_000}
    assert re.search(r"TAR@FAR=1e-06 +no number: it takes 3,000,000 impostor pairs", done.output)


def test_a_bound_that_is_not_shown_ends_with_3_and_says_which(faces, tmp_path):
    done = run(faces, "--output", tmp_path / "out", "--bounds", "EER<=0.00001")
    assert done.exit_code == 3
    assert "EER is " in done.output
    assert "fails: at most 1e-05 is required" in done.output
    assert (tmp_path / "out/reasons.txt").read_text() in done.output
    assert "\nnot blessed\n" in done.output


@pytest.mark.parametrize(("spread", "code"), [(1.6, 3), (0.4, 0)])
def test_a_model_that_is_significantly_worse_than_the_one_in_use_ends_with_3(
    faces, tmp_path, spread, code
):
    backwards = np.arange(56)[::-1]  # matched by keys
    mine = write_faces(tmp_path / "mine.npz", seed=1, spread=spread, order=backwards)
    assert run(faces, "--output", tmp_path / "in use").exit_code == 0
    done = run(mine, "--output", tmp_path / "out", "--latest-blessed", tmp_path / "in use")
    assert done.exit_code == code, done.output
    gate = metrics_of(tmp_path / "out")["gate"]["overall"]
    assert gate["against"] == "latest blessed model"
    assert gate["passed"] is (code == 0)
    assert gate["baseline"] == pytest.approx(metrics_of(tmp_path / "in use")["EER"])


def test_sets_whose_images_would_have_to_be_embedded_are_said_not_to_be_measured(faces, tmp_path):
    done = run(
        faces, "--output", tmp_path / "out", "--set", "evaluation.verification.lfw.file=lfw.bin"
    )
    assert done.exit_code == 0, done.output
    (remark,) = metrics_of(tmp_path / "out")["verification"]["lfw"]["remarks"]
    assert remark.startswith("Not measured: their images have to be embedded")


def test_baselines_that_are_asked_for_by_name_are_missed(faces, tmp_path):
    asked = ("--set", "evaluation.beat_baselines=true")
    done = run(faces, "--output", tmp_path / "out", *asked)
    assert done.exit_code == 3
    assert "It is not held against raw pixels: the images are not at hand" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bounds", "EER"], "--bounds takes a figure, <= or >=, and a number"),
        (["--bounds", "EER<=low"], "--bounds takes a figure"),
        (["--bounds", "EER<=1", "--bounds", "EER<=2"], "gives the max of EER twice"),
        (["--bounds", "ERR<=0.1"], "evaluation: bounds.ERR: there is no such figure"),
        (["--config", "nowhere.yaml"], "cannot read the configuration nowhere.yaml"),
        (["--latest-blessed", "metrics.json"], "has figures and no pairs"),
        (["--latest-blessed", "nowhere"], "embeddings come as .npz"),
        (["--labels", "labels.csv"], "goes with an .npy"),
    ],
)
def test_what_is_given_wrongly_is_one_message_and_nothing_is_written(
    faces, tmp_path, arguments, message
):
    done = run(faces, "--output", tmp_path / "out", *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.zeros((4, 2))}, "needs embeddings that are not zero"),
        ({"identities": ["a"] * 4}, "images of at least two people"),
        ({"identities": ["a", "b", "c", "d"]}, "at least one person with two images"),
        ({"keys": ["1", "2", "3", "3"]}, "keys must be unique"),
    ],
)
def test_embeddings_that_cannot_be_measured_are_one_message(tmp_path, change, message):
    arrays = {"embeddings": np.eye(4, 2) + 1, "identities": list("aabb"), "keys": list("1234")}
    np.savez(tmp_path / "some.npz", **arrays | change)
    done = run(tmp_path / "some.npz", "--output", tmp_path / "out")
    assert (done.exit_code, done.stderr.startswith("error: ")) == (2, True)
    assert message in done.stderr


def test_a_folder_that_holds_anything_is_left_as_it_is(faces, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/metrics.json").write_text("mine")
    done = run(faces, "--output", tmp_path / "out")
    assert done.exit_code == 2
    assert "is there already: give a new folder" in done.stderr
    assert [path.read_text() for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_neither_tensorflow_nor_tfx_nor_scikit_learn_is_loaded(faces, tmp_path):
    code = (
        "import sys\n"
        f"sys.argv = ['evaluate', {str(faces)!r}, '--output', {str(tmp_path / 'out')!r}]\n"
        "from pipeline.evaluate import app\n"
        "try: app()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        f"heavy = {HEAVY}\n"
        "sys.exit(f'loaded {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/report.html").exists()


@pytest.mark.slow
def test_shards_are_scored_by_beam_with_the_same_figures(faces, tmp_path):
    assert run(faces, "--output", tmp_path / "here").exit_code == 0
    done = run(faces, "--output", tmp_path / "beam", "--set", "evaluation.shards=3")
    assert done.exit_code == 0, done.output
    assert metrics_of(tmp_path / "beam") == metrics_of(tmp_path / "here")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beam", "faces.npz", "here"]

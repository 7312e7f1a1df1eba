"""The command `arcface compare`: two models on the images that both have embedded."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from biometrics.embeddings import EmbeddingSet
from biometrics.engine.pair_scores import score_pairs
from biometrics.intervals.paired import compare
from biometrics.protocols.all_pairs import measure_pairs
from biometrics.settings import ProtocolSettings
from pipeline.compare import app
from pipeline.comparing import lines_of, side_by_side
from tests.biometrics.cases import random_faces

VECTORS, PEOPLE = random_faces(0, people=14, images=4, dim=12, spread=0.0)
KEYS = np.array([f"image {place}" for place in range(len(PEOPLE))])


def model(seed, spread):
    """A model's embeddings [56, 12] of 14 people with 4 images each."""
    return VECTORS + spread * np.random.default_rng(seed).normal(size=VECTORS.shape)


def write(path, embeddings, rows=slice(None), people=PEOPLE):
    np.savez(path, embeddings=embeddings[rows], identities=people[rows], keys=KEYS[rows])
    return path


@pytest.fixture
def files(tmp_path):
    """Of a good model, and of a poor one in another order, which lacks ten of the images."""
    backwards = np.arange(len(PEOPLE))[:9:-1]
    return SimpleNamespace(
        good=write(tmp_path / "good.npz", model(1, 0.5)),
        poor=write(tmp_path / "poor.npz", model(2, 1.5), rows=backwards),
    )


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_each_figure_is_that_of_both_models_on_the_images_that_both_have(files, tmp_path):
    done = run(files.good, files.poor, "--output", tmp_path / "compared.json")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "compared.json").read_text())
    assert (found["images"], found["only_in"]) == (46, {"A": 10, "B": 0})
    people = PEOPLE[10:].astype(str)
    pairs = [score_pairs(embeddings[10:], people) for embeddings in (model(1, 0.5), model(2, 1.5))]
    ours, theirs = (measure_pairs(one, ProtocolSettings()) for one in pairs)
    assert {"EER", "AUC", "TAR@FAR=1e-02", "Rank-1", "Rank-1 (one enrolled)"} <= set(
        found["figures"]
    )
    for key, figure in found["figures"].items():
        assert (figure["A"], figure["B"]) == pytest.approx((ours[key], theirs[key])), key
        assert figure["difference"] == pytest.approx(ours[key] - theirs[key])
        assert figure["interval"][0] <= figure["difference"] <= figure["interval"][1]
    expected = compare(*pairs, seed=42)
    assert found["figures"]["EER"]["interval"] == pytest.approx(expected.interval())
    assert found["unsupported"] == {"TAR@FAR=1e-03": 3000}


def test_what_is_printed_says_which_is_better_and_what_is_left_out(files):
    done = run(files.good, files.poor)
    lines = done.output.splitlines()
    assert lines[0] == "on 46 images of 14 people, which both have"
    assert lines[1] == "left out: 10 images that only A has, 0 that only B has"
    said = {line.split()[0]: line for line in lines[3:]}
    assert said["EER"].endswith("A is better")
    assert said["AUC"].endswith("A is better")
    assert said["TAR@FAR=1e-03"].endswith("no number: it takes 3,000 impostor pairs")
    other = {line.split()[0]: line for line in run(files.poor, files.good).output.splitlines()}
    assert other["EER"].endswith("B is better")
    assert other["AUC"].endswith("B is better")


def test_two_models_that_are_as_good_may_differ_by_chance(tmp_path):
    first, second = (
        EmbeddingSet(embeddings=model(seed, 0.9), identities=PEOPLE.astype(str), keys=KEYS)
        for seed in (3, 4)
    )
    compared = side_by_side(first, second, distance="cosine", fars=[0.1], ranks=[], seed=0)
    (line,) = (line for line in lines_of(compared) if line.startswith("EER"))
    assert line.endswith("may be chance")


def test_an_npy_has_its_labels_beside_it(files, tmp_path):
    np.save(tmp_path / "good.npy", model(1, 0.5))
    rows = "".join(f"{key},{person}\n" for key, person in zip(KEYS, PEOPLE, strict=True))
    (tmp_path / "labels.csv").write_text("key,identity\n" + rows)
    done = run(tmp_path / "good.npy", files.poor, "--labels", tmp_path / "labels.csv")
    assert done.exit_code == 0, done.output
    assert done.output == run(files.good, files.poor).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "labels.csv"], "neither A nor B is one"),
        (["--output", "."], "is there already"),
        (["--set", "evaluation.distance=near"], "evaluation.distance: must be 'cosine' or"),
    ],
)
def test_what_is_given_wrongly_is_one_message(files, arguments, message):
    done = run(files.good, files.poor, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_models_of_other_images_or_people_are_not_compared(files, tmp_path):
    other = write(tmp_path / "other.npz", model(1, 0.5), people=PEOPLE[::-1])
    done = run(files.good, other)
    assert done.exit_code == 2
    assert "must show the same person for both models" in done.stderr

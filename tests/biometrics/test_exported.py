"""Whether the same network in another format embeds as the model does."""

import json

import numpy as np
import pytest

from biometrics.embeddings import EmbeddingSet
from biometrics.engine.distances import normalised
from biometrics.exported import LEAST_COSINE, Exported, measure_export, passed
from biometrics.figures.metrics import calculate_verification_metrics
from biometrics.settings import Settings
from tests.biometrics.cases import random_faces

EMBEDDINGS, LABELS = random_faces(people=10, images=5, spread=0.8)
SETTINGS = Settings(target_fars=[0.1, 1e-4], ranks=[1], seed=1)


def measured(embeddings, **options):
    images = EmbeddingSet(
        embeddings=EMBEDDINGS,
        identities=[f"person {label}" for label in LABELS],
        keys=[str(index) for index in range(len(LABELS))],
    )
    found = measure_export(images, Exported(embeddings, **options), SETTINGS)
    json.dumps(found, allow_nan=False)
    return found


def turned_by(cosine):
    """Each embedding, turned so far from itself."""
    ours = normalised(EMBEDDINGS)
    across = np.roll(ours, 1, axis=1)
    across -= np.sum(across * ours, axis=1, keepdims=True) * ours
    sine = np.sqrt(1 - cosine**2)
    return (cosine * ours + sine * normalised(across)).astype(np.float32)


def test_embeddings_that_agree_pass_whatever_their_length():
    found = measured(3 * EMBEDDINGS, size=12)
    assert found["passed"]
    assert (found["reason"], found["bytes"]) == ("", 12)
    assert found["least_cosine"] == pytest.approx(1, abs=1e-12)
    assert found["farthest"] < 1e-6
    assert "figures" not in found


@pytest.mark.parametrize(("cosine", "is_one"), [(1 - 5e-6, True), (1 - 2e-5, False)])
def test_a_float_export_has_to_agree_in_every_image(cosine, is_one):
    embeddings = EMBEDDINGS.copy()
    embeddings[7] = turned_by(cosine)[7]
    found = measured(embeddings)
    assert found["passed"] == is_one
    assert found["least_cosine"] == pytest.approx(cosine, abs=1e-7)
    assert found["farthest"] == pytest.approx(np.sqrt(2 - 2 * cosine), rel=0.01)
    assert (f"{LEAST_COSINE:g} is required" in found["reason"]) != is_one


@pytest.mark.parametrize(("cosine", "is_one"), [(0.96, True), (0.94, False)])
def test_int8_has_to_agree_in_the_mean(cosine, is_one):
    found = measured(turned_by(cosine), is_quantised=True)
    assert found["passed"] == is_one
    assert ("the mean cosine is 0.94" in found["reason"]) != is_one


def test_int8_is_measured_at_thresholds_of_its_own():
    noise = np.random.default_rng(5).normal(0, 0.2, EMBEDDINGS.shape)
    embeddings = (EMBEDDINGS + noise).astype(np.float32)
    figures = measured(embeddings, is_quantised=True)["figures"]
    assert "TAR@FAR=1e-04" not in figures  # which so few pairs do not support
    assert "TAR@FAR=1e-01" in figures
    for key in ("EER", "AUC"):
        for whose, theirs in (("model", EMBEDDINGS), ("export", embeddings)):
            expected = calculate_verification_metrics(theirs, LABELS)[key]
            assert figures[key][whose] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("embeddings", "reason"),
    [
        (EMBEDDINGS[:, :3], "where the model gives"),
        (EMBEDDINGS[:-1], "where the model gives"),
        (np.full_like(EMBEDDINGS, np.nan), "no finite numbers"),
        (np.zeros_like(EMBEDDINGS), "0 throughout"),
    ],
)
def test_what_cannot_be_compared_does_not_pass(embeddings, reason):
    found = measured(embeddings)
    assert not found["passed"]
    assert reason in found["reason"]


def test_an_export_that_could_not_embed_has_its_reason():
    found = measured(None, failure="no such runtime")
    assert (found["passed"], found["reason"]) == (False, "no such runtime")


def test_those_that_passed_are_named():
    metrics = {"exports": {"onnx": {"passed": True}, "litert": {"passed": False}}}
    assert passed(metrics) == {"onnx": {"passed": True}}
    assert passed({}) == {}

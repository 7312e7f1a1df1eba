"""How an epoch is judged: by images of known people, and by pairs of images of strangers."""

import logging
import math

import numpy as np
import pytest
import tensorflow as tf

from biometrics.figures.metrics import calculate_verification_metrics
from components.trainer.building import built
from components.trainer.validation import (
    Validation,
    ValidationImages,
    load_validation,
    stranger_figures,
)
from faces.contract import UNKNOWN_LABEL
from faces.storage import to_example
from tests.components.trainer.small import PEOPLE, patterns, small_settings

SHAPE = (32, 32, 1)


@pytest.fixture
def classifier(tiny_backbone):
    with built(small_settings(), PEOPLE) as parts:
        yield parts.classifier


def written(path, labels, names):
    """A file of images, image i filled with i."""
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        for number, (label, name) in enumerate(zip(labels, names, strict=True)):
            pixels = np.full(SHAPE, number, np.uint8)
            key = f"{name}/{number}".encode()
            writer.write(to_example(pixels, label, name.encode(), key, (48, 40)))
    return str(path)


def strangers_named(*names) -> ValidationImages:
    pixels = np.random.default_rng(2).integers(0, 255, (len(names), *SHAPE)).astype(np.uint8)
    images = tf.data.Dataset.from_tensor_slices((pixels, np.array(names)))
    return ValidationImages(strangers=images.batch(4))


def test_a_split_holds_known_people_by_label_and_strangers_by_name(tmp_path):
    labels = [0, UNKNOWN_LABEL, 2, UNKNOWN_LABEL, UNKNOWN_LABEL]
    path = written(tmp_path / "val.gz", labels, ["ann", "eve", "bob", "eve", "zoe"])
    images = load_validation([path], SHAPE, batch_size=2)
    known, strangers = (
        [(int(pixels.max()), whose) for pixels, whose in kind.unbatch().as_numpy_iterator()]
        for kind in (images.known, images.strangers)
    )
    assert known == [(0, 0), (2, 2)]
    assert strangers == [(1, b"eve"), (3, b"eve"), (4, b"zoe")]
    assert images.num_known == 2
    assert images.figures == {"val_loss", "val_accuracy", "val_eer"}


@pytest.mark.parametrize(
    ("labels", "figures"),
    [([0, 1], {"val_loss", "val_accuracy"}), ([UNKNOWN_LABEL] * 2, set())],
)
def test_a_split_of_one_kind_has_none_of_the_other(tmp_path, labels, figures):
    path = written(tmp_path / "val.gz", labels, ["ann", "bob"])
    images = load_validation([path], SHAPE, batch_size=2)
    assert (images.known is None) == (labels[0] == UNKNOWN_LABEL)
    assert (images.strangers is None) == (labels[0] != UNKNOWN_LABEL)
    assert images.figures == figures


def test_a_split_without_files_has_neither():
    images = load_validation([], SHAPE, batch_size=2)
    assert images == ValidationImages()
    assert images.num_known == 0
    assert images.figures == set()


def test_known_people_are_judged_with_the_whole_margin_and_the_penalty(classifier):
    pixels, labels = patterns()
    classifier.loss.margin_share.assign(0.0)
    figures = Validation(classifier, ValidationImages.of(pixels, labels, batch_size=4))(1)
    embeddings = np.asarray(classifier.embedding_model(pixels))
    centres = np.asarray(classifier.head.centres)
    cosines = embeddings @ (centres / np.linalg.norm(centres, axis=1, keepdims=True)).T
    own = np.arange(len(labels)), labels
    logits = 16.0 * cosines
    logits[own] = 16.0 * np.cos(np.arccos(cosines[own]) + 0.5)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[own]
    penalty = 5e-4 * sum(
        np.square(weight).sum()
        for weight in classifier.embedding_model.trainable_variables
        if weight.name == "kernel"
    )
    assert figures["val_loss"] == pytest.approx(losses.mean() + penalty, rel=1e-4)
    assert figures["val_accuracy"] == pytest.approx(np.mean(cosines.argmax(axis=1) == labels))


def test_judging_changes_no_weight_and_averages_no_statistics(classifier):
    before = [np.array(variable) for variable in classifier.embedding_model.variables]
    Validation(classifier, ValidationImages.of(*patterns(), batch_size=6))(1)
    for variable, value in zip(classifier.embedding_model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_strangers_are_judged_by_all_their_pairs(classifier):
    names = [f"person {number % 5}" for number in range(20)]
    images = strangers_named(*names)
    figures = Validation(classifier, images)(1)
    pixels = np.concatenate([pixels for pixels, _ in images.strangers])
    expected = calculate_verification_metrics(classifier.embedding_model(pixels), names)
    assert set(figures) == {"val_eer"}  # 160 impostor pairs are too few for a TAR
    assert figures["val_eer"] == pytest.approx(expected["EER"])


def test_a_true_accept_rate_is_given_where_impostor_pairs_are_enough():
    embeddings = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    enough = np.arange(30) % 15
    assert set(stranger_figures(embeddings, enough)) == {"val_eer", "val_tar"}
    assert set(stranger_figures(embeddings[:24], enough[:24])) == {"val_eer"}


def test_the_true_accept_rate_of_people_told_apart_is_one():
    people = np.arange(60) % 30
    figures = stranger_figures(np.eye(30, dtype=np.float32)[people], people)
    assert figures == {"val_eer": 0.0, "val_tar": 1.0}


@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0])
def test_embeddings_without_a_direction_give_a_figure_that_stops_the_training(broken):
    embeddings = np.ones((4, 3), np.float32)
    embeddings[2] = broken
    figures = stranger_figures(embeddings, np.array(["ann", "ann", "bob", "bob"]))
    assert list(figures) == ["val_eer"]
    assert math.isnan(figures["val_eer"])


@pytest.mark.parametrize("names", [["ann"], ["ann", "ann", "ann"], ["ann", "bob", "eve"]])
def test_strangers_who_make_no_pairs_are_passed_over_and_the_log_says_so(classifier, names, caplog):
    images = strangers_named(*names)
    assert images.figures == set()
    with caplog.at_level(logging.WARNING):
        assert Validation(classifier, images)(1) == {}
    assert "the strangers of the val split are passed over" in caplog.text
    assert "data.val_people" in caplog.text


def test_strangers_are_looked_at_every_few_epochs(classifier, caplog):
    validation = Validation(classifier, strangers_named("ann", "ann", "bob"), every=3)
    looked = [epoch for epoch in range(1, 8) if validation(epoch)]
    assert looked == [3, 6]
    assert not caplog.records

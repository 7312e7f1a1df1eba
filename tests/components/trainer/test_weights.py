"""A training starts from the weights of an earlier one, and says which."""

import logging

import keras
import numpy as np
import pytest

from components.trainer.model import (
    HEAD,
    FaceEmbeddingModel,
    build_arcface_model,
    flip_averaged,
    portable,
)
from components.trainer.weights import WeightsError, load_weights, read_weights

SHAPE = (32, 32, 1)


def embedding_model(seed, **options):
    keras.utils.set_random_seed(seed)
    return FaceEmbeddingModel(SHAPE, **{"embedding_dim": 8, **options})


def classifier_of(model, people=3):
    return build_arcface_model(model, people, margin=0.5, scale=16.0)


def same_weights(first, second):
    return all(
        np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True)
    )


@pytest.fixture(scope="module")
def before():
    return embedding_model(1)


def saved_as(model, path):
    """The files that a training leaves, by what they hold."""
    whole = {
        "embedding model": model,
        "delivered": flip_averaged(portable(model)),
        "classifier": trained(classifier_of(model)),
    }
    for name, what in whole.items():
        what.save(path / f"{name}.keras")
        what.save_weights(path / f"{name}.weights.h5")


def trained(classifier):
    """With an optimizer's state and with metrics, which a file has beside the layers."""
    classifier.optimizer.build(classifier.trainable_variables)
    return classifier


@pytest.fixture(scope="module")
def files(before, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    saved_as(before, folder)
    return folder


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
@pytest.mark.parametrize("what", ["embedding model", "delivered", "classifier"])
def test_every_file_that_a_training_leaves_gives_the_embedding_model_its_weights(
    files, before, what, ending
):
    model = embedding_model(2)
    assert not same_weights(model, before)
    loaded = load_weights(model, files / f"{what}{ending}")
    assert same_weights(model, before)
    assert loaded == [layer.name for layer in model.layers if layer.weights]


def test_the_head_begins_anew_for_other_people_and_the_log_says_so(files, before, caplog):
    model = embedding_model(2)
    classifier = classifier_of(model, people=4)
    centres = classifier.get_layer(HEAD).get_weights()
    with caplog.at_level(logging.INFO):
        loaded = load_weights(classifier, files / "classifier.keras")
    assert same_weights(model, before)
    assert HEAD not in loaded
    np.testing.assert_array_equal(classifier.get_layer(HEAD).get_weights(), centres)
    assert f"weights of {len(loaded)} layers loaded from" in caplog.text
    assert f"not loaded: {HEAD}, which begins anew" in caplog.text


def test_the_head_of_as_many_people_is_loaded(files):
    classifier = classifier_of(embedding_model(2))
    assert HEAD in load_weights(classifier, files / "classifier.keras")
    saved = read_weights(files / "classifier.keras")[HEAD]
    np.testing.assert_array_equal(classifier.get_layer(HEAD).get_weights(), saved)


def test_what_of_the_file_is_not_used_is_said(files, caplog):
    load_weights(embedding_model(2), files / "classifier.keras")
    assert f"not used: {HEAD}" in caplog.text


def test_nothing_is_said_of_a_file_that_is_used_up(files, caplog):
    load_weights(embedding_model(2), files / "delivered.keras")
    assert caplog.text == ""


def test_a_layer_of_another_shape_is_named_with_both_and_nothing_is_loaded(files):
    model = embedding_model(2, embedding_dim=16)
    weights = model.get_weights()
    message = r"layer embedding has weights of the shapes \(512, 8\) in .*, and \(512, 16\) here"
    with pytest.raises(WeightsError, match=message):
        load_weights(model, files / "delivered.keras")
    assert all(map(np.array_equal, model.get_weights(), weights))


def test_a_file_of_another_network_is_refused_with_what_it_lacks(files):
    model = embedding_model(2, backbone="mobilefacenet")
    message = r"no weights for \d+ of \d+ layers \(stem_depthwise, .* and \d+ more\).*backbone"
    with pytest.raises(WeightsError, match=message):
        load_weights(model, files / "delivered.keras")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"there is no file .*none\.keras"):
        load_weights(embedding_model(2), tmp_path / "none.keras")


@pytest.mark.parametrize("name", ["text.keras", "text.weights.h5"])
def test_a_file_of_something_else_is_refused(tmp_path, name):
    (tmp_path / name).write_text("not weights")
    with pytest.raises(WeightsError, match=r"is none of Keras' \.keras or \.weights\.h5 files"):
        load_weights(embedding_model(2), tmp_path / name)


def test_a_file_without_weights_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,))]).save(tmp_path / "empty.keras")
    with pytest.raises(WeightsError, match="has no weights of layers with names"):
        read_weights(tmp_path / "empty.keras")


def test_two_layers_of_one_name_are_refused(tmp_path):
    def part():
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="twin")])

    pixels = keras.Input((2,))
    keras.Model(pixels, part()(part()(pixels))).save(tmp_path / "twins.keras")
    with pytest.raises(WeightsError, match=r"two layers in .* are both called twin"):
        read_weights(tmp_path / "twins.keras")

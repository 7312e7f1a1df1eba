"""What every backbone promises."""

from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer import backbones
from components.trainer.backbones.names import BACKBONE_NAMES, BackboneName
from components.trainer.backbones.registry import BACKBONES
from components.trainer.heads import l2_normalise
from components.trainer.model import FaceEmbeddingModel, flip_averaged, portable
from components.trainer.weights import load_weights

DIM = 8
GREY, COLOUR = (32, 32, 1), (40, 36, 3)

# One of each family; what the others have more of is only depth or width.
FAMILIES = (
    "resnet10",
    "mobilefacenet",
    "ghostfacenet",
    "edgeface_xs",
    "iresnet18",
    "efficientnet_v2_b0",
)
each_family = pytest.mark.parametrize("name", FAMILIES)


def built(name, shape=GREY):
    keras.utils.set_random_seed(0)
    return FaceEmbeddingModel(shape, DIM, dropout_rate=0.2, backbone=name)


@cache
def model_of(name):
    """A model that no test changes."""
    return built(name)


def some_pixels(count=4, shape=GREY):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.float32)


@contextmanager
def policy(name):
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def weighted_layers(model):
    return [layer for layer in model.layers if layer.weights]


def gradients(model, pixels):
    """Of a sum of the features, with weights that are all different."""
    weights = tf.random.stateless_normal((len(pixels), DIM), (1, 2))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model.features(pixels, training=True) * weights)
    return tape.gradient(total, model.trainable_variables)


def test_the_names_of_the_configuration_are_those_of_the_registry():
    assert tuple(BACKBONES) == BACKBONE_NAMES == get_args(BackboneName)


def test_every_family_is_of_the_registry_and_every_file_has_one_in_it():
    def file_of(name):
        network = BACKBONES[name]
        network = network.func if isinstance(network, partial) else network
        return network.__module__.rpartition(".")[2]

    (folder,) = map(Path, backbones.__path__)
    files = {path.stem for path in folder.glob("*.py")}
    assert {file_of(name) for name in BACKBONES} == files - {
        "__init__",
        "blocks",
        "names",
        "registry",
    }
    assert {file_of(name) for name in FAMILIES} == {file_of(name) for name in BACKBONES}


@each_family
@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_embeddings_are_float32_of_unit_length_whatever_the_policy(name, precision):
    with policy(precision):
        model = built(name)
    embeddings = model(some_pixels(2))
    assert (embeddings.shape, embeddings.dtype) == ((2, DIM), tf.float32)
    assert model.features.output.dtype == "float32"
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    np.testing.assert_allclose(embeddings, model_of(name)(some_pixels(2)), atol=0.1)


@each_family
def test_what_is_normalised_are_the_features(name):
    model = model_of(name)
    features = model.features(some_pixels())
    np.testing.assert_allclose(model(some_pixels()), l2_normalise(features), atol=1e-6)
    assert [id(w) for w in model.features.weights] == [id(w) for w in model.weights]
    assert np.linalg.norm(features, axis=1).std() > 0


@each_family
def test_colour_and_oblong_images_of_other_sizes_are_taken(name):
    assert built(name, COLOUR)(some_pixels(2, COLOUR)).shape == (2, DIM)


@each_family
def test_a_gradient_reaches_every_weight(name):
    model = built(name)
    for weight, gradient in zip(
        model.trainable_variables, gradients(model, some_pixels()), strict=True
    ):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0, weight.path


@each_family
def test_constant_images_give_finite_embeddings_and_gradients(name):
    model = built(name)
    for value in (0.0, 127.5, 255.0):
        assert np.isfinite(model(np.full((2, *GREY), value, np.float32))).all()
    found = gradients(model, np.full((2, *GREY), 255.0, np.float32))
    assert all(np.isfinite(gradient).all() for gradient in found)


@each_family
def test_inference_is_deterministic_and_of_each_image_by_itself(name):
    model = model_of(name)
    embeddings = model(some_pixels())
    np.testing.assert_array_equal(model(some_pixels()), embeddings)
    np.testing.assert_allclose(model(some_pixels()[1:2]), embeddings[1:2], atol=1e-4)


@each_family
def test_layers_with_weights_have_the_same_names_in_every_process_and_each_its_own(name):
    names = [layer.name for layer in weighted_layers(built(name))]
    assert names == [layer.name for layer in weighted_layers(model_of(name))]
    assert len(set(names)) == len(names)


@each_family
def test_the_delivered_model_is_all_of_keras_and_its_file_gives_the_weights_back(name, tmp_path):
    model = model_of(name)
    delivered = flip_averaged(portable(model))
    layers = [layer for layer in delivered._flatten_layers() if layer is not delivered]
    assert {type(layer).__module__.partition(".")[0] for layer in layers} == {"keras"}
    np.testing.assert_allclose(portable(model)(some_pixels()), model(some_pixels()), atol=1e-5)
    delivered.save(tmp_path / "best.keras")
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    np.testing.assert_allclose(loaded(some_pixels()), delivered(some_pixels()), atol=1e-5)
    again = FaceEmbeddingModel(GREY, DIM, backbone=name)
    load_weights(again, tmp_path / "best.keras")
    np.testing.assert_allclose(again(some_pixels()), model(some_pixels()), atol=1e-5)


@each_family
def test_images_that_are_too_small_are_refused_with_their_size(name):
    with pytest.raises(ValueError, match=r"at least 32 pixels each.*Received: \(31, 32, 1\)"):
        FaceEmbeddingModel((31, 32, 1), DIM, backbone=name)


@pytest.mark.parametrize("name", sorted(set(BACKBONE_NAMES) - set(FAMILIES)))
def test_the_deeper_networks_are_built_and_delivered_as_well(name):
    model = FaceEmbeddingModel(GREY, DIM, backbone=name)
    copy = portable(model)
    assert copy.output_shape == model.output_shape == (None, DIM)
    names = [layer.name for layer in weighted_layers(model)]
    assert [layer.name for layer in weighted_layers(copy)] == names
    assert len(set(names)) == len(names)

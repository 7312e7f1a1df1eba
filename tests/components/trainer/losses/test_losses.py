"""What every loss promises, and how the configuration finds it."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from components.trainer.config import LOSS_KEYS, ModelConfig
from components.trainer.heads import CosineHead, l2_normalise
from components.trainer.losses import LOSSES, MarginLoss, build_loss
from components.trainer.losses.softmax import Softmax
from tests.components.trainer.losses.references import (
    COSINES,
    DEVIATION,
    MEAN,
    SETTINGS,
    finite_differences,
    reference_losses,
    value_and_gradient,
)

SCALE = 12.0
NORMS = np.array([1.0, 12.0, 15.0, 17.0, 40.0, 200.0], np.float32)
LABELS = np.array([0, 4, 2, 2, 1, 3])

each_loss = pytest.mark.parametrize("name", LOSSES)
each_share = pytest.mark.parametrize("share", [0.0, 0.4, 1.0])


def loss_of(name: str, share: float = 1.0, scale: float = SCALE) -> MarginLoss:
    """A loss with settled averages of the norms."""
    loss = LOSSES[name](scale=scale, **SETTINGS.get(name, {}))
    loss.margin_share.assign(share)
    if name == "adaface":
        loss.norm_mean.assign(MEAN)
        loss.norm_deviation.assign(DEVIATION)
    return loss


def some_cosines(seed: int) -> np.ndarray:
    """[6, 5]; the first target lies beyond where ArcFace's sum of angles passes pi."""
    cosines = np.random.default_rng(seed).uniform(-0.99, 0.99, (6, 5)).astype(np.float32)
    cosines[0, LABELS[0]] = -0.97
    return cosines


def reference(name: str, share: float, cosines) -> np.ndarray:
    def with_margin(theta, norm):
        return COSINES[name](theta, norm, share)

    return reference_losses(cosines, LABELS, SCALE, with_margin, NORMS)


def test_every_loss_has_a_reference():
    assert COSINES.keys() == LOSSES.keys()


@each_loss
@each_share
@pytest.mark.parametrize("seed", range(5))
def test_loss_agrees_with_an_independent_float64_implementation(name, share, seed):
    losses = loss_of(name, share)(some_cosines(seed), LABELS, NORMS)
    assert losses.shape == (6,)
    np.testing.assert_allclose(losses, reference(name, share, some_cosines(seed)), rtol=2e-5)


@each_loss
@pytest.mark.parametrize("seed", range(3))
def test_gradient_agrees_with_finite_differences_of_the_float64_implementation(name, seed):
    weights = np.linspace(0.5, 2.0, 6)  # each image has its own part in the total
    loss = loss_of(name)
    _, gradient = value_and_gradient(
        lambda c: tf.tensordot(loss(c, LABELS, NORMS), weights.astype(np.float32), 1),
        some_cosines(seed),
    )
    expected = finite_differences(lambda c: weights @ reference(name, 1.0, c), some_cosines(seed))
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


@each_loss
@each_share
@pytest.mark.parametrize("cosine", [1.0, 1.0 + 1e-6, 1.0 - 6e-8, -1.0, -1.0 - 1e-6, -1.0 + 6e-8])
def test_value_and_gradient_are_finite_at_the_ends_of_the_range(name, share, cosine):
    loss = loss_of(name, share, scale=128.0)
    value, gradient = value_and_gradient(
        lambda c: loss(c, np.zeros(6, int), NORMS), np.tile([cosine, -cosine, 0.0], (6, 1))
    )
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@each_loss
@pytest.mark.parametrize("sub_centres", [1, 3])
def test_a_zero_embedding_has_a_finite_loss_and_gradient(name, sub_centres):
    head, loss = CosineHead(4, sub_centres), loss_of(name)

    def of_features(features):
        norms = tf.norm(features, axis=-1)
        return loss(head(l2_normalise(features)), np.array([0, 1]), norms, training=True)

    value, gradient = value_and_gradient(of_features, np.zeros((2, 3)))
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@each_loss
@each_share
@pytest.mark.parametrize("norm", [1.0, 15.0, 100.0])
def test_the_margin_never_rises_with_the_angle_and_never_raises_a_cosine(name, share, norm):
    cosines = np.cos(np.linspace(0, np.pi, 2001)).astype(np.float32)
    norms = np.full(2001, norm, np.float32)
    changed = np.asarray(loss_of(name, share).with_margin(cosines, norms))
    assert np.diff(changed).max() <= 1e-6
    assert (changed - cosines).max() <= 1e-6


@each_loss
def test_without_a_share_of_its_margin_a_loss_is_the_normalised_softmax(name):
    losses = loss_of(name, share=0.0)(some_cosines(0), LABELS, NORMS)
    np.testing.assert_allclose(
        losses, Softmax(SCALE)(some_cosines(0), LABELS, NORMS), rtol=1e-5, atol=1e-6
    )


def test_the_normalised_softmax_is_keras_cross_entropy_of_scaled_cosines():
    expected = keras.losses.sparse_categorical_crossentropy(
        LABELS, SCALE * some_cosines(0), from_logits=True
    )
    np.testing.assert_allclose(Softmax(SCALE)(some_cosines(0), LABELS, NORMS), expected, rtol=1e-5)


@each_loss
def test_a_loss_computes_in_float32_in_mixed_precision(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        loss = loss_of(name)
        halves = tf.cast(some_cosines(0), tf.float16)
        losses = loss(halves, LABELS, tf.cast(NORMS, tf.float16))
    finally:
        keras.config.set_dtype_policy("float32")
    assert losses.dtype == tf.float32
    expected = loss_of(name)(tf.cast(halves, tf.float32), LABELS, NORMS)
    np.testing.assert_array_equal(losses, expected)


@each_loss
def test_a_loss_survives_serialisation(name):
    loss = build_loss(ModelConfig(loss=name, arcface_scale=24.0))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(copy) is LOSSES[name]
    assert copy.get_config() == loss.get_config()


@each_loss
def test_nothing_of_a_loss_is_moved_by_the_optimiser(name):
    loss = loss_of(name)
    assert loss.trainable_variables == []
    assert float(loss.margin_share) == 1.0


@each_loss
def test_a_loss_is_the_same_in_a_graph(name):
    loss = loss_of(name)
    np.testing.assert_allclose(
        tf.function(loss)(some_cosines(1), LABELS, NORMS),
        loss(some_cosines(1), LABELS, NORMS),
        rtol=1e-5,
    )


@each_loss
@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_scale_that_is_not_above_0_is_refused(name, scale):
    with pytest.raises(ValueError, match=f"scale must be above 0. Received: {scale}"):
        LOSSES[name](scale=scale)


# --- The configuration ---------------------------------------------------------------------------


def test_the_configuration_knows_the_losses_by_the_same_names():
    assert list(LOSS_KEYS) == list(LOSSES)


@each_loss
def test_the_keys_of_a_loss_are_its_arguments_and_have_the_same_defaults(name):
    parameters = inspect.signature(LOSSES[name]).parameters
    own = {
        argument: parameter.default
        for argument, parameter in parameters.items()
        if argument not in ("scale", "kwargs")
    }
    of_keys = {
        argument: ModelConfig.model_fields[key].default for key, argument in LOSS_KEYS[name].items()
    }
    assert of_keys.keys() == own.keys()
    for argument, default in of_keys.items():
        np.testing.assert_array_equal(default, own[argument])


VALUES = {
    "arcface_margin": 0.3,
    "cosface_margin": 0.2,
    "combined_margins": [1.1, 0.4, 0.05],
    "adaface_margin": 0.25,
    "adaface_h": 0.5,
}


@each_loss
def test_the_loss_that_is_built_has_the_settings_of_the_configuration(name):
    settings = {key: VALUES[key] for key in LOSS_KEYS[name]}
    loss = build_loss(ModelConfig(loss=name, arcface_scale=20.0, **settings))
    assert type(loss) is LOSSES[name]
    assert loss.scale == 20.0
    assert {key: getattr(loss, argument) for key, argument in LOSS_KEYS[name].items()} == settings


@pytest.mark.parametrize(
    ("key", "owner"), [(key, name) for name, keys in LOSS_KEYS.items() for key in keys]
)
def test_a_setting_of_another_loss_is_refused_with_the_name_of_that_loss(key, owner):
    other = "softmax"
    with pytest.raises(ValidationError, match=f"{key} is of the loss '{owner}'.*'{other}'"):
        ModelConfig(loss=other, **{key: VALUES[key]})


@each_loss
def test_a_configuration_that_was_written_out_in_full_is_read_again(name):
    config = ModelConfig(loss=name)
    assert ModelConfig.model_validate(config.model_dump()) == config


def test_an_unknown_loss_is_refused_with_those_that_there_are():
    with pytest.raises(ValidationError, match=r"'arcface' or .*Received: 'sphereface'"):
        ModelConfig(loss="sphereface")

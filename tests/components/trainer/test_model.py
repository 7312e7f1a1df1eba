"""The embedding network, the classifier around it, and the precision both compute in."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.model import (
    FaceEmbeddingModel,
    build_arcface_model,
    flip_averaged,
    portable,
)
from components.trainer.precision import precision_policy

SHAPE = (32, 32, 1)


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def tiny_model(**arguments) -> FaceEmbeddingModel:
    return FaceEmbeddingModel(SHAPE, **{"embedding_dim": 8, **arguments})


def some_pixels(count: int = 3, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("backbone", ["resnet10", "resnet18"])
def test_embeddings_are_float32_of_unit_length(backbone):
    embeddings = tiny_model(backbone=backbone)(some_pixels())
    assert embeddings.shape == (3, 8)
    assert embeddings.dtype == tf.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)


def test_colour_and_oblong_images_are_taken():
    model = FaceEmbeddingModel((40, 32, 3), embedding_dim=8)
    assert model(some_pixels(2, (40, 32, 3))).shape == (2, 8)


def test_uint8_and_float_pixels_give_the_same_embeddings():
    model = tiny_model()
    np.testing.assert_array_equal(model(some_pixels()), model(some_pixels().astype(np.float32)))


def test_one_image_more_does_not_change_the_others():
    model = tiny_model()
    np.testing.assert_allclose(
        model(some_pixels(3))[:2], model(some_pixels(3)[:2]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("backbone", ["resnet10", "mobilefacenet"])
def test_l2_penalty_is_on_every_convolution_and_dense_kernel(backbone):
    model = tiny_model(l2_reg=0.5, backbone=backbone)
    kernels = [w.numpy() for w in model.trainable_weights if w.name == "kernel"]
    expected = sum(0.5 * np.sum(np.square(kernel)) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)


def test_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match=r"one of \('resnet10', 'resnet18', .*\). Received: vgg"):
        tiny_model(backbone="vgg")


def test_saved_model_gives_the_same_embeddings(tmp_path):
    model = tiny_model(dropout_rate=0.1, l2_reg=1e-3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, FaceEmbeddingModel)
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(loaded(some_pixels()), model(some_pixels()), rtol=1e-5, atol=1e-6)


def test_flip_averaged_model_gives_a_mirror_image_the_same_embedding():
    model = flip_averaged(tiny_model())
    embeddings = model(some_pixels())
    np.testing.assert_allclose(embeddings, model(some_pixels()[:, :, ::-1]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)


def test_the_portable_copy_embeds_the_same_in_float32_and_has_no_layer_of_this_project():
    with precision_policy(mixed_precision=True):
        model = tiny_model(backbone="resnet10")
    copy = flip_averaged(portable(model))
    layers = [layer for layer in copy._flatten_layers() if layer is not copy]
    assert {type(layer).__module__.partition(".")[0] for layer in layers} == {"keras"}
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    in_float16 = flip_averaged(model)(some_pixels())
    np.testing.assert_allclose(copy(some_pixels()), in_float16, atol=0.01)
    plain = tiny_model()
    np.testing.assert_allclose(portable(plain)(some_pixels()), plain(some_pixels()), atol=1e-6)


def test_flip_averaged_model_survives_saving_and_export(tmp_path):
    model = flip_averaged(tiny_model())
    expected = model(some_pixels())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(some_pixels()), expected, rtol=1e-5, atol=1e-6)
    model.export(tmp_path / "saved_model", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved_model")
    np.testing.assert_allclose(
        served.serve(some_pixels().astype(np.float32)), expected, rtol=1e-5, atol=1e-6
    )


def test_classifier_returns_cosines_and_survives_saving(tmp_path):
    classifier = build_arcface_model(tiny_model(), num_classes=4, margin=0.5, scale=32.0)
    cosines = classifier(some_pixels())
    assert cosines.shape == (3, 4)
    assert np.abs(cosines).max() <= 1.0 + 1e-6
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(loaded(some_pixels()), cosines, rtol=1e-5, atol=1e-6)
    assert (loaded.loss.margin, loaded.loss.scale) == (0.5, 32.0)


def test_accuracy_of_the_classifier_is_free_of_the_margin():
    classifier = build_arcface_model(tiny_model(), num_classes=4, margin=1.5, scale=32.0)
    labels = np.argmax(classifier(some_pixels()), axis=1)
    figures = classifier.evaluate(some_pixels(), labels, verbose=0, return_dict=True)
    assert figures["accuracy"] == 1.0


def compute_dtypes(model: keras.Model) -> dict[str, set[str]]:
    """The compute dtypes of a model's layers, by kind of layer."""
    kinds = {}
    for layer in model.layers:
        kinds.setdefault(type(layer).__name__, set()).add(layer.compute_dtype)
    return kinds


def test_mixed_precision_computes_convolutions_in_float16_and_the_rest_in_float32():
    with precision_policy(mixed_precision=True):
        embedding_model = tiny_model()
        classifier = build_arcface_model(embedding_model, 2, margin=0.5, scale=16.0)
    dtypes = compute_dtypes(embedding_model)
    assert dtypes["Conv2D"] == dtypes["Dense"] == dtypes["PReLU"] == {"float16"}
    assert dtypes["Rescaling"] == dtypes["L2Normalisation"] == {"float32"}
    assert embedding_model.get_layer("embedding_bn").compute_dtype == "float32"
    assert classifier.get_layer("arcface_head").compute_dtype == "float32"
    assert classifier.loss.dtype == "float32"
    assert isinstance(classifier.optimizer, keras.optimizers.LossScaleOptimizer)
    assert {w.dtype for w in classifier.trainable_weights} == {"float32"}


def test_mixed_precision_set_after_building_does_nothing():
    embedding_model = tiny_model()
    with precision_policy(mixed_precision=True):
        build_arcface_model(embedding_model, 2, margin=0.5, scale=16.0)
    assert compute_dtypes(embedding_model)["Conv2D"] == {"float32"}


def test_mixed_precision_embeddings_are_close_to_float32_ones():
    with precision_policy(mixed_precision=True):
        half = tiny_model()
    full = tiny_model()
    full.set_weights(half.get_weights())
    assert half(some_pixels()).dtype == tf.float32
    cosines = np.sum(half(some_pixels()) * full(some_pixels()), axis=1)
    assert cosines.min() > 0.999

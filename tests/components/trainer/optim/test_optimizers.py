"""The optimisers against the same steps by hand, in float64 NumPy."""

from collections.abc import Sequence

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from components.trainer.config import TrainingConfig
from components.trainer.model import BACKBONES, FaceEmbeddingModel
from components.trainer.optim.optimizers import OPTIMIZERS, averaged, build_optimizer
from components.trainer.precision import with_loss_scaling

RATE = 0.1
STEPS = 7
FIRST = np.array([1.0, -2.0, 3.0, 0.5])


def gradients(steps: int = STEPS) -> list[np.ndarray]:
    return list(np.random.default_rng(0).normal(0, 3, (steps, FIRST.size)))


def configured(**settings) -> TrainingConfig:
    return TrainingConfig.model_validate({"initial_lr": RATE, **settings})


def keras_path(config: TrainingConfig, given: Sequence[np.ndarray]) -> np.ndarray:
    """The weights after each batch, [steps, 4]."""
    variable = keras.Variable(FIRST, dtype="float32", name="kernel")
    optimizer = build_optimizer(config)
    path = []
    for gradient in given:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
        path.append(variable.numpy())
    return np.array(path)


def sgd_path(given, momentum=0.9, decay=0.0):
    """Momentum over rate times gradient; decay apart from it."""
    weights, velocity, path = FIRST.copy(), np.zeros_like(FIRST), []
    for gradient in given:
        weights = weights - RATE * decay * weights
        velocity = momentum * velocity - RATE * gradient
        weights = weights + velocity
        path.append(weights)
    return np.array(path)


def adam_path(given, decay=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Algorithm 2 of Loshchilov and Hutter 2019; Algorithm 1 of Kingma and Ba without decay."""
    weights, mean, square, path = FIRST.copy(), np.zeros(4), np.zeros(4), []
    for step, gradient in enumerate(given, start=1):
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        unbiased = mean / (1 - beta_1**step), square / (1 - beta_2**step)
        direction = unbiased[0] / (np.sqrt(unbiased[1]) + epsilon)
        weights = weights - RATE * direction - RATE * decay * weights
        path.append(weights)
    return np.array(path)


def clipped(gradient: np.ndarray, norm: float) -> np.ndarray:
    return gradient * min(1.0, norm / np.linalg.norm(gradient))


@pytest.mark.parametrize(
    ("settings", "by_hand"),
    [
        ({"optimizer": "sgd"}, sgd_path),
        ({"optimizer": "sgd", "momentum": 0.0}, lambda given: sgd_path(given, momentum=0.0)),
        ({"optimizer": "sgd", "weight_decay": 0.2}, lambda given: sgd_path(given, decay=0.2)),
        ({"optimizer": "adam"}, adam_path),
        ({"optimizer": "adamw", "weight_decay": 0.2}, lambda given: adam_path(given, decay=0.2)),
    ],
)
def test_steps_are_those_of_the_papers(settings, by_hand):
    given = gradients()
    np.testing.assert_allclose(keras_path(configured(**settings), given), by_hand(given), rtol=1e-4)


def test_without_any_setting_it_is_the_adam_that_trained_before():
    config = build_optimizer(TrainingConfig()).get_config()
    assert config == keras.optimizers.Adam(1e-3).get_config() | {"name": config["name"]}


def test_the_gradient_of_all_weights_together_is_clipped():
    one, other = (keras.Variable(np.zeros(2), dtype="float32", name="kernel") for _ in range(2))
    optimizer = build_optimizer(configured(optimizer="sgd", momentum=0.0, clip_norm=1.0))
    optimizer.apply([keras.ops.array([3.0, 0.0]), keras.ops.array([0.0, 4.0])], [one, other])
    np.testing.assert_allclose(one.numpy(), [-RATE * 3 / 5, 0], rtol=1e-6)
    np.testing.assert_allclose(other.numpy(), [0, -RATE * 4 / 5], rtol=1e-6)


def test_the_mean_gradient_of_the_accumulated_batches_makes_one_step_and_is_what_is_clipped():
    given = gradients(6)
    means = [clipped(np.mean(given[i : i + 3], axis=0), 2.0) for i in (0, 3)]
    settings = {"optimizer": "sgd", "weight_decay": 0.2, "clip_norm": 2.0, "accumulate": 3}
    path = keras_path(configured(**settings), given)
    np.testing.assert_allclose(path[[2, 5]], sgd_path(means, decay=0.2), rtol=1e-5)
    np.testing.assert_array_equal(path[[0, 1, 3, 4]], [FIRST, FIRST, path[2], path[2]])


def test_accumulation_counts_the_steps_of_adam_not_the_batches():
    given = gradients(6)
    means = [np.mean(given[i : i + 3], axis=0) for i in (0, 3)]
    path = keras_path(configured(accumulate=3), given)
    np.testing.assert_allclose(path[[2, 5]], adam_path(means), rtol=1e-4)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_average_decays_once_a_step_of_the_optimizer(accumulate):
    given = gradients(4 * accumulate)
    weights = sgd_path(np.mean(np.reshape(given, (4, accumulate, -1)), axis=1))
    variable = keras.Variable(FIRST, dtype="float32", name="kernel")
    optimizer = build_optimizer(configured(optimizer="sgd", ema=0.8, accumulate=accumulate))
    for gradient in given[:-1]:  # up to where the fourth step is made next
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    with averaged(optimizer, [variable]):
        average = 0.8 * (0.8 * weights[0] + 0.2 * weights[1]) + 0.2 * weights[2]
        np.testing.assert_allclose(variable.numpy(), average, rtol=1e-5)


def test_after_the_average_was_in_use_the_weights_have_the_same_bits():
    variable = keras.Variable(FIRST, dtype="float32", name="kernel")
    optimizer = with_loss_scaling(build_optimizer(configured(ema=0.9)), "mixed_float16")
    for gradient in gradients():
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    before = variable.numpy()
    with averaged(optimizer, [variable]):
        assert not np.array_equal(variable.numpy(), before)
    np.testing.assert_array_equal(variable.numpy(), before)
    with pytest.raises(RuntimeError), averaged(optimizer, [variable]):
        raise RuntimeError
    np.testing.assert_array_equal(variable.numpy(), before)


def test_without_ema_there_is_no_average_to_use():
    variable = keras.Variable(FIRST, dtype="float32", name="kernel")
    optimizer = build_optimizer(configured())
    optimizer.apply([keras.ops.convert_to_tensor(gradients()[0], "float32")], [variable])
    before = variable.numpy()
    with averaged(optimizer, [variable]):
        np.testing.assert_array_equal(variable.numpy(), before)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_decay_takes_kernels_alone(backbone):
    model = FaceEmbeddingModel((32, 32, 1), embedding_dim=4, backbone=backbone)
    optimizer = build_optimizer(configured(optimizer="adamw", weight_decay=0.5))
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones(variable.shape))
    nothing = [keras.ops.zeros(variable.shape) for variable in model.trainable_variables]
    optimizer.apply(nothing, model.trainable_variables)
    decayed = {v.name for v in model.trainable_variables if not np.all(v.numpy() == 1)}
    kept = {v.name for v in model.trainable_variables if np.all(v.numpy() == 1)}
    assert decayed == {"kernel"}
    assert {"beta", "gamma"} <= kept <= {"alpha", "beta", "gamma", "bias"}


def test_the_name_of_a_layer_keeps_no_kernel_from_decay():
    layer = keras.layers.Dense(2, name="beta")
    layer.build((None, 2))
    optimizer = build_optimizer(configured(optimizer="sgd", weight_decay=0.5))
    before = [variable.numpy() for variable in layer.trainable_variables]
    optimizer.apply([keras.ops.zeros((2, 2)), keras.ops.zeros(2)], layer.trainable_variables)
    np.testing.assert_allclose(layer.kernel.numpy(), before[0] * (1 - RATE * 0.5), rtol=1e-6)
    np.testing.assert_array_equal(layer.bias.numpy(), before[1])


def test_every_optimizer_of_the_configuration_exists():
    assert set(TrainingConfig.model_fields["optimizer"].annotation.__args__) == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"momentum": 0.9}, "momentum is a setting of optimizer sgd. Received: optimizer adam"),
        ({"optimizer": "adamw", "weight_decay": 0.1, "momentum": 0.9}, "momentum is a setting of"),
        ({"weight_decay": 0.1}, "weight_decay is a setting of optimizer sgd and adamw."),
        ({"optimizer": "adamw"}, "adamw needs a weight_decay, such as 0.0005"),
        ({"clip_norm": 0.0}, "greater than 0"),
        ({"ema": 1.0}, "less than 1"),
        ({"accumulate": 0}, "greater than 0"),
        ({"optimizer": "rmsprop"}, "'sgd', 'adam' or 'adamw'"),
    ],
)
def test_a_setting_that_the_optimizer_lacks_or_cannot_use_is_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        configured(**settings)

"""In what precision a model computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.config import TrainingConfig
from components.trainer.precision import precision_policy, resolve_precision, with_loss_scaling


def test_precision_policy_is_put_back_after_an_error():
    with pytest.raises(RuntimeError), precision_policy(mixed_precision=True):
        raise RuntimeError
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("gpus", "policy"),
    [
        ([], "float32"),
        ([(6, 1)], "float32"),
        ([(7, 0)], "mixed_float16"),
        ([(9, 0), (6, 1)], "float32"),
    ],
)
def test_auto_is_mixed_precision_where_every_gpu_has_float16_units(monkeypatch, gpus, policy):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: gpus)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": gpu}
    )
    assert resolve_precision("auto") == policy


@pytest.mark.parametrize(
    ("asked", "policy"),
    [
        (True, "mixed_float16"),
        ("float16", "mixed_float16"),
        ("bfloat16", "mixed_bfloat16"),
        (False, "float32"),
        ("off", "float32"),
    ],
)
def test_precision_is_as_asked(asked, policy):
    assert resolve_precision(asked) == policy


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_loss_is_scaled_in_float16_alone(policy):
    optimizer = keras.optimizers.SGD(1.0)
    assert with_loss_scaling(optimizer, policy) is optimizer
    assert float(optimizer.scale_loss(tf.constant(3.0))) == 3.0


def test_a_step_whose_gradient_overflows_is_left_out_and_the_scale_halved():
    variable = keras.Variable([1.0], dtype="float32")
    optimizer = with_loss_scaling(keras.optimizers.SGD(1.0), "mixed_float16")
    optimizer.build([variable])
    optimizer.apply([tf.constant([np.inf])], [variable])
    assert variable.numpy() == [1.0]
    assert float(optimizer.scale_loss(tf.constant(1.0))) == 2.0**14


def test_a_scaled_gradient_moves_the_weights_as_the_gradient_itself_does():
    variable = keras.Variable([1.0], dtype="float32")
    optimizer = with_loss_scaling(keras.optimizers.SGD(0.5), "mixed_float16")
    optimizer.build([variable])
    with tf.GradientTape() as tape:
        loss = optimizer.scale_loss(3.0 * variable[0])
    optimizer.apply([tape.gradient(loss, variable.value)], [variable])
    assert variable.numpy() == [1.0 - 0.5 * 3.0]


def test_scale_and_count_go_with_the_optimizers_variables():
    variable = keras.Variable([1.0], dtype="float32")
    first, second = (
        with_loss_scaling(keras.optimizers.Adam(0.1), "mixed_float16") for _ in range(2)
    )
    for optimizer in (first, second):
        optimizer.build([variable])
    for gradient in (np.inf, np.nan, 1.0):
        first.apply([tf.constant([gradient])], [variable])
    for target, source in zip(second.variables, first.variables, strict=True):
        target.assign(source)
    assert float(second.dynamic_scale) == 2.0**13
    assert (int(second.step_counter), int(second.iterations)) == (1, 1)


def test_the_rate_is_set_through_the_scaling():
    optimizer = with_loss_scaling(keras.optimizers.SGD(1.0), "mixed_float16")
    optimizer.learning_rate.assign(0.25)
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25


def test_every_precision_of_the_configuration_has_a_policy_of_keras():
    names = set(TrainingConfig.model_fields["mixed_precision"].annotation.__args__) - {"auto"}
    assert {keras.DTypePolicy(resolve_precision(name)).compute_dtype for name in names} == {
        "float16",
        "bfloat16",
        "float32",
    }

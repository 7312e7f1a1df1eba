"""In what precision a model computes."""

import keras
import pytest
import tensorflow as tf

from components.trainer.precision import precision_policy, resolve_precision


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


@pytest.mark.parametrize(("asked", "policy"), [(True, "mixed_float16"), (False, "float32")])
def test_precision_is_as_asked(asked, policy):
    assert resolve_precision(asked) == policy

"""In what precision a model computes."""

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import keras

MixedPrecision = Literal["auto", "float16", "bfloat16", "off", True, False]

_POLICIES = {
    "float16": "mixed_float16",
    True: "mixed_float16",
    "bfloat16": "mixed_bfloat16",
    "off": "float32",
    False: "float32",
}


def resolve_precision(mixed_precision: MixedPrecision) -> str:
    """The Keras dtype policy for `training.mixed_precision`.

    Args:
      mixed_precision: as asked, where True is another spelling of "float16" and False of "off".
        "auto" is float16 where every GPU has units for it (compute capability 7.0 and up), and off
        elsewhere: a CPU computes float16 and bfloat16 many times slower than float32. It is not
        bfloat16, which newer GPUs compute as fast, since its numbers are three bits shorter.

    Returns:
      "mixed_float16", "mixed_bfloat16" or "float32".
    """
    if mixed_precision == "auto":
        mixed_precision = _gpus_have_float16_units()
    return _POLICIES[mixed_precision]


def with_loss_scaling(
    optimizer: keras.optimizers.Optimizer, policy: str
) -> keras.optimizers.Optimizer:
    """An optimiser that scales the loss where gradients would underflow, which is in float16 alone.

    bfloat16 has the range of float32. A step whose gradient is not finite is left out, and the
    scale halved; scale and count are among the optimiser's `variables`.

    Args:
      optimizer: not built yet.
      policy: what `resolve_precision` returned.
    """
    if policy != "mixed_float16":
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def loss_scale_of(optimizer: keras.optimizers.Optimizer) -> Any:
    """What an optimiser multiplies the loss with now: a float32 scalar, 1 without loss scaling."""
    return getattr(optimizer, "dynamic_scale", 1.0)


@contextlib.contextmanager
def precision_policy(mixed_precision: MixedPrecision) -> Iterator[str]:
    """Sets the dtype policy for the layers built inside the `with`, and puts back the former one.

    A layer takes its policy when it is constructed; setting it afterwards does nothing. So the
    model has to be built and compiled inside.

    Yields:
      The name of the policy.
    """
    former = keras.config.dtype_policy()
    policy = resolve_precision(mixed_precision)
    keras.config.set_dtype_policy(policy)
    try:
        yield policy
    finally:
        keras.config.set_dtype_policy(former)


def _gpus_have_float16_units() -> bool:
    import tensorflow as tf  # noqa: PLC0415 - the rest of this module is plain Keras

    details = [
        tf.config.experimental.get_device_details(gpu)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return bool(details) and all(d.get("compute_capability", (0, 0)) >= (7, 0) for d in details)

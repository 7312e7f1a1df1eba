"""In what precision a model computes."""

import contextlib
from collections.abc import Iterator
from typing import Literal

import keras


def resolve_precision(mixed_precision: Literal["auto", True, False]) -> str:
    """The Keras dtype policy for `training.mixed_precision`.

    Args:
      mixed_precision: True or False as asked; "auto" is on only where every GPU has float16 units
        (compute capability 7.0 and up). A CPU computes float16 many times slower than float32.

    Returns:
      "mixed_float16" or "float32".
    """
    if mixed_precision == "auto":
        mixed_precision = _gpus_have_float16_units()
    return "mixed_float16" if mixed_precision else "float32"


@contextlib.contextmanager
def precision_policy(mixed_precision: Literal["auto", True, False]) -> Iterator[str]:
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

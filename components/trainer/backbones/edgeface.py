"""EdgeFace-XS (George et al. 2024, arXiv:2307.01838): EdgeNeXt-XS with dense layers of low rank.

EdgeNeXt (Maaz et al. 2022, arXiv:2206.10589) has blocks of a depthwise convolution and a dense
pair, and in three of its stages one that splits the channels, filters the parts one after the
other, and lets the channels attend to each other (XCA, El-Nouby et al. 2021, arXiv:2106.09681).
EdgeFace makes each dense layer a product of two, of rank gamma = 0.6 times the smaller of its
sides, also the last one, behind which there is no batch normalisation.
"""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from components.trainer.backbones.blocks import EMBEDDING

_GAMMA = 0.6
_HEADS = 4
_EXPANSION = 4
_EPSILON = 1e-6
# What a block adds is as good as nothing at first.
_FIRST_SCALE = 1e-6


class _Stage(NamedTuple):
    """Channels, and blocks: some that filter; then one that attends, where there are `splits`."""

    width: int
    filtering: int
    kernel_size: int
    splits: int
    position: bool


_STAGES = (
    _Stage(32, 3, 3, 0, False),
    _Stage(64, 2, 5, 2, True),
    _Stage(100, 8, 7, 3, False),
    _Stage(192, 2, 9, 4, False),
)


def network(x, embedding_dim: int, dropout_rate: float):
    """See `registry.Backbone`; the paper has no dropout."""
    x = _norm(_patches(x, _STAGES[0].width, 4, "stem"), "stem_norm")
    for number, stage in enumerate(_STAGES, start=1):
        name = f"stage{number}"
        if number > 1:
            x = _patches(_norm(x, f"{name}_norm"), stage.width, 2, f"{name}_down")
        for block in range(1, stage.filtering + 1):
            x = _filtering_block(x, stage.kernel_size, f"{name}_block{block}")
        if stage.splits:
            x = _attending_block(x, stage.splits, stage.position, f"{name}_attending")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout_rate, name="dropout")(_norm(x, "output_norm"))
    return _dense(x, embedding_dim, EMBEDDING, dtype="float32")


def _patches(x, filters: int, size: int, name: str):
    """A convolution of patches that do not overlap."""
    return layers.Conv2D(filters, size, strides=size, name=name)(x)


def _norm(x, name: str):
    return layers.LayerNormalization(epsilon=_EPSILON, name=name)(x)


def _dense(x, units: int, name: str, **options):
    """A dense layer of low rank, on the last axis."""
    rank = max(2, int(min(x.shape[-1], units) * _GAMMA))
    x = layers.Dense(rank, use_bias=False, name=f"{name}_low_rank", **options)(x)
    return layers.Dense(units, name=name, **options)(x)


def _scaled(x, axis: str, first: float, name: str):
    """Times one learnt number for each place along an axis.

    Args:
      x: [N, A, B, C].
      axis: "a", "b" or "c".
      first: the numbers' first value.
      name: of the layer.
    """
    first_value = keras.initializers.Constant(first)
    return layers.EinsumDense(
        f"nabc,{axis}->nabc", x.shape[1:], kernel_initializer=first_value, name=name
    )(x)


def _filtering_block(x, kernel_size: int, name: str):
    """A depthwise convolution, and a dense pair at every place."""
    y = layers.DepthwiseConv2D(kernel_size, padding="same", name=f"{name}_depthwise")(x)
    return layers.Add(name=f"{name}_add")([x, _dense_pair(y, name)])


def _dense_pair(x, name: str):
    width = x.shape[-1]
    y = _dense(_norm(x, f"{name}_dense_norm"), _EXPANSION * width, f"{name}_expand")
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    return _scaled(_dense(y, width, f"{name}_project"), "c", _FIRST_SCALE, f"{name}_dense_scale")


def _attending_block(x, splits: int, position: bool, name: str):
    """Split depthwise convolutions, attention among channels, and a dense pair."""
    y = _split_convolutions(x, splits, name)
    if position:
        y = layers.Add(name=f"{name}_add_position")([y, _position(y, f"{name}_position")])
    attended = _channel_attention(_norm(y, f"{name}_attention_norm"), f"{name}_attention")
    attended = _scaled(attended, "c", _FIRST_SCALE, f"{name}_attention_scale")
    y = layers.Add(name=f"{name}_add_attention")([y, attended])
    return layers.Add(name=f"{name}_add")([x, _dense_pair(y, name)])


def _split_convolutions(x, splits: int, name: str):
    """Each part of the channels but the last is filtered, after what came of the part before it."""
    width = math.ceil(x.shape[-1] / splits)
    parts = [x[..., start : start + width] for start in range(0, x.shape[-1], width)]
    filtered: list[Any] = []
    for number, part in enumerate(parts[:-1], start=1):
        if filtered:
            part = layers.Add(name=f"{name}_split{number}_add")([filtered[-1], part])  # noqa: PLW2901
        convolution = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_split{number}")
        filtered.append(convolution(part))
    return layers.Concatenate(name=f"{name}_concat")([*filtered, parts[-1]])


def _channel_attention(x, name: str):
    """Attention among the channels of each head, over all places: [N, H, W, C] to the same."""
    height, width, channels = x.shape[1:]
    parts = ops.split(_dense(x, 3 * channels, f"{name}_qkv"), 3, axis=-1)
    query, key, value = (
        ops.reshape(part, (-1, height * width, _HEADS, channels // _HEADS)) for part in parts
    )
    # In float32: the sum of squares over all places overflows in float16.
    query, key = (
        layers.UnitNormalization(axis=1, dtype="float32", name=f"{name}_{which}_norm")(part)
        for which, part in (("query", query), ("key", key))
    )
    query = _scaled(query, "b", 1.0, f"{name}_temperature")
    key = ops.transpose(ops.cast(key, value.dtype), (0, 2, 1, 3))
    affinity = ops.matmul(ops.transpose(query, (0, 2, 3, 1)), key)
    affinity = layers.Softmax(dtype="float32", name=f"{name}_softmax")(affinity)
    mixed = ops.matmul(ops.cast(affinity, value.dtype), ops.transpose(value, (0, 2, 3, 1)))
    mixed = ops.reshape(ops.transpose(mixed, (0, 3, 1, 2)), (-1, height, width, channels))
    return _dense(mixed, channels, f"{name}_output")


def _position(x, name: str):
    """Sines and cosines of the place, projected onto the channels: the same for every image."""
    height, width, channels = x.shape[1:]
    waves = ops.zeros_like(x[..., :1]) + position_waves(height, width).astype("float32")
    return layers.Conv2D(channels, 1, name=name)(waves)


def position_waves(height: int, width: int, waves: int = 32) -> np.ndarray:
    """The Fourier encoding of each place of a map (Vaswani et al. 2017, arXiv:1706.03762).

    Args:
      height: H.
      width: W.
      waves: for each of the two directions, half of them sines.

    Returns:
      float64 [H, W, 2 * waves]: those of the row, then those of the column.
    """
    frequency = 10_000.0 ** -(2 * (np.arange(waves) // 2) / waves)

    def along(length: int) -> np.ndarray:
        place = np.arange(1, length + 1) / length * 2 * np.pi
        angle = place[:, None] * frequency
        return np.where(np.arange(waves) % 2 == 0, np.sin(angle), np.cos(angle))

    rows = np.repeat(along(height)[:, None], width, axis=1)
    columns = np.repeat(along(width)[None], height, axis=0)
    return np.concatenate([rows, columns], axis=-1)

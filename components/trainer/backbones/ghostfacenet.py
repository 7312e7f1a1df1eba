"""GhostFaceNetV1-1.3-1 (Alansari et al. 2023, doi:10.1109/ACCESS.2023.3266068).

GhostNet (Han et al. 2020, arXiv:1911.11907) of width 1.3 with a stem that keeps the resolution,
PReLU in place of ReLU, and an embedding by a global depthwise convolution.
"""

from typing import NamedTuple

from keras import layers

from components.trainer.backbones.blocks import (
    LINEAR,
    convolution,
    depthwise,
    global_depthwise_embedding,
    prelu,
)

_WIDTH = 1.3
_STEM = 16
_HEAD = 512
# A gate has this share of the channels that it weighs.
_GATE = 0.25


class _Bottleneck(NamedTuple):
    """A row of GhostNet's table 1; the channels are those of width 1."""

    kernel_size: int
    expanded: int
    filters: int
    gate: bool
    stride: int


_BOTTLENECKS = (
    _Bottleneck(3, 16, 16, False, 1),
    _Bottleneck(3, 48, 24, False, 2),
    _Bottleneck(3, 72, 24, False, 1),
    _Bottleneck(5, 72, 40, True, 2),
    _Bottleneck(5, 120, 40, True, 1),
    _Bottleneck(3, 240, 80, False, 2),
    _Bottleneck(3, 200, 80, False, 1),
    _Bottleneck(3, 184, 80, False, 1),
    _Bottleneck(3, 184, 80, False, 1),
    _Bottleneck(3, 480, 112, True, 1),
    _Bottleneck(3, 672, 112, True, 1),
    _Bottleneck(5, 672, 160, True, 2),
    _Bottleneck(5, 960, 160, False, 1),
    _Bottleneck(5, 960, 160, True, 1),
    _Bottleneck(5, 960, 160, False, 1),
    # GhostNet has 960 here.
    _Bottleneck(5, 512, 160, True, 1),
)


def network(x, embedding_dim: int, dropout_rate: float):
    """See `registry.Backbone`; the paper has no dropout."""
    x = prelu(convolution(x, _wide(_STEM), 3, "stem"), "stem_prelu")
    for number, row in enumerate(_BOTTLENECKS, start=1):
        x = _bottleneck(x, row, f"block{number}")
    x = prelu(convolution(x, _wide(_HEAD), 1, "head"), "head_prelu")
    return global_depthwise_embedding(x, embedding_dim, dropout_rate)


def _wide(channels: int) -> int:
    """Channels of this width."""
    return _divisible(channels * _WIDTH)


def _divisible(channels: float) -> int:
    """The multiple of four that is nearest, but at least nine tenths: MobileNet's rule."""
    nearest = max(4, int(channels + 2) // 4 * 4)
    return nearest + 4 if nearest < 0.9 * channels else nearest


def _bottleneck(x, row: _Bottleneck, name: str):
    """Two ghost modules, the first wide, around a stride and a gate."""
    filters = _wide(row.filters)
    y = _activated_ghost_module(x, _wide(row.expanded), f"{name}_ghost1")
    if row.stride > 1:
        y = depthwise(y, row.kernel_size, f"{name}_down", row.stride, gain=LINEAR)
    if row.gate:
        y = _gated(y, f"{name}_gate")
    y = _linear_ghost_module(y, filters, f"{name}_ghost2")
    shortcut = x
    if row.stride > 1 or x.shape[-1] != filters:
        shortcut = depthwise(x, row.kernel_size, f"{name}_shortcut1", row.stride, gain=LINEAR)
        shortcut = convolution(shortcut, filters, 1, f"{name}_shortcut2", gain=LINEAR)
    return layers.Add(name=f"{name}_add")([shortcut, y])


def _activated_ghost_module(x, filters: int, name: str):
    """Half of the channels by a convolution, the other half by a cheap one of those."""
    x = prelu(convolution(x, filters // 2, 1, f"{name}_primary"), f"{name}_primary_prelu")
    ghosts = prelu(depthwise(x, 3, f"{name}_cheap"), f"{name}_cheap_prelu")
    return layers.Concatenate(name=f"{name}_concat")([x, ghosts])


def _linear_ghost_module(x, filters: int, name: str):
    """The same without activations."""
    x = convolution(x, filters // 2, 1, f"{name}_primary", gain=LINEAR)
    ghosts = depthwise(x, 3, f"{name}_cheap", gain=LINEAR)
    return layers.Concatenate(name=f"{name}_concat")([x, ghosts])


def _gated(x, name: str):
    """Squeeze and excitation (Hu et al. 2018, arXiv:1709.01507): each channel times a gate."""
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    gate = _pointwise(gate, _divisible(channels * _GATE), f"{name}_squeeze")
    gate = prelu(gate, f"{name}_prelu")
    gate = _pointwise(gate, channels, f"{name}_excite")
    gate = layers.Activation("hard_sigmoid", name=f"{name}_sigmoid")(gate)
    return layers.Multiply(name=f"{name}_multiply")([x, gate])


def _pointwise(x, filters: int, name: str):
    return layers.Conv2D(filters, 1, kernel_initializer="he_normal", name=name)(x)

"""The improved residual networks of ArcFace (Deng et al. 2019, arXiv:1801.07698), `IR` there.

A block is BN-Conv-BN-PReLU-Conv-BN, the stem has a 3x3 kernel and keeps the resolution, and the
output is BN-Dropout-Flatten-FC-BN, by section 3.1 of the paper and the layout of arcface_torch,
whose last batch normalisation has no scale either.
"""

from collections.abc import Sequence

from keras import layers

from components.trainer.backbones.blocks import (
    EMBEDDING,
    EMBEDDING_BN,
    LINEAR,
    batch_norm,
    convolution,
    prelu,
)

_WIDTHS = (64, 128, 256, 512)


def network(x, embedding_dim: int, dropout_rate: float, *, blocks: Sequence[int]):
    """See `registry.Backbone`.

    Args:
      x: pixels.
      embedding_dim: D.
      dropout_rate: of the feature map, before it is flattened.
      blocks: of two convolutions each, in each of the four stages.
    """
    x = prelu(convolution(x, _WIDTHS[0], 3, "stem"), "stem_prelu")
    for stage, (filters, repeats) in enumerate(zip(_WIDTHS, blocks, strict=True), start=1):
        for block in range(1, repeats + 1):
            x = _block(x, filters, 2 if block == 1 else 1, f"stage{stage}_block{block}")
    x = batch_norm(x, "output_bn")
    x = layers.Dropout(dropout_rate, name="dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(embedding_dim, name=EMBEDDING)(x)
    return batch_norm(x, EMBEDDING_BN, scale=False, dtype="float32")


def _block(x, filters: int, stride: int, name: str):
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = convolution(x, filters, 1, f"{name}_shortcut", stride, gain=LINEAR)
    x = batch_norm(x, f"{name}_bn")
    x = prelu(convolution(x, filters, 3, f"{name}_1"), f"{name}_prelu")
    x = convolution(x, filters, 3, f"{name}_2", stride, gain=LINEAR)
    return layers.Add(name=f"{name}_add")([x, shortcut])

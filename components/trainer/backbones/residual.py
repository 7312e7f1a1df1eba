"""The demo's small residual networks, for a training within minutes on a CPU.

A residual network (He et al. 2016, arXiv:1512.03385) with a stride-2 stem and PReLU; then flatten,
dropout, a dense layer and batch normalisation, as in section 3.1 of the ArcFace paper: flattening
keeps where on the face a feature lies, which global pooling throws away.
"""

from collections.abc import Sequence

from keras import layers

from components.trainer.backbones.blocks import EMBEDDING, EMBEDDING_BN, prelu


def network(x, embedding_dim: int, dropout_rate: float, *, widths: Sequence[int], blocks: int):
    """See `registry.Backbone`.

    Args:
      x: pixels.
      embedding_dim: D.
      dropout_rate: of the flattened features.
      widths: channels of each stage; every stage but the first halves the resolution.
      blocks: of two convolutions each, in a stage.
    """
    x = prelu(_convolution(x, widths[0], 3, "stem", stride=2), "stem_prelu")
    for stage, width in enumerate(widths, start=1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _residual_block(x, width, stride, f"stage{stage}_block{block}")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout_rate, name="dropout")(x)
    x = layers.Dense(embedding_dim, use_bias=False, name=EMBEDDING)(x)
    return layers.BatchNormalization(dtype="float32", name=EMBEDDING_BN)(x)


def _residual_block(x, width: int, stride: int, name: str):
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = _convolution(x, width, 1, f"{name}_shortcut", stride)
    x = prelu(_convolution(x, width, 3, f"{name}_1", stride), f"{name}_1_prelu")
    x = _convolution(x, width, 3, f"{name}_2")
    return prelu(layers.Add(name=f"{name}_add")([x, shortcut]), f"{name}_2_prelu")


def _convolution(x, filters: int, kernel_size: int, name: str, stride: int = 1):
    """Convolution, and batch normalisation with the averages of Keras, not those of `blocks`."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)

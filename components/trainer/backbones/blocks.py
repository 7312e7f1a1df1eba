"""What several backbones are made of.

Every layer has a name, so that its weights are found in a file whatever else the process has built.
"""

import keras
from keras import layers

# Of the last dense layer, and of the batch normalisation behind it, where a network has one.
EMBEDDING = "embedding"
EMBEDDING_BN = "embedding_bn"

# PyTorch's defaults, by which the published networks were trained: its momentum of 0.1 is 0.9 here.
_BN_MOMENTUM = 0.9
_BN_EPSILON = 1e-5


# The gain of the first kernels keeps the variance, where a rectifier follows and where none does
# (He et al. 2015, arXiv:1502.01852): without it, float16 overflows before the first step.
_RECTIFIED, LINEAR = 2.0, 1.0


def convolution(
    x, filters: int, kernel_size: int, name: str, stride: int = 1, *, gain: float = _RECTIFIED
):
    """Convolution without bias, and batch normalisation: [N, H, W, C] to [N, H/s, W/s, filters]."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(gain),
        name=name,
    )(x)
    return batch_norm(x, f"{name}_bn")


def depthwise(
    x,
    kernel_size: int | tuple[int, int],
    name: str,
    stride: int = 1,
    *,
    padding: str = "same",
    gain: float = _RECTIFIED,
):
    """Convolution of each channel by itself, without bias, and batch normalisation."""
    x = layers.DepthwiseConv2D(
        kernel_size,
        strides=stride,
        padding=padding,
        use_bias=False,
        depthwise_initializer=keras.initializers.VarianceScaling(gain, "fan_out"),
        name=name,
    )(x)
    return batch_norm(x, f"{name}_bn")


def batch_norm(x, name: str, **options):
    """Batch normalisation with averages over about ten steps."""
    return layers.BatchNormalization(
        momentum=_BN_MOMENTUM, epsilon=_BN_EPSILON, name=name, **options
    )(x)


def prelu(x, name: str):
    """PReLU with one slope a channel (He et al. 2015, arXiv:1502.01852)."""
    return layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2], name=name)(x)


def global_depthwise_embedding(x, embedding_dim: int, dropout_rate: float):
    """A feature map to embeddings by a kernel as large as the map: section 3.1 of MobileFaceNets.

    Where on the face a feature lies counts, as it does after flattening, for a few parameters.

    Args:
      x: [N, H, W, C].
      embedding_dim: D.
      dropout_rate: of what the last layer gets.

    Returns:
      float32 [N, D].
    """
    size = x.shape[1], x.shape[2]
    x = depthwise(x, size, "global_depthwise", padding="valid", gain=LINEAR)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout_rate, name="dropout")(x)
    x = layers.Dense(embedding_dim, use_bias=False, name=EMBEDDING)(x)
    return batch_norm(x, EMBEDDING_BN, dtype="float32")

"""MobileFaceNet (Chen et al. 2018, arXiv:1804.07573), as in table 1 of the paper."""

from keras import layers

from components.trainer.backbones.blocks import (
    LINEAR,
    convolution,
    depthwise,
    global_depthwise_embedding,
    prelu,
)

# Expansion, channels, repeats and the first one's stride, a stage a row.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def network(x, embedding_dim: int, dropout_rate: float):
    """See `registry.Backbone`; the paper has 128 numbers in an embedding, and no dropout."""
    x = prelu(convolution(x, 64, 3, "stem", stride=2), "stem_prelu")
    x = prelu(depthwise(x, 3, "stem_depthwise"), "stem_depthwise_prelu")
    for stage, (expansion, filters, repeats, stride) in enumerate(_STAGES, start=1):
        for block in range(1, repeats + 1):
            name = f"stage{stage}_block{block}"
            x = _bottleneck(x, expansion, filters, stride if block == 1 else 1, name)
    x = prelu(convolution(x, 512, 1, "head"), "head_prelu")
    return global_depthwise_embedding(x, embedding_dim, dropout_rate)


def _bottleneck(x, expansion: int, filters: int, stride: int, name: str):
    """The inverted residual of MobileNetV2 with PReLU: expand, filter, and project linearly."""
    width = expansion * x.shape[-1]
    y = prelu(convolution(x, width, 1, f"{name}_expand"), f"{name}_expand_prelu")
    y = prelu(depthwise(y, 3, f"{name}_depthwise", stride), f"{name}_depthwise_prelu")
    y = convolution(y, filters, 1, f"{name}_project", gain=LINEAR)
    if stride != 1 or x.shape[-1] != filters:
        return y
    return layers.Add(name=f"{name}_add")([x, y])

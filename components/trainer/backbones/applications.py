"""Networks of `keras.applications`, without their weights, which were learnt on other pictures.

The classifier gives way to the embedding of MobileFaceNet, since global pooling throws away where
on the face a feature lies. MobileNetV3 is not here: the first kernels that it has without weights
make what is behind them vanish, below what its batch normalisation can restore.
"""

import keras

from components.trainer.backbones.blocks import global_depthwise_embedding


def efficientnet_v2_b0(x, embedding_dim: int, dropout_rate: float):
    """See `registry.Backbone`. EfficientNetV2-B0 (Tan and Le 2021, arXiv:2104.00298)."""
    model = keras.applications.EfficientNetV2B0(
        input_tensor=x, weights=None, include_top=False, include_preprocessing=False
    )
    return global_depthwise_embedding(model.output, embedding_dim, dropout_rate)

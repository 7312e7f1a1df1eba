"""Every backbone by its name."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from components.trainer.backbones import (
    applications,
    edgeface,
    ghostfacenet,
    iresnet,
    mobilefacenet,
    residual,
)


class Backbone(Protocol):
    """A network from pixels to embeddings.

    It is made of layers and operations of Keras' own, so that a saved model loads without this
    project. Every layer with weights has a name that is the same in each network of this backbone:
    by it `components.trainer.weights` finds the weights in a file.
    """

    def __call__(self, x: Any, embedding_dim: int, dropout_rate: float) -> Any:
        """Adds the network to a graph of Keras.

        Args:
          x: float32 [N, H, W, C], pixels in [-1, 1]; 1 or 3 channels, 32 pixels or more a side.
          embedding_dim: D.
          dropout_rate: share of what the last layer gets that is dropped in training, in [0, 1).

        Returns:
          float32 [N, D] whatever the dtype policy, embeddings of any length.
        """


BACKBONES: Mapping[str, Backbone] = {
    "resnet10": partial(residual.network, widths=(16, 32, 64, 128), blocks=1),
    "resnet18": partial(residual.network, widths=(64, 128, 256, 512), blocks=2),
    "mobilefacenet": mobilefacenet.network,
    "ghostfacenet": ghostfacenet.network,
    "edgeface_xs": edgeface.network,
    "iresnet18": partial(iresnet.network, blocks=(2, 2, 2, 2)),
    "iresnet34": partial(iresnet.network, blocks=(3, 4, 6, 3)),
    "iresnet50": partial(iresnet.network, blocks=(3, 4, 14, 3)),
    "iresnet100": partial(iresnet.network, blocks=(3, 13, 30, 3)),
    "efficientnet_v2_b0": applications.efficientnet_v2_b0,
}

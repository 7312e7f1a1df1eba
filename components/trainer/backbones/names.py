"""The names of the backbones, for a configuration that loads no Keras to know them."""

from typing import Literal, get_args

BackboneName = Literal[
    "resnet10",
    "resnet18",
    "mobilefacenet",
    "ghostfacenet",
    "edgeface_xs",
    "iresnet18",
    "iresnet34",
    "iresnet50",
    "iresnet100",
    "efficientnet_v2_b0",
]
BACKBONE_NAMES: tuple[str, ...] = get_args(BackboneName)

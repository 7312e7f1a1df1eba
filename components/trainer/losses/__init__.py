"""The losses, found by name.

To add one, write a `MarginLoss` in a file of its own, and name it in `LOSSES`. Its settings are
keys of `ModelConfig`, which stand in `LOSS_KEYS`.
"""

from collections.abc import Mapping

from components.trainer.config import LOSS_KEYS, ModelConfig
from components.trainer.losses.adaface import AdaFace
from components.trainer.losses.arcface import ArcFace
from components.trainer.losses.combined import Combined
from components.trainer.losses.cosface import CosFace
from components.trainer.losses.margin_loss import MarginLoss
from components.trainer.losses.softmax import Softmax

__all__ = ["LOSSES", "MarginLoss", "build_loss"]

# The names that `model.loss` takes.
LOSSES: Mapping[str, type[MarginLoss]] = {
    "arcface": ArcFace,
    "cosface": CosFace,
    "softmax": Softmax,
    "combined": Combined,
    "adaface": AdaFace,
}


def build_loss(config: ModelConfig) -> MarginLoss:
    """The loss that the configuration names, with the settings that are its own."""
    keys = LOSS_KEYS[config.loss]
    settings = {argument: getattr(config, key) for key, argument in keys.items()}
    return LOSSES[config.loss](scale=config.arcface_scale, **settings)

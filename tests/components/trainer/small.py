"""Small trainings: images that are easy to tell apart, and a network that compiles at once."""

from typing import Any

import keras
import numpy as np

from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig
from components.trainer.data import TrainingImages

PEOPLE, SIDE = 3, 32


def patterns(
    images_per_person: int = 6, people: int = PEOPLE, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of a pattern a person: uint8 pixels [N, H, W, 1] and labels int64 [N]."""
    bases = np.random.default_rng(99).integers(0, 200, (people, SIDE, SIDE, 1))
    labels = np.tile(np.arange(people), images_per_person)
    noise = np.random.default_rng(seed).integers(0, 55, (len(labels), SIDE, SIDE, 1))
    return (bases[labels] + noise).astype(np.uint8), labels


def small_settings(model: dict[str, Any] | None = None, **training: Any) -> TrainerSettings:
    """Settings of a small training; keys of both sections in place of its own."""
    of_model = {
        "input_shape": [SIDE, SIDE, 1],
        "embedding_dim": 8,
        "dropout_rate": 0.0,
        "arcface_scale": 16.0,
    }
    of_training = {"batch_size": 6, "epochs": 2, "initial_lr": 0.01, "augment": False}
    return TrainerSettings(
        model=ModelConfig(**of_model | (model or {})),
        training=TrainingConfig(**of_training | training),
        seed=1,
    )


def images_for(
    settings: TrainerSettings,
    images: tuple[np.ndarray, np.ndarray] | None = None,
    people: int = PEOPLE,
) -> TrainingImages:
    """Images to train on with these settings: 18 of three people where none are given."""
    return TrainingImages.of(images or patterns(), people, settings.training, settings.seed)


def tiny_network(x: Any, embedding_dim: int, dropout_rate: float) -> Any:
    """A backbone with a layer of each kind that has a state: see `backbones.registry.Backbone`."""
    x = keras.layers.Conv2D(4, 5, strides=4, use_bias=False, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Flatten(name="flat")(keras.layers.ReLU(name="relu")(x))
    x = keras.layers.Dropout(dropout_rate, name="dropout")(x)
    x = keras.layers.Dense(embedding_dim, name="embedding")(x)
    return keras.layers.Activation("linear", dtype="float32", name="features")(x)

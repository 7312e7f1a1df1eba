"""A training by a configuration on images that are at hand, as the pipeline trains."""

import numpy as np

from components.trainer.auto import DataFacts
from components.trainer.config import TrainerSettings
from components.trainer.data import TrainingImages
from components.trainer.settling import settled
from components.trainer.training import TrainingResult, train
from components.trainer.validation import ValidationImages
from pipeline.config import Config

# uint8 pixels [N, H, W, C], and labels int64 [N].
Labelled = tuple[np.ndarray, np.ndarray]


def train_on(config: Config, images: Labelled, held_out: Labelled) -> TrainingResult:
    """Trains on images, and chooses the epoch by others of the same people.

    Args:
      config: the network, how it is trained, and the seed.
      images: labelled 0 .. C - 1.
      held_out: likewise.
    """
    people = int(images[1].max()) + 1
    asked = TrainerSettings(model=config.model, training=config.training, seed=config.data.seed)
    settings = settled(asked, DataFacts(people, len(images[1])))
    training = settings.training
    return train(
        settings,
        TrainingImages.of(images, people, training, settings.seed),
        ValidationImages.of(*held_out, training.batch_size),
        num_classes=people,
    )

"""What a training does with the settings that are left to the data, before it begins."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from components.trainer.auto import DataFacts, leaves_something, resolved
from components.trainer.config import TrainerSettings
from components.trainer.data import TrainingImages
from components.trainer.streaming import count_images
from components.trainer.training import time_of_a_step

_log = logging.getLogger(__name__)


def settled(settings: TrainerSettings, facts: DataFacts) -> TrainerSettings:
    """The settings with a value in the place of every "auto", each of which the log explains.

    Raises:
      AutoError: a choice does not go with what is set.
    """
    model, training, choices = resolved(settings.model, settings.training, facts)
    for choice in choices:
        _log.info("%s", choice)
    return settings.model_copy(update={"model": model, "training": training})


def settle(
    settings: TrainerSettings, files: Sequence[str], num_classes: int
) -> tuple[TrainerSettings, TrainingImages]:
    """The settings with all that data and machine choose, and the images to train on.

    Args:
      settings: as asked.
      files: of the training split.
      num_classes: number of identities C.

    Raises:
      AutoError: a choice does not go with what is set.
      TrainingDataError: the images cannot train a model.
    """
    if not leaves_something(settings.model, settings.training):
        return settings, read_images(settings, files, num_classes)
    facts = DataFacts(num_classes, count_images(files))
    return settle_by(facts, settings, lambda chosen: read_images(chosen, files, num_classes))


def settle_by(
    facts: DataFacts,
    settings: TrainerSettings,
    images_of: Callable[[TrainerSettings], TrainingImages],
) -> tuple[TrainerSettings, TrainingImages]:
    """The same for images that are at hand.

    Args:
      facts: of the images.
      settings: as asked.
      images_of: gives the images, by settings without "auto".

    Raises:
      AutoError: as for `settle`.
      TrainingDataError: likewise.
    """
    chosen = settled(_without_limit(settings), facts)
    images = images_of(chosen)
    if settings.training.max_hours is not None:
        seconds = time_of_a_step(chosen, images, facts.people)
        chosen = settled(settings, replace(facts, step_seconds=seconds))
    return chosen, images


def read_images(
    settings: TrainerSettings, files: Sequence[str], num_classes: int
) -> TrainingImages:
    """The images of a split's files, for settings without "auto"."""
    height, width, channels = settings.model.input_shape
    shape = (height, width, channels)
    return TrainingImages.read(files, shape, num_classes, settings.training, settings.seed)


def _without_limit(settings: TrainerSettings) -> TrainerSettings:
    """The settings without `max_hours`, which needs the time of a step."""
    training = settings.training.model_copy(update={"max_hours": None})
    return settings.model_copy(update={"training": training})

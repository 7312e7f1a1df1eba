"""A training from its settings and images to the model that is delivered."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.trainer.callbacks import MONITORS, build_callbacks
from components.trainer.checkpoints import Checkpoints
from components.trainer.classifier import Classifier
from components.trainer.config import TrainerSettings
from components.trainer.data import TrainingDataError, TrainingImages
from components.trainer.devices import build_strategy, synchronise_batch_statistics
from components.trainer.heads import CosineHead
from components.trainer.loop import TrainingLoop
from components.trainer.losses import build_loss
from components.trainer.model import FaceEmbeddingModel, flip_averaged, portable
from components.trainer.optim.optimizers import build_optimizer
from components.trainer.optim.schedules import build_schedule
from components.trainer.precision import precision_policy, with_loss_scaling
from components.trainer.validation import Validation, ValidationImages
from groundfloor.draws import Draw, derived_seed

_log = logging.getLogger(__name__)

_NOTHING_HELD_OUT = ValidationImages()


@dataclass(frozen=True)
class TrainingResult:
    """What a training gives.

    Attributes:
      embedding_model: [N, H, W, C] pixels in [0, 255] to float32 [N, D] embeddings, with the
        weights of the best epoch, averaged over the horizontal flip. It computes in float32, also
        after mixed-precision training, and is made of Keras' own layers: saved, it loads without
        this project.
      history: the figures of each epoch by name: `loss`, `accuracy`, `learning_rate`, and those of
        `validation.Validation`. The accuracies are without margin.
      monitor: the figure that chose the best epoch.
      best_epoch: counted from 1.
      num_parameters: trainable parameters of the embedding model.
      precision: name of the dtype policy of the training.
    """

    embedding_model: keras.Model
    history: dict[str, list[float]]
    monitor: str
    best_epoch: int
    num_parameters: int
    precision: str


def train(
    settings: TrainerSettings,
    images: TrainingImages,
    held_out: ValidationImages = _NOTHING_HELD_OUT,
    *,
    num_classes: int,
    checkpoints: Checkpoints | None = None,
    log_dir: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainingResult:
    """Trains until the last epoch, or until the monitored figure stops improving.

    Training twice on the same CPU with the same settings and images gives the same weights, also
    where it was killed in between and found its checkpoints again.

    Args:
      settings: the network, how it is trained, and the seed of its weights and of the dropout.
      images: to train on.
      held_out: to judge each epoch by.
      num_classes: number of identities C.
      checkpoints: where the state is kept until the training is complete; None: nowhere.
      log_dir: where TensorBoard's logs go; None: nowhere.
      callbacks: added after those of `build_callbacks`.

    Raises:
      TrainingDataError: what is to be monitored cannot be measured on these images.
      TrainingDiverged: a loss is no longer finite.
      TrainingInterrupted: the process was asked to end; the state is kept.
    """
    training = settings.training
    monitor = _monitor(training.monitor, held_out)
    keras.utils.set_random_seed(derived_seed(Draw.TRAINING, settings.seed))
    with (
        build_strategy(training.strategy).scope() as strategy,
        precision_policy(training.mixed_precision) as precision,
    ):
        classifier = build_classifier(settings, num_classes)
        if strategy.num_replicas_in_sync > 1:
            synchronise_batch_statistics(classifier.embedding_model)
        loop = TrainingLoop(
            classifier,
            with_loss_scaling(build_optimizer(training), precision),
            build_schedule(training, images.steps_per_epoch),
            images,
            epochs=training.epochs,
            validate=Validation(classifier, held_out, training.validate_every),
            callbacks=[*build_callbacks(training, monitor, log_dir), *callbacks],
            checkpoints=checkpoints,
            checkpoint_steps=training.checkpoint_steps,
        )
        _log.info("training in %s, best epoch by %s", precision, monitor)
        history = loop.run()
    return TrainingResult(
        embedding_model=flip_averaged(portable(classifier.embedding_model)),
        history=history,
        monitor=monitor,
        best_epoch=_best_epoch(history, monitor),
        num_parameters=_number_of(classifier.embedding_model.trainable_variables),
        precision=precision,
    )


def build_classifier(settings: TrainerSettings, num_classes: int) -> Classifier:
    """The embedding model, the head and the loss that the settings name, with new weights."""
    model = settings.model
    embedding_model = FaceEmbeddingModel(
        model.input_shape,
        model.embedding_dim,
        model.dropout_rate,
        model.l2_reg,
        backbone=model.backbone,
    )
    head = CosineHead(num_classes, model.sub_centres)
    head.build((None, model.embedding_dim))
    return Classifier(embedding_model, head, build_loss(model))


def _monitor(asked: str, held_out: ValidationImages) -> str:
    """The figure that chooses the best epoch."""
    if asked != "auto":
        _require_images_for(asked, held_out)
        return asked
    if held_out.known is not None:
        return "val_loss"
    return "val_eer" if held_out.strangers is not None else "loss"


def _require_images_for(monitor: str, held_out: ValidationImages) -> None:
    missing = {
        "val_loss": held_out.known is None and "data.val_split",
        "val_accuracy": held_out.known is None and "data.val_split",
        "val_eer": held_out.strangers is None and "data.val_people",
        "val_tar": held_out.strangers is None and "data.val_people",
    }.get(monitor)
    if missing:
        raise TrainingDataError(
            f"training.monitor {monitor} needs images that {missing} holds out, and there are none"
        )


def _best_epoch(history: dict[str, list[float]], monitor: str) -> int:
    best = np.argmin if MONITORS[monitor] == "min" else np.argmax
    return int(best(history[monitor])) + 1


def _number_of(variables: Sequence[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)

"""Trains a face embedding model from datasets of pixels and labels."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import keras
import numpy as np
import tensorflow as tf

from components.trainer.augmentation import FaceAugmentation
from components.trainer.auto import DataFacts, resolved
from components.trainer.callbacks import MODEL_NAME, build_callbacks
from components.trainer.config import ModelConfig, TrainingConfig
from components.trainer.model import (
    FaceEmbeddingModel,
    build_arcface_model,
    flip_averaged,
    portable,
)
from components.trainer.optim.optimizers import build_optimizer
from components.trainer.precision import precision_policy
from groundfloor.draws import Draw, derived_seed
from groundfloor.errors import UserError

_log = logging.getLogger(__name__)


class TrainingDataError(UserError):
    """The training split cannot train a model; the message says why."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training gives.

    Attributes:
      embedding_model: [N, H, W, C] pixels in [0, 255] to float32 [N, D] embeddings, with the
        weights of the best epoch, averaged over the horizontal flip. It computes in float32, also
        after mixed-precision training, and is made of Keras' own layers: saved, it loads without
        this project.
      history: the figures of each epoch by name: `loss`, `accuracy`, `val_loss`, `val_accuracy`,
        `learning_rate`. The accuracies are without margin.
      monitor: the figure that chose the best epoch, lower is better.
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


class FaceModelTrainer:
    """Trains a `FaceEmbeddingModel` with an ArcFace head.

    Args:
      model_config: the network and the margin.
      training_config: batch size, epochs, learning rate, precision, patiences.
      seed: of the initial weights, the dropout and the augmentation. Training twice on the same
        CPU with the same seed and the same order of images gives the same weights.
    """

    def __init__(self, model_config: ModelConfig, training_config: TrainingConfig, seed: int = 42):
        self._model_config = model_config
        self._training_config = training_config
        self._seed = seed

    def train(
        self,
        train_data: tf.data.Dataset,
        val_data: tf.data.Dataset | None,
        *,
        num_classes: int,
        checkpoint_dir: Path | None = None,
        log_dir: Path | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> TrainingResult:
        """Trains until the last epoch, or until the monitored figure stops improving.

        Args:
          train_data: one pass over the training split, not batched: (uint8 [H, W, C] pixels,
            integer label in [0, num_classes)). Shuffled anew in each pass, and cached: it is read
            once more than there are epochs.
          val_data: the same for images held out of the same identities; None or empty: the
            training loss is monitored instead.
          num_classes: number of identities C.
          checkpoint_dir: where `MODEL_NAME`, the embedding model of the result, and
            `CHECKPOINT_NAME`, the classifier of the best epoch, are kept; None: nowhere.
          log_dir: where TensorBoard's logs go; None: nowhere.
          callbacks: added after those of `build_callbacks`.

        Raises:
          TrainingDataError: no images, fewer than two identities, or a label out of range.
          AutoError: what is left to the data does not go with what is set.
          TrainingDiverged: a loss is no longer finite.
        """
        keras.utils.set_random_seed(derived_seed(Draw.TRAINING, self._seed))
        num_images = _check_split(train_data, num_classes)
        trainer = self._resolved(DataFacts(people=num_classes, images=num_images))
        return trainer._fit(
            train_data,
            val_data,
            num_images=num_images,
            num_classes=num_classes,
            checkpoint_dir=checkpoint_dir,
            log_dir=log_dir,
            callbacks=callbacks,
        )

    def _resolved(self, facts: DataFacts) -> Self:
        """A trainer with a value for every key that is left to the data."""
        model, training, choices = resolved(self._model_config, self._training_config, facts)
        for choice in choices:
            _log.info("auto: %s", choice)
        return type(self)(model, training, self._seed)

    def _fit(
        self,
        train_data: tf.data.Dataset,
        val_data: tf.data.Dataset | None,
        *,
        num_images: int,
        num_classes: int,
        checkpoint_dir: Path | None,
        log_dir: Path | None,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> TrainingResult:
        if val_data is not None and _is_empty(val_data):
            val_data = None
        monitor = "loss" if val_data is None else "val_loss"
        with precision_policy(self._training_config.mixed_precision) as precision:
            embedding_model = self._build_embedding_model()
            classifier = self._build_classifier(embedding_model, num_classes)
        _log.info("training in %s, best epoch by %s", precision, monitor)
        history = classifier.fit(
            self._batches(train_data, drop_remainder=num_images > self._batch_size),
            validation_data=None if val_data is None else self._batches(val_data),
            epochs=self._training_config.epochs,
            callbacks=[
                *build_callbacks(self._training_config, monitor, checkpoint_dir, log_dir),
                *callbacks,
            ],
            verbose=0,
        ).history
        delivered = flip_averaged(portable(embedding_model))
        if checkpoint_dir is not None:
            delivered.save(Path(checkpoint_dir) / MODEL_NAME)
        return TrainingResult(
            embedding_model=delivered,
            history={name: [float(v) for v in values] for name, values in history.items()},
            monitor=monitor,
            best_epoch=int(np.argmin(history[monitor])) + 1,
            num_parameters=sum(int(np.prod(w.shape)) for w in embedding_model.trainable_weights),
            precision=precision,
        )

    @property
    def _batch_size(self) -> int:
        return self._training_config.batch_size

    def _build_embedding_model(self) -> FaceEmbeddingModel:
        config = self._model_config
        return FaceEmbeddingModel(
            config.input_shape,
            config.embedding_dim,
            config.dropout_rate,
            config.l2_reg,
            backbone=config.backbone,
        )

    def _build_classifier(self, embedding_model: keras.Model, num_classes: int) -> keras.Model:
        return build_arcface_model(
            embedding_model,
            num_classes,
            self._model_config.arcface_margin,
            self._model_config.arcface_scale,
            optimizer=build_optimizer(self._training_config),
            augmentation=FaceAugmentation() if self._training_config.augment else None,
        )

    def _batches(self, data: tf.data.Dataset, drop_remainder: bool = False) -> tf.data.Dataset:
        """Batches; a small last one would spoil the statistics of batch normalisation."""
        return data.batch(self._batch_size, drop_remainder).prefetch(tf.data.AUTOTUNE)


def _is_empty(data: tf.data.Dataset) -> bool:
    return next(iter(data.take(1)), None) is None


def _check_split(data: tf.data.Dataset, num_classes: int) -> int:
    """Counts the images, and refuses labels that no training can use."""
    labels = np.array([label for _, label in data.as_numpy_iterator()], dtype=np.int64)
    if labels.size == 0:
        raise TrainingDataError("the training split has no images")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise TrainingDataError(
            f"the labels of the training split must be in [0, {num_classes}). "
            f"Received: {labels.min()} to {labels.max()}"
        )
    if np.unique(labels).size < 2:
        raise TrainingDataError(
            "the training split must have images of at least 2 identities. Received: 1 identity"
        )
    return labels.size

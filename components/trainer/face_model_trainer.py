"""Trains a face embedding model from datasets of pixels and labels."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.trainer.callbacks import MODEL_NAME, build_callbacks
from components.trainer.config import ModelConfig, TrainingConfig
from components.trainer.data import TrainingImages
from components.trainer.model import (
    FaceEmbeddingModel,
    build_arcface_model,
    flip_averaged,
    portable,
    precision_policy,
)
from groundfloor.draws import Draw, derived_seed

_log = logging.getLogger(__name__)


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
        train_data: tf.data.Dataset | TrainingImages,
        val_data: tf.data.Dataset | None,
        *,
        num_classes: int,
        checkpoint_dir: Path | None = None,
        log_dir: Path | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> TrainingResult:
        """Trains until the last epoch, or until the monitored figure stops improving.

        Args:
          train_data: the training split; or single (uint8 [H, W, C] pixels, integer label in
            [0, num_classes)), which are read into memory once.
          val_data: single pixels and labels of images held out of the same identities; None or
            empty: the training loss is monitored instead.
          num_classes: number of identities C.
          checkpoint_dir: where `MODEL_NAME`, the embedding model of the result, and
            `CHECKPOINT_NAME`, the classifier of the best epoch, are kept; None: nowhere.
          log_dir: where TensorBoard's logs go; None: nowhere.
          callbacks: added after those of `build_callbacks`.

        Raises:
          TrainingDataError: as `TrainingImages.of`.
          TrainingDiverged: a loss is no longer finite.
        """
        keras.utils.set_random_seed(derived_seed(Draw.TRAINING, self._seed))
        images = self._images(train_data, num_classes)
        if val_data is not None and _is_empty(val_data):
            val_data = None
        monitor = "loss" if val_data is None else "val_loss"
        with precision_policy(self._training_config.mixed_precision) as precision:
            embedding_model = self._build_embedding_model()
            classifier = self._build_classifier(embedding_model, num_classes)
        _log.info("training in %s, best epoch by %s", precision, monitor)
        history = classifier.fit(
            images.batches(),
            steps_per_epoch=images.steps_per_epoch,
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

    def _images(
        self, train_data: tf.data.Dataset | TrainingImages, num_classes: int
    ) -> TrainingImages:
        if isinstance(train_data, TrainingImages):
            return train_data
        return TrainingImages.of(train_data, num_classes, self._training_config, self._seed)

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
            optimizer=keras.optimizers.Adam(self._training_config.initial_lr),
        )

    def _batches(self, data: tf.data.Dataset) -> tf.data.Dataset:
        return data.batch(self._training_config.batch_size).prefetch(tf.data.AUTOTUNE)


def _is_empty(data: tf.data.Dataset) -> bool:
    return next(iter(data.take(1)), None) is None

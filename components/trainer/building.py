"""What a training is made of, by its settings: on its devices, in its precision, from its seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras

from components.trainer.classifier import Classifier
from components.trainer.config import ModelConfig, TrainerSettings
from components.trainer.devices import (
    build_strategy,
    check_devices,
    synchronise_batch_statistics,
)
from components.trainer.heads import CosineHead
from components.trainer.losses import build_loss
from components.trainer.model import HEAD, FaceEmbeddingModel
from components.trainer.optim.optimizers import build_optimizer
from components.trainer.partial_fc import PartialFC
from components.trainer.precision import precision_policy, with_loss_scaling
from components.trainer.row_updates import row_rule_of
from components.trainer.weights import load_weights
from groundfloor.draws import Draw, derived_seed


@dataclass(frozen=True)
class Parts:
    """A classifier with new weights, and what moves them.

    Attributes:
      classifier: embedding model, head and loss.
      optimizer: built for the classifier's trainable variables.
      precision: name of the dtype policy.
    """

    classifier: Classifier
    optimizer: keras.optimizers.Optimizer
    precision: str


@contextmanager
def built(settings: TrainerSettings, num_classes: int) -> Iterator[Parts]:
    """Builds the parts, and keeps devices and precision as they need them inside the `with`.

    Args:
      settings: none of them "auto".
      num_classes: number of identities C.

    Raises:
      DeviceError: the settings do not go with the devices.
      RowUpdateError: Partial FC does not go with the optimiser or the devices.
      WeightsError: the file of `model.weights` does not fit.
    """
    training = settings.training
    keras.utils.set_random_seed(derived_seed(Draw.TRAINING, settings.seed))
    with (
        build_strategy(training.strategy).scope() as strategy,
        precision_policy(training.mixed_precision) as precision,
    ):
        check_devices(training, strategy.num_replicas_in_sync)
        optimizer = with_loss_scaling(build_optimizer(training), precision)
        head = _head(settings, optimizer, num_classes)
        classifier = Classifier(_embedding_model(settings.model), head, build_loss(settings.model))
        if settings.model.weights:
            _load(settings.model.weights, classifier)
        if strategy.num_replicas_in_sync > 1:
            synchronise_batch_statistics(classifier.embedding_model)
        optimizer.build(classifier.trainable_variables)
        yield Parts(classifier, optimizer, precision)


def _embedding_model(model: ModelConfig) -> FaceEmbeddingModel:
    return FaceEmbeddingModel(
        model.input_shape,
        model.embedding_dim,
        model.dropout_rate,
        model.l2_reg,
        backbone=model.backbone,
    )


def _head(
    settings: TrainerSettings, optimizer: keras.optimizers.Optimizer, num_classes: int
) -> CosineHead | PartialFC:
    model = settings.model
    head: CosineHead | PartialFC
    if model.partial_fc is None:
        head = CosineHead(num_classes, model.sub_centres, name=HEAD)
    else:
        rule = row_rule_of(optimizer)
        head = PartialFC(
            num_classes,
            model.partial_fc,
            rule,
            settings.seed,
            sub_centres=model.sub_centres,
            name=HEAD,
        )
    head.build((None, model.embedding_dim))
    return head


def _load(path: str, classifier: Classifier) -> None:
    """Starts from the weights of a file, those of the head where it is of as many people."""
    model = classifier.embedding_model
    pixels = keras.Input(model.input_shape[1:])
    load_weights(keras.Model(pixels, classifier.head(model(pixels))), path)

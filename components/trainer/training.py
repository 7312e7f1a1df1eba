"""A training from its settings and images to the model that is delivered."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.section import AUTO
from components.trainer.building import built
from components.trainer.callbacks import build_callbacks, first_comparable_epoch
from components.trainer.checkpoints import Checkpoints
from components.trainer.classifier import Classifier
from components.trainer.config import (
    LOSS_KEYS,
    MONITORS,
    OF_STRANGERS,
    TrainerSettings,
    TrainingConfig,
)
from components.trainer.data import TrainingDataError, TrainingImages
from components.trainer.devices import is_chief
from components.trainer.doctor.checks import (
    check_copies,
    check_labels,
    check_people,
    largest_share,
)
from components.trainer.doctor.findings import Doctor, Facts, Finding
from components.trainer.doctor.rounds import DoctorRounds, tell
from components.trainer.loop import Figures, Reports, TrainingLoop
from components.trainer.model import flip_averaged, portable
from components.trainer.optim.schedules import Schedule, build_schedule
from components.trainer.validation import Validation, ValidationImages

_log = logging.getLogger(__name__)

_NOTHING_HELD_OUT = ValidationImages()

# Images of each kind that are compared, byte for byte, before the first step.
_COMPARED = 10_000

# What chooses the best epoch by itself: the first of them that each epoch has, or the loss.
_PREFERRED = ("val_loss", "val_eer")


@dataclass(frozen=True)
class TrainingResult:
    """What a training gives.

    Attributes:
      embedding_model: [N, H, W, C] pixels in [0, 255] to float32 [N, D] embeddings, with the
        weights of the best epoch, averaged over the horizontal flip. It computes in float32, also
        after mixed-precision training, and is made of Keras' own layers: saved, it loads without
        this project.
      history: the figures of each epoch by name: `loss`, `accuracy`, `learning_rate`, and those of
        `validation.Validation`, the strangers' of the epochs that look at them. The accuracies are
        without margin.
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
    usual: Sequence[keras.callbacks.Callback] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    reports: Reports | None = None,
    people: Collection[str] = (),
) -> TrainingResult:
    """Trains until the last epoch, or until the monitored figure stops improving.

    Training twice on the same CPU with the same settings and images gives the same weights, also
    where it was killed in between and found its checkpoints again.

    Args:
      settings: the network, how it is trained, and the seed of its weights and of the dropout; none
        of them "auto", see `settling`.
      images: to train on.
      held_out: to judge each epoch by.
      num_classes: number of identities C.
      checkpoints: where the state is kept until the training is complete; None: nowhere. Several
        workers share it, and the chief alone writes there.
      log_dir: where the chief's logs for TensorBoard go; None: nowhere.
      usual: in the place of those of `build_callbacks`; one of them has to give the model the
        weights of the best epoch.
      callbacks: added after them; of several workers, every one calls its own.
      reports: who is told what is seen between two epochs.
      people: the names of those who are trained on, where they are known: no stranger has one.

    Raises:
      DeviceError: settings and devices do not go together, or a worker is gone.
      TrainingDataError: what is to be monitored cannot be measured on these images.
      TrainingDiverged: a loss is no longer finite.
      TrainingHopeless: the doctor says so.
      TrainingInterrupted: the process was asked to end; the state is kept.
    """
    training = settings.training
    monitor = monitor_of(training, held_out)
    seen = _seen_before(images, held_out, num_classes, people)
    tell(seen, ends=training.end_when_hopeless)
    if usual is None:
        usual = build_callbacks(training, monitor, log_dir if is_chief() else None)
    schedule = build_schedule(training, images.steps_per_epoch)
    with built(settings, num_classes) as parts:
        classifier = parts.classifier
        loop = TrainingLoop(
            parts,
            schedule,
            images,
            epochs=training.epochs,
            rounds=_rounds(settings, schedule, classifier, images, held_out),
            reports=_with_tensorboard(reports or Reports(), log_dir if is_chief() else None),
            validate=Validation(classifier, held_out, training.validate_every),
            callbacks=[*usual, *callbacks],
            checkpoints=checkpoints,
            checkpoint_steps=training.checkpoint_steps,
        )
        _log.info("training in %s, best epoch by %s", parts.precision, monitor)
        history = loop.run()
    return TrainingResult(
        embedding_model=flip_averaged(portable(classifier.embedding_model)),
        history=history,
        monitor=monitor,
        best_epoch=_best_epoch(history, monitor, first_comparable_epoch(training, monitor)),
        num_parameters=_number_of(classifier.embedding_model.trainable_variables),
        precision=parts.precision,
    )


def time_of_a_step(settings: TrainerSettings, images: TrainingImages, num_classes: int) -> float:
    """Seconds that a step of a training takes on its devices, by a few of them.

    Args:
      settings: none of them "auto".
      images: to train on.
      num_classes: number of identities C.
    """
    schedule = build_schedule(settings.training, images.steps_per_epoch)
    with built(settings, num_classes) as parts:
        rounds = _rounds(settings, schedule, parts.classifier, images, _NOTHING_HELD_OUT)
        return TrainingLoop(parts, schedule, images, epochs=1, rounds=rounds).time_of_a_step()


def _seen_before(
    images: TrainingImages, held_out: ValidationImages, num_classes: int, people: Collection[str]
) -> list[Finding]:
    """What the doctor finds in labels, names and images before the first step."""
    return [
        *check_labels(images.labels, num_classes),
        *check_people(people, held_out.names_of_strangers()),
        *check_copies(images.as_stored(_COMPARED), held_out.as_stored(_COMPARED)),
    ]


def _rounds(
    settings: TrainerSettings,
    schedule: Schedule,
    classifier: Classifier,
    images: TrainingImages,
    held_out: ValidationImages,
) -> DoctorRounds:
    """The doctor's."""
    facts = Facts(
        centres=classifier.head.num_drawn,
        train_images=len(images.labels),
        largest_share=largest_share(images.labels),
        batch_size=images.batch_size,
        total_steps=settings.training.epochs * images.steps_per_epoch,
        people=classifier.head.num_classes,
        warmup_steps=int(max(schedule.warmup_steps, schedule.margin_steps)),
        val_images=held_out.num_known,
        margin_key=_margin_key(settings.model.loss),
    )
    variables = classifier.embedding_model.trainable_variables
    ends = settings.training.end_when_hopeless
    return DoctorRounds(Doctor(facts), variables, images.batch_size, ends=ends)


def _with_tensorboard(reports: Reports, log_dir: Path | None) -> Reports:
    """The same, and what is seen between two epochs goes to TensorBoard, by steps."""
    if log_dir is None:
        return reports
    writer = tf.summary.create_file_writer(str(log_dir / "steps"))

    def figures(step: int, seen: Figures) -> None:
        with writer.as_default():
            for name, value in seen.items():
                tf.summary.scalar(name, value, step)
        reports.figures(step, seen)

    return replace(reports, figures=figures)


def _margin_key(loss: str) -> str | None:
    """The key of the configuration that a loss has its margin from."""
    return next((f"model.{key}" for key in LOSS_KEYS[loss] if "margin" in key), None)


def monitor_of(training: TrainingConfig, held_out: ValidationImages) -> str:
    """The figure that chooses the best epoch.

    Raises:
      TrainingDataError: what is asked for cannot be measured.
    """
    asked, measured = training.monitor, held_out.figures
    if asked == AUTO:
        in_each_epoch = measured if training.validate_every == 1 else measured - {*OF_STRANGERS}
        return next((name for name in _PREFERRED if name in in_each_epoch), "loss")
    if asked.startswith("val_") and asked not in measured:
        key = "data.val_people" if asked in OF_STRANGERS else "data.val_split"
        raise TrainingDataError(
            f"training.monitor {asked} needs more images than are held out for it: raise {key}"
        )
    return asked


def _best_epoch(history: dict[str, list[float]], monitor: str, first: int) -> int:
    best = np.argmin if MONITORS[monitor] == "min" else np.argmax
    return first + int(best(history[monitor][first:])) + 1


def _number_of(variables: Sequence[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)

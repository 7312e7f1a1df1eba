"""How busy the Trainer keeps the processor: the bare step, the loop, and all of the training.

    .venv/bin/python benchmarks/training.py [--networks resnet10 mobilefacenet iresnet18]

prints for each network, in one run, images a second by the clock

- of the bare step: TensorFlow's graph of forward pass, gradients and optimiser on one batch that is
  there already, with nothing counted, looked at or read;
- of the loop on images in memory: with the order, the doctor, the figures and the callbacks;
- of the Trainer on TFRecords, as the step of the pipeline trains: with the default changes of the
  images, the validation, a checkpoint and TensorBoard in every epoch;

each also as a part of the bare step. Of some epochs the fastest counts, since other work of the
machine can only slow one down; the first, which compiles, is none of them. Networks get their usual
images: 64x64 grey ones with a batch of 32 for the demo's, else 112x112 colour ones with 64.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.shards import shard_name, write_shard
from components.trainer.building import built
from components.trainer.checkpoints import Checkpoints
from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig
from components.trainer.data import TrainingImages
from components.trainer.settling import read_images
from components.trainer.training import train
from components.trainer.validation import ValidationImages, load_validation
from faces.storage import to_example

PEOPLE, EPOCHS = 32, 5
DEMO = "resnet10"


@dataclass(frozen=True)
class Setting:
    """What is trained, and on how many images.

    Attributes:
      settings: of the training.
      images: in an epoch.
      held_out: to validate with.
    """

    settings: TrainerSettings
    images: int
    held_out: int


class EpochTimes(keras.callbacks.Callback):
    """When each epoch ended, by the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Looks at the clock."""
        self.ends.append(time.perf_counter())

    def seconds(self) -> float:
        """Of the fastest epoch; the first, which compiles, is none of them."""
        return float(np.diff(self.ends).min())


def setting_of(backbone: str) -> Setting:
    """The usual images of a network; one in ten is held out, as `data.val_split` does."""
    is_demo = backbone == DEMO
    model = ModelConfig(
        backbone=backbone,
        input_shape=[64, 64, 1] if is_demo else [112, 112, 3],
        embedding_dim=128 if is_demo else 512,
    )
    batch = 32 if is_demo else 64
    training = TrainingConfig(batch_size=batch, epochs=EPOCHS)
    settings = TrainerSettings(model=model, training=training, seed=1)
    images = (9 if is_demo else 12) * batch
    return Setting(settings, images, images // 9)


def drawn(setting: Setting, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, a pattern a person: uint8 [N, H, W, C], and labels int64 [N]."""
    draws = np.random.default_rng(number)
    shape = setting.settings.model.input_shape
    labels = np.arange(number) % PEOPLE
    patterns = np.random.default_rng(0).integers(0, 200, (PEOPLE, *shape))
    return (patterns[labels] + draws.integers(0, 55, (number, *shape))).astype(np.uint8), labels


def bare_step(setting: Setting) -> float:
    """Images a second of the compiled step alone."""
    settings = setting.settings
    batch = settings.training.batch_size
    pixels, labels = (tf.constant(part) for part in drawn(setting, batch))
    with built(settings, PEOPLE) as parts:
        classifier, optimizer = parts.classifier, parts.optimizer

        @tf.function(autograph=False)
        def step() -> tf.Tensor:
            drawn_centres = classifier.head.draw(labels, tf.constant(0, tf.int64))
            with tf.GradientTape() as tape:
                tape.watch(drawn_centres.centres)
                losses = classifier.forward(pixels, drawn_centres).losses
                loss = tf.reduce_mean(losses) + classifier.penalty()
            variables = [*classifier.embedding_model.trainable_variables, drawn_centres.centres]
            optimizer.apply(tape.gradient(loss, variables), classifier.trainable_variables)
            return loss

        step()
        return setting.images / min(_seconds_of_epoch(step, setting) for _ in range(EPOCHS - 1))


def _seconds_of_epoch(step: Callable[[], tf.Tensor], setting: Setting) -> float:
    began = time.perf_counter()
    for _ in range(setting.images // setting.settings.training.batch_size):
        float(step())
    return time.perf_counter() - began


def loop_in_memory(setting: Setting) -> float:
    """Images a second of the loop on images that are there, unchanged."""
    training = setting.settings.training.model_copy(update={"augment": False})
    settings = setting.settings.model_copy(update={"training": training})
    images = TrainingImages.of(drawn(setting, setting.images), PEOPLE, training, settings.seed)
    return _images_per_second(setting, settings, images, ValidationImages())


def trainer_from_records(setting: Setting) -> float:
    """Images a second of the Trainer on the files of a split, with all that it does beside."""
    with tempfile.TemporaryDirectory() as folder:
        files = [
            _write(Path(folder) / name, *drawn(setting, number))
            for name, number in (("train", setting.images), ("val", setting.held_out))
        ]
        settings = setting.settings
        height, width, channels = settings.model.input_shape
        held_out = load_validation(
            files[1:], (height, width, channels), settings.training.batch_size
        )
        images = read_images(settings, files[:1], PEOPLE)
        return _images_per_second(
            setting,
            settings,
            images,
            held_out,
            checkpoints=Checkpoints(f"{folder}/state"),
            log_dir=Path(folder) / "logs",
        )


def _images_per_second(
    setting: Setting,
    settings: TrainerSettings,
    images: TrainingImages,
    held_out: ValidationImages,
    *,
    checkpoints: Checkpoints | None = None,
    log_dir: Path | None = None,
) -> float:
    times = EpochTimes()
    train(
        settings,
        images,
        held_out,
        num_classes=PEOPLE,
        checkpoints=checkpoints,
        log_dir=log_dir,
        callbacks=[times],
    )
    return setting.images / times.seconds()


def _write(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> str:
    """A split in one file, as ImageTransform writes it."""
    folder.mkdir()
    path = str(folder / shard_name(0, 1))
    size = pixels.shape[1:3]
    write_shard(
        path,
        (
            to_example(image, int(label), str(label).encode(), str(place).encode(), size)
            for place, (image, label) in enumerate(zip(pixels, labels, strict=True))
        ),
    )
    return path


WAYS: Sequence[tuple[str, Callable[[Setting], float]]] = (
    ("bare step", bare_step),
    ("loop in memory", loop_in_memory),
    ("Trainer from TFRecords", trainer_from_records),
)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", default=[DEMO, "mobilefacenet", "iresnet18"])
    networks = parser.parse_args().networks
    print("| images/s | " + " | ".join(name for name, _ in WAYS) + " |")
    print("|---" + "|---:" * len(WAYS) + "|", flush=True)
    for backbone in networks:
        setting = setting_of(backbone)
        rates = [way(setting) for _, way in WAYS]
        cells = [f"{rate:.0f} ({rate / rates[0]:.2f})" for rate in rates]
        print(f"| {backbone} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

"""How many images a second are changed for training, beside Keras' layers.

    .venv/bin/python benchmarks/augmentation.py

prints, for batches of 64, what the default list costs against the layers of Keras that draw from
the same distributions (each moves the pixels anew; ours are moved once), and each change alone:
images a second by the clock, and a second of the processors' time, the median of the rounds, in
which all ways take turns. --side and --channels pick the size of the images.
"""

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from keras import layers

from components.trainer.augmentation.augment import augment
from components.trainer.augmentation.choices import CHOICES, default_strengths

BATCH = 64


def keras_layers() -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The default list as layers of Keras, in float32."""
    changes = [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.06, 0.06, fill_mode="nearest"),
        layers.RandomRotation(0.15 / (2 * math.pi), fill_mode="nearest"),
        layers.RandomZoom(0.08, fill_mode="nearest"),
        layers.RandomBrightness(0.15),
        layers.RandomContrast(0.25, value_range=(0, 255)),
        layers.RandomErasing((0.5, 0.5), fill_value=127.5),
    ]

    @tf.function
    def change(pixels: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(pixels, tf.float32)
        for layer in changes:
            pixels = layer(pixels, training=True)
        return pixels

    return change


def ours(strengths: Mapping[str, float]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Some changes as the training data have them."""
    return tf.function(lambda pixels, seed: augment(pixels, seed, strengths))


def seconds_of(
    change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], pixels: tf.Tensor, batches: int
) -> tuple[float, float]:
    """By the clock, and of the processors, for so many batches."""
    started, cpu = time.monotonic(), time.process_time()
    for step in range(batches):
        change(pixels, tf.constant([0, step], tf.int64))
    return time.monotonic() - started, time.process_time() - cpu


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=112)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    shape = (BATCH, options.side, options.side, options.channels)
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    ways = {"Keras' layers": keras_layers(), "the default list": ours(default_strengths())}
    ways |= {f"{name} alone": ours({name: choice.strength}) for name, choice in CHOICES.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.rounds + 1):  # the first round builds the graphs
        for name, change in ways.items():
            times[name].append(seconds_of(change, pixels, options.batches))
    print("| batches of {} images, {}x{}x{} | images/s | images/CPU-s |".format(*shape))
    print("|---|---:|---:|")
    for name, rounds in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
        images = BATCH * options.batches
        print(f"| {name} | {images / wall:,.0f} | {images / cpu:,.0f} |")


if __name__ == "__main__":
    main()

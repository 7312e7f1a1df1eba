"""What the head and its loss cost by the number of people, beside Keras' own functions.

    .venv/bin/python benchmarks/head.py

prints two tables in Markdown, of the loss and its gradient alone, and of head, loss and all
gradients: milliseconds of the processors for an image (the best of some rounds, in which the ways
take turns), how many times as fast as Keras' functions that is, and the memory at the peak, beyond
what was held before, in arrays of float32 [N, C]. Embeddings have 512 dimensions, so that the
centres alone are 8 such arrays. 100,000 people take a few minutes and 2 GB; `--people` picks other
numbers. It runs on Linux.
"""

import argparse
import ctypes
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.trainer.heads import CosineHead, cosines_with, l2_normalise
from components.trainer.losses.arcface import ArcFace, add_angular_margin

PEOPLE = (1_000, 10_000, 100_000)
IMAGES = 64
DIMENSIONS = 512
SCALE, MARGIN = 64.0, 0.5

Step = Callable[[], object]
Function = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def losses_in_keras(cosines: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """ArcFace by a mask: float32 [N]."""
    is_target = keras.ops.one_hot(labels, cosines.shape[-1], dtype="bool")
    with_margin = keras.ops.where(is_target, add_angular_margin(cosines, MARGIN), cosines)
    return keras.losses.sparse_categorical_crossentropy(
        labels, SCALE * with_margin, from_logits=True
    )


def cosines_in_keras(centres: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
    """Cosines with normalised centres: float32 [N, C]."""
    squares = keras.ops.sum(keras.ops.square(centres), axis=-1, keepdims=True)
    directions = centres * keras.ops.rsqrt(keras.ops.maximum(squares, 1e-12))
    return keras.ops.matmul(embeddings, keras.ops.transpose(directions))


def losses_here() -> Function:
    """ArcFace as it is trained."""
    loss, norms = ArcFace(MARGIN, SCALE), tf.ones(IMAGES)
    return lambda cosines, labels: loss(cosines, labels, norms)


def loss_steps(people: int) -> dict[str, Step]:
    """A loss and its gradient, of cosines that are there."""
    cosines = tf.random.stateless_uniform((IMAGES, people), (0, 1), -1.0, 1.0)
    labels = _labels(people)

    def step(losses: Function) -> Step:
        @tf.function
        def gradient(cosines: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(cosines)
                total = tf.reduce_mean(losses(cosines, labels))
            return tape.gradient(total, cosines)

        return lambda: gradient(cosines)

    return {"Keras' functions": step(losses_in_keras), "ArcFace": step(losses_here())}


def head_steps(people: int) -> dict[str, Step]:
    """Head, loss, and the gradients of embeddings and centres."""
    embeddings = l2_normalise(tf.random.stateless_normal((IMAGES, DIMENSIONS), (0, 2)))
    labels = _labels(people)

    def step(cosines: Function, losses: Function, sub_centres: int = 1) -> Step:
        head = CosineHead(people, sub_centres)
        head.build((None, DIMENSIONS))

        @tf.function
        def gradients(embeddings: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(embeddings)
                drawn = head.draw(labels, step=0)
                total = tf.reduce_mean(losses(cosines(drawn.centres, embeddings), labels))
            return tape.gradient(total, [embeddings, *head.trainable_variables])

        return lambda: gradients(embeddings)

    return {
        "Keras' functions": step(cosines_in_keras, losses_in_keras),
        "ArcFace": step(cosines_with, losses_here()),
        "ArcFace, 3 sub-centres": step(partial(cosines_with, sub_centres=3), losses_here(), 3),
    }


def _labels(people: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).integers(0, people, IMAGES))


TABLES = {"loss": loss_steps, "head and loss": head_steps}


def milliseconds(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Of the processors for an image, the best of all rounds."""
    best = dict.fromkeys(steps, float("inf"))
    for number in range(rounds + 1):
        for name, step in steps.items():
            started = time.process_time()
            step()
            if number:  # the first traces
                best[name] = min(best[name], time.process_time() - started)
    return {name: 1e3 * seconds / IMAGES for name, seconds in best.items()}


def peak_arrays(step: Step, people: int) -> float:
    """Memory at the peak of a step beyond that before, in arrays of float32 [N, C]."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier steps freed would be taken again unseen
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status_kib("VmRSS")
    kept = step()
    peak = _status_kib("VmHWM") - before
    del kept
    return peak * 1024 / (4 * IMAGES * people)


def _status_kib(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def print_table(title: str, people: Sequence[int], rounds: int) -> None:
    """One row for each way and number of people."""
    print(f"\n{title}, {IMAGES} images a step\n")
    print("| people | way | CPU ms an image | times as fast | peak, arrays of [N, C] |")
    print("|---:|---|---:|---:|---:|")
    for count in people:
        steps = TABLES[title](count)
        taken = milliseconds(steps, rounds)
        first = next(iter(taken.values()))
        for name, step in steps.items():
            figures = (
                f"{taken[name]:.3f} | {first / taken[name]:.2f} | {peak_arrays(step, count):.1f}"
            )
            print(f"| {count:,} | {name} | {figures} |", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for title in TABLES:
        print_table(title, options.people, options.rounds)


if __name__ == "__main__":
    main()

"""Whether a training that is killed ends with the very weights of one that is not.

A small training is killed by SIGKILL at random moments, and started again each time, until it ends:

    .venv/bin/python benchmarks/resume.py --kills 20

prints at which steps it was killed and from which it went on, and whether the weights at the end
are bit-equal to those of a training that ran through. It exits with 1 if they are not.
"""

import argparse
import hashlib
import multiprocessing
import os
import signal
import sys
import tempfile
from multiprocessing.context import ForkServerContext
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import numpy as np

from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig

PEOPLE, IMAGES, SIDE = 6, 48, 32
SETTINGS = TrainerSettings(
    model=ModelConfig(
        input_shape=[SIDE, SIDE, 1], embedding_dim=16, dropout_rate=0.3, arcface_scale=16.0
    ),
    training=TrainingConfig(
        batch_size=8,
        epochs=20,
        initial_lr=0.003,
        warmup_epochs=2.0,
        margin_warmup=4.0,
        ema=0.9,
        early_stopping_patience=8,
        reduce_lr_patience=1,
        checkpoint_steps=4,
    ),
    seed=5,
)
# Seconds between two looks at how far a training is.
_POLL = 0.001
STEPS = SETTINGS.training.epochs * IMAGES // SETTINGS.training.batch_size


def drawn_images() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, H, W, 1] noisy patterns, a pattern a person, and int64 labels [N]."""
    draws = np.random.default_rng(1)
    labels = np.arange(IMAGES) % PEOPLE
    patterns = draws.integers(0, 200, (PEOPLE, SIDE, SIDE, 1))
    pixels = patterns[labels] + draws.integers(0, 55, (IMAGES, SIDE, SIDE, 1))
    return pixels.astype(np.uint8), labels


def train_small(
    checkpoint_dir: str, digest_file: str, step: "Synchronized[int]", first: "Synchronized[int]"
) -> None:
    """Trains, or goes on, and writes a digest of the weights: the work of a process of its own.

    Args:
      checkpoint_dir: where the state is kept.
      digest_file: where the digest goes.
      step: is set to the number of steps done.
      first: is set to the step that this process begins with.
    """
    import keras  # noqa: PLC0415 - the parent needs none of it

    from components.trainer.checkpoints import Checkpoints  # noqa: PLC0415
    from components.trainer.data import TrainingImages  # noqa: PLC0415
    from components.trainer.training import train  # noqa: PLC0415

    class Counter(keras.callbacks.Callback):
        """Tells the parent how far the training is."""

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            """Counts."""
            if first.value < 0:
                first.value = int(self.model.optimizer.iterations) - 1
            step.value = int(self.model.optimizer.iterations)

    images = TrainingImages.of(drawn_images(), PEOPLE, SETTINGS.training, SETTINGS.seed)
    checkpoints = Checkpoints(checkpoint_dir)
    result = train(
        SETTINGS, images, num_classes=PEOPLE, checkpoints=checkpoints, callbacks=[Counter()]
    )
    digest = hashlib.sha256(repr(result.history).encode())
    for weight in result.embedding_model.get_weights():
        digest.update(weight.tobytes())
    Path(digest_file).write_text(digest.hexdigest(), encoding="utf-8")
    checkpoints.remove()


class Trainings:
    """Starts the small training in processes that have loaded TensorFlow already."""

    def __init__(self) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["components.trainer.training"])

    def run(
        self,
        folder: Path,
        kill_after: int | None = None,
        by: signal.Signals = signal.SIGKILL,
    ) -> tuple[int, int]:
        """Trains in a folder, until the end or until so many steps are done in all.

        Args:
          folder: of the state and the digest.
          kill_after: steps after which the process gets a signal; None: none.
          by: the signal.

        Returns:
          The step that it began with, and how many steps were seen to be done.
        """
        step, first = self._context.Value("i", 0), self._context.Value("i", -1)
        arguments = (str(folder / "state"), str(folder / "digest"), step, first)
        process = self._context.Process(target=train_small, args=arguments)
        process.start()
        if kill_after is not None:
            while step.value < kill_after and process.is_alive():
                process.join(_POLL)
            os.kill(process.pid, by)
        process.join()
        if kill_after is None and process.exitcode:
            raise RuntimeError(f"the training failed with exit code {process.exitcode}")
        return first.value, step.value


def digest_in(folder: Path) -> str:
    """What a complete training has left."""
    return (folder / "digest").read_text(encoding="utf-8")


def main() -> int:
    """Kills, compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    kills = parser.parse_args().kills
    moments = np.sort(np.random.default_rng(0).choice(STEPS - 1, kills, replace=False)) + 1
    trainings = Trainings()
    with tempfile.TemporaryDirectory() as place:
        whole, killed = Path(place) / "whole", Path(place) / "killed"
        for folder in (whole, killed):
            folder.mkdir()
        trainings.run(whole)
        for moment in moments:
            first, last = trainings.run(killed, int(moment))
            print(f"from step {first:3} on, killed after step {last:3} of {STEPS}")
        first, _ = trainings.run(killed)
        equal = digest_in(whole) == digest_in(killed)
    print(f"from step {first:3} to the end; bit-equal to the one that ran through: {equal}")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())

"""Small trainings on several devices, each in a process that has loaded TensorFlow already.

Virtual devices, and the workers of a cluster, have to be there before TensorFlow does anything. So
each training has a process of its own, forked from a server that has only imported what it needs.
"""

import json
import multiprocessing
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resume import PEOPLE, SETTINGS, drawn_images
from components.trainer.config import TrainerSettings
from groundfloor.errors import UserError

# Longer than anything here takes on a busy machine; a worker that hangs fails its test.
_PATIENCE = 240.0


@dataclass(frozen=True)
class Job:
    """A training in a process.

    Attributes:
      folder: where it writes: `trained.npz`, or `error` with the message that it ended with.
      devices: of this process, which are processors.
      settings: of `model` and `training`, in place of those of `SETTINGS`.
      state: folder of its checkpoints; None: it keeps none.
      signals: number of a signal that it sends itself -> after which step, counted from 1.
      cluster: the content of TF_CONFIG; None: it is alone.
    """

    folder: Path
    devices: int = 1
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    state: Path | None = None
    signals: Mapping[int, int] = field(default_factory=dict)
    cluster: Mapping[str, Any] | None = None

    @property
    def trained(self) -> dict[str, np.ndarray]:
        """`losses` [S] of the steps from `first` on, `val_loss`, and the weights by their place."""
        return dict(np.load(self.folder / "trained.npz"))

    @property
    def weights(self) -> list[np.ndarray]:
        """Of the model that is delivered."""
        trained = self.trained
        return [trained[name] for name in sorted(trained) if name.startswith("weight")]

    @property
    def error(self) -> str:
        """What it ended with."""
        return (self.folder / "error").read_text(encoding="utf-8")


def workers(folder: Path, count: int = 2, **arguments: Any) -> list[Job]:
    """Jobs that train together, of which the first is the chief, on free ports of this machine."""
    with_ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    hosts = [f"127.0.0.1:{server.getsockname()[1]}" for server in with_ports]
    for server in with_ports:
        server.close()
    return [
        Job(
            folder / str(index),
            cluster={"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}},
            **arguments,
        )
        for index in range(count)
    ]


def run(jobs: Sequence[Job]) -> list[int]:
    """Runs jobs at the same time, and returns their exit codes.

    Raises:
      TimeoutError: one hangs; all are killed by then.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["components.trainer.training"])
    processes = [context.Process(target=_train, args=(job,)) for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(_PATIENCE)
    hanging = [process for process in processes if process.is_alive()]
    for process in hanging:
        process.kill()
        process.join()
    if hanging:
        raise TimeoutError(f"{len(hanging)} of {len(jobs)} trainings hang")
    return [process.exitcode for process in processes]


def settings_of(job: Job) -> TrainerSettings:
    """Those of the benchmark, without what makes devices draw for themselves."""
    changes = {
        "model": {"dropout_rate": 0.0},
        "training": {
            "epochs": 2,
            "optimizer": "sgd",
            "augment": False,
            "warmup_epochs": 0.0,
            "margin_warmup": 0.0,
            "checkpoint_steps": 2,
        },
    }
    settings = SETTINGS.model_dump()
    for section, values in changes.items():
        settings[section] |= values | dict(job.settings.get(section, {}))
    return TrainerSettings.model_validate(settings)


def _train(job: Job) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    if job.cluster:
        os.environ["TF_CONFIG"] = json.dumps(job.cluster)
    try:
        _train_on(job)
    except UserError as error:
        (job.folder / "error").write_text(str(error), encoding="utf-8")
        raise SystemExit(3) from error


def _train_on(job: Job) -> None:
    """Trains, in this process."""
    import keras  # noqa: PLC0415 - loaded by the server of the processes
    import tensorflow as tf  # noqa: PLC0415

    from components.trainer.checkpoints import Checkpoints  # noqa: PLC0415
    from components.trainer.data import TrainingImages  # noqa: PLC0415
    from components.trainer.devices import build_strategy  # noqa: PLC0415
    from components.trainer.training import train  # noqa: PLC0415
    from components.trainer.validation import ValidationImages  # noqa: PLC0415

    class Steps(keras.callbacks.Callback):
        """Notes the losses, and ends the process as asked."""

        def __init__(self):
            super().__init__()
            self.losses, self.first = [], None

        def on_train_batch_end(self, batch, logs=None):
            step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
            self.first = self.first or step
            self.losses.append(logs["loss"])
            for number in [number for number, after in job.signals.items() if after == step]:
                os.kill(os.getpid(), number)

    if job.devices > 1:
        _be_a_machine_with_devices(tf, job.devices)
    settings = settings_of(job)
    build_strategy("auto")
    images, labels = drawn_images()
    steps = Steps()
    result = train(
        settings,
        TrainingImages.of((images, labels), PEOPLE, settings.training, settings.seed),
        ValidationImages.of(images[:12], labels[:12].astype(np.int64), 8),
        num_classes=PEOPLE,
        checkpoints=Checkpoints(str(job.state)) if job.state else None,
        log_dir=job.folder / "tensorboard",
        callbacks=[steps],
    )
    weights = result.embedding_model.get_weights()
    np.savez(
        job.folder / "trained.npz",
        losses=steps.losses,
        first=steps.first,
        val_loss=result.history["val_loss"],
        **{f"weight{place:03}": weight for place, weight in enumerate(weights)},
    )


def _be_a_machine_with_devices(tf: Any, count: int) -> None:
    """Parts the processor into devices, and has "auto" take them for the GPUs of this machine."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [part] * count)
    devices = [f"CPU:{index}" for index in range(count)]
    tf.config.list_logical_devices = lambda kind=None: devices
    tf.distribute.MirroredStrategy = partial(tf.distribute.MirroredStrategy, devices)

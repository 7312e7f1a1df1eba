"""GPUs: those that the driver knows, and whether TensorFlow can use them."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.checkup.diagnosis import NOTE, OK, Diagnosis

_DRIVER = Path("/proc/driver/nvidia/gpus")
_COUNT = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"

# Seconds that `nvidia-smi`, and that loading TensorFlow, may take.
_DRIVER_SECONDS = 10
_TENSORFLOW_SECONDS = 120


def check_gpus() -> Diagnosis:
    """Which GPUs there are; only where there are some does another process load TensorFlow."""
    names = gpus_of_driver()
    return judge_gpus(names, gpus_of_tensorflow() if names else 0)


def judge_gpus(names: Sequence[str], usable: int) -> Diagnosis:
    """The same.

    Args:
      names: of the GPUs that the driver knows.
      usable: how many TensorFlow finds.
    """
    if not names:
        remedy = "an NVIDIA GPU, if the training takes too long"
        return Diagnosis("gpu", NOTE, "none: training takes the processor", remedy)
    text = ", ".join(names)
    if usable == 0:
        return Diagnosis(
            "gpu",
            NOTE,
            f"{text}, which TensorFlow cannot use: training takes the processor",
            "install NVIDIA's libraries, uv pip install -r docker/tensorflow-cuda.lock, or train "
            "in the image of make images TENSORFLOW=cuda",
        )
    return Diagnosis("gpu", OK, f"{text}; TensorFlow uses {usable}")


def gpus_of_driver(driver: Path = _DRIVER) -> list[str]:
    """The names of NVIDIA's GPUs, from the kernel's driver, or else from `nvidia-smi`."""
    files = sorted(driver.glob("*/information"))
    return [_model(file.read_text()) for file in files] or _gpus_of_nvidia_smi()


def _model(information: str) -> str:
    fields = dict(line.partition(":")[::2] for line in information.splitlines())
    return fields.get("Model", "a GPU").strip()


def _gpus_of_nvidia_smi() -> list[str]:
    """A virtual machine's driver may be elsewhere, as in WSL."""
    program = shutil.which("nvidia-smi")
    return _lines([program, "--query-gpu=name", "--format=csv,noheader"]) if program else []


def _lines(command: list[str]) -> list[str]:
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=_DRIVER_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return run.stdout.splitlines()


def gpus_of_tensorflow() -> int:
    """How many GPUs TensorFlow finds, asked in another process: it takes seconds to load."""
    try:
        run = subprocess.run(
            [sys.executable, "-c", _COUNT],
            capture_output=True,
            text=True,
            timeout=_TENSORFLOW_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return int(run.stdout.split()[-1])

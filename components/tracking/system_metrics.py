"""MLflow's own measures of the machine: processor, memory, disk, network, GPUs.

MLflow's monitor has a thread and a connection of its own, which complains at every sample of a
server that is gone. Here they are read when the training logs its figures, and go the same way.
"""

import importlib
import logging
import time
from collections.abc import Callable
from typing import Any

from components.tracking.client import load_mlflow

_log = logging.getLogger(__name__)

# As MLflow's pages look for them.
_PREFIX = "system/"
_MONITORS = (
    "cpu_monitor.CPUMonitor",
    "disk_monitor.DiskMonitor",
    "network_monitor.NetworkMonitor",
    "gpu_monitor.GPUMonitor",
)


class SystemMetrics:
    """Reads the machine every so often, from the first call on.

    The use of the processor is the mean since the reading before, or since this was made.

    Args:
      seconds: between two readings.
      clock: seconds, monotonic.
    """

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic):
        self._seconds = seconds
        self._clock = clock
        self._next = clock()
        self._monitors = _monitors()
        self.sample()
        self._next = clock()

    def sample(self) -> dict[str, float]:
        """The measures by name, under MLflow's names; empty before it is time."""
        now = self._clock()
        if now < self._next:
            return {}
        self._next = now + self._seconds
        return {
            f"{_PREFIX}{name}": float(value)
            for monitor in self._monitors
            for name, value in _read(monitor).items()
        }


def _read(monitor: Any) -> dict[str, float]:
    """What a monitor measures now; nothing where the system does not tell."""
    monitor.clear_metrics()
    try:
        monitor.collect_metrics()
    except Exception as error:  # psutil and NVML have errors of their own for each system
        _log.info("%s cannot read: %s", type(monitor).__name__, error)
        return {}
    return monitor.aggregate_metrics()


def _monitors() -> list[Any]:
    """Those that this machine has: MLflow's raise where it has no GPU, or no library to ask it."""
    load_mlflow()
    found = []
    for name in _MONITORS:
        module, _, monitor = name.partition(".")
        try:
            package = importlib.import_module(f"mlflow.system_metrics.metrics.{module}")
            found.append(getattr(package, monitor)())
        except Exception as error:
            _log.info("%s is not measured: %s", monitor, error)
    return found

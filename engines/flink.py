"""A Flink session cluster on loopback: a JobManager, TaskManagers, and what Beam has beside them.

A TaskManager names its Python workers by numbers of its own, so that each needs a pool of workers
for itself. All find it under one name, which each resolves by a file of hosts of its own, as if it
were alone on a machine: to 127.0.0.1, to 127.0.0.2 and so on.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import INSTALLED
from engines.beam_helpers import (
    java_command,
    job_server_command,
    pool_command,
    portable_args,
    worker_environment,
)
from engines.servers import free_port, port_answers, running

_LIBRARIES = INSTALLED / "flink" / "pyflink" / "lib"
_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_POOL_HOST = "worker-pool"
_SECONDS = 90

RESTARTS = 2  # of a job
SLOTS = 2  # of a TaskManager

# What Flink's scripts work out from the memory of the machine.
_MEMORY = {
    "taskmanager.cpu.cores": "2",
    "taskmanager.memory.task.heap.size": "384m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.network.min": "128m",
    "taskmanager.memory.network.max": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
}


@dataclass
class FlinkCluster:
    """A cluster that runs.

    Attributes:
      rest: port of its REST interface.
      pool: host and port where a TaskManager finds its pool of Python workers.
      job: port of Beam's job server.
      artifacts: port where the job server takes files.
      start_task_manager: starts the one of a number from 1 on, and its pool.
      task_managers: the processes of those that run, by number.
    """

    rest: int
    pool: str
    job: int
    artifacts: int
    start_task_manager: Callable[[int], list[subprocess.Popen]]
    task_managers: dict[int, list[subprocess.Popen]] = field(default_factory=dict)

    @property
    def master(self) -> str:
        """Where Beam's own runner of Flink asks for it."""
        return f"127.0.0.1:{self.rest}"

    def beam_args(self, parallelism: int) -> list[str]:
        """Options of Beam that run a pipeline here, by the job server that runs."""
        return portable_args(self.job, self.artifacts, self.pool, parallelism)

    def ask(self, path: str) -> Any:
        """What the REST interface answers."""
        with urllib.request.urlopen(f"http://{self.master}/{path}", timeout=10) as answer:
            return json.load(answer)

    def have_task_managers(self, numbers: Iterable[int]) -> None:
        """Starts those that are missing, and waits until they are known."""
        for number in set(numbers) - set(self.task_managers):
            self.task_managers[number] = self.start_task_manager(number)
        wait_until(lambda: self.ask("overview")["taskmanagers"] >= len(self.task_managers))

    def kill_task_manager(self, number: int) -> None:
        """Kills one, with its workers."""
        for process in self.task_managers.pop(number):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def flink_cluster(folder: Path) -> Iterator[FlinkCluster]:
    """Starts a cluster of two TaskManagers, of `SLOTS` slots each, and ends all of it.

    Args:
      folder: for its configuration, its logs and what it keeps.
    """
    rpc, rest, job, artifacts, pool = (free_port() for _ in range(5))
    _configure(folder, rpc, rest)
    with ExitStack() as ended:

        def start(
            name: str, command: list[str], answers: Callable[[], bool], **options: Any
        ) -> subprocess.Popen:
            log = folder / f"{name}.log"
            return ended.enter_context(running(command, log, answers, **options))

        def start_task_manager(number: int) -> list[subprocess.Popen]:
            host, hosts = f"127.0.0.{number}", folder / f"hosts-{number}"
            names = f"localhost {socket.gethostname()}"  # which Flink asks for
            hosts.write_text(f"127.0.0.1 {names}\n{host} {_POOL_HOST}\n")
            command = _flink(folder, 640, f"-Djdk.net.hosts.file={hosts}", _TASK_MANAGER)
            return [
                start(
                    f"pool-{number}",
                    pool_command(f"{host}:{pool}"),
                    lambda: port_answers(pool, host),
                    env=worker_environment(),
                ),
                start(f"task-manager-{number}", command, lambda: True),
            ]

        start("job-manager", _flink(folder, 512, _JOB_MANAGER), lambda: port_answers(rest))
        command = job_server_command("flink", folder, job, artifacts)
        command.append(f"--flink-master=127.0.0.1:{rest}")
        start("job-server", command, lambda: port_answers(job))
        cluster = FlinkCluster(rest, f"{_POOL_HOST}:{pool}", job, artifacts, start_task_manager)
        cluster.have_task_managers((1, 2))
        yield cluster


def wait_until(holds: Callable[[], Any]) -> None:
    """Asks again and again until something holds.

    Raises:
      TimeoutError: it does not.
    """
    end = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not after {_SECONDS} seconds")
        time.sleep(0.1)


def _configure(folder: Path, rpc: int, rest: int) -> None:
    local = "127.0.0.1"
    settings = {
        "jobmanager.rpc.address": local,
        "jobmanager.rpc.port": rpc,
        "jobmanager.bind-host": local,
        "taskmanager.host": local,
        "taskmanager.bind-host": local,
        "taskmanager.numberOfTaskSlots": SLOTS,
        "taskmanager.network.sort-shuffle.min-buffers": 64,  # 512 take half of a small memory
        "rest.address": local,
        "rest.bind-address": local,
        "rest.port": rest,
        "io.tmp.dirs": folder / "tmp",
        "heartbeat.interval": 1000,
        "heartbeat.timeout": 5000,
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": RESTARTS,
        "restart-strategy.fixed-delay.delay": "1 s",
    }
    lines = [f"{key}: {value}" for key, value in (settings | _MEMORY).items()]
    (folder / "tmp").mkdir(parents=True)
    (folder / "flink-conf.yaml").write_text("\n".join(lines) + "\n")


def _flink(folder: Path, megabytes: int, *what: str) -> list[str]:
    """Runs a part of Flink."""
    libraries = os.pathsep.join(map(str, sorted(_LIBRARIES.glob("*.jar"))))
    return [
        *java_command(megabytes, folder / "tmp"),
        "-cp",
        libraries,
        *what,
        "--configDir",
        str(folder),
    ]

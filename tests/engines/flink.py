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
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENGINES = Path("build/engines")
JOB_SERVER = ENGINES / "flink-job-server.jar"
_LIBRARIES = ENGINES / "flink" / "pyflink" / "lib"

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_OPENED = ("lang", "lang.reflect", "util", "util.concurrent", "net", "io", "nio", "text", "time")
_SECONDS = 90
_POOL_HOST = "worker-pool"
_POOL = Path(__file__).with_name("worker_pool.py")
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
class TaskManager:
    """A TaskManager, and the pool of its Python workers."""

    process: subprocess.Popen
    pool: subprocess.Popen

    def kill(self) -> None:
        """Kills both, and the workers."""
        kill_group(self.process)
        kill_group(self.pool)


@dataclass
class FlinkCluster:
    """A cluster that runs.

    Attributes:
      master: host and port of its REST interface.
      pool: where a TaskManager finds its pool of Python workers.
      job_server: host and port of Beam's job server.
      artifacts: host and port where the job server takes files.
      start_task_manager: starts the one of a number from 1 on.
      task_managers: those that run, by number.
    """

    master: str
    pool: str
    job_server: str
    artifacts: str
    start_task_manager: Callable[[int], TaskManager]
    task_managers: dict[int, TaskManager] = field(default_factory=dict)

    def beam_args(self, parallelism: int) -> list[str]:
        """Options of Beam that run a pipeline here, by the job server that runs."""
        return [
            "--runner=PortableRunner",
            f"--job_endpoint={self.job_server}",
            f"--artifact_endpoint={self.artifacts}",
            "--environment_type=EXTERNAL",
            f"--environment_config={self.pool}",
            "--sdk_container_image=none",
            f"--parallelism={parallelism}",
        ]

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
        self.task_managers.pop(number).kill()


@contextmanager
def flink_cluster(folder: Path) -> Iterator[FlinkCluster]:
    """Starts a cluster of two TaskManagers, of `SLOTS` slots each, and ends all of it.

    Args:
      folder: for its configuration, its logs and what it keeps.
    """
    rpc, rest, job, artifacts, pool = free_ports(5)
    _configure(folder, rpc, rest)
    with ExitStack() as ended:

        def start(name: str, command: list[str]) -> subprocess.Popen:
            return ended.enter_context(_running(name, command, folder))

        def start_task_manager(number: int) -> TaskManager:
            host = f"127.0.0.{number}"
            hosts = folder / f"hosts-{number}"
            names = f"localhost {socket.gethostname()}"  # which Flink asks for
            hosts.write_text(f"127.0.0.1 {names}\n{host} {_POOL_HOST}\n")
            workers = start(f"pool-{number}", [sys.executable, _POOL, f"{host}:{pool}"])
            java = [*_java(folder, 640), f"-Djdk.net.hosts.file={hosts}"]
            command = [*java, _TASK_MANAGER, *_conf(folder)]
            return TaskManager(start(f"task-manager-{number}", command), workers)

        cluster = FlinkCluster(
            f"127.0.0.1:{rest}",
            f"{_POOL_HOST}:{pool}",
            f"127.0.0.1:{job}",
            f"127.0.0.1:{artifacts}",
            start_task_manager,
        )
        start("job-manager", [*_java(folder, 512), _JOB_MANAGER, *_conf(folder)])
        start("job-server", _job_server(folder, cluster, job, artifacts))
        wait_until(lambda: cluster.ask("overview"))
        cluster.have_task_managers((1, 2))
        for address in (("127.0.0.1", job), ("127.0.0.1", pool), ("127.0.0.2", pool)):
            wait_until(lambda address=address: _is_open(address))
        yield cluster


def wait_until(holds: Callable[[], Any], seconds: float = _SECONDS) -> None:
    """Asks again and again until something holds.

    Raises:
      TimeoutError: it does not.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if holds():
                return
        except OSError:  # nobody answers yet
            pass
        time.sleep(0.1)
    raise TimeoutError(f"not after {seconds} seconds")


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens at."""
    with ExitStack() as held:
        sockets = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [each.getsockname()[1] for each in sockets]


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
        "restart-strategy.fixed-delay.attempts": 2,
        "restart-strategy.fixed-delay.delay": "1 s",
    }
    lines = [f"{key}: {value}" for key, value in (settings | _MEMORY).items()]
    (folder / "tmp").mkdir(parents=True)
    (folder / "flink-conf.yaml").write_text("\n".join(lines) + "\n")


def _conf(folder: Path) -> list[str]:
    return ["--configDir", str(folder)]


def _java(folder: Path, megabytes: int) -> list[str]:
    """Java with Flink's libraries, and what it opens of the JDK's own for them."""
    opened = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED]
    libraries = os.pathsep.join(str(path.resolve()) for path in sorted(_LIBRARIES.glob("*.jar")))
    memory = [f"-Xmx{megabytes}m", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={folder / 'tmp'}"]
    return ["java", *memory, *opened, "-cp", libraries]


def _job_server(folder: Path, cluster: FlinkCluster, job: int, artifacts: int) -> list[str]:
    opened = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED]
    return [
        *("java", "-Xmx512m", "-XX:+UseSerialGC", *opened, "-jar", str(JOB_SERVER.resolve())),
        f"--flink-master={cluster.master}",
        "--job-host=127.0.0.1",
        f"--job-port={job}",
        f"--artifact-port={artifacts}",
        "--expansion-port=0",
        f"--artifacts-dir={folder / 'artifacts'}",
    ]


@contextmanager
def _running(name: str, command: list[str], folder: Path) -> Iterator[subprocess.Popen]:
    """A process that writes a log, and is ended with all that it has started."""
    # The pool starts `python`: the one that runs the tests, which finds the project.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(Path.cwd())}
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen) -> None:
    """Kills a process and those that it has started, at once; one that has ended stays so."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_open(address: tuple[str, int]) -> bool:
    with socket.create_connection(address, timeout=1):
        return True

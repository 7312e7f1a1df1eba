"""What Beam has beside an engine: a job server that takes pipelines, and pools of workers."""

import os
import sys
from pathlib import Path

from engines import INSTALLED, ROOT

_OPENED = (
    *("java.lang", "java.lang.reflect", "java.util", "java.util.concurrent", "java.net"),
    *("java.util.concurrent.atomic", "java.io", "java.nio", "java.text", "java.time"),
    *("sun.nio.ch", "sun.security.action", "sun.util.calendar"),
)


def java_command(megabytes: int, folder: Path) -> list[str]:
    """Java, with what it opens of the JDK's own for Flink and Spark."""
    opened = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED]
    memory = [f"-Xmx{megabytes}m", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={folder}"]
    return ["java", *memory, *opened]


def job_server_jar(engine: str) -> Path:
    """The job server of an engine.

    Raises:
      FileNotFoundError: it has not been built.
    """
    jar = INSTALLED / f"{engine}-job-server.jar"
    if not jar.exists():
        raise FileNotFoundError(f"{jar} is missing: make test-engines builds it")
    return jar


def job_server_command(engine: str, folder: Path, job: int, artifacts: int) -> list[str]:
    """Runs the job server of an engine on two ports; what is the engine's own is to be added."""
    return [
        *java_command(1024, folder),
        *("-jar", str(job_server_jar(engine))),
        *("--job-host=127.0.0.1", f"--job-port={job}", f"--artifact-port={artifacts}"),
        *("--expansion-port=0", f"--artifacts-dir={folder / 'artifacts'}"),
    ]


def pool_command(address: str) -> list[str]:
    """Runs a pool of Python workers at an address."""
    return [sys.executable, str(Path(__file__).with_name("worker_pool.py")), address]


def worker_environment() -> dict[str, str]:
    """The environment of a pool: the `python` that it starts is this one, and finds the project."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}


def portable_args(job: int, artifacts: int, pool: str, parallelism: int) -> list[str]:
    """Options of Beam that run a pipeline by a job server of this machine."""
    return [
        "--runner=PortableRunner",
        f"--job_endpoint=127.0.0.1:{job}",
        f"--artifact_endpoint=127.0.0.1:{artifacts}",
        "--environment_type=EXTERNAL",
        f"--environment_config={pool}",
        "--sdk_container_image=none",
        f"--parallelism={parallelism}",
    ]

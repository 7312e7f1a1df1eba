"""Spark in one process, on two cores, by Beam's job server for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.beam_helpers import (
    job_server_command,
    pool_command,
    portable_args,
    worker_environment,
)
from engines.servers import free_port, port_answers, running


@contextmanager
def spark(folder: Path) -> Iterator[list[str]]:
    """Starts it; the options of Beam that run a pipeline there."""
    job, artifacts, pool = (free_port() for _ in range(3))
    address = f"127.0.0.1:{pool}"
    command = [*job_server_command("spark", folder, job, artifacts), "--spark-master-url=local[2]"]
    with (
        running(command, folder / "job-server.log", lambda: port_answers(job)),
        running(
            pool_command(address),
            folder / "pool.log",
            lambda: port_answers(pool),
            env=worker_environment(),
        ),
    ):
        yield portable_args(job, artifacts, address, parallelism=2)

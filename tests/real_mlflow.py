"""MLflow's own server, in a process that can be killed and started again on the same port."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

_SECONDS_TO_START = 120


class RealServer:
    """A server that keeps everything in a folder.

    Args:
      folder: of its log, and of its database and its artifacts, unless these are elsewhere.
      database: the URI of its database.
      artifacts: where it puts what the clients send it.
      environment: further variables for the server.
    """

    def __init__(
        self,
        folder: Path,
        database: str | None = None,
        artifacts: str | None = None,
        environment: Mapping[str, str] | None = None,
    ):
        self._folder = folder
        self._environment = os.environ | {
            # Not on the command line, which every user of the machine may read.
            "MLFLOW_BACKEND_STORE_URI": database or f"sqlite:///{folder}/server.db",
            "MLFLOW_ARTIFACTS_DESTINATION": artifacts or (folder / "artifacts").as_uri(),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **(environment or {}),
        }
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self._port = unused.getsockname()[1]
        self._process: subprocess.Popen | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when it answers."""
        options = {
            "--host": "127.0.0.1",
            "--port": self._port,
            "--workers": 1,
        }
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *map(str, sum(options.items(), ()))],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self._environment,
            )
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError((self._folder / "server.log").read_text())
            time.sleep(0.1)

    def kill(self) -> None:
        """Kills it and its workers, if it runs."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

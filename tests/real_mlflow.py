"""MLflow's own server, in a process that can be killed and started again on the same port."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

_SECONDS_TO_START = 120


class RealServer:
    """A server that keeps everything in a folder.

    Args:
      folder: of its database and its artifacts.
    """

    def __init__(self, folder: Path):
        self._folder = folder
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
            "--backend-store-uri": f"sqlite:///{self._folder}/server.db",
            "--artifacts-destination": (self._folder / "artifacts").as_uri(),
            "--workers": 1,
        }
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *map(str, sum(options.items(), ()))],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
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

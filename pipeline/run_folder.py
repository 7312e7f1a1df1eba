"""The folder of a run: what lies where below the output folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import UserError


class RunFolder:
    """Paths below an output folder.

    Args:
      output_dir: the folder; made when needed.
      artifacts: the root of the pipeline's artifacts, if it is to be elsewhere.
    """

    def __init__(self, output_dir: Path, artifacts: Path | None = None):
        self.path = output_dir.resolve()
        self.metadata_db = self.path / "metadata.db"
        self.artifacts = artifacts.resolve() if artifacts else self.path / "artifacts"
        self.mlflow_db = self.path / "mlflow.db"
        self.mlflow_artifacts = self.path / "mlflow"
        self.serving_model = self.path / "serving_model"
        self.logs = self.path / "logs"
        self.latest = self.path / "latest"

    def prepare(self) -> None:
        """Makes the folders and tries to write into them.

        Raises:
          UserError: one cannot be made or written to.
        """
        for folder in (self.path, self.artifacts, self.logs, self.latest):
            probe = folder / f".probe-{os.getpid()}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                probe.write_bytes(b"probe")
                probe.unlink()
            except OSError as error:
                raise UserError(f"cannot write to {folder}: {error.strerror}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for one run at a time; a killed run's lock is gone with it.

        Raises:
          UserError: another run holds it.
        """
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(f"another run is using {self.path}; wait or name another") from None
            yield

"""The folder of a run: what lies where below the output folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from components.tracking.outbox import OUTBOX
from groundfloor.errors import UserError
from pipeline import artifacts_root, metadata_store
from pipeline.artifacts_root import Owner
from pipeline.metadata_config import MYSQL, MetadataConfig
from pipeline.shared_metadata import RECORD, SharedDatabase, recorded

METADATA_DB = "metadata.db"

_LOCK = ".lock"


class RunFolder:
    """Paths below an output folder.

    Args:
      output_dir: the folder; made when needed.
      artifacts: the root of the pipeline's artifacts, if it is to be elsewhere.
      metadata: where the metadata goes; None: where the run that is there has it.
    """

    def __init__(
        self,
        output_dir: Path,
        artifacts: Path | None = None,
        metadata: MetadataConfig | None = None,
    ):
        self.path = output_dir.resolve()
        self.metadata_db = _metadata_place(self.path, metadata)
        self.artifacts = artifacts.resolve() if artifacts else self.path / "artifacts"
        self.mlflow_db = self.path / "mlflow.db"
        self.mlflow_artifacts = self.path / "mlflow"
        self.serving_model = self.path / "serving_model"
        self.logs = self.path / "logs"
        self.unfinished = self.path / "unfinished"
        self.mlflow_unsent = self.path / OUTBOX
        self.latest = self.path / "latest"
        self.places = [self.path, self.artifacts]

    def prepare(self) -> None:
        """Makes the folders and tries to write into them.

        Raises:
          UserError: one cannot be made or written to.
        """
        for folder in (self.path, self.artifacts, self.logs, self.latest):
            _try_to_write(folder)
        for folder in (self.serving_model, self.mlflow_artifacts):
            if folder.exists():
                _try_to_write(folder)

    def claim(self) -> None:
        """Sees that the metadata store can be used, and that the artifacts are its own.

        Raises:
          UserError: the store cannot be used, or the artifacts are another run's.
        """
        metadata_store.check_store(self.metadata_db)
        owner = Owner(metadata_store.store_id(self.metadata_db), str(self.path))
        artifacts_root.claim(self.artifacts, owner, (METADATA_DB, RECORD))
        if isinstance(self.metadata_db, Path):
            (self.path / RECORD).unlink(missing_ok=True)

    def has_run(self) -> bool:
        """Whether there is, or was, a run."""
        return any((self.path / name).is_file() for name in (METADATA_DB, RECORD))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder and its artifacts for one run at a time; a killed run's lock is gone.

        Raises:
          UserError: another run holds one of them.
        """
        with (
            _lock(self.path / _LOCK, self.path),
            _lock(self.artifacts / ".artifacts.lock", self.artifacts),
        ):
            yield


@contextmanager
def unused(folder: Path) -> Iterator[None]:
    """Keeps runs away from an output folder; any other folder is left alone.

    Raises:
      UserError: a run holds it.
    """
    held = _lock(folder / _LOCK, folder) if (folder / _LOCK).exists() else nullcontext()
    with held:
        yield


def _metadata_place(folder: Path, metadata: MetadataConfig | None) -> metadata_store.Place:
    if metadata is None:
        return recorded(folder) or folder / METADATA_DB
    if metadata.kind == MYSQL:
        return SharedDatabase(metadata, folder / RECORD)
    return folder / METADATA_DB


def _try_to_write(folder: Path) -> None:
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            probe.unlink()


@contextmanager
def _lock(path: Path, folder: Path) -> Iterator[None]:
    """Holds a lock on a file, in which its holder leaves the number of its process."""
    try:
        file = path.open("a+")
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(20).strip() or "unknown"
            raise UserError(
                f"another run (process {holder}) is using {folder}; wait for it or name another"
            ) from None
        except OSError as error:
            raise UserError(f"cannot lock {path}: {error.strerror}") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield

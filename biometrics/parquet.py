"""Parquet, read with pyarrow, which is as large as all other libraries of measuring together."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from biometrics.errors import EvaluationError
from groundfloor import arrow


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Any:
    """The file as a `pyarrow.Table`.

    Args:
      path: of the file.
      columns: those to read, as far as they are there; None: all.

    Raises:
      EvaluationError: it cannot be read; the message is the reason alone.
    """
    pyarrow = load_pyarrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            return file.read(columns)
    except (OSError, RuntimeError, pyarrow.ArrowException) as error:
        raise EvaluationError(arrow.reason_of(error)) from None


def load_pyarrow() -> ModuleType:
    """The library, loaded for Parquet alone.

    Raises:
      EvaluationError: it is not installed.
    """
    try:
        return arrow.load_pyarrow()
    except ImportError as error:
        raise EvaluationError(f"Parquet needs {error.name}: pip install {error.name}") from None

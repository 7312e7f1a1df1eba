"""Parquet, read with pyarrow, which is as large as all other libraries of measuring together."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from biometrics.errors import EvaluationError


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Any:
    """The file as a `pyarrow.Table`.

    Args:
      path: of the file.
      columns: those to read, as far as they are there; None: all.

    Raises:
      EvaluationError: it cannot be read; the message is the reason alone.
    """
    arrow = load_pyarrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            return file.read(columns)
    except (OSError, arrow.ArrowException) as error:
        raise EvaluationError(str(error)) from None


def load_pyarrow() -> ModuleType:
    """The library with its parts `compute` and `parquet`, loaded for Parquet alone.

    Raises:
      EvaluationError: it is not installed.
    """
    try:
        import pyarrow  # noqa: PLC0415
        import pyarrow.compute  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise EvaluationError("Parquet needs pyarrow: pip install pyarrow") from None
    return pyarrow

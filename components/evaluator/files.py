"""The files that the settings of an evaluation name, wherever they lie."""

import tensorflow as tf
from tfx.dsl.io import fileio

from biometrics.csv_table import decode_text
from biometrics.errors import EvaluationError
from faces.content import MAX_FILE_BYTES


def read_bytes(path: str) -> bytes:
    """The content of a file of at most `MAX_FILE_BYTES`.

    Raises:
      EvaluationError: it cannot be read, or is larger; the message is the reason alone.
    """
    try:
        if tf.io.gfile.stat(path).length > MAX_FILE_BYTES:
            raise EvaluationError(f"over the limit of {MAX_FILE_BYTES} bytes")
        with fileio.open(path, "rb") as file:
            return file.read()
    except (OSError, EvaluationError, tf.errors.OpError) as error:
        raise EvaluationError(str(error)) from None


def read_text(path: str) -> str:
    """The content of a text file; see `decode_text`.

    Raises:
      EvaluationError: it cannot be read, or is no text.
    """
    try:
        return decode_text(read_bytes(path))
    except EvaluationError as error:
        raise EvaluationError(f"cannot read {path}: {error}") from None

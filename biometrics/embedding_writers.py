"""Embeddings written as they are made, in bounded memory: at the name is a whole file or none."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from biometrics.arrays import Float32
from biometrics.embedding_files import EMBEDDING, IDENTITY, KEY, is_of_embedding
from biometrics.errors import EvaluationError
from biometrics.parquet import load_pyarrow

NPZ, PARQUET = ".npz", ".parquet"

# Rows of a Parquet file that are written together: 16 MiB at 512 dimensions.
_GROUP_ROWS = 2**13


class EmbeddingWriter(Protocol):
    """Takes embeddings in the order in which they are to be read again."""

    def add(
        self,
        keys: Sequence[str],
        identities: Sequence[str],
        embeddings: Float32,
        attributes: Mapping[str, Sequence[str]],
    ) -> None:
        """Adds some images.

        Args:
          keys: of the images, N of them, each unlike all others of the file.
          identities: the person in each.
          embeddings: float32 [N, D].
          attributes: column -> the value for each image, of all columns that were named.
        """


@contextmanager
def writing_embeddings(path: Path, columns: Sequence[str] = ()) -> Iterator[EmbeddingWriter]:
    """Writes a file that `read_embeddings` reads, and which is there once the context ends well.

    Args:
      path: ends with `.npz`, which holds no attributes, or `.parquet`.
      columns: the attributes.

    Raises:
      EvaluationError: see `check_output`; pyarrow is not installed; or the file cannot be written.
    """
    check_output(path, columns)
    unfinished = path.with_name(f".{path.name}.new-{os.getpid()}")
    try:
        with _WRITERS[path.suffix.lower()](unfinished, columns) as writer:
            yield writer
        os.replace(unfinished, path)
    except OSError as error:
        raise EvaluationError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def check_output(path: Path, columns: Sequence[str] = ()) -> None:
    """Refuses a file that embeddings cannot be written to, before any is made.

    Raises:
      EvaluationError: its name ends in another way, or a column has a name that embeddings have.
    """
    if path.suffix.lower() not in _WRITERS:
        raise EvaluationError(f"embeddings are written to {NPZ} or {PARQUET}. Received: {path}")
    taken = [name for name in columns if name in (KEY, IDENTITY) or is_of_embedding(name)]
    if taken and path.suffix.lower() == PARQUET:
        raise EvaluationError(
            f"the images have a column {taken[0]}, which is one of the columns of embeddings in "
            f"{path}: rename it, or write an {NPZ}, which has no further columns"
        )


@contextmanager
def _writing_npz(path: Path, _: Sequence[str]) -> Iterator[EmbeddingWriter]:
    # Without a name: nothing is left of it, however the process ends.
    with tempfile.TemporaryFile(dir=path.parent) as rows, path.open("xb") as file:
        writer = _NpzWriter(rows)
        yield writer
        writer.save(file)


class _NpzWriter:
    """Keeps the names in memory, and the embeddings in a file until their number is known."""

    def __init__(self, rows: Any):
        self._rows = rows
        self._keys: list[str] = []
        self._identities: list[str] = []
        self._dimensions = 0

    def add(
        self,
        keys: Sequence[str],
        identities: Sequence[str],
        embeddings: Float32,
        attributes: Mapping[str, Sequence[str]],
    ) -> None:
        """See `EmbeddingWriter`; attributes have no place here."""
        self._keys += keys
        self._identities += identities
        self._dimensions = embeddings.shape[1]
        self._rows.write(np.ascontiguousarray(embeddings, np.float32))

    def save(self, file: Any) -> None:
        """Writes all of it."""
        self._rows.flush()
        shape = (len(self._keys), self._dimensions)
        nothing = np.empty(shape, np.float32)
        embeddings = np.memmap(self._rows, np.float32, "r", shape=shape) if all(shape) else nothing
        np.savez(
            file,
            keys=np.array(self._keys, np.str_),
            identities=np.array(self._identities, np.str_),
            embeddings=embeddings,
        )


@contextmanager
def _writing_parquet(path: Path, columns: Sequence[str]) -> Iterator[EmbeddingWriter]:
    load_pyarrow()
    with path.open("xb") as file:
        writer = _ParquetWriter(file, columns)
        yield writer
        writer.close()


class _ParquetWriter:
    """Writes `_GROUP_ROWS` at a time."""

    def __init__(self, file: Any, columns: Sequence[str]):
        self._arrow = load_pyarrow()
        self._file = file
        self._columns = columns
        self._waiting: list[Any] = []
        self._written: Any = None

    def add(
        self,
        keys: Sequence[str],
        identities: Sequence[str],
        embeddings: Float32,
        attributes: Mapping[str, Sequence[str]],
    ) -> None:
        """See `EmbeddingWriter`."""
        text = self._arrow.string()
        texts = {KEY: keys, IDENTITY: identities} | {
            name: attributes[name] for name in self._columns
        }
        flat = self._arrow.array(np.ascontiguousarray(embeddings, np.float32).ravel())
        vectors = self._arrow.FixedSizeListArray.from_arrays(flat, embeddings.shape[1])
        columns = {name: self._arrow.array(values, text) for name, values in texts.items()}
        self._waiting.append(self._arrow.table(columns | {EMBEDDING: vectors}))
        if sum(map(len, self._waiting)) >= _GROUP_ROWS:
            self._write()

    def close(self) -> None:
        """Writes what waits, and the end of the file."""
        if self._waiting:
            self._write()
        if self._written is not None:
            self._written.close()

    def _write(self) -> None:
        table = self._arrow.concat_tables(self._waiting)
        self._waiting = []
        if self._written is None:
            repeated = [IDENTITY, *self._columns]
            self._written = self._arrow.parquet.ParquetWriter(
                self._file, table.schema, use_dictionary=repeated
            )
        self._written.write_table(table)


_WRITERS = {NPZ: _writing_npz, PARQUET: _writing_parquet}

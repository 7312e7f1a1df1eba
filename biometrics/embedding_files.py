"""Embeddings that people hand in: .npz, .npy with a table of labels, or Parquet."""

import hashlib
import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biometrics.csv_table import read_table, read_text
from biometrics.embeddings import UNREADABLE, EmbeddingSet
from biometrics.errors import EvaluationError
from biometrics.parquet import load_pyarrow, read_parquet
from biometrics.thresholds.pack import digest_of_images

# In the folder that a measurement writes.
EMBEDDINGS_FILE = "embeddings.npz"
KEY, IDENTITY, EMBEDDING = "key", "identity", "embedding"
_COMPONENT = re.compile(r"e(0|[1-9][0-9]*)")
_FORMS = ".npz, .npy with a table of labels, or .parquet"


def read_embeddings(path: Path, labels: Path | None = None) -> EmbeddingSet:
    """Reads embeddings by the ending of their file's name.

    - `.npz`: see `EmbeddingSet.read_npz`.
    - `.npy`: real numbers [N, D], with `labels`, a table (see `read_table`) of N rows in the same
      order with the columns `key` and `identity`; its other columns are attributes.
    - `.parquet`: the columns `key`, `identity`, and `embedding` (lists of D numbers) or `e0`, `e1`
      .. `e<D - 1>`; other columns of plain values are attributes.

    A folder stands for the `EMBEDDINGS_FILE` that a measurement has left in it.

    Nothing in a file is run: pickled objects are refused.

    Args:
      path: of the embeddings.
      labels: of the table that goes with an .npy, and with nothing else.

    Raises:
      EvaluationError: another ending, labels that are missing or have no use, a file that cannot be
        read, a row without a name, or parts that do not fit together.
    """
    if path.is_dir():
        path = path / EMBEDDINGS_FILE
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise EvaluationError(f"embeddings come as {_FORMS}. Received: {path}")
    if (path.suffix.lower() == ".npy") != (labels is not None):
        raise EvaluationError(
            f"a table of labels, with the columns {KEY} and {IDENTITY}, goes with an .npy, which "
            f"has no names itself, and with nothing else. Received: {path} and "
            f"{labels or 'no labels'}"
        )
    images = reader(path, labels)
    _check_names(images, path if labels is None else labels)
    return images


def is_of_embedding(column: str) -> bool:
    """Whether a column of a Parquet file has embeddings, or a component of them."""
    return column == EMBEDDING or _COMPONENT.fullmatch(column) is not None


def embeddings_sha256(images: EmbeddingSet) -> str:
    """SHA-256 of embeddings with their names, in hexadecimal; their order does not matter."""
    rows = [hashlib.sha256(row.tobytes()).digest() for row in images.embeddings]
    return digest_of_images(images.keys, images.identities, rows)


def _check_names(images: EmbeddingSet, path: Path) -> None:
    for column, names in ((IDENTITY, images.identities), (KEY, images.keys)):
        empty = [row for row, name in enumerate(names) if not name.strip()]
        if empty:
            raise EvaluationError(
                f"each embedding needs its {column}. Received: {path}, in which {len(empty)} of "
                f"{len(names)} have none, the first of them row {empty[0]}"
            )


def _read_npz(path: Path, _: Path | None) -> EmbeddingSet:
    return EmbeddingSet.read_npz(path)


def _read_npy(path: Path, labels: Path | None) -> EmbeddingSet:
    header, rows = read_table(read_text(str(labels)), "labels", (KEY, IDENTITY))
    columns = {name: [row.cells[name] for row in rows] for name in header}
    return _embedding_set(path, _load_npy(path), columns)


def _load_npy(path: str | PathLike[str]) -> NDArray[Any]:
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
    except UNREADABLE as error:
        raise _cannot_read(path, error) from None
    if not isinstance(loaded, np.ndarray):
        raise _cannot_read(path, "it is no .npy, as np.save writes it")
    return loaded


def _read_parquet(path: Path, _: Path | None) -> EmbeddingSet:
    try:
        table = read_parquet(path)
    except EvaluationError as error:
        raise _cannot_read(path, error) from None
    types = load_pyarrow().types
    names = table.column_names
    if not {KEY, IDENTITY} <= set(names) or len(set(names)) < len(names):
        raise _cannot_read(
            path,
            f"it needs the columns {KEY} and {IDENTITY}, each column once. "
            f"Received: {', '.join(names[:10]) or 'none'}",
        )
    components = [name for name in names if is_of_embedding(name) and name != EMBEDDING]
    embeddings = _parquet_embeddings(table, components, path)
    plain = [
        field.name
        for field in table.schema
        if field.name not in (EMBEDDING, *components)
        and not (types.is_nested(field.type) or _is_list(field.type))
    ]
    columns = {name: list(map(_text, table[name].to_pylist())) for name in plain}
    return _embedding_set(path, embeddings, columns)


def _parquet_embeddings(table: Any, components: Sequence[str], path: Path) -> NDArray[Any]:
    """float [N, D], of the column `embedding` or of a column for each component."""
    if EMBEDDING in table.column_names:
        return _embedding_column(table[EMBEDDING], path)
    ordered = [f"e{place}" for place in range(len(components))]
    if not components or set(ordered) != set(components):
        raise _cannot_read(
            path,
            f"it needs the column {EMBEDDING}, or e0, e1 and so on, none of them left out. "
            f"Received: {', '.join(table.column_names[:10])}",
        )
    return np.column_stack([table[name].to_numpy() for name in ordered])


def _embedding_column(column: Any, path: Path) -> NDArray[Any]:
    """float [N, D], of a column of lists of D numbers."""
    arrow = load_pyarrow()
    if not _is_list(column.type):
        raise _cannot_read(path, f"{EMBEDDING} must be lists of numbers. Received: {column.type}")
    sizes = np.unique(arrow.compute.list_value_length(column).to_numpy())
    if column.null_count or len(sizes) != 1:
        raise _cannot_read(
            path,
            f"each {EMBEDDING} must be a list of equally many numbers. "
            f"Received: lengths {sizes[:5].tolist()}, and {column.null_count} rows without one",
        )
    values = arrow.compute.list_flatten(column).to_numpy()
    return values.reshape(len(column), -1)


def _is_list(kind: Any) -> bool:
    """Whether values are lists; not all releases of pyarrow call those of one length nested."""
    types = load_pyarrow().types
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _embedding_set(
    path: Path, embeddings: NDArray[Any], columns: dict[str, list[str]]
) -> EmbeddingSet:
    try:
        return EmbeddingSet(
            embeddings=embeddings,
            keys=columns[KEY],
            identities=columns[IDENTITY],
            attributes={
                name: values for name, values in columns.items() if name not in (KEY, IDENTITY)
            },
        )
    except EvaluationError as error:
        raise _cannot_read(path, error) from None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _cannot_read(path: str | PathLike[str], why: object) -> EvaluationError:
    return EvaluationError(f"cannot read embeddings from {path}: {why}")


_READERS: dict[str, Callable[[Path, Path | None], EmbeddingSet]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".parquet": _read_parquet,
}

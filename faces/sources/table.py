"""The table behind a manifest: CSV, the same with tabs or semicolons, or Parquet."""

import csv
import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from faces.content import StoreError, UnreadableError, read_file
from faces.sources.geometry import LANDMARK_COLUMNS, GeometryError, box_of, landmarks_of
from groundfloor.arrow import load_pyarrow, reason_of
from groundfloor.errors import UserError
from groundfloor.paths import Location
from groundfloor.text import decoded, delimiter_of, shown

# Far above any table of faces, as for folders: what has more is another file than was meant.
MAX_ROWS = 20_000_000
_MAX_TABLE_BYTES = 8 * 2**30

PARQUET = ".parquet"
_REQUIRED = ("path", "identity")
# Each with a meaning; of the landmarks all or none.
_KNOWN = (*_REQUIRED, "split", *LANDMARK_COLUMNS, "box")
_NAMELESS = "(without a name)"
_PARQUET_BEGINS_WITH = b"PAR1"


class Row(NamedTuple):
    """An image as the table has it, without the white space around each value.

    Attributes:
      number: of text, the line in the file; of Parquet, the row; both from 1 on.
      path: where the image is; may be empty, as the others may.
      identity: whose it is.
      split: which split it is to be in; empty where the table does not say.
      landmarks: see `record.Record`.
      box: see `record.Record`.
      columns: see `record.Record`.
      fault: why the row cannot be used, whatever its image; empty where it can.
    """

    number: int
    path: str
    identity: str
    split: str = ""
    landmarks: tuple[float, ...] | None = None
    box: tuple[float, ...] | None = None
    columns: tuple[tuple[str, str], ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """A table of images.

    Attributes:
      rows: in their order, at least one.
      unused: the columns that nothing can read, as it is to be said.
    """

    rows: list[Row]
    unused: list[str]


def read_table(path: Location, max_rows: int = MAX_ROWS) -> Table:
    """Reads a table with the columns `path` and `identity`.

    There may also be `split`, `x1`, `y1` to `x5`, `y5`, and `box`; see `geometry`. All further
    columns with a name are kept as they are.

    Args:
      path: of the file; one that ends with `.parquet` is Parquet, any other is text with a header,
        in UTF-8 or UTF-16.
      max_rows: above which it cannot be what was meant.

    Raises:
      UserError: it cannot be read, is not of the kind that its name says, lacks a column, or has no
        row, more than `max_rows`, or one with too few or too many cells.
    """
    read = _read_parquet if path.suffix.lower() == PARQUET else _read_text
    try:
        if isinstance(path, Path):
            _require_file(path)
        return read(path, max_rows)
    except StoreError:
        raise
    except UserError as error:
        raise UserError(f"cannot use the manifest {str(path)!r}: {error}") from None


def _require_file(path: Path) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise UserError(f"{error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise UserError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")


def _require_columns(header: Sequence[str]) -> None:
    named = [name for name in header if name]
    if any(name not in header for name in _REQUIRED) or len(set(named)) < len(named):
        raise UserError(
            "it needs the columns path and identity, and may have split, the landmarks x1, y1 to "
            f"x5, y5, a box and any others, each of them once. Received: {shown(list(header))}"
        )
    missing = [name for name in LANDMARK_COLUMNS if name not in header]
    if 0 < len(missing) < len(LANDMARK_COLUMNS):
        raise UserError(f"of the landmarks x1, y1 to x5, y5 it has not {', '.join(missing)}")


def _require_count(rows: int, max_rows: int) -> None:
    if rows == 0:
        raise UserError("it has no row")
    if rows > max_rows:
        raise UserError(f"it has more than {max_rows} rows: is it the table that was meant?")


def _read_text(path: Location, max_rows: int) -> Table:
    text = _text_of(path)
    delimiter = delimiter_of(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _require_columns(header)
        rows = list(islice(_rows_of(reader, header), max_rows + 1))
    except csv.Error as error:
        raise UserError(f"row {reader.line_num}: {error}") from None
    _require_count(len(rows), max_rows)
    return Table(rows, [_NAMELESS] * header.count(""))


def _content_of(path: Location) -> bytes:
    try:
        return read_file(path, _MAX_TABLE_BYTES)
    except UnreadableError as error:
        raise UserError(str(error)) from None


def _text_of(path: Location) -> str:
    content = _content_of(path)
    if content.startswith(_PARQUET_BEGINS_WITH):
        raise UserError(f"it is Parquet, and its name does not end with {PARQUET}")
    try:
        text = decoded(content)
    except UnicodeDecodeError as error:
        raise UserError(f"it is no text in UTF-8 or UTF-16: {error}") from None
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"it is no text: there is a character 0 in row {row}")
    return text


def _rows_of(reader: Any, header: Sequence[str]) -> Iterator[Row]:
    """The rows below the header; empty lines are left out."""
    row_of = _RowMaker(header)
    for cells in reader:
        if cells and len(cells) != len(header):
            raise UserError(
                f"row {reader.line_num}: as many cells as the header has, {len(header)}. "
                f"Received: {len(cells)}"
            )
        if cells:
            yield row_of(reader.line_num, cells)


class _RowMaker:
    """Makes rows of cells, whose order the header says."""

    def __init__(self, header: Sequence[str]):
        self._places = {name: place for place, name in enumerate(header) if name}
        self._landmarks = [self._places[name] for name in LANDMARK_COLUMNS if name in self._places]
        self._further = [
            (sys.intern(name), place) for name, place in self._places.items() if name not in _KNOWN
        ]

    def __call__(self, number: int, cells: Sequence[str]) -> Row:
        cells = [cell.strip() for cell in cells]
        row = Row(
            number,
            cells[self._places["path"]],
            cells[self._places["identity"]],
            self._cell(cells, "split"),
            columns=tuple((name, sys.intern(cells[place])) for name, place in self._further),
        )
        try:
            landmarks = landmarks_of([cells[place] for place in self._landmarks])
            return row._replace(landmarks=landmarks, box=box_of(self._cell(cells, "box")))
        except GeometryError as error:
            return row._replace(fault=str(error))

    def _cell(self, cells: Sequence[str], name: str) -> str:
        return cells[self._places[name]] if name in self._places else ""


def _read_parquet(path: Location, max_rows: int) -> Table:
    pyarrow = load_pyarrow()  # not for a folder of images
    try:
        place = str(path) if isinstance(path, Path) else pyarrow.BufferReader(_content_of(path))
        file = pyarrow.parquet.ParquetFile(place)
        header = list(file.schema_arrow.names)
        _require_columns(header)
        _require_count(file.metadata.num_rows, max_rows)
        names = [name for name in header if _is_kept(name, file.schema_arrow.field(name).type)]
        content = file.read(columns=names)
        columns = [content[name].to_pylist() for name in names]
    except (pyarrow.ArrowException, OSError, RuntimeError, UnicodeDecodeError) as error:
        raise UserError(f"it is no Parquet that can be read: {reason_of(error)}") from None
    row_of = _RowMaker(names)
    rows = [
        row_of(number, [_cell(number, *named) for named in zip(names, values, strict=True)])
        for number, values in enumerate(zip(*columns, strict=True), start=1)
    ]
    return Table(rows, [name or _NAMELESS for name in header if name not in names])


def _is_kept(name: str, kind: Any) -> bool:
    """Whether a column of Parquet, of this type, is one that a cell of text can say."""
    import pyarrow.types  # noqa: PLC0415

    is_binary = pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)
    return name in _KNOWN or (bool(name) and not (is_binary or pyarrow.types.is_nested(kind)))


def _cell(number: int, column: str, value: Any) -> str:
    """Text as it is, a whole number, as identities often are, in digits, and nothing as ''.

    Where the column may hold something else, that is in the text of Python: 0.5, True.
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if column in (*_REQUIRED, "split"):
        raise UserError(
            f"row {number}: {column} must be text or a whole number. Received: {shown(value)}"
        )
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)

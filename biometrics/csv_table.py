"""Tables that people hand in: CSV, or the same with tabs or semicolons, with a header."""

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from biometrics.errors import EvaluationError
from groundfloor.text import decoded, delimiter_of


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
      line: its line in the file, from 1 on.
      cells: column -> value, without the white space around it.
    """

    line: int
    cells: dict[str, str]


def decode_text(content: bytes) -> str:
    """`groundfloor.text.decoded`, for a file that people hand in.

    Raises:
      EvaluationError: it is no text.
    """
    try:
        text = decoded(content)
    except UnicodeDecodeError as error:
        raise EvaluationError(f"it is no text in UTF-8 or UTF-16: {error}") from None
    if "\0" in text:
        raise EvaluationError("it is no text: it has a zero byte")
    return text


def read_text(path: str) -> str:
    """The content of a text file on this machine; see `decode_text`.

    Raises:
      EvaluationError: it cannot be read, or is no text.
    """
    try:
        return decode_text(Path(path).read_bytes())
    except (OSError, EvaluationError) as error:
        raise EvaluationError(f"cannot read {path}: {error}") from None


def read_table(text: str, name: str, required: Collection[str] = ()) -> tuple[list[str], list[Row]]:
    """Reads a table with a header; the header tells what separates the columns.

    Args:
      text: of the file.
      name: what the messages call it.
      required: columns that must be there.

    Returns:
      The columns, and the rows; empty lines are left out.

    Raises:
      EvaluationError: no header or row, a column that is required and missing or is there twice,
        a row with too few or too many cells, quotes that do not close.
    """
    delimiter = delimiter_of(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except csv.Error as error:
        raise EvaluationError(f"line {reader.line_num} of the {name}: {error}") from None
    header = lines[0][1] if lines else []
    if not set(required) <= set(header) or len(set(header)) < len(header) or len(lines) < 2:
        needed = f" with the columns {', '.join(sorted(required))}" if required else ""
        raise EvaluationError(
            f"The {name} need a header{needed}, each column once, and at least one row. "
            f"Received: {len(lines)} lines, the first of them {header}"
        )
    for line, cells in lines:
        if len(cells) != len(header):
            raise EvaluationError(
                f"line {line} of the {name}: as many cells as the header has, {len(header)}. "
                f"Received: {len(cells)}"
            )
    return header, [Row(line, dict(zip(header, cells, strict=True))) for line, cells in lines[1:]]

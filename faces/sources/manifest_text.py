"""Writes a manifest: the text that `manifest.ManifestSource` reads."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from faces.record import Record
from faces.sources.geometry import LANDMARK_COLUMNS
from faces.sources.manifest import key_of

# In the name of a column they would make another table of it; see `groundfloor.text.delimiter_of`.
_UNREADABLE = frozenset("\t;\r\n")


def manifest_text(records: Iterable[Record], path_of: Callable[[Record], str]) -> str:
    """The manifest of these images, CSV, with all that their source says of them.

    A split, landmarks, a box or a further column is there where a record has one; a split where
    all of them have. Left out is a further column whose name a manifest cannot have.

    Args:
      records: that `can_be_listed`.
      path_of: the path of an image, absolute or relative to the folder of the manifest.
    """
    records = list(records)
    columns = _columns_of(records)
    text = io.StringIO()
    # Lines end with CR and LF, as they do by default, so that either of them is quoted in a cell.
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    for record in records:
        writer.writerow(_row(record, path_of(record)))
    return text.getvalue()


def can_be_listed(record: Record, path: str) -> bool:
    """Whether a manifest gives this very path and identity back: they are trimmed, as all cells."""
    return key_of(path) == path and all(
        value == value.strip() and value and "\0" not in value and _is_utf8(value)
        for value in (path, record.identity)
    )


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _columns_of(records: Sequence[Record]) -> list[str]:
    columns = ["path", "identity"]
    if all(record.split for record in records):
        columns.append("split")
    if any(record.landmarks for record in records):
        columns += LANDMARK_COLUMNS
    if any(record.box for record in records):
        columns.append("box")
    further = dict.fromkeys(name for record in records for name, _ in record.columns)
    return columns + [name for name in further if not (_UNREADABLE & set(name) or name in columns)]


def _row(record: Record, path: str) -> dict[str, str]:
    landmarks = map(repr, record.landmarks or ())
    return {
        **dict(record.columns),
        **dict(zip(LANDMARK_COLUMNS, landmarks, strict=False)),
        "path": path,
        "identity": record.identity,
        "split": record.split or "",
        "box": " ".join(map(repr, record.box or ())),
    }

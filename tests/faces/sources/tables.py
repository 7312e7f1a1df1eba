"""Writes the tables that a manifest is."""

from pathlib import Path

import pyarrow
import pyarrow.parquet

Rows = list[tuple[object, ...]]


def write_csv(path: Path, rows: Rows, header: str = "path,identity") -> Path:
    """A table with this header; nothing is quoted."""
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def write_parquet(path: Path, rows: Rows, header: str = "path,identity") -> Path:
    """The same rows as Parquet, their values as they are."""
    columns = zip(*rows, strict=True) if rows else [()] * len(header.split(","))
    named = dict(zip(header.split(","), map(list, columns), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(named), path)
    return path


def rows_of_folder(folder: Path) -> Rows:
    """Path and identity of each `<identity>/<image>` below a folder."""
    files = sorted(folder.glob("*/*"))
    return [(file.relative_to(folder).as_posix(), file.parent.name) for file in files]

"""The image source: a table of images, with the columns `path` and `identity`, and maybe more."""

import os
import posixpath
import re
import stat
import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from faces.content import fingerprint_of, mark_file, marks_of, read_file
from faces.record import Listing, Record
from faces.sources.once import once
from faces.sources.table import MAX_ROWS, Row, read_table
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url, resolved

# What `key_of` leaves of one.
_URL = re.compile(r"[A-Za-z][\w+.:-]+:/")


@dataclass(frozen=True)
class ManifestSource:
    """A table of images, CSV or Parquet, see `table.read_table`; a `record.Source`.

    A path is absolute, or relative to the folder of the table. The key of an image is its path with
    forward slashes, `a/b` for `a//./b`.

    Attributes:
      path: of the table; where that is a link, the folder of the table is the one it leads to.
      follow_links: reads images that are not in the folder of the table too, which are refused
        otherwise.
    """

    path: Location
    follow_links: bool = False

    def list(self) -> Listing:
        """See `list_manifest`; within `once.listed_once`, the table is read once."""
        here = (ManifestSource, resolved(self.path), self.follow_links)
        return once(here, lambda: list_manifest(self.path, self.follow_links))

    def read(self, record: Record) -> bytes:
        """The content of an image's file.

        Raises:
          UnreadableError: see `content.read_file`.
        """
        return read_file(self._file_of(record))

    def fingerprint(self) -> str:
        """See `content.fingerprint_of`; every file is read."""
        listing = self.list()
        marks = marks_of(listing.records, lambda record: mark_file(self._file_of(record)))
        return fingerprint_of(listing, marks)

    def _file_of(self, record: Record) -> Location:
        if isinstance(self.path, Url):
            return self.path.parent / record.key
        return Path(_folder_of(self.path), record.key)


def list_manifest(path: Location, follow_links: bool = False, max_rows: int = MAX_ROWS) -> Listing:
    """Lists the images of a table; no image is read, and one that is missing is listed.

    Refused is a row without a path or an identity, or with landmarks or a box that cannot be; one
    whose file is not in the folder of the table; and of one file with several rows all but the
    first, or every row where they are of two people: one of the two labels is wrong.

    Args:
      path: of the table.
      follow_links: see `ManifestSource`.
      max_rows: see `table.read_table`.

    Raises:
      UserError: see `table.read_table`; or every row is refused.
    """
    table = read_table(path, max_rows)
    files = _Objects() if isinstance(path, Url) else _Files(_folder_of(path), follow_links)
    refused: dict[Record, str] = {}
    rows_of_files: dict[Hashable, list[_Listed]] = {}
    for row, record in _with_records(table.rows, path.name):
        gap = _gap_in(row) or row.fault
        file = _File(None, gap) if gap else files.look_up(key_of(row.path))
        if file.refusal:
            refused[record] = f"row {row.number}: {file.refusal}"
        else:
            rows_of_files.setdefault(file.id, []).append((row, record))
    for rows in rows_of_files.values():
        refused.update(_second_rows(rows))
    listed = (record for rows in rows_of_files.values() for _, record in rows)
    records = sorted(
        (record for record in listed if record not in refused), key=lambda record: record.key
    )
    listing = Listing(records, refused, [], table.unused)
    if not records:
        raise UserError("; ".join([f"no images in {str(path)!r}", *listing.remarks()]))
    return listing


def key_of(path: str) -> str:
    """A path with forward slashes, none of them twice, and without `.` and `..` where they can go.

    So `a\\b` is `a/b`, as programs for Windows write it.
    """
    key = posixpath.normpath(path.replace("\\", "/"))
    return key[1:] if key.startswith("//") else key


def _folder_of(path: Path) -> str:
    return os.path.dirname(os.path.realpath(path))


_Listed = tuple[Row, Record]


def _with_records(rows: Iterable[Row], name: str) -> Iterator[_Listed]:
    """Each row with a record that no other has: where the path does not do, its key is the row's.

    That key, `./<name of the table>:<row>`, is of no image: theirs do not begin with a dot and a
    slash.
    """
    keys = set()
    for row in rows:
        key = "" if _gap_in(row) else key_of(row.path)
        if not key or key in keys:
            key = f"./{name}:{row.number}"
        keys.add(key)
        yield (
            row,
            Record(
                key,
                sys.intern(row.identity),
                sys.intern(row.split) or None,
                row.landmarks,
                row.box,
                row.columns,
            ),
        )


def _gap_in(row: Row) -> str:
    """What a row lacks to be of somebody's image; empty where that is nothing."""
    if "\0" in row.path + row.identity:
        return "a character 0 in it"
    return "" if row.path and row.identity else f"no {'identity' if row.path else 'path'}"


class _File(NamedTuple):
    """A file that a path leads to.

    Attributes:
      id: the same for all paths that lead to it.
      refusal: why it is not to be read; empty where it is.
    """

    id: Hashable
    refusal: str


class _Files:
    """Looks up where paths lead; the folders on the way are looked at once."""

    def __init__(self, folder: str, follow_links: bool):
        self._folder = folder
        self._follow_links = follow_links
        self._real_folders: dict[str, str] = {}

    def look_up(self, key: str) -> _File:
        """The file that a key leads to, whether or not there is one."""
        above, name = os.path.split(os.path.join(self._folder, key))
        if above not in self._real_folders:
            self._real_folders[above] = os.path.realpath(above)
        real, file_id = _see(os.path.join(self._real_folders[above], name))
        inside = os.path.commonpath([self._folder, real]) == self._folder
        return _File(file_id, "" if inside or self._follow_links else _outside(real))


class _Objects:
    """Takes paths for keys beside the manifest on a store, where there are no links."""

    def look_up(self, key: str) -> _File:
        """The object that a key leads to, whether or not there is one."""
        is_below = not (key.startswith(("/", "../")) or key in ("..", ".") or _URL.match(key))
        return _File(key, "" if is_below else "not below the manifest, as all on a store must be")


def _outside(real: str) -> str:
    return f"out of the manifest's folder, in {real!r}; data.follow_links: true reads it"


def _see(path: str) -> tuple[str, Hashable]:
    """The real path of a file whose folder is real, and what tells it from all others.

    The numbers of a file count only where it has several names: not every file system has some.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            path = os.path.realpath(path)
            status = os.stat(path)
    except OSError:  # which whoever reads it will see
        return path, path
    names_matter = stat.S_ISREG(status.st_mode) and status.st_nlink > 1
    return path, (status.st_dev, status.st_ino) if names_matter else path


def _second_rows(rows: Sequence[_Listed]) -> Iterator[tuple[Record, str]]:
    """Of the rows of one file, those that are refused, and why."""
    (first, first_record), *others = rows
    stranger = next((row for row, _ in others if row.identity != first.identity), None)
    if stranger is None:
        for row, record in others:
            yield record, f"row {row.number}: the same file as in row {first.number}"
        return
    yield first_record, _of_another(first, stranger)
    for row, record in others:
        yield record, _of_another(row, stranger if row.identity == first.identity else first)


def _of_another(row: Row, other: Row) -> str:
    return f"row {row.number}: the same file as in row {other.number}, of another person"

"""The image source: a folder of identities, `<identity>/**/<image>`."""

import errno
import heapq
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faces.content import fingerprint_of, mark_file, marks_of, read_file
from faces.record import Listing, Record
from faces.sources.once import once
from groundfloor.errors import UserError
from groundfloor.paths import Location

# Far above any folder of faces: what has more is another folder than the one that was meant.
MAX_ENTRIES = 20_000_000
MAX_DEPTH = 64

# What operating systems, file servers and archives leave behind, in lower case. It is no image of
# anybody, and nothing that a person could have meant as one.
_LITTER = frozenset(
    {
        "thumbs.db",
        "thumbs.db:encryptable",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "folder.htt",
        "icon\r",
        "__macosx",
        "@eadir",
        "@__thumb",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
    }
)

FileId = tuple[int, int]


@dataclass(frozen=True)
class FolderSource:
    """A folder of identities, `<identity>/**/<image>`; a `record.Source`.

    The key of an image is its path relative to the folder, with forward slashes; the first part of
    it is the identity.

    Attributes:
      root: the folder; it may be a link itself.
      follow_links: reads links that lead out of `root` too, which are refused otherwise.
    """

    root: Path
    follow_links: bool = False

    def list(self) -> Listing:
        """See `list_folder`; within `once.listed_once`, the folder is walked through once."""
        here = (FolderSource, os.path.realpath(self.root), self.follow_links)
        return once(here, lambda: list_folder(self.root, self.follow_links))

    def read(self, record: Record) -> bytes:
        """The content of an image's file.

        Raises:
          UnreadableError: see `content.read_file`.
        """
        return read_file(self.root / record.key)

    def fingerprint(self) -> str:
        """See `content.fingerprint_of`; every file is read."""
        listing = self.list()
        marks = marks_of(listing.records, lambda record: mark_file(self.root / record.key))
        return fingerprint_of(listing, marks)


def list_folder(root: Path, follow_links: bool = False, max_entries: int = MAX_ENTRIES) -> Listing:
    """Lists every file below the identity folders of `root`.

    Files directly in `root`, and what operating systems leave behind (hidden files among it), are
    not images of anybody and are left out. Every real folder and every real file is listed once:

    - a link to a folder that is listed elsewhere is refused, so that nobody gets another's images;
    - of one file with two names, by links of either kind, the first name is listed, and none where
      the names are of two people: one of the two labels is wrong.

    Args:
      root: the folder; it may be a link itself.
      follow_links: reads links that lead out of `root` too, which are refused otherwise.
      max_entries: files and folders above which `root` cannot be what was meant.

    Raises:
      UserError: `root` is no folder that can be read, holds no file of any identity, or holds more
        than `max_entries`.
    """
    walk = _Walk(root, follow_links, max_entries)
    walk.run()
    _refuse_second_names(walk.files, walk.linked, walk.refused)
    records = records_of(walk.files.keys() - walk.refused.keys())
    refused = {record: walk.refused[record.key] for record in records_of(walk.refused)}
    if not records:
        raise no_images(root, refused)
    people = {record.identity for record in (*records, *refused)}
    return Listing(records, refused, sorted(walk.identities - people))


def no_images(root: Location, refused: Mapping[Record, str]) -> UserError:
    """The error of a folder in which nothing can be read."""
    return UserError(
        f"no images in {str(root)!r}: expected <identity>/<image> below it"
        + "".join(f"; {remark}" for remark in Listing([], refused, []).remarks())
    )


def too_many(root: Location, max_entries: int) -> UserError:
    """The error of a folder that is another than was meant."""
    return UserError(
        f"{str(root)!r} holds more than {max_entries} files and folders: is it the folder of "
        "<identity>/<image> that was meant?"
    )


def records_of(keys: Iterable[str]) -> list[Record]:
    """Sorted by key; the records of one person share their identity in memory."""
    return [Record(key, sys.intern(_identity_of(key))) for key in sorted(keys)]


def _identity_of(key: str) -> str:
    return key.partition("/")[0]


class _Walk:
    """One walk through a folder: the real folders first, then the links, in the order of keys.

    A link thus never takes a folder away from the place where it really is.
    """

    def __init__(self, root: Path, follow_links: bool, max_entries: int):
        self._root = root
        self._real_root = os.path.realpath(root)
        self._follow_links = follow_links
        self._max_entries = max_entries
        self._entries = 0
        self._folders: dict[FileId, str] = {}
        self._links: list[tuple[str, str]] = []
        self.files: dict[str, FileId] = {}
        self.linked: set[FileId] = set()
        self.refused: dict[str, str] = {}
        self.identities: set[str] = set()

    def run(self) -> None:
        """Fills `files`, `linked` (those of them with several names), `refused`, `identities`."""
        try:
            self._folders[_id_of(os.stat(self._root))] = ""
            identities = self._scan(str(self._root))
        except OSError as error:
            raise UserError(
                f"cannot read the image folder {str(self._root)!r}: {error.strerror}"
            ) from None
        for entry in identities:
            if entry.is_symlink():
                self._see_identity_link(entry)
            elif entry.is_dir():
                self.identities.add(entry.name)
                self._walk_from(entry.name, entry.path)
        while self._links:
            self._walk_from(*heapq.heappop(self._links))

    def _see_identity_link(self, entry: os.DirEntry) -> None:
        if os.path.isdir(entry.path) or not os.path.exists(entry.path):  # else nobody's file
            self.identities.add(entry.name)
            self._see_link(entry.name, entry.path)

    def _scan(self, path: str) -> list[os.DirEntry]:
        with os.scandir(path) as entries:
            found = sorted(
                (entry for entry in entries if not is_litter(entry.name)), key=lambda e: e.name
            )
        self._entries += len(found)
        if self._entries > self._max_entries:
            raise too_many(self._root, self._max_entries)
        return found

    def _walk_from(self, key: str, path: str) -> None:
        """Walks through a folder and all real folders below it."""
        waiting = [(key, path)]
        while waiting:
            key, path = waiting.pop()
            for entry in self._open_folder(key, path):
                below = f"{key}/{entry.name}"
                if entry.is_symlink():
                    self._see_link(below, entry.path)
                elif entry.is_dir():
                    waiting.append((below, entry.path))
                else:
                    self._see_file(below, entry)

    def _open_folder(self, key: str, path: str) -> list[os.DirEntry]:
        """The entries of a folder that was not seen before, else none and the reason."""
        if key.count("/") >= MAX_DEPTH:
            self.refused[key] = f"deeper than {MAX_DEPTH} folders"
            return []
        try:
            known = self._folders.setdefault(_id_of(os.stat(path)), key)
            if known == key:
                return self._scan(path)
        except OSError as error:
            self.refused[key] = f"folder cannot be read: {error.strerror}"
            return []
        self.refused[key] = (
            f"the same folder as {known!r}, where it is read" if known else "the data folder itself"
        )
        return []

    def _see_link(self, key: str, path: str) -> None:
        try:
            status = os.stat(path)
        except OSError as error:
            nowhere = error.errno == errno.ENOENT
            self.refused[key] = "a link to nowhere" if nowhere else f"a link: {error.strerror}"
            return
        target = os.path.realpath(path)
        inside = os.path.commonpath([self._real_root, target]) == self._real_root
        if not inside and not self._follow_links:
            self.refused[key] = (
                f"a link out of the data folder, to {target!r}; data.follow_links: true reads it"
            )
        elif stat.S_ISDIR(status.st_mode):
            heapq.heappush(self._links, (key, path))
        else:
            self.files[key] = _id_of(status)
            self.linked.add(self.files[key])

    def _see_file(self, key: str, entry: os.DirEntry) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            self.refused[key] = f"cannot be read: {error.strerror}"
            return
        self.files[key] = _id_of(status)
        if status.st_nlink > 1:
            self.linked.add(self.files[key])


def _id_of(status: os.stat_result) -> FileId:
    return status.st_dev, status.st_ino


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, an editor's backup, or an operating system's own."""
    return name.startswith(".") or name.endswith("~") or name.lower() in _LITTER


def _refuse_second_names(
    files: dict[str, FileId], linked: set[FileId], refused: dict[str, str]
) -> None:
    """Adds to `refused` the keys that are another name of a file.

    Without links there is none: not every file system has numbers of its own for its files.
    """
    names: dict[FileId, list[str]] = {}
    for key in sorted(key for key, file in files.items() if file in linked):
        names.setdefault(files[key], []).append(key)
    for keys in names.values():
        if len(keys) > 1:
            refused.update(_second_names(keys))


def _second_names(keys: list[str]) -> Iterable[tuple[str, str]]:
    first, *others = keys
    stranger = next((key for key in others if _identity_of(key) != _identity_of(first)), None)
    if stranger is None:
        return [(key, f"the same file as {first!r}") for key in others]
    by_person = {_identity_of(first): stranger}
    return [
        (key, f"the same file as {by_person.get(_identity_of(key), first)!r}, of another person")
        for key in keys
    ]

"""The image source: a folder of identities, `<identity>/**/<image>`."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from components.errors import UserError


def list_images(root: Path) -> list[str]:
    """Lists every file below the identity folders of `root`.

    A file is listed by its key: the path relative to `root`, with forward slashes, whose first part
    is the identity. Files directly in `root`, and files or folders whose name starts with a dot,
    are not images of anybody and are left out. Links are followed, each folder once.

    Returns:
      The keys, sorted. Names that are not UTF-8 hold surrogate escapes, as `os.fsdecode` makes.

    Raises:
      UserError: `root` is no folder that can be read, or holds no file of any identity.
    """
    try:
        identities = sorted(_entries(root), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"cannot read the image folder {root}: {error.strerror}") from None
    keys: list[str] = []
    for identity in identities:
        if identity.is_dir():
            keys.extend(_files_below(identity, identity.name, frozenset()))
    if not keys:
        raise UserError(f"no images in {root}: expected <identity>/<image> below it")
    return sorted(keys)


def identity_of(key: str) -> str:
    """The identity that a key belongs to: its first part."""
    return key.partition("/")[0]


def fingerprint(root: Path) -> str:
    """A digest of the names, sizes and modification times of all images below `root`."""
    digest = hashlib.sha256()
    for key in list_images(root):
        status = os.stat(root / key, follow_symlinks=True) if (root / key).exists() else None
        facts = (status.st_size, status.st_mtime_ns) if status else ()
        digest.update(os.fsencode(f"{key}\0{facts}\n"))
    return digest.hexdigest()


def read_file(path: Path, max_bytes: int) -> bytes:
    """Reads a regular file of at most `max_bytes`.

    Raises:
      OSError: it cannot be read.
      ValueError: it is no regular file (a pipe would block for ever), or is larger than that.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > max_bytes:
        raise ValueError(f"file of {status.st_size} bytes, over the limit of {max_bytes}")
    return path.read_bytes()


def _entries(folder: Path | os.DirEntry) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _files_below(folder: os.DirEntry, key: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """The keys of the files below a folder; `above` are the folders that led here."""
    status = folder.stat()
    this = (status.st_dev, status.st_ino)
    if this in above:  # a link that leads back up
        return
    for entry in _entries(folder):
        if entry.is_dir():
            yield from _files_below(entry, f"{key}/{entry.name}", above | {this})
        else:
            yield f"{key}/{entry.name}"

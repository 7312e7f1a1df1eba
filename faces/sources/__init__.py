"""Sources of images, found by name, or by the place where the images are.

To add one, write a class with the methods of `record.Source` in a file of its own, and name it in
`SOURCES`, and in `SUFFIXES` the files that it reads.
"""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from faces.record import Source
from faces.sources.folder import FolderSource
from faces.sources.manifest import ManifestSource
from faces.sources.once import listed_once
from faces.sources.recordio import RecordIOSource
from groundfloor.errors import UserError

__all__ = ["AUTO", "SOURCES", "find_source", "listed_once", "recognise", "source_at"]

# No name of a source: it is recognised.
AUTO = "auto"

FOLDER = "folder"
MANIFEST = "manifest"
RECORDIO = "recordio"


def _recordio(location: Path, follow_links: bool) -> Source:
    """No image in such a file is a link."""
    return RecordIOSource(location)


# Name -> makes a source of where it is, and of whether links out of there are followed.
SOURCES: dict[str, Callable[[Path, bool], Source]] = {
    FOLDER: FolderSource,
    MANIFEST: ManifestSource,
    RECORDIO: _recordio,
}

# The ending of a file, in lower case -> the source that reads it.
SUFFIXES = {
    ".csv": MANIFEST,
    ".tsv": MANIFEST,
    ".parquet": MANIFEST,
    ".rec": RECORDIO,
}


def source_at(location: Path, name: str = AUTO, follow_links: bool = False) -> Source:
    """The source of the images at a place: of a name, or, with `AUTO`, as `recognise` finds.

    Raises:
      UserError: see `recognise` and `find_source`.
    """
    return find_source(recognise(location) if name == AUTO else name, location, follow_links)


def recognise(location: Path) -> str:
    """The name of the source that reads a place: a folder, or a file, by the end of its name.

    Raises:
      UserError: no source reads it; the message says what they read.
    """
    if os.path.isdir(location):
        return FOLDER
    if (suffix := location.suffix.lower()) in SUFFIXES:
        return SUFFIXES[suffix]
    try:
        os.stat(location)
    except OSError as error:
        problem = f"{error.strerror}; expected"
    else:
        problem = "it is not"
    raise UserError(
        f"cannot read the images in {str(location)!r}: {problem} a folder, or a file that ends "
        f"with {', '.join(SUFFIXES)}; data.source names what another one is"
    )


def find_source(name: str, location: Path, follow_links: bool = False) -> Source:
    """The source of this kind at a place.

    Args:
      name: a key of `SOURCES`.
      location: where the images are, such as the folder of identities.
      follow_links: reads links that lead out of there too, which are refused otherwise.

    Raises:
      UserError: there is no such kind.
    """
    if name not in SOURCES:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(SOURCES)}"
        raise UserError(f"There is no kind of source {name!r} ({hint})")
    return SOURCES[name](location, follow_links)

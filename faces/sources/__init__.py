"""Sources of images, found by name.

To add one, write a class with the methods of `record.Source` in a file of its own, and name it in
`SOURCES`.
"""

import difflib
from collections.abc import Callable
from pathlib import Path

from faces.record import Source
from faces.sources.folder import FolderSource
from faces.sources.once import listed_once
from faces.sources.recordio import RecordIOSource
from groundfloor.errors import UserError

__all__ = ["SOURCES", "find_source", "listed_once"]

FOLDER = "folder"
RECORDIO = "recordio"

SOURCES: dict[str, Callable[..., Source]] = {FOLDER: FolderSource, RECORDIO: RecordIOSource}


def find_source(name: str, location: Path, **options: object) -> Source:
    """The source of this kind at a place.

    Args:
      name: a key of `SOURCES`.
      location: where the images are, such as the folder of identities.
      options: of the kind, see its class.

    Raises:
      UserError: there is no such kind.
    """
    if name not in SOURCES:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(SOURCES)}"
        raise UserError(f"There is no kind of source {name!r} ({hint})")
    return SOURCES[name](location, **options)

"""Sources of images, found by name, or by the place where the images are.

To add one, write a class with the methods of `record.Source` in a file of its own, and name it in
`SOURCES`, and in `SUFFIXES` or `recognise` the files that it reads.
"""

import difflib
import glob
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from faces.record import Source
from faces.sources.example_row import FeatureNames
from faces.sources.folder import FolderSource
from faces.sources.manifest import ManifestSource
from faces.sources.once import listed_once
from faces.sources.recordio import RecordIOSource
from faces.sources.remote_folder import RemoteFolderSource
from faces.sources.tfrecord import TFRecordSource
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url

__all__ = [
    "AUTO",
    "SOURCES",
    "FeatureNames",
    "SourceOptions",
    "find_source",
    "listed_once",
    "recognise",
    "source_at",
]

# No name of a source: it is recognised.
AUTO = "auto"

FOLDER = "folder"
MANIFEST = "manifest"
RECORDIO = "recordio"
TFRECORD = "tfrecord"


@dataclass(frozen=True)
class SourceOptions:
    """How a source is read; each kind looks at those that mean something to it.

    Attributes:
      follow_links: reads links that lead out of where the images are, too, which are refused
        otherwise.
      features: of examples, which of their features says what.
    """

    follow_links: bool = False
    features: FeatureNames = field(default_factory=FeatureNames)


def _folder(location: Location, options: SourceOptions) -> Source:
    if isinstance(location, Url):
        return RemoteFolderSource(location)
    return FolderSource(location, options.follow_links)


# Name -> makes a source of where it is and how it is read.
SOURCES: dict[str, Callable[[Location, SourceOptions], Source]] = {
    FOLDER: _folder,
    MANIFEST: lambda location, options: ManifestSource(location, options.follow_links),
    RECORDIO: lambda location, options: RecordIOSource(location),
    TFRECORD: lambda location, options: TFRecordSource(location, options.features),
}

# The ending of a file, in lower case -> the source that reads it.
SUFFIXES = {
    ".csv": MANIFEST,
    ".tsv": MANIFEST,
    ".parquet": MANIFEST,
    ".rec": RECORDIO,
}


# As TensorFlow and TFX name such files, one of several too: `train.tfrecord-00000-of-00016`.
_TFRECORD_NAME = re.compile(r"tfrecords?(-[0-9]+-of-[0-9]+)?(\.gz)?$", re.IGNORECASE)


def source_at(
    location: Location, name: str = AUTO, options: SourceOptions = SourceOptions()
) -> Source:
    """The source of the images at a place: of a name, or, with `AUTO`, as `recognise` finds.

    Raises:
      UserError: see `recognise` and `find_source`.
    """
    return find_source(recognise(location) if name == AUTO else name, location, options)


def recognise(location: Location) -> str:
    """The name of the source that reads a place: a folder, or a file, by the end of its name.

    A pattern of TFRecord files is recognised, too: by `tfrecord` in its last part. On a store,
    where an object and a folder may have one name, the end of the name decides alone.

    Raises:
      UserError: no source reads it; the message says what they read.
    """
    if not isinstance(location, Url) and os.path.isdir(location):
        return FOLDER
    if (suffix := location.suffix.lower()) in SUFFIXES:
        return SUFFIXES[suffix]
    if _TFRECORD_NAME.search(location.name) or _is_pattern_of_tfrecords(location):
        return TFRECORD
    if isinstance(location, Url):
        return FOLDER
    try:
        os.stat(location)
    except OSError as error:
        problem = f"{error.strerror}; expected"
    else:
        problem = "it is not"
    raise UserError(
        f"cannot read the images in {str(location)!r}: {problem} a folder, or a file that ends "
        f"with {', '.join([*SUFFIXES, '.tfrecord', '.tfrecord.gz'])}, or a pattern of TFRecords; "
        "data.source names what another one is"
    )


def _is_pattern_of_tfrecords(location: Location) -> bool:
    return glob.has_magic(str(location)) and "tfrecord" in location.name.lower()


def find_source(name: str, location: Location, options: SourceOptions = SourceOptions()) -> Source:
    """The source of this kind at a place.

    Args:
      name: a key of `SOURCES`.
      location: where the images are, such as the folder of identities.
      options: how it is read.

    Raises:
      UserError: there is no such kind.
    """
    if name not in SOURCES:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(SOURCES)}"
        raise UserError(f"There is no kind of source {name!r} ({hint})")
    return SOURCES[name](location, options)

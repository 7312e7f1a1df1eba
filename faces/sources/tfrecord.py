"""The image source: TFRecord files of tf.train.Example, as TFX and many others write them."""

import os
import threading
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from faces.content import StoreError, UnreadableError, fingerprint_by_reading
from faces.record import Listing, Record
from faces.sources.example_row import FeatureNames, Row, row_of
from faces.sources.once import once
from faces.sources.patterns import files_at, names_of
from faces.sources.ranges import version_of_object
from faces.sources.recordio import KEY_DIGITS, UNKNOWN
from faces.sources.tfrecord_file import DamagedError, Opened, frames, opened
from faces.sources.tfrecord_places import Place, Places
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url, resolved
from groundfloor.text import shown_text

# Of how many sources a process keeps where their images are: those of a run.
_MAX_KEPT = 4
# A store takes its time to say of a file what it is.
_THREADS = 8

_Version = tuple[Hashable, ...]


@dataclass(frozen=True)
class TFRecordSource:
    """Files of tf.train.Example, plain or in GZIP; a `record.Source`.

    The key of an image is what its feature for that says; without one, `<file>:<number>`, where the
    number counts the records of the file from 0, and the file is named relative to the folder in
    which all of them are.

    Nothing in such files says where the record of a key is. A process that lists them, or is the
    first to read one of their images, goes through all of them once, and then keeps where each
    image is: 32 bytes an image, and of files in GZIP, in which nobody can jump to a place, a copy
    of the unpacked images, in a file in the folder for temporary files that has no name and goes
    with the process.

    Of objects on a store such a copy is kept, too, plain or not: so each is sent once, where the
    images would be asked for one by one, and twice, in an order that is not theirs. What is read is
    thus what was listed, whatever becomes of the objects until they are listed again.

    Attributes:
      location: a file, or a pattern of several such as `train-*.tfrecord`.
      names: which feature says what.
    """

    location: Location
    names: FeatureNames = field(default_factory=FeatureNames)

    def list(self) -> Listing:
        """See `list_examples`; within `once.listed_once`, the files are gone through once."""
        here = (TFRecordSource, resolved(self.location), self.names)
        return once(here, lambda: list_examples(self))

    def read(self, record: Record) -> bytes:
        """The encoded image.

        Raises:
          UnreadableError: it is damaged, or not there any more; or the files cannot be listed.
          StoreError: the files are on a store, and cannot be listed.
        """
        kept = _kept_of(self)
        try:
            return kept.read(record)
        except UnreadableError:
            if kept.versions == _versions_of(self.location):
                raise
        return _kept_of(self, instead_of=kept).read(record)

    def fingerprint(self) -> str:
        """See `content.fingerprint_of`; every image is read."""
        return fingerprint_by_reading(self.list(), self.read)


def list_examples(source: TFRecordSource) -> Listing:
    """Lists the images of all files, each of which is read to its end.

    Refused is a record whose data is damaged, that is no tf.train.Example, or lacks its image or
    its identity; and of several with one key all but the first, or every one where they are of two
    people: one of the two labels is wrong.

    Raises:
      UserError: no file is there, or one of them cannot be read, is something else, or is damaged
        so that what it held behind the place is lost, and nobody knows how much that is; a feature
        that `names` asks for is in no record; every record is refused.
      StoreError: see `patterns.files_at`, `ranges.streamed`.
    """
    with _lock:
        versions = _versions_of(source.location)
        try:
            listing, places = _scan(source, list(versions))
        except StoreError:  # which may be over when it is tried again
            raise
        except UserError as error:
            _keep(source, _Kept(source, versions, failure=str(error)))
            raise
        _keep(source, _Kept(source, versions, places))
    return listing


def key_of(file: str, number: int) -> str:
    """The key of a record that says none, by its number in a file."""
    return f"{file}:{number:0{KEY_DIGITS}d}"


class _Listed(NamedTuple):
    """A record of a file that can be used, unless another has its key."""

    record: Record
    place: Place


@dataclass(frozen=True)
class _Kept:
    """What a process knows of a source that it has gone through.

    Attributes:
      source: of the images.
      versions: of its files as they were then, by path.
      places: of the images; None where the files could not be listed.
      failure: why not.
    """

    source: TFRecordSource
    versions: dict[Location, _Version]
    places: Places | None = None
    failure: str = ""

    def read(self, record: Record) -> bytes:
        """See `TFRecordSource.read`; that a file has changed is an error as well."""
        if self.places is None:
            on_store = isinstance(self.source.location, Url)
            raise StoreError(self.failure) if on_store else UnreadableError(self.failure)
        for place in self.places.of(record.key):
            self._require_same(self.places.files[place.file])
            row = row_of(self.places.read(place), self.source.names)
            key = row.key or key_of(self.places.names[place.file], place.number)
            if (key, row.identity, row.fault) == (record.key, record.identity, ""):
                return row.image
        raise UnreadableError(f"No such record in the files: {record.key!r}")

    def _require_same(self, file: Location) -> None:
        if isinstance(file, Url):  # of which the copy is as it was listed
            return
        try:
            if _version_of(file) == self.versions[file]:
                return
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}") from None
        raise UnreadableError(f"{str(file)!r} changed after it was listed")


_lock = threading.RLock()
_kept: dict[TFRecordSource, _Kept] = {}


def _keep(source: TFRecordSource, kept: _Kept) -> None:
    _kept.pop(source, None)
    _kept[source] = kept
    for oldest in list(_kept)[:-_MAX_KEPT]:
        del _kept[oldest]


def _kept_of(source: TFRecordSource, instead_of: _Kept | None = None) -> _Kept:
    """What this process keeps of a source.

    Where that is nothing, or nothing else, the source is gone through now, while others wait.

    Raises:
      StoreError: see `list_examples`.
    """
    with _lock:
        if _kept.get(source) is instead_of:
            try:
                list_examples(source)
            except StoreError:
                raise
            except UserError:  # which is kept
                pass
        return _kept[source]


def _version_of(file: Location) -> _Version:
    if isinstance(file, Url):
        return version_of_object(file)
    status = os.stat(file)
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return status.st_dev, status.st_ino, status.st_size, *times


def _versions_of(location: Location) -> dict[Location, _Version]:
    """The files of a source as they are now, by path; a store is asked for several at once."""
    files = files_at(location)
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(files, pool.map(_version_if_there, files), strict=True))


def _version_if_there(file: Location) -> _Version:
    try:
        return _version_of(file)
    except OSError:  # whoever opens it will see why
        return ()


def _scan(source: TFRecordSource, files: Sequence[Location]) -> tuple[Listing, Places]:
    """See `list_examples`; and where each image is."""
    if not files:
        raise UserError(f"no images: no file matches {str(source.location)!r}")
    places = Places(files, names_of(files, source.location))
    found = _Found()
    for number in range(len(files)):
        found.add_file(number, places, source.names)
    listed = sorted(found.kept(places.names), key=lambda item: item.record.key)
    listing = Listing([item.record for item in listed], found.refused, [])
    found.require_asked(source)
    if not listed:
        raise UserError("; ".join([f"no images in {str(source.location)!r}", *found.why_none()]))
    places.fill([(item.record.key, item.place) for item in listed])
    return listing, places


class _Found:
    """What is found while files are gone through.

    Attributes:
      refused: see `record.Listing`.
      features: the names of all features that some record has.
    """

    def __init__(self) -> None:
        self.refused: dict[Record, str] = {}
        self.features: set[str] = set()
        self._by_key: dict[str, list[_Listed]] = {}
        self._real_names: dict[Location, str] = {}

    def add_file(self, number: int, places: Places, names: FeatureNames) -> None:
        """Reads a file to its end.

        Raises:
          UserError: it cannot be, or not to the end.
        """
        path, name = places.files[number], places.names[number]
        same = self._real_names.setdefault(resolved(path), name)
        if same != name:
            self._refuse(f"./{name}", UNKNOWN, f"the same file as {same!r}")
            return
        count = 0
        try:
            with opened(path) as file:
                for place, data, fault in _records(file, number, places):
                    count += 1
                    row = Row(fault=fault) if fault else row_of(data, names)
                    self._add(row, place, name)
        except OSError as error:
            kind = StoreError if isinstance(path, Url) else UserError
            raise kind(f"cannot read {str(path)!r}: {error.strerror}") from None
        except DamagedError as error:
            raise UserError(
                f"{str(path)!r} is damaged: {error}. {count} records stand before that; how many "
                "are lost is not known: copy the file again, or leave it out"
            ) from None
        if not count and not file.is_packed:
            self._refuse(f"./{name}", UNKNOWN, "an empty file")

    def _add(self, row: Row, place: Place, file: str) -> None:
        self.features |= row.features
        key = key_of(file, place.number)
        if row.fault:
            self._refuse(f"./{key}", row.identity or UNKNOWN, row.fault)
            return
        record = Record(
            row.key or key, row.identity, row.split, row.landmarks, row.box, row.columns
        )
        self._by_key.setdefault(record.key, []).append(_Listed(record, place))

    def _refuse(self, key: str, identity: str, why: str) -> None:
        self.refused[Record(key, identity)] = why

    def kept(self, names: Sequence[str]) -> Iterator[_Listed]:
        """The records that are read; of those with one key, the others are refused."""
        for key, several in self._by_key.items():
            reasons = refusals_of([item.record.identity for item in several])
            for item, other in zip(several, reasons, strict=True):
                if other is None:
                    yield item
                    continue
                place = several[other].place
                whose = several[other].record.identity != item.record.identity
                self._refuse(
                    f"./{key_of(names[item.place.file], item.place.number)}",
                    item.record.identity,
                    f"the same key {key!r} as {key_of(names[place.file], place.number)}"
                    + (", of another person" if whose else ""),
                )

    def require_asked(self, source: TFRecordSource) -> None:
        """Refuses the name of a feature that no record has.

        Raises:
          UserError: naming it.
        """
        for name, setting in source.names.asked().items():
            if self.features and name not in self.features:
                raise UserError(
                    f"no record in {str(source.location)!r} has the feature {name!r}, which "
                    f"data.features.{setting} names. {self._known()}"
                )

    def why_none(self) -> Iterable[str]:
        """Why no record is an image, a sentence each."""
        yield from Listing([], self.refused, []).remarks()
        if self.features:
            yield f"{self._known()}; data.features says which of them is what"

    def _known(self) -> str:
        return f"There are: {shown_text(', '.join(sorted(self.features)))}"


def refusals_of(identities: Sequence[str]) -> Sequence[int | None]:
    """Of several records that are one thing, the place of another because of which each is refused.

    Args:
      identities: of the records, in their order.

    Returns:
      None for the first, if all are of one person; for none of them otherwise.
    """
    stranger = next((i for i, who in enumerate(identities) if who != identities[0]), None)
    if stranger is None:
        return [None, *[0] * (len(identities) - 1)]
    return [stranger if who == identities[0] else 0 for who in identities]


def _records(file: Opened, number: int, places: Places) -> Iterator[tuple[Place, bytes, str]]:
    """Each record of a file, its data, and why it cannot be used; `Places` says what is copied."""
    copies = file.is_packed or isinstance(places.files[number], Url)
    if copies:
        places.copied.add(number)
    for count, frame in enumerate(frames(file.stream)):
        offset = frame.offset
        if copies and not frame.fault:
            offset = places.copy(frame.data)
        yield Place(number, count, offset), frame.data, frame.fault

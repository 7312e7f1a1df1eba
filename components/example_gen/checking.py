"""The first pass over a folder: every file is read, checked and encoded once.

What can be used is spilled to files, a file for each chunk of keys, and only a short record of each
image is passed on. So it can be judged over all images which of them are used, and for what, while
memory holds one image at a time.
"""

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.io import fileio

from faces.content import UnreadableError, content_mark, read_file
from faces.images.encode import BadImageError, EncodedImage, encode_image
from faces.sources.folder import identity_of
from groundfloor import progress

_CHUNK_KEYS = 64


class Place(NamedTuple):
    """Where a serialized tf.train.Example was spilled to.

    Attributes:
      chunk: the number of the file.
      offset: in that file, in bytes.
      length: in bytes.
    """

    chunk: int
    offset: int
    length: int


NOWHERE = Place(chunk=0, offset=0, length=0)


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """What is known of a file once it was read.

    Attributes:
      key: of the file.
      mark: of its content, see `content.fingerprint_of`.
      reason: why it cannot be used; empty where it can.
      place: of its example; of no length where it cannot be used.
      pixels_sha256: of its `EncodedImage`.
      is_flat: of its `EncodedImage`.
    """

    key: str
    mark: str
    reason: str = ""
    place: Place = NOWHERE
    pixels_sha256: str = ""
    is_flat: bool = False


@dataclass(frozen=True)
class CheckOptions:
    """How images are read and checked.

    Attributes:
      folder: of identities.
      spill_folder: for what is spilled; all workers see it.
      max_pixels: see `images.encode_image`.
      channels: see `images.encode_image`.
    """

    folder: str
    spill_folder: str
    max_pixels: int
    channels: int


class CheckImages(beam.PTransform):
    """Pipeline -> nothing; leaves what `read_checked` and `read_example` read."""

    def __init__(self, keys: Sequence[str], options: CheckOptions):
        super().__init__()
        self._keys = keys
        self._options = options

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        # Keys travel as bytes: Beam's coders take no name that is not UTF-8.
        chunks = [
            (chunk, [os.fsencode(key) for key in self._keys[start : start + _CHUNK_KEYS]])
            for chunk, start in enumerate(_chunk_starts(self._keys))
        ]
        return (
            pipeline
            | "ListChunks" >> beam.Create(chunks)
            | "SpreadChunks" >> beam.Reshuffle()
            | "Check" >> beam.ParDo(_CheckChunk(self._options, len(self._keys)))
        )


def read_checked(keys: Sequence[str], spill_folder: str) -> Iterator[CheckedImage]:
    """The record of every key, in the order of the keys."""
    for chunk, _ in enumerate(_chunk_starts(keys)):
        with fileio.open(_records_file(spill_folder, chunk)) as file:
            for key, mark, reason, place, *facts in json.loads(file.read()):
                yield CheckedImage(key, mark, reason, Place(*place), *facts)


def read_example(place: Place, spill_folder: str) -> bytes:
    """The serialized tf.train.Example that was spilled to a place."""
    with fileio.open(_examples_file(spill_folder, place.chunk), "rb") as file:
        file.seek(place.offset)
        return file.read(place.length)


@contextmanager
def whole_file(path: str) -> Iterator[str]:
    """Yields the path to write to; the file gets its name when that is done.

    Beam may try a bundle twice, even at once: a file that has its name is always a whole one.
    """
    unfinished = f"{path}.{uuid.uuid4().hex}"
    yield unfinished
    fileio.rename(unfinished, path, overwrite=True)


def _chunk_starts(keys: Sequence[str]) -> range:
    return range(0, len(keys), _CHUNK_KEYS)


def _records_file(spill_folder: str, chunk: int) -> str:
    return os.path.join(spill_folder, f"records-{chunk:08d}.json")


def _examples_file(spill_folder: str, chunk: int) -> str:
    return os.path.join(spill_folder, f"examples-{chunk:08d}")


class _CheckChunk(beam.DoFn):
    """(chunk, [key]) -> nothing; writes the chunk's examples and its records."""

    def __init__(self, options: CheckOptions, total: int):
        self._options = options
        self._total = total

    def process(self, element: tuple[int, list[bytes]]) -> None:
        chunk, names = element
        folder = self._options.spill_folder
        records, offset = [], 0
        with (
            whole_file(_examples_file(folder, chunk)) as path,
            fileio.open(path, "wb") as examples,
        ):
            for key in map(os.fsdecode, names):
                image, example = self._check(key)
                place = Place(chunk, offset, len(example))
                records.append(astuple(replace(image, place=place)))
                examples.write(example)
                offset += len(example)
                progress.advance("images", 1, self._total)
        with whole_file(_records_file(folder, chunk)) as path, fileio.open(path, "w") as file:
            file.write(json.dumps(records))

    def _check(self, key: str) -> tuple[CheckedImage, bytes]:
        """What is known of a file, and its serialized example, empty where there is none."""
        try:
            data = read_file(Path(self._options.folder, key))
        except UnreadableError as error:
            return CheckedImage(key, mark=str(error), reason=str(error)), b""
        mark = content_mark(data)
        try:
            image = self._encode(key, data)
        except BadImageError as error:
            return CheckedImage(key, mark, reason=str(error)), b""
        example = _to_example(key, image).SerializeToString(deterministic=True)
        facts = {"pixels_sha256": image.pixels_sha256, "is_flat": image.is_flat}
        return CheckedImage(key, mark, **facts), example

    def _encode(self, key: str, data: bytes) -> EncodedImage:
        try:
            key.encode("utf-8")
        except UnicodeEncodeError:
            raise BadImageError("file name is not UTF-8") from None
        return encode_image(data, self._options.max_pixels, self._options.channels)


def _to_example(key: str, image: EncodedImage) -> tf.train.Example:
    def of_bytes(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_int(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {
        "image/encoded": of_bytes(image.encoded),
        "image/format": of_bytes(image.format.encode()),
        "image/height": of_int(image.height),
        "image/width": of_int(image.width),
        "image/key": of_bytes(key.encode()),
        "identity": of_bytes(identity_of(key).encode()),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))

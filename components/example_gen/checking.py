"""The first pass over a source: every image is read, checked and encoded once.

The listing is written to a file, of which each worker reads the chunks that it is to check. What
can be used is spilled to files, a file for each chunk of records, and only what is known of each
image is passed on. So it can be judged over all images which of them are used, and for what, while
memory holds one image at a time.

ImageTransform, too, keeps records on disk between two passes, but sorted (`transform/spill.py`):
the file that a record goes to follows from its key there, so that memory need not hold its place.
Here it follows from all images together, whose places are held, and every image is copied once.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import apache_beam as beam
from tfx.dsl.io import fileio

from components.beam_shards import Numbers
from components.example_gen.checked import CheckedImage, Marked, Place, check_image, judged
from components.image_config import NO_DETECTION, DetectionConfig
from components.record_listing import chunks_of, read_chunk, write_listing
from components.shards import whole_file
from faces.contract import (
    COLUMN_PREFIX,
    IDENTITY,
    IMAGE_BOX,
    IMAGE_ENCODED,
    IMAGE_FACE_SCORE,
    IMAGE_FORMAT,
    IMAGE_HEIGHT,
    IMAGE_IS_GREY,
    IMAGE_KEY,
    IMAGE_LANDMARKS,
    IMAGE_WIDTH,
)
from faces.detection.location import Location, located
from faces.images.encode import EncodedImage
from faces.record import Record, Source
from faces.storage import serialized_example
from groundfloor import progress

_CHUNK_RECORDS = 64


@dataclass(frozen=True)
class CheckOptions:
    """How images are read and checked.

    Attributes:
      source: of the images.
      spill_folder: for what is spilled; all workers see it.
      max_pixels: see `images.encode_image`.
      channels: see `images.encode_image`.
      detection: what is done where the source does not say where the face is.
    """

    source: Source
    spill_folder: str
    max_pixels: int
    channels: int
    detection: DetectionConfig = NO_DETECTION


class CheckImages(beam.PTransform):
    """Pipeline -> nothing; leaves what `read_checked` and `read_example` read.

    Writes the listing, for the workers, when it is applied.
    """

    def __init__(self, records: Sequence[Record], options: CheckOptions):
        super().__init__()
        self._records = records
        self._options = options

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        chunks = write_listing(self._records, self._options.spill_folder, _CHUNK_RECORDS)
        return (
            pipeline
            | "Chunks" >> Numbers(chunks)
            | "Check" >> beam.ParDo(_CheckChunk(self._options, len(self._records)))
        )


def read_checked(
    records: Sequence[Record], spill_folder: str
) -> Iterator[tuple[str, CheckedImage]]:
    """What was found out about each of the records, in their order.

    Beside each is the mark of its content, see `content.fingerprint_of`, which nobody need keep.
    """
    for number, chunk in enumerate(chunks_of(records, _CHUNK_RECORDS)):
        with fileio.open(_facts_file(spill_folder, number)) as file:
            facts = json.loads(file.read())
        for record, (mark, reason, (_, *span), *pixels) in zip(chunk, facts, strict=True):
            # With the number that all of the chunk share: a million equal ones take memory.
            yield mark, CheckedImage(record, reason, Place(number, *span), *pixels)


def read_example(place: Place, spill_folder: str) -> bytes:
    """The serialized tf.train.Example that was spilled to a place."""
    with fileio.open(_examples_file(spill_folder, place.chunk), "rb") as file:
        file.seek(place.offset)
        return file.read(place.length)


def _facts_file(spill_folder: str, chunk: int) -> str:
    return os.path.join(spill_folder, f"facts-{chunk:08d}.json")


def _examples_file(spill_folder: str, chunk: int) -> str:
    return os.path.join(spill_folder, f"examples-{chunk:08d}")


class _CheckChunk(beam.DoFn):
    """Number of a chunk -> nothing; writes its examples, and what is known of its images."""

    def __init__(self, options: CheckOptions, total: int):
        self._options = options
        self._total = total

    def process(self, chunk: int) -> None:
        folder = self._options.spill_folder
        facts, offset = [], 0
        with (
            whole_file(_examples_file(folder, chunk)) as path,
            fileio.open(path, "wb") as examples,
        ):
            checked = map(self._check, read_chunk(chunk, folder))
            for (mark, image), encoded, where in located(checked, self._options.detection):
                example = _to_example(image.record, encoded, where) if encoded else b""
                place = Place(chunk, offset, len(example))
                facts.append(_facts(mark, replace(judged(image, where), place=place)))
                examples.write(example)
                offset += len(example)
                progress.advance("images", 1, self._total)
        with whole_file(_facts_file(folder, chunk)) as path, fileio.open(path, "w") as file:
            file.write(json.dumps(facts))

    def _check(self, record: Record) -> tuple[Marked, EncodedImage | None]:
        options = self._options
        return check_image(options.source, record, options.max_pixels, options.channels)


def _facts(
    mark: str, image: CheckedImage
) -> tuple[str, str, Place, str, bool, int | None, int, str]:
    """What `read_checked` reads; the record is known to whoever calls it."""
    pixels = image.pixels_sha256, image.is_flat, image.found, image.phash
    return mark, image.reason, image.place, *pixels, image.category


def _to_example(record: Record, image: EncodedImage, where: Location) -> bytes:
    values: dict[str, bytes | int | Sequence[float]] = {
        IMAGE_ENCODED: image.encoded,
        IMAGE_FORMAT: image.format.encode(),
        IMAGE_HEIGHT: image.height,
        IMAGE_WIDTH: image.width,
        IMAGE_IS_GREY: int(image.is_grey),
        IMAGE_KEY: record.key.encode(),
        IDENTITY: record.identity.encode(),
        IMAGE_LANDMARKS: where.landmarks,
        IMAGE_BOX: where.box,
        IMAGE_FACE_SCORE: where.score,
    }
    columns = {COLUMN_PREFIX + name: value.encode() for name, value in record.columns}
    return serialized_example(values | columns)

"""Embeds images with a SavedModel, in Beam: transformed examples, and images from elsewhere."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tfx.dsl.io import fileio

from components.beam_shards import Numbers, ReadShards
from components.record_listing import read_chunk, write_listing
from faces.content import UnreadableError
from faces.contract import IMAGE, IMAGE_KEY, UNKNOWN_LABEL
from faces.detection.location import Location, located
from faces.images.encode import EncodedImage, encode_record
from faces.images.formats import BadImageError
from faces.images.preprocess import batch_of
from faces.record import Record
from faces.storage import parse_examples, to_example
from groundfloor import progress
from groundfloor.plain_paths import plain_path
from serving.opened_export import Embed, open_export
from serving.preparation import prepared_images
from serving.signatures import EMBEDDING_KEY, PIXELS_SIGNATURE, pixels_shape


def input_shape_of(model_path: str) -> tuple[int, int, int]:
    """Height, width and channels that a SavedModel's `pixels` signature takes."""
    return pixels_shape(_load(model_path).signatures[PIXELS_SIGNATURE])


class EmbedSplit(beam.PTransform):
    """Pipeline -> (`image/key` bytes, float32 [D] embedding) of every example of a split.

    Args:
      split_folder: see `components.shards.shard_files`.
      model: the SavedModel, or an export of it; it travels to the workers.
      batch_size: images embedded at a time.
    """

    def __init__(self, split_folder: str, model: "SavedModel | ExportOfModel", batch_size: int):
        super().__init__()
        self._split_folder = split_folder
        self._model = model
        self._batch_size = batch_size

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        return (
            pipeline
            | ReadShards(self._split_folder)
            | beam.BatchElements(min_batch_size=self._batch_size, max_batch_size=self._batch_size)
            | beam.ParDo(_EmbedBatch(self._model))
        )


@dataclass(frozen=True)
class SavedModel:
    """A SavedModel, for whoever embeds with it.

    Attributes:
      path: its folder.
    """

    path: str

    def opened(self) -> tuple[Embed, tuple[int, int, int]]:
        """What embeds pixels, and their height, width and channels."""
        model = _load(self.path)  # its signatures do not keep it alive

        def embed(pixels: NDArray[Any]) -> NDArray[np.float32]:
            signature = model.signatures[PIXELS_SIGNATURE]
            return signature(pixels=tf.constant(pixels))[EMBEDDING_KEY].numpy()

        return embed, pixels_shape(model.signatures[PIXELS_SIGNATURE])


@dataclass(frozen=True)
class ExportOfModel:
    """An export, for whoever embeds with it.

    Attributes:
      name: of `serving.exports.KINDS`.
      folder: of its files, wherever it lies.
      input_shape: height, width and channels of its pixels.
    """

    name: str
    folder: str
    input_shape: tuple[int, int, int]

    def opened(self) -> tuple[Embed, tuple[int, int, int]]:
        """What embeds pixels, and their height, width and channels.

        Raises:
          UserError: see `open_export`.
        """
        # Runtimes open files of this machine, and keep what they have opened when it is removed.
        with tempfile.TemporaryDirectory() as copy:
            for name in fileio.listdir(self.folder):
                fileio.copy(os.path.join(self.folder, name), os.path.join(copy, name))
            return open_export(self.name, copy), self.input_shape


@dataclass(frozen=True)
class ImageFacts:
    """What was found out about an image from elsewhere.

    Attributes:
      key: of its record.
      reason: why it cannot be used; empty where it can.
      picture: SHA-256 of its pixels as the network sees them, as `faces.storage.read_names` gives
        it; empty where there are none, or all of them are equal.
    """

    key: str
    reason: str = ""
    picture: bytes = b""


class EmbedImages(beam.PTransform):
    """Pipeline -> what `EmbedSplit` gives, of images that can be used, and the `ImageFacts` of all.

    Args:
      records: of the images, with a key of UTF-8.
      images: gives `opened()`, which reads one; it travels to the workers.
      model_path: the SavedModel.
      batch_size: images embedded at a time.
      max_pixels: see `encode_image`.
      folder: for the listing, which the workers read.
    """

    def __init__(
        self,
        records: Sequence[Record],
        images: Any,
        model_path: str,
        batch_size: int,
        max_pixels: int,
        *,
        folder: str,
    ):
        super().__init__()
        self._folder = folder
        self._records = records
        self._images = images
        self._model_path = model_path
        self._batch_size = batch_size
        self._max_pixels = max_pixels

    def expand(self, pipeline: beam.Pipeline) -> tuple[beam.PCollection, beam.PCollection]:
        """Called by Beam."""
        size = self._batch_size
        chunks = write_listing(self._records, self._folder, size)
        prepare = _PrepareBatch(self._images, self._model_path, self._max_pixels)
        prepared = (
            pipeline
            | "Chunks" >> Numbers(chunks)
            | "List" >> beam.Map(read_chunk, self._folder)
            | "Prepare" >> beam.ParDo(prepare).with_outputs(_FACTS, main=_EXAMPLES)
        )
        embedded = (
            prepared[_EXAMPLES]
            | beam.BatchElements(min_batch_size=size, max_batch_size=size)
            | beam.ParDo(_EmbedBatch(SavedModel(self._model_path)))
        )
        return embedded, prepared[_FACTS]


_EXAMPLES, _FACTS = "examples", "facts"


@dataclass(frozen=True)
class _Read:
    """An image that was read, and why it cannot be used; empty where it can."""

    record: Record
    reason: str = ""


class _PrepareBatch(beam.DoFn):
    """[record] -> the examples of its usable images, as of ImageTransform, and the facts of all."""

    def __init__(self, images: Any, model_path: str, max_pixels: int):
        self._images = images
        self._model_path = model_path
        self._max_pixels = max_pixels

    def setup(self) -> None:
        self._read = self._images.opened()
        # What the images that the model is trained on went through.
        shape = input_shape_of(self._model_path)
        self._preprocessing = prepared_images(Path(self._model_path), shape).preprocessing
        self._rules = self._preprocessing.rules()

    def process(self, records: Sequence[Record]) -> Iterator[Any]:
        usable: list[tuple[Record, EncodedImage, Location]] = []
        for read, image, where in located(map(self._encoded, records), self._rules):
            record, reason = read.record, read.reason or where.reason
            if image is None:
                yield beam.pvalue.TaggedOutput(_FACTS, ImageFacts(record.key, reason))
            else:
                usable.append((record, image, where))
        if not usable:
            return
        for (record, image, _), shown in zip(usable, self._pixels(usable), strict=True):
            picture = b"" if image.is_flat else hashlib.sha256(shown.tobytes()).digest()
            yield beam.pvalue.TaggedOutput(_FACTS, ImageFacts(record.key, picture=picture))
            names = record.identity.encode("utf-8", "surrogateescape"), record.key.encode()
            yield to_example(shown, UNKNOWN_LABEL, *names, (image.height, image.width))

    def _encoded(self, record: Record) -> tuple[_Read, EncodedImage | None]:
        channels = self._preprocessing.input_shape[2]
        try:
            data = self._read(record)
            return _Read(record), encode_record(record, data, self._max_pixels, channels)
        except (UnreadableError, BadImageError) as error:
            return _Read(record, str(error)), None

    def _pixels(self, usable: Sequence[tuple[Record, EncodedImage, Location]]) -> np.ndarray:
        """What the network sees of them."""
        batch = batch_of(
            [image.encoded for _, image, _ in usable],
            [where.landmarks for *_, where in usable],
            [where.box for *_, where in usable],
        )
        return self._preprocessing.batch(*batch).numpy()


class _EmbedBatch(beam.DoFn):
    def __init__(self, model: SavedModel | ExportOfModel):
        self._model = model

    def setup(self) -> None:
        self._embed, self._input_shape = self._model.opened()

    def process(self, batch: list[bytes]) -> Iterator[tuple[bytes, Any]]:
        parsed = parse_examples(tf.constant(batch), self._input_shape)
        embeddings = self._embed(parsed[IMAGE].numpy())
        progress.advance("images", len(batch))
        yield from zip(parsed[IMAGE_KEY].numpy(), embeddings, strict=True)


def _load(model_path: str) -> Any:
    with plain_path(model_path) as path:
        return tf.saved_model.load(path)

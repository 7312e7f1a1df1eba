"""The Beam pipelines of ImageTransform: one that counts, and one that transforms.

No image goes from one stage of a pipeline to the next, since Beam's in-process runner would keep
all of them in memory there: transformed examples are spilled to files until their shard is written.
"""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils import windowed_value
from apache_beam.utils.timestamp import MIN_TIMESTAMP

from components.beam_shards import ReadShards
from components.shards import shard_name, write_shard
from components.transform.spill import Range, Spilled, read_ranges, write_run
from faces.contract import (
    COLUMN_PREFIX,
    IDENTITY,
    IMAGE_ENCODED,
    IMAGE_HEIGHT,
    IMAGE_KEY,
    IMAGE_WIDTH,
    TRAIN,
    UNKNOWN_LABEL,
)
from faces.images.decode import decode_and_resize
from faces.storage import to_example
from groundfloor import progress
from groundfloor.errors import UserError

_BATCH_SIZE = 64
# Transformed examples that a worker holds before it writes them down, in bytes.
_RUN_BYTES = 64 * 2**20
# A shard is sorted in memory: at most so many images and, roughly, so many bytes.
_IMAGES_PER_SHARD = 1024
_BYTES_PER_SHARD = 128 * 2**20


class CountExamples(beam.PTransform):
    """Pipeline -> one list of ((split, identity), how many examples).

    Args:
      files: split -> its files.
    """

    def __init__(self, files: Mapping[str, Sequence[str]]):
        super().__init__()
        self._files = files

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        names = [
            pipeline
            | f"Read[{split}]" >> ReadShards(paths)
            | f"Identity[{split}]"
            >> beam.Map(lambda record, split=split: (split, _identity(record)))
            for split, paths in self._files.items()
        ]
        counts = names | beam.Flatten() | beam.combiners.Count.PerElement()
        return counts | beam.combiners.ToList()


@dataclass(frozen=True)
class Census:
    """What the examples are.

    Attributes:
      vocabulary: the training identities, in label order.
      images: split -> how many it has.
    """

    vocabulary: list[str]
    images: dict[str, int]

    @classmethod
    def of(cls, counts: Iterable[Any], splits: Iterable[str]) -> "Census":
        """From ((split, identity), images) of each; training needs two identities."""
        images = dict.fromkeys(splits, 0)
        for (split, _), number in counts:
            images[split] += number
        vocabulary = sorted(identity for (split, identity), _ in counts if split == TRAIN)
        if len(vocabulary) < 2:
            raise UserError(
                "the training split must hold usable images of at least two identities. "
                f"Received: {vocabulary}"
            )
        return cls(vocabulary, images)


class TransformExamples(beam.PTransform):
    """Pipeline -> shards in the splits' folders.

    Args:
      input_shape: height, width and channels.
      files: split -> its files.
      folders: split -> where the transformed ones go.
      census: of the examples.
      spill: a folder for what does not fit into memory, which all workers see.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        files: Mapping[str, Sequence[str]],
        folders: Mapping[str, str],
        census: Census,
        spill: str,
    ):
        super().__init__()
        self._input_shape = input_shape
        self._files = files
        self._folders = folders
        self._census = census
        self._spill = spill

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Each split has a branch of its own: to flatten the records would hold all of them."""
        shards = {
            split: _shards(images, self._input_shape)
            for split, images in self._census.images.items()
        }
        return (
            [self._spilled(pipeline, split) for split in self._files]
            | beam.Flatten()
            | beam.GroupByKey()
            | "Write" >> beam.ParDo(_WriteShard(self._folders, shards))
        )

    def _spilled(self, pipeline: beam.Pipeline, split: str) -> beam.PCollection:
        return (
            pipeline
            | f"Read[{split}]" >> ReadShards(self._files[split])
            | f"Batch[{split}]"
            >> beam.BatchElements(min_batch_size=_BATCH_SIZE, max_batch_size=_BATCH_SIZE)
            | f"Transform[{split}]"
            >> beam.ParDo(_TransformBatch(self._input_shape, split, self._census, self._spill))
        )


class _TransformBatch(beam.DoFn):
    """[example] -> ((split, shard), where some of its transformed examples lie)."""

    def __init__(self, input_shape: tuple[int, int, int], split: str, census: Census, spill: str):
        self._input_shape = input_shape
        self._split = split
        self._shards = _shards(census.images[split], input_shape)
        self._total = sum(census.images.values())
        self._labels = {name.encode(): label for label, name in enumerate(census.vocabulary)}
        self._spill = spill

    def setup(self) -> None:
        self._pixels = tf.function(
            lambda encoded: decode_and_resize(encoded, self._input_shape),
            input_signature=[tf.TensorSpec([None], tf.string)],
        )

    def start_bundle(self) -> None:
        self._waiting: list[Spilled] = []
        self._bytes = 0

    def process(self, batch: list[bytes]) -> Iterator[tuple[tuple[str, int], Range]]:
        examples = [tf.train.Example.FromString(record) for record in batch]
        for example, image in zip(examples, self._decoded(examples), strict=True):
            identity, key = _bytes_of(example, IDENTITY), _bytes_of(example, IMAGE_KEY)
            label = self._labels.get(identity, UNKNOWN_LABEL)
            record = to_example(
                image, label, identity, key, _size_of(example), columns=_columns_of(example)
            )
            self._waiting.append(Spilled(*_place(key, self._shards), record))
            self._bytes += len(record)
        progress.advance("images", len(batch), self._total)
        if self._bytes >= _RUN_BYTES:
            yield from self._written()

    def finish_bundle(self) -> Iterator[windowed_value.WindowedValue]:
        for pair in self._written():
            yield windowed_value.WindowedValue(pair, MIN_TIMESTAMP, [GlobalWindow()])

    def _written(self) -> Iterator[tuple[tuple[str, int], Range]]:
        """Writes what waits, and says where."""
        if self._waiting:
            for shard, range_ in write_run(self._spill, self._waiting).items():
                yield (self._split, shard), range_
        self.start_bundle()

    def _decoded(self, examples: Sequence[tf.train.Example]) -> np.ndarray:
        encoded = [_bytes_of(example, IMAGE_ENCODED) for example in examples]
        try:
            return self._pixels(tf.constant(encoded)).numpy()
        except tf.errors.OpError:
            raise self._undecodable(examples) from None

    def _undecodable(self, examples: Sequence[tf.train.Example]) -> UserError:
        """Names the image that the decoder refuses; ImageExampleGen lets none in."""
        for example in examples:
            try:
                self._pixels(tf.constant([_bytes_of(example, IMAGE_ENCODED)]))
            except tf.errors.OpError as error:
                key = _bytes_of(example, IMAGE_KEY).decode("utf-8", "replace")
                reason = error.message.partition("\n")[0]
                return UserError(
                    f"the image {key!r} cannot be decoded with {self._input_shape[2]} channels: "
                    f"{reason}"
                )
        return UserError("a batch of images cannot be decoded, though each of them can")


class _WriteShard(beam.DoFn):
    """((split, shard), [where its examples lie]) -> the path of the file written."""

    def __init__(self, folders: Mapping[str, str], shards: Mapping[str, int]):
        self._folders = folders
        self._shards = shards

    def process(self, group: tuple[tuple[str, int], Iterable[Range]]) -> Iterator[str]:
        (split, shard), ranges = group
        path = os.path.join(self._folders[split], shard_name(shard, self._shards[split]))
        write_shard(path, read_ranges(ranges))
        yield path


def shard_names(images: int, input_shape: tuple[int, int, int]) -> list[str]:
    """The files of a split of so many images; one that got none by chance is not written."""
    shards = _shards(images, input_shape)
    return [shard_name(shard, shards) for shard in range(shards)]


def _shards(images: int, input_shape: tuple[int, int, int]) -> int:
    """Into how many files so many images go."""
    fitting = max(1, _BYTES_PER_SHARD // math.prod(input_shape))
    return -(-images // min(_IMAGES_PER_SHARD, fitting))


def _place(key: bytes, shards: int) -> tuple[int, bytes]:
    """The shard of an image and its order therein: by a hash, shuffled, yet always alike.

    Reshuffling with random keys, as Beam's own writers do, would give the trainer another order
    each time, and with it another model.
    """
    order = hashlib.sha256(key).digest()
    return int.from_bytes(order[:8], "big") % shards, order


def _size_of(example: tf.train.Example) -> tuple[int, int]:
    """Height and width, in pixels."""
    feature = example.features.feature
    height, width = (feature[side].int64_list.value[0] for side in (IMAGE_HEIGHT, IMAGE_WIDTH))
    return height, width


def _columns_of(example: tf.train.Example) -> dict[str, bytes]:
    """What else the source says of the image, which goes on to whoever measures."""
    names = (name for name in example.features.feature if name.startswith(COLUMN_PREFIX))
    return {name: _bytes_of(example, name) for name in names}


def _bytes_of(example: tf.train.Example, feature: str) -> bytes:
    return example.features.feature[feature].bytes_list.value[0]


def _identity(record: bytes) -> str:
    return _bytes_of(tf.train.Example.FromString(record), IDENTITY).decode()

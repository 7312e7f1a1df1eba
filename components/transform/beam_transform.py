"""The Beam pipelines of ImageTransform: one that counts, and one that transforms.

No image goes from one stage of a pipeline to the next, since Beam's in-process runner would keep
all of them in memory there: transformed examples are spilled to files until their shard is written.
"""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.utils.shared import Shared
from tfx.dsl.io import fileio

from components.beam_shards import Numbers, records_of
from components.shards import shard_name, whole_file, write_shard
from components.transform.spill import Range, Spilled, read_ranges, write_run
from faces.contract import (
    COLUMN_PREFIX,
    IDENTITY,
    IMAGE_BOX,
    IMAGE_ENCODED,
    IMAGE_HEIGHT,
    IMAGE_KEY,
    IMAGE_LANDMARKS,
    IMAGE_WIDTH,
    LANDMARKS,
    TRAIN,
    UNKNOWN_LABEL,
)
from faces.images.preprocess import WHOLE, Preprocessing, batch_of
from faces.storage import to_example
from groundfloor import progress
from groundfloor.errors import UserError

_BATCH_SIZE = 64
_LANDMARK_VALUES = 2 * len(LANDMARKS)
_BOX_VALUES = 4
# Transformed examples that a worker holds before it writes them down, in bytes.
_RUN_BYTES = 64 * 2**20
# A shard is sorted in memory: at most so many images and, roughly, so many bytes.
_IMAGES_PER_SHARD = 1024
_BYTES_PER_SHARD = 128 * 2**20


class CountExamples(beam.PTransform):
    """Pipeline -> nothing; leaves what `read_counts` reads.

    Each file is counted by itself, so that no name goes from one stage to the next.

    Args:
      files: split -> its files.
      preprocessing: of the images.
      spill: a folder that all workers see.
    """

    def __init__(
        self, files: Mapping[str, Sequence[str]], preprocessing: Preprocessing, spill: str
    ):
        super().__init__()
        self._files = files
        self._preprocessing = preprocessing
        self._spill = spill

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        return (
            pipeline
            | "Files" >> Numbers(_write_files(self._files, self._spill))
            | "Count" >> beam.Map(_count_file, self._preprocessing, self._spill)
        )


def read_counts(
    files: Mapping[str, Sequence[str]], spill: str
) -> list[tuple[tuple[str, str, str], int]]:
    """((split, identity, what is done to the image), how many examples) of each.

    As `CountExamples` has left them.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for number in range(sum(map(len, files.values()))):
        for split, identity, manner, images in _read_json(_counts_file(spill, number)):
            counts[split, identity, manner] += images
    return list(counts.items())


def _count_file(number: int, preprocessing: Preprocessing, spill: str) -> None:
    split, path = _read_file(number, spill)
    counts = Counter(_kind(record, split, preprocessing) for record in records_of(path))
    with whole_file(_counts_file(spill, number)) as unfinished:
        _write_json(unfinished, [[*kind, images] for kind, images in counts.items()])


def _write_files(files: Mapping[str, Sequence[str]], spill: str) -> int:
    """Writes down what is to be read; the number of files."""
    listed = [(split, path) for split, paths in files.items() for path in paths]
    _write_json(_files_file(spill), listed)
    return len(listed)


def _read_file(number: int, spill: str) -> tuple[str, str]:
    """Split and path of a file."""
    split, path = _read_json(_files_file(spill))[number]
    return split, path


def _files_file(spill: str) -> str:
    return os.path.join(spill, "files.json")


def _counts_file(spill: str, number: int) -> str:
    return os.path.join(spill, f"counts-{number:08d}.json")


def _vocabulary_file(spill: str) -> str:
    return os.path.join(spill, "vocabulary.json")


def _read_json(path: str) -> Any:
    with fileio.open(path) as file:
        return json.loads(file.read())


def _write_json(path: str, content: Any) -> None:
    with fileio.open(path, "w") as file:
        file.write(json.dumps(content))


@dataclass(frozen=True)
class Census:
    """What the examples are.

    Attributes:
      vocabulary: the training identities, in label order.
      images: split -> how many it has.
      manners: split -> what is done to an image, see `Preprocessing.manner` -> to how many of it.
    """

    vocabulary: list[str]
    images: dict[str, int]
    manners: dict[str, dict[str, int]]

    @classmethod
    def of(cls, counts: Iterable[Any], splits: Iterable[str]) -> "Census":
        """From ((split, identity, manner), images) of each; training needs two identities."""
        manners: dict[str, dict[str, int]] = {split: {} for split in splits}
        for (split, _, manner), number in counts:
            manners[split][manner] = manners[split].get(manner, 0) + number
        images = {split: sum(numbers.values()) for split, numbers in manners.items()}
        vocabulary = sorted({identity for (split, identity, _), _ in counts if split == TRAIN})
        if len(vocabulary) < 2:
            raise UserError(
                "the training split must hold usable images of at least two identities. "
                f"Received: {vocabulary}"
            )
        return cls(vocabulary, images, manners)

    def preprocessing(self, wanted: Preprocessing) -> Preprocessing:
        """The least that does to these images what is wanted.

        Where nothing is known of any face, to align is to resize, in a graph that takes longer.
        """
        has_faces = any(manner != WHOLE for counts in self.manners.values() for manner in counts)
        return wanted if has_faces else replace(wanted, align=False)


class TransformExamples(beam.PTransform):
    """Pipeline -> shards in the splits' folders.

    Args:
      preprocessing: of the images.
      files: split -> its files.
      folders: split -> where the transformed ones go.
      census: of the examples.
      spill: a folder for what does not fit into memory, which all workers see. The vocabulary is
        written there, for them, when this is applied.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        files: Mapping[str, Sequence[str]],
        folders: Mapping[str, str],
        census: Census,
        spill: str,
    ):
        super().__init__()
        self._preprocessing = preprocessing
        self._files = files
        self._folders = folders
        self._census = census
        self._spill = spill

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        shards = {
            split: _shards(images, self._preprocessing.input_shape)
            for split, images in self._census.images.items()
        }
        _write_json(_vocabulary_file(self._spill), self._census.vocabulary)
        images = sum(self._census.images.values())
        preprocessing = self._census.preprocessing(self._preprocessing)
        return (
            pipeline
            | "Files" >> Numbers(_write_files(self._files, self._spill))
            | "Transform" >> beam.ParDo(_TransformFile(preprocessing, shards, images, self._spill))
            | beam.GroupByKey()
            | "Write" >> beam.ParDo(_WriteShard(self._folders, shards))
        )


class _Labels:
    """The label of each training identity: read once in a process, however many threads it has."""

    def __init__(self, path: str):
        self.label_of = {name.encode(): label for label, name in enumerate(_read_json(path))}


class _TransformFile(beam.DoFn):
    """Number of a file -> ((split, shard), where some of its transformed examples lie)."""

    def __init__(
        self,
        preprocessing: Preprocessing,
        shards: Mapping[str, int],
        total: int,
        spill: str,
    ):
        self._preprocessing = preprocessing
        self._shards = shards
        self._total = total
        self._spill = spill
        self._shared_labels = Shared()

    def setup(self) -> None:
        self._labels = self._shared_labels.acquire(lambda: _Labels(_vocabulary_file(self._spill)))
        self._pixels = tf.function(
            self._preprocessing.batch,
            input_signature=[
                tf.TensorSpec([None], tf.string),
                tf.TensorSpec([None, _LANDMARK_VALUES], tf.float32),
                tf.TensorSpec([None, _BOX_VALUES], tf.float32),
            ],
            autograph=False,  # which takes longer to read it than a thousand images do
        )

    def process(self, number: int) -> Iterator[tuple[tuple[str, int], Range]]:
        split, path = _read_file(number, self._spill)
        records, waiting = records_of(path), list[Spilled]()
        size = 0
        while batch := list(islice(records, _BATCH_SIZE)):
            transformed = self._transformed(batch, self._shards[split])
            waiting.extend(transformed)
            size += sum(len(spilled.record) for spilled in transformed)
            progress.advance("images", len(batch), self._total)
            if size >= _RUN_BYTES:
                yield from self._written(split, waiting)
                waiting, size = [], 0
        yield from self._written(split, waiting)

    def _transformed(self, batch: Sequence[bytes], shards: int) -> list[Spilled]:
        examples = [tf.train.Example.FromString(record) for record in batch]
        return [
            self._spilled(example, image, shards)
            for example, image in zip(examples, self._decoded(examples), strict=True)
        ]

    def _spilled(self, example: tf.train.Example, image: np.ndarray, shards: int) -> Spilled:
        identity, key = _bytes_of(example, IDENTITY), _bytes_of(example, IMAGE_KEY)
        label = self._labels.label_of.get(identity, UNKNOWN_LABEL)
        columns = _columns_of(example)
        record = to_example(image, label, identity, key, _size_of(example), columns=columns)
        return Spilled(*_place(key, shards), record)

    def _written(
        self, split: str, waiting: Sequence[Spilled]
    ) -> Iterator[tuple[tuple[str, int], Range]]:
        """Writes what waits, and says where."""
        if waiting:
            for shard, range_ in write_run(self._spill, waiting).items():
                yield (split, shard), range_

    def _decoded(self, examples: Sequence[tf.train.Example]) -> np.ndarray:
        try:
            return self._pixels(*_tensors(examples)).numpy()
        except tf.errors.OpError:
            raise self._undecodable(examples) from None

    def _undecodable(self, examples: Sequence[tf.train.Example]) -> UserError:
        """Names the image that is refused; ImageExampleGen lets none in."""
        for example in examples:
            try:
                self._pixels(*_tensors([example]))
            except tf.errors.OpError as error:
                key = _bytes_of(example, IMAGE_KEY).decode("utf-8", "replace")
                reason = error.message.partition("\n")[0]
                return UserError(
                    f"the image {key!r} cannot be made into pixels of "
                    f"{self._preprocessing.input_shape[2]} channels: {reason}"
                )
        return UserError("a batch of images cannot be made into pixels, though each of them can")


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


def _floats_of(example: tf.train.Example, feature: str) -> Sequence[float]:
    return example.features.feature[feature].float_list.value


def _tensors(examples: Sequence[tf.train.Example]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What `Preprocessing.batch` takes."""
    return batch_of(
        [_bytes_of(example, IMAGE_ENCODED) for example in examples],
        [_floats_of(example, IMAGE_LANDMARKS) for example in examples],
        [_floats_of(example, IMAGE_BOX) for example in examples],
    )


def _kind(record: bytes, split: str, preprocessing: Preprocessing) -> tuple[str, str, str]:
    """What `CountExamples` counts."""
    example = tf.train.Example.FromString(record)
    has = (bool(_floats_of(example, feature)) for feature in (IMAGE_LANDMARKS, IMAGE_BOX))
    return split, _bytes_of(example, IDENTITY).decode(), preprocessing.manner(*has)

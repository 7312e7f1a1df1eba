"""Executor of ImageTransform."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components import progress
from components.beam_shards import ReadShards
from components.errors import UserError
from components.example_gen.splits import TRAIN
from components.shards import shard_files, write_listing
from components.transform.images import decode_and_resize
from components.transform.records import to_example
from components.transform.vocabulary import (
    FILE_NAME,
    UNKNOWN_LABEL,
    vocabulary_of,
    vocabulary_schema,
)

EXAMPLES_KEY = "examples"
TRANSFORMED_EXAMPLES_KEY = "transformed_examples"
SCHEMA_KEY = "schema"
INPUT_SHAPE_KEY = "input_shape"


_BATCH_SIZE = 64
_IMAGES_PER_SHARD = 1024


class Executor(base_beam_executor.BaseBeamExecutor):
    """Builds and runs the Beam pipeline."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Transforms every split of the examples.

        Args:
          input_dict:
            - examples: `Examples` of ImageExampleGen.
          output_dict:
            - transformed_examples: `Examples` with the same splits.
            - schema: `Schema` that holds the identity vocabulary.
          exec_properties:
            - input_shape: height, width and channels.

        Raises:
          UserError: the training split holds fewer than two identities.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        transformed = artifact_utils.get_single_instance(output_dict[TRANSFORMED_EXAMPLES_KEY])
        schema = artifact_utils.get_single_instance(output_dict[SCHEMA_KEY])
        splits = artifact_utils.decode_split_names(examples.split_names)
        transformed.split_names = examples.split_names
        folders = {}
        for split in splits:
            folders[split] = artifact_utils.get_split_uri([transformed], split)
            fileio.makedirs(folders[split])  # a split without images has a folder all the same
        with self._make_beam_pipeline() as pipeline:
            records = [
                pipeline | f"Read[{split}]" >> _ReadSplit(split, examples) for split in splits
            ]
            _ = (
                records
                | beam.Flatten()
                | _TransformExamples(tuple(exec_properties[INPUT_SHAPE_KEY]), folders, schema.uri)
            )
        write_listing(transformed.uri, folders.values())
        _require_two_identities(os.path.join(schema.uri, FILE_NAME))
        examples_utils.set_payload_format(transformed, example_gen_pb2.FORMAT_TF_EXAMPLE)


class _ReadSplit(beam.PTransform):
    """Pipeline -> (split, tf.train.Example)."""

    def __init__(self, split: str, examples: Any):
        super().__init__()
        self._split = split
        self._files = shard_files(artifact_utils.get_split_uri([examples], split))

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | ReadShards(self._files)
            | beam.Map(lambda record, split=self._split: (split, record))
        )


class _TransformExamples(beam.PTransform):
    """(split, example) -> shards in the splits' folders, and the vocabulary's schema."""

    def __init__(
        self, input_shape: tuple[int, int, int], folders: dict[str, str], schema_folder: str
    ):
        super().__init__()
        self._input_shape = input_shape
        self._folders = folders
        self._schema_file = os.path.join(schema_folder, FILE_NAME)

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        counts = beam.pvalue.AsDict(
            examples | "Splits" >> beam.Keys() | beam.combiners.Count.PerElement()
        )
        vocabulary = (
            examples
            | "TrainOnly" >> beam.Filter(lambda pair: pair[0] == TRAIN)
            | "Identity" >> beam.Map(lambda pair: _identity_of(pair[1]))
            | beam.Distinct()
            | beam.combiners.ToList()
            | "Sort" >> beam.Map(sorted)
        )
        _ = vocabulary | "WriteSchema" >> beam.Map(
            lambda words, path=self._schema_file: io_utils.write_pbtxt_file(
                path, vocabulary_schema(words)
            )
        )
        return (
            examples
            | beam.BatchElements(min_batch_size=_BATCH_SIZE, max_batch_size=_BATCH_SIZE)
            | "Transform"
            >> beam.ParDo(
                _TransformBatch(self._input_shape),
                vocabulary=beam.pvalue.AsSingleton(vocabulary),
                counts=counts,
            )
            | beam.GroupByKey()
            | "Write" >> beam.ParDo(_WriteShard(self._folders), counts=counts)
        )


class _TransformBatch(beam.DoFn):
    """[(split, example)] -> ((split, shard), (order, transformed example))."""

    def __init__(self, input_shape: tuple[int, int, int]):
        self._input_shape = input_shape

    def setup(self) -> None:
        self._pixels = tf.function(
            lambda encoded: decode_and_resize(encoded, self._input_shape),
            input_signature=[tf.TensorSpec([None], tf.string)],
        )

    def process(
        self,
        batch: list[tuple[str, bytes]],
        vocabulary: list[str],
        counts: dict[str, int],
    ) -> Iterator[tuple[tuple[str, int], tuple[bytes, bytes]]]:
        labels = {identity.encode(): label for label, identity in enumerate(vocabulary)}
        examples = [tf.train.Example.FromString(record) for _, record in batch]
        encoded = [_bytes_of(example, "image/encoded") for example in examples]
        pixels = self._pixels(tf.constant(encoded)).numpy()
        for (split, _), example, image in zip(batch, examples, pixels, strict=True):
            identity, key = _bytes_of(example, "identity"), _bytes_of(example, "image/key")
            label = labels.get(identity, UNKNOWN_LABEL)
            shard, order = _place(key, _shards(counts[split]))
            yield (split, shard), (order, to_example(image, label, identity, key))
        progress.advance("images", len(batch), sum(counts.values()))


class _WriteShard(beam.DoFn):
    """((split, shard), [(order, example)]) -> the path of the file written."""

    def __init__(self, folders: dict[str, str]):
        self._folders = folders

    def process(
        self, group: tuple[tuple[str, int], Iterable[tuple[bytes, bytes]]], counts: dict[str, int]
    ) -> Iterator[str]:
        (split, shard), examples = group
        name = f"data_tfrecord-{shard:05d}-of-{_shards(counts[split]):05d}.gz"
        path = os.path.join(self._folders[split], name)
        # Beam may try a bundle again: only a whole file gets the name that is read.
        with tf.io.TFRecordWriter(f"{path}.tmp", options="GZIP") as writer:
            for _, example in sorted(examples):
                writer.write(example)
        tf.io.gfile.rename(f"{path}.tmp", path, overwrite=True)
        yield path


def _shards(images: int) -> int:
    return -(-images // _IMAGES_PER_SHARD)


def _require_two_identities(schema_file: str) -> None:
    vocabulary = vocabulary_of(io_utils.parse_pbtxt_file(schema_file, schema_pb2.Schema()))
    if len(vocabulary) < 2:
        raise UserError(
            "the training split must hold usable images of at least two identities. "
            f"Received: {vocabulary}"
        )


def _place(key: bytes, shards: int) -> tuple[int, bytes]:
    """The shard of an image and its order therein: by a hash, shuffled, yet always alike.

    Reshuffling with random keys, as Beam's own writers do, would give the trainer another order
    each time, and with it another model.
    """
    order = hashlib.sha256(key).digest()
    return int.from_bytes(order[:8], "big") % shards, order


def _bytes_of(example: tf.train.Example, feature: str) -> bytes:
    return example.features.feature[feature].bytes_list.value[0]


def _identity_of(record: bytes) -> str:
    return _bytes_of(tf.train.Example.FromString(record), "identity").decode()

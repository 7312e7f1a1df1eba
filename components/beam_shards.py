"""What the steps' Beam pipelines begin with: numbers of tasks, and the shards of a split."""

from collections.abc import Iterator

import apache_beam as beam
import tensorflow as tf

from components.shards import shard_files

_READ_AT_ONCE = 64


class Numbers(beam.PTransform):
    """Pipeline -> 0, 1, ... count - 1, spread over the workers.

    What there is to do under a number is in a file that the workers read: the definition of a
    pipeline, which goes to each of them whole, is as small for a million images as for ten.
    """

    def __init__(self, count: int):
        super().__init__()
        self._count = count

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        return (
            pipeline
            | "Once" >> beam.Impulse()  # Create would be three stages more
            | "Number" >> beam.FlatMap(_numbers_below, self._count).with_output_types(int)
            | "Spread" >> beam.Reshuffle()
        )


def _numbers_below(_: bytes, count: int) -> Iterator[int]:
    yield from range(count)


class ReadShards(beam.PTransform):
    """Pipeline -> the records (bytes) of a split, whose files are listed where it runs.

    Beam's own reader takes a path for a pattern, which `[`, `*` or `?` in a folder's name breaks.

    Args:
      split_folder: see `components.shards.shard_files`.
    """

    def __init__(self, split_folder: str):
        super().__init__()
        self._split_folder = split_folder

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        return (
            pipeline
            | "Once" >> beam.Impulse()
            | "Files" >> beam.FlatMap(_files_of, self._split_folder).with_output_types(str)
            | "Spread" >> beam.Reshuffle()
            | "Records" >> beam.FlatMap(records_of).with_output_types(bytes)
        )


def _files_of(_: bytes, split_folder: str) -> list[str]:
    return shard_files(split_folder)


def records_of(path: str) -> Iterator[bytes]:
    """The records of one gzipped TFRecord file, read ahead."""
    dataset = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(_READ_AT_ONCE)
    for batch in dataset.prefetch(1).as_numpy_iterator():
        yield from batch

"""What the steps' Beam pipelines begin with: numbers of tasks, and the shards of a split."""

from collections.abc import Iterator, Sequence

import apache_beam as beam
import tensorflow as tf

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
    """Pipeline -> the records (bytes) of some gzipped TFRecord files.

    Beam's own reader takes a path for a pattern, which `[`, `*` or `?` in a folder's name breaks.

    Args:
      files: see `components.shards.shard_files`.
    """

    def __init__(self, files: Sequence[str]):
        super().__init__()
        self._files = list(files)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        return (
            pipeline
            | "Files" >> beam.Create(self._files, reshuffle=True)
            | "Records" >> beam.FlatMap(records_of).with_output_types(bytes)
        )


def records_of(path: str) -> Iterator[bytes]:
    """The records of one gzipped TFRecord file, read ahead."""
    dataset = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(_READ_AT_ONCE)
    for batch in dataset.prefetch(1).as_numpy_iterator():
        yield from batch

"""Reading the shards of a split in Beam."""

from collections.abc import Iterator, Sequence

import apache_beam as beam
import tensorflow as tf


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
            | "Records" >> beam.FlatMap(_records_of).with_output_types(bytes)
        )


def _records_of(path: str) -> Iterator[bytes]:
    yield from tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator()

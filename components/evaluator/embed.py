"""Embeds transformed examples with a SavedModel, in Beam."""

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf

from components.beam_shards import ReadShards
from faces.storage import parse_examples
from groundfloor import progress
from groundfloor.plain_paths import plain_path
from serving.signatures import EMBEDDING_KEY, PIXELS_SIGNATURE, pixels_shape


def input_shape_of(model_path: str) -> tuple[int, int, int]:
    """Height, width and channels that a SavedModel's `pixels` signature takes."""
    return pixels_shape(_load(model_path).signatures[PIXELS_SIGNATURE])


class EmbedSplit(beam.PTransform):
    """Pipeline -> (`image/key` bytes, float32 [D] embedding) of every example of a split.

    Args:
      files: the split's, see `components.shards.shard_files`.
      model_path: the SavedModel.
      batch_size: images embedded at a time.
    """

    def __init__(self, files: Sequence[str], model_path: str, batch_size: int):
        super().__init__()
        self._files = files
        self._model_path = model_path
        self._batch_size = batch_size

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        return (
            pipeline
            | ReadShards(self._files)
            | beam.BatchElements(min_batch_size=self._batch_size, max_batch_size=self._batch_size)
            | beam.ParDo(_EmbedBatch(self._model_path))
        )


class _EmbedBatch(beam.DoFn):
    def __init__(self, model_path: str):
        self._model_path = model_path

    def setup(self) -> None:
        self._model = _load(self._model_path)
        self._embed = self._model.signatures[PIXELS_SIGNATURE]
        self._input_shape = pixels_shape(self._embed)

    def process(self, batch: list[bytes]) -> Iterator[tuple[bytes, Any]]:
        parsed = parse_examples(tf.constant(batch), self._input_shape)
        embeddings = self._embed(pixels=parsed["image"])[EMBEDDING_KEY].numpy()
        progress.advance("images", len(batch))
        yield from zip(parsed["image/key"].numpy(), embeddings, strict=True)


def _load(model_path: str) -> Any:
    with plain_path(model_path) as path:
        return tf.saved_model.load(path)

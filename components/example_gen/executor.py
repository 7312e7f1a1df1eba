"""Executor of ImageExampleGen."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam import pvalue
from tfx.components.example_gen import base_example_gen_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from components import progress
from components.example_gen.folder import identity_of, list_images, read_file
from components.example_gen.images import (
    MAX_FILE_BYTES,
    BadImageError,
    EncodedImage,
    encode_image,
)
from components.example_gen.quarantine import FILE_NAME, Quarantine
from components.example_gen.sameness import find_sameness
from components.example_gen.splits import SPLITS, assign_splits
from components.shards import write_listing

SPLIT_MODE_KEY = "split_mode"
TEST_SPLIT_KEY = "test_split"
VAL_SPLIT_KEY = "val_split"
SEED_KEY = "seed"
MAX_QUARANTINED_KEY = "max_quarantined"
MAX_PIXELS_KEY = "max_pixels"
CHANNELS_KEY = "channels"
QUARANTINE_KEY = "quarantine"

# What of an example describes the data as a whole: neither its bytes nor its names.
SCALAR_FEATURES = ("image/format", "image/height", "image/width")

_QUARANTINED = "quarantined"
_PIXELS = "pixels"
_KEYS = "keys"
_EXAMPLES_KEY = standard_component_specs.EXAMPLES_KEY


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """Reads, checks, re-encodes where needed, and splits."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the examples and the quarantine report.

        Args:
          input_dict: empty.
          output_dict:
            - examples: `Examples` with the splits train, val and test.
            - quarantine: `QuarantineReport`.
          exec_properties: those of `ImageExampleGenSpec`.

        Raises:
          UserError: the folder, or more than `max_quarantined` of its files, cannot be used; or all
            images are plain or equal.
        """
        report = artifact_utils.get_single_instance(output_dict[QUARANTINE_KEY])
        lines, pixels = (
            os.path.join(self._get_tmp_dir(), name) for name in (_QUARANTINED, _PIXELS)
        )
        keys = list_images(Path(exec_properties[standard_component_specs.INPUT_BASE_KEY]))
        super().Do(
            input_dict,
            output_dict,
            exec_properties | {_KEYS: keys, QUARANTINE_KEY: lines, _PIXELS: pixels},
        )
        _list_shards(artifact_utils.get_single_instance(output_dict[_EXAMPLES_KEY]))
        quarantine = Quarantine(
            files=len(keys),
            reasons=dict(_read_lines(lines)),
            sameness=find_sameness({key: known for key, *known in _read_lines(pixels)}),
        )
        quarantine.require_below(exec_properties[MAX_QUARANTINED_KEY])
        quarantine.sameness.require_variety()
        io_utils.write_string_file(os.path.join(report.uri, FILE_NAME), quarantine.to_json())
        report.set_int_custom_property("files", quarantine.files)
        report.set_int_custom_property("quarantined", len(quarantine.reasons))

    def GetInputSourceToExamplePTransform(self) -> type[beam.PTransform]:
        """From the folder to (split, example) pairs, and a line for each file not usable."""
        return FolderToExamples

    def GenerateExamplesByBeam(
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.PCollection]:
        """The examples of each split; writes the quarantined files' lines on the way."""
        read = pipeline | self.GetInputSourceToExamplePTransform()(exec_properties)
        _ = read[_QUARANTINED] | "WriteLines" >> beam.io.WriteToText(
            exec_properties[QUARANTINE_KEY]
        )
        _ = read[_PIXELS] | "WritePixels" >> beam.io.WriteToText(exec_properties[_PIXELS])
        parts = read.examples | "Split" >> beam.Partition(_split_index, len(SPLITS))
        return {
            split: part | f"Examples[{split}]" >> beam.Values()
            for split, part in zip(SPLITS, parts, strict=True)
        }


def _list_shards(examples: Any) -> None:
    splits = artifact_utils.decode_split_names(examples.split_names)
    folders = [artifact_utils.get_split_uri([examples], split) for split in splits]
    write_listing(examples.uri, folders)


def _split_index(pair: tuple[str, Any], _: int) -> int:
    return SPLITS.index(pair[0])


def _read_lines(prefix: str) -> Iterator[list[Any]]:
    """What is in the shards of JSON lines that Beam wrote; the key of an image comes first."""
    for path in fileio.glob(f"{prefix}-*"):
        with fileio.open(path) as lines:
            yield from (json.loads(line) for line in lines)


class FolderToExamples(beam.PTransform):
    """Pipeline -> `examples`: (split, tf.train.Example); JSON lines `quarantined` and `pixels`.

    The lines are [key, reason], and [key, digest of the pixels, whether they are all equal].
    """

    def __init__(self, exec_properties: dict[str, Any]):
        super().__init__()
        self._folder = Path(exec_properties[standard_component_specs.INPUT_BASE_KEY])
        self._splits = assign_splits(
            exec_properties[_KEYS],
            mode=exec_properties[SPLIT_MODE_KEY],
            test_split=exec_properties[TEST_SPLIT_KEY],
            val_split=exec_properties[VAL_SPLIT_KEY],
            seed=exec_properties[SEED_KEY],
        )
        self._max_pixels = exec_properties[MAX_PIXELS_KEY]
        self._channels = exec_properties[CHANNELS_KEY]

    def expand(self, pipeline: beam.Pipeline) -> pvalue.DoOutputsTuple:
        """Called by Beam."""
        return (
            pipeline
            | "List"
            >> beam.Create([(os.fsencode(key), split) for key, split in self._splits.items()])
            | "Spread" >> beam.Reshuffle()
            | "Read"
            >> beam.ParDo(
                _ReadImage(self._folder, self._max_pixels, self._channels, total=len(self._splits))
            ).with_outputs(_QUARANTINED, _PIXELS, main="examples")
        )


class _ReadImage(beam.DoFn):
    """(key, split) -> (split, example), or a line for the quarantine.

    Keys travel as bytes, and lines as ASCII: Beam's coders take no name that is not UTF-8.
    """

    def __init__(self, folder: Path, max_pixels: int, channels: int, total: int):
        self._folder = folder
        self._max_pixels = max_pixels
        self._channels = channels
        self._total = total

    def process(self, element: tuple[bytes, str]) -> Iterator[Any]:
        key, split = os.fsdecode(element[0]), element[1]
        progress.advance("images", 1, self._total)
        try:
            image = self._read(key)
        except BadImageError as error:
            yield pvalue.TaggedOutput(_QUARANTINED, json.dumps([key, str(error)]))
        else:
            pixels = json.dumps([key, image.pixels_sha256, image.is_flat])
            yield pvalue.TaggedOutput(_PIXELS, pixels)
            yield split, _to_example(key, image)

    def _read(self, key: str) -> EncodedImage:
        try:
            key.encode("utf-8")
        except UnicodeEncodeError:
            raise BadImageError("file name is not UTF-8") from None
        try:
            data = read_file(self._folder / key, MAX_FILE_BYTES)
        except OSError as error:
            raise BadImageError(f"cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise BadImageError(str(error)) from None
        return encode_image(data, self._max_pixels, self._channels)


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

"""Executor of ImageTransform."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.beam_executor import BeamExecutor
from components.image_config import ImageConfig
from components.shards import remove_leftovers, shard_files, write_listing
from components.transform.beam_transform import (
    Census,
    CountExamples,
    TransformExamples,
    read_counts,
    shard_names,
)
from faces.contract import VOCABULARY_FILE, vocabulary_schema
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages, Preprocessing

EXAMPLES_KEY = "examples"
TRANSFORMED_EXAMPLES_KEY = "transformed_examples"
SCHEMA_KEY = "schema"
INPUT_SHAPE_KEY = "input_shape"
IMAGE_CONFIG_KEY = "image_config"


class Executor(BeamExecutor):
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
            - transformed_examples: `Examples` with the same splits; how many images were `aligned`,
              `boxed` or taken `whole` are properties of it.
            - schema: `Schema` that holds the identity vocabulary.
          exec_properties: those of `ImageTransformSpec`.

        Raises:
          UserError: the training split holds fewer than two identities.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        transformed = artifact_utils.get_single_instance(output_dict[TRANSFORMED_EXAMPLES_KEY])
        schema = artifact_utils.get_single_instance(output_dict[SCHEMA_KEY])
        splits = artifact_utils.decode_split_names(examples.split_names)
        files = {
            split: shard_files(artifact_utils.get_split_uri([examples], split)) for split in splits
        }
        transformed.split_names = examples.split_names
        folders = {split: artifact_utils.get_split_uri([transformed], split) for split in splits}
        spill = os.path.join(self._get_tmp_dir(), "spilled")
        for folder in (*folders.values(), spill):
            fileio.makedirs(folder)  # a split without images has a folder all the same
        preprocessing = _preprocessing(exec_properties)
        try:
            census = self._count(files, preprocessing, spill)
            io_utils.write_pbtxt_file(
                os.path.join(schema.uri, VOCABULARY_FILE), vocabulary_schema(census.vocabulary)
            )
            with self._make_beam_pipeline() as pipeline:
                _ = pipeline | TransformExamples(preprocessing, files, folders, census, spill)
        finally:
            fileio.rmtree(spill)
        remove_leftovers(
            {
                folders[split]: shard_names(images, preprocessing.input_shape)
                for split, images in census.images.items()
            }
        )
        write_listing(transformed.uri, folders.values())
        _describe(transformed, PreparedImages(preprocessing, census.manners))

    def _count(
        self, files: Mapping[str, Sequence[str]], preprocessing: Preprocessing, spill: str
    ) -> Census:
        """Reads all examples once, for what must be known before the first is transformed."""
        with self._make_beam_pipeline() as pipeline:
            _ = pipeline | CountExamples(files, preprocessing, spill)
        return Census.of(read_counts(files, spill), files)


def _preprocessing(exec_properties: Mapping[str, Any]) -> Preprocessing:
    image = ImageConfig.from_property(exec_properties[IMAGE_CONFIG_KEY])
    return image.preprocessing(exec_properties[INPUT_SHAPE_KEY])


def _describe(transformed: Any, prepared: PreparedImages) -> None:
    """Says of the examples what their images went through."""
    path = os.path.join(transformed.uri, PREPROCESSING_FILE)
    io_utils.write_string_file(path, prepared.to_json())
    for manner, images in prepared.total().items():
        transformed.set_int_custom_property(manner, images)
    examples_utils.set_payload_format(transformed, example_gen_pb2.FORMAT_TF_EXAMPLE)

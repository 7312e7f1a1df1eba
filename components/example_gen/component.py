"""ImageExampleGen: a folder of identities or a manifest in, split and checked examples out."""

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs

from components.example_gen import executor
from components.example_gen.artifacts import QuarantineReport
from components.example_gen.config import DataConfig
from components.example_gen.driver import SourceDriver
from components.image_config import NO_DETECTION, DetectionConfig
from components.source_digest import source_digest
from faces.contract import SPLITS


class ImageExampleGenSpec(component_spec.ComponentSpec):
    """FileBasedExampleGen's specification, with the section `data`."""

    PARAMETERS = standard_component_specs.FileBasedExampleGenSpec.PARAMETERS | {
        executor.DATA_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.DETECTION_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CHANNELS_KEY: component_spec.ExecutionParameter(type=int),
        "source_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = standard_component_specs.FileBasedExampleGenSpec.INPUTS
    OUTPUTS = standard_component_specs.FileBasedExampleGenSpec.OUTPUTS | {
        executor.QUARANTINE_KEY: component_spec.ChannelParameter(type=QuarantineReport),
    }


class ImageExampleGen(FileBasedExampleGen):
    """Reads the images of a folder or a manifest into the splits `train`, `val` and `test`.

    Outputs:
      examples: `Examples`, gzipped TFRecords of tf.train.Example with `image/encoded` (JPEG or
        PNG), `image/format`, `image/height`, `image/width`, `image/key`, `identity`, and
        `image/landmarks`, `image/box` and `image/face_score` where somebody knows them.
      quarantine: `QuarantineReport`, the files that could not be used, and what became of the
        split.
    """

    SPEC_CLASS = ImageExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = SourceDriver

    def __init__(
        self,
        input_base: str,
        data: DataConfig,
        *,
        channels: int,
        detection: DetectionConfig = NO_DETECTION,
    ):
        """Constructs the component.

        Args:
          input_base: the folder of identities, or the file of the images, as a path or a URL; or a
            pattern of spans.
          data: how to split, and what to quarantine.
          channels: of the model, 1 or 3: each image is decoded with them, to see that it can be.
          detection: how faces are found where the source does not say where they are.
        """
        spec = ImageExampleGenSpec(
            input_base=input_base,
            # The executor reads the whole source, whatever its depth; the pattern only says so.
            input_config=example_gen_pb2.Input(
                splits=[example_gen_pb2.Input.Split(name="all", pattern="**")]
            ),
            # TFX takes the names of the splits from here; their shares are decided by our own rule.
            output_config=example_gen_pb2.Output(
                split_config=example_gen_pb2.SplitConfig(
                    splits=[
                        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1)
                        for name in SPLITS
                    ]
                )
            ),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            data_config=data.to_property(),
            # What is done with faces is no part of the cache key where none are looked for.
            detection_config=detection.to_property(),
            channels=channels,
            source_digest=source_digest(executor.__name__),
            examples=channel.Channel(type=standard_artifacts.Examples),
            quarantine=channel.Channel(type=QuarantineReport),
        )
        # FileBasedExampleGen's own constructor only builds the specification that we replace.
        super(FileBasedExampleGen, self).__init__(spec=spec)

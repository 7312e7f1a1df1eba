"""ImageTransform: encoded images in, pixels and labels out."""

from collections.abc import Sequence

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.image_config import ImageConfig
from components.source_digest import source_digest
from components.transform import executor


class ImageTransformSpec(component_spec.ComponentSpec):
    """Specification of ImageTransform."""

    PARAMETERS = {
        executor.INPUT_SHAPE_KEY: component_spec.ExecutionParameter(type=list[int]),
        executor.IMAGE_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        "source_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {
        executor.TRANSFORMED_EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
        executor.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }


class ImageTransform(base_beam_component.BaseBeamComponent):
    """Decodes, aligns and resizes every image, and labels those of the training identities.

    Outputs:
      transformed_examples: `Examples` with `image` (uint8 pixels), `label`, `identity` and
        `image/key`, in the splits of the input. The same input gives the same bytes on any runner.
        `preprocessing.json` says what was done to the images.
      schema: `Schema` of those examples; the domain of `identity` is the identity vocabulary, the
        training identities in label order.
    """

    SPEC_CLASS = ImageTransformSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        *,
        input_shape: Sequence[int],
        image: ImageConfig | None = None,
    ):
        """Constructs the component.

        Args:
          examples: `Examples` of ImageExampleGen.
          input_shape: height, width and channels that the network takes.
          image: how an image is made into that; None: the defaults.
        """
        super().__init__(
            spec=ImageTransformSpec(
                examples=examples,
                input_shape=list(input_shape),
                image_config=(image or ImageConfig()).to_property(),
                source_digest=source_digest(executor.__name__),
                transformed_examples=channel.Channel(type=standard_artifacts.Examples),
                schema=channel.Channel(type=standard_artifacts.Schema),
            )
        )

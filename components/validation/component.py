"""ExampleValidator and the schema it goes by: TFX's own, that see drift, and a changed file."""

from tfx.components.example_validator import component as validator
from tfx.components.schema_gen.import_schema_gen import component as import_schema_gen
from tfx.dsl.components.base import executor_spec
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.file_digest import file_digest
from components.source_digest import source_digest
from components.validation import executor


class ExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """ExampleValidator's specification, with the statistics before and the digest of our code."""

    PARAMETERS = standard_component_specs.ExampleValidatorSpec.PARAMETERS | {
        "source_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = standard_component_specs.ExampleValidatorSpec.INPUTS | {
        executor.PREVIOUS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
    }


class ExampleValidator(validator.ExampleValidator):
    """TFX's ExampleValidator, which finds drift from the data before."""

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        statistics: channel.BaseChannel,
        schema: channel.BaseChannel,
        previous_statistics: channel.BaseChannel | None,
    ):
        """Constructs the component.

        Args:
          statistics: `ExampleStatistics`.
          schema: `Schema`; a feature drifts where its `drift_comparator` says so.
          previous_statistics: `ExampleStatistics` of the data before, if anything knows them.
        """
        spec = ExampleValidatorSpec(
            statistics=statistics,
            schema=schema,
            previous_statistics=previous_statistics,
            exclude_splits=json_utils.dumps([]),
            source_digest=source_digest(executor.__name__),
            anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
        )
        # ExampleValidator's own constructor only builds the specification that we replace.
        super(validator.ExampleValidator, self).__init__(spec=spec)


class ImportSchemaGenSpec(standard_component_specs.ImportSchemaGenSpec):
    """ImportSchemaGen's specification, with the digest of the file."""

    PARAMETERS = standard_component_specs.ImportSchemaGenSpec.PARAMETERS | {
        "file_digest": component_spec.ExecutionParameter(type=str),
    }


class ImportSchemaGen(import_schema_gen.ImportSchemaGen):
    """TFX's ImportSchemaGen, whose cache sees the file change."""

    SPEC_CLASS = ImportSchemaGenSpec

    def __init__(self, schema_file: str):
        """Constructs the component.

        Args:
          schema_file: a Schema of tensorflow_metadata, as text.
        """
        spec = ImportSchemaGenSpec(
            schema_file=schema_file,
            file_digest=file_digest(schema_file),
            schema=channel.Channel(type=standard_artifacts.Schema),
        )
        # ImportSchemaGen's own constructor only builds the specification that we replace.
        super(import_schema_gen.ImportSchemaGen, self).__init__(spec=spec)

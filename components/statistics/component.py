"""StatisticsGen: TFX's own, with an executor that works in folders of any name."""

from collections.abc import Sequence

import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen import component
from tfx.dsl.components.base import executor_spec
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.source_digest import source_digest
from components.statistics import executor


class StatisticsGenSpec(standard_component_specs.StatisticsGenSpec):
    """StatisticsGen's specification, with the digest of our code."""

    PARAMETERS = standard_component_specs.StatisticsGenSpec.PARAMETERS | {
        "source_digest": component_spec.ExecutionParameter(type=str),
    }


class StatisticsGen(component.StatisticsGen):
    """TFX's StatisticsGen."""

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, examples: channel.BaseChannel, features: Sequence[str]):
        """Constructs the component.

        Args:
          examples: `Examples`.
          features: those of them to describe.
        """
        spec = StatisticsGenSpec(
            examples=examples,
            stats_options_json=tfdv.StatsOptions(feature_allowlist=list(features)).to_json(),
            exclude_splits=json_utils.dumps([]),
            source_digest=source_digest(executor.__name__),
            statistics=channel.Channel(type=standard_artifacts.ExampleStatistics),
        )
        # StatisticsGen's own constructor only builds the specification that we replace.
        super(component.StatisticsGen, self).__init__(spec=spec)

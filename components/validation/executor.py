"""Executor of ExampleValidator: TFX's own, which sees the statistics of the data before, too."""

import os
from typing import Any

import tensorflow_data_validation as tfdv
from tfx.components.example_validator import executor, labels
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.components.util import value_utils
from tfx.types import standard_component_specs
from tfx.utils import writer_utils

PREVIOUS_KEY = "previous_statistics"


class Executor(executor.Executor):
    """Finds drift, where the schema says how much of it a feature may have."""

    _previous: list[Any]

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> Any:
        """Validates as TFX's ExampleValidator does.

        Args:
          input_dict:
            - statistics: `ExampleStatistics`.
            - schema: `Schema`.
            - previous_statistics: `ExampleStatistics` of the data before; may be missing.
          output_dict:
            - anomalies: `ExampleAnomalies`.
          exec_properties: those of `ExampleValidatorSpec`.
        """
        self._previous = input_dict.get(PREVIOUS_KEY) or []
        return super().Do(input_dict, output_dict, exec_properties)

    def _Validate(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
        """Called by TFX for each split, with the place of what was found in it."""
        folder = value_utils.GetSoleValue(outputs, labels.SCHEMA_DIFF_PATH)
        anomalies = tfdv.validate_statistics(
            statistics=value_utils.GetSoleValue(inputs, standard_component_specs.STATISTICS_KEY),
            schema=value_utils.GetSoleValue(inputs, standard_component_specs.SCHEMA_KEY),
            previous_statistics=self._before(os.path.basename(folder)),
        )
        writer_utils.write_anomalies(os.path.join(folder, executor.DEFAULT_FILE_NAME), anomalies)
        return anomalies

    def _before(self, folder: str) -> Any:
        """The statistics of the same split before; None where there are none."""
        split = folder.removeprefix("Split-")
        return next(
            (
                stats_artifact_utils.load_statistics(statistics, split).proto()
                for statistics in self._previous
            ),
            None,
        )

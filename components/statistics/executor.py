"""Executor of StatisticsGen: TFX's own, for folders of any name."""

from contextlib import ExitStack
from itertools import chain
from typing import Any

from tfx.components.statistics_gen import executor

from components.beam_executor import BeamExecutor
from groundfloor.plain_paths import plain_path


class Executor(BeamExecutor, executor.Executor):
    """Reads and writes through links where a path looks like a pattern."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Computes statistics as TFX's StatisticsGen does.

        Args:
          input_dict:
            - examples: `Examples`.
          output_dict:
            - statistics: `ExampleStatistics`.
          exec_properties: those of `StatisticsGenSpec`.
        """
        artifacts = list(chain(*input_dict.values(), *output_dict.values()))
        places = [artifact.uri for artifact in artifacts]
        with ExitStack() as links:
            for artifact in artifacts:
                artifact.uri = links.enter_context(plain_path(artifact.uri))
            try:
                super().Do(input_dict, output_dict, exec_properties)
            finally:
                for artifact, place in zip(artifacts, places, strict=True):
                    artifact.uri = place

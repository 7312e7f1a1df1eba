"""Executor of StatisticsGen: TFX's own, for folders of any name."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from tfx.components.statistics_gen import executor

_PATTERN_CHARACTERS = frozenset("*?[")


class Executor(executor.Executor):
    """Reads and writes through links where a path looks like a pattern.

    Beam's readers and writers of files take `[`, `*` and `?` in the name of a folder for a pattern.
    """

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
        artifacts = chain(*input_dict.values(), *output_dict.values())
        odd = [artifact for artifact in artifacts if _PATTERN_CHARACTERS & set(artifact.uri)]
        with _plain_paths(odd):
            super().Do(input_dict, output_dict, exec_properties)


@contextmanager
def _plain_paths(artifacts: Sequence[Any]) -> Iterator[None]:
    """Gives each artifact a link to its folder for its place, for a while."""
    places = [artifact.uri for artifact in artifacts]
    with tempfile.TemporaryDirectory() as links:
        try:
            for number, artifact in enumerate(artifacts):
                artifact.uri = os.path.join(links, str(number))
                os.symlink(places[number], artifact.uri)
            yield
        finally:
            for artifact, place in zip(artifacts, places, strict=True):
                artifact.uri = place

"""StatisticsGen: TFX's own, with an executor that works in folders of any name."""

from tfx.components.statistics_gen import component
from tfx.dsl.components.base import executor_spec

from components.statistics import executor


class StatisticsGen(component.StatisticsGen):
    """TFX's StatisticsGen."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

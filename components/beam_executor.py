"""Executors on Beam, which runs where the run's environment says."""

from typing import Any

from tfx.dsl.components.base import base_beam_executor

from components.run_environment import beam_args


class BeamExecutor(base_beam_executor.BaseBeamExecutor):
    """Takes Beam's options from the environment, where it has any.

    Those of the specification are part of TFX's cache key; another engine gives the same result.
    """

    def __init__(self, context: Any = None):
        options = beam_args()
        if context is not None and options:
            context.beam_pipeline_args = options
        super().__init__(context)

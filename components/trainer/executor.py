"""Executor of the Trainer: TFX's own, with the execution properties that a run may override."""

import json
from typing import Any

from tfx.components.trainer import executor
from tfx.types import standard_component_specs

from components.trainer.config import HYPERPARAMETERS, from_property


class Executor(executor.GenericExecutor):
    """Puts the hyperparameters back into the settings that `run_fn` reads."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains as TFX's Trainer does.

        Args:
          input_dict:
            - examples: `Examples` of ImageTransform.
            - schema: `Schema` that holds the identity vocabulary.
          output_dict:
            - model: `Model`.
            - model_run: `ModelRun`.
          exec_properties: those of `FaceTrainerSpec`.
        """
        settings = json.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        for section, keys in HYPERPARAMETERS.items():
            settings[section] |= {key: from_property(exec_properties[key]) for key in keys}
        merged = {standard_component_specs.CUSTOM_CONFIG_KEY: json.dumps(settings)}
        super().Do(input_dict, output_dict, exec_properties | merged)

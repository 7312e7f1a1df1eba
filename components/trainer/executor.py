"""Executor of the Trainer: TFX's own, with what can be set anew for each run."""

from typing import Any

from tfx.components.trainer import executor
from tfx.types import standard_component_specs
from tfx.utils import json_utils

EPOCHS_KEY = "epochs"
BATCH_SIZE_KEY = "batch_size"
ARCFACE_MARGIN_KEY = "arcface_margin"
ARCFACE_SCALE_KEY = "arcface_scale"

# Each of them, and the section of the custom configuration that it has its place in.
SECTIONS = {
    EPOCHS_KEY: "training",
    BATCH_SIZE_KEY: "training",
    ARCFACE_MARGIN_KEY: "model",
    ARCFACE_SCALE_KEY: "model",
}


class Executor(executor.GenericExecutor):
    """Puts the properties of their own into the custom configuration that `run_fn` reads."""

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
        custom_config = json_utils.loads(
            exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY]
        )
        for key, section in SECTIONS.items():
            custom_config[section][key] = exec_properties[key]
        merged = {standard_component_specs.CUSTOM_CONFIG_KEY: json_utils.dumps(custom_config)}
        super().Do(input_dict, output_dict, exec_properties | merged)

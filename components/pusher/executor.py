"""Executor of the Pusher: TFX's own, which takes the threshold pack along."""

import os
from typing import Any

from tfx.components.pusher import executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from components.evaluator.threshold_pack import COMPANIONS, THRESHOLDS_FILE

_PUSHED_DESTINATION = "pushed_destination"


class Executor(executor.Executor):
    """Pushes a blessed model together with the thresholds that were chosen for it.

    A distance means nothing without the thresholds of the very model that gave it, so the two are
    pushed as one: TensorFlow Serving leaves `assets.extra` to such companions of a model.
    """

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes as TFX's Pusher does.

        Args:
          input_dict:
            - model: `Model`.
            - model_blessing: `ModelBlessing` of FaceEvaluator.
          output_dict:
            - pushed_model: `PushedModel`.
          exec_properties:
            - push_destination: JSON of pusher_pb2.PushDestination.
        """
        super().Do(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        destination = pushed.get_string_custom_property(_PUSHED_DESTINATION)
        if destination:
            blessing = artifact_utils.get_single_uri(
                input_dict[standard_component_specs.MODEL_BLESSING_KEY]
            )
            companions = os.path.join(destination, COMPANIONS)
            fileio.makedirs(companions)
            io_utils.copy_file(
                os.path.join(blessing, THRESHOLDS_FILE),
                os.path.join(companions, THRESHOLDS_FILE),
                overwrite=True,
            )

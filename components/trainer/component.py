"""FaceTrainer: TFX's Trainer, with properties of their own for what a run can set anew."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base import executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import trainer_pb2
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.source_digest import source_digest
from components.trainer import executor


@dataclass(frozen=True)
class Hyperparameters:
    """What a run can set anew: values, or parameters that are given a value at submission.

    TFX hands a `RuntimeParameter` on where it is a whole property; within the custom configuration,
    which is JSON text by then, it would never be replaced by its value.

    Attributes:
      epochs: at most so many.
      batch_size: images in a step.
      arcface_margin: additive angular margin m, in radians.
      arcface_scale: feature scale s.
    """

    epochs: int | RuntimeParameter
    batch_size: int | RuntimeParameter
    arcface_margin: float | RuntimeParameter
    arcface_scale: float | RuntimeParameter


class FaceTrainerSpec(component_spec.ComponentSpec):
    """The Trainer's specification, with the hyperparameters beside the custom configuration."""

    PARAMETERS = standard_component_specs.TrainerSpec.PARAMETERS | {
        executor.EPOCHS_KEY: component_spec.ExecutionParameter(type=int),
        executor.BATCH_SIZE_KEY: component_spec.ExecutionParameter(type=int),
        executor.ARCFACE_MARGIN_KEY: component_spec.ExecutionParameter(type=float),
        executor.ARCFACE_SCALE_KEY: component_spec.ExecutionParameter(type=float),
        "source_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = standard_component_specs.TrainerSpec.INPUTS
    OUTPUTS = standard_component_specs.TrainerSpec.OUTPUTS


class FaceTrainer(Trainer):
    """Trains with a `run_fn`, which finds the hyperparameters in its custom configuration.

    Outputs:
      model: `Model`, the SavedModel in `Format-Serving`.
      model_run: `ModelRun`, checkpoints, TensorBoard's logs and the history.
    """

    SPEC_CLASS = FaceTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        schema: channel.BaseChannel,
        *,
        run_fn: str,
        train_split: str,
        val_split: str,
        hyperparameters: Hyperparameters,
        custom_config: Mapping[str, Any],
    ):
        """Constructs the component.

        Args:
          examples: `Examples` of ImageTransform.
          schema: `Schema` of ImageTransform, with the identity vocabulary.
          run_fn: dotted path of the function.
          train_split: the split trained on.
          val_split: the split that drives the callbacks.
          hyperparameters: take the place of those in `custom_config`.
          custom_config: what `run_fn` reads, with the sections `model` and `training`.
        """
        spec = FaceTrainerSpec(
            examples=examples,
            schema=schema,
            run_fn=run_fn,
            train_args=trainer_pb2.TrainArgs(splits=[train_split]),
            eval_args=trainer_pb2.EvalArgs(splits=[val_split]),
            custom_config=json_utils.dumps(dict(custom_config)),
            **asdict(hyperparameters),
            source_digest=source_digest(executor.__name__),
            model=channel.Channel(type=standard_artifacts.Model),
            model_run=channel.Channel(type=standard_artifacts.ModelRun),
        )
        # Trainer's own constructor only builds the specification that we replace.
        super(Trainer, self).__init__(spec=spec)

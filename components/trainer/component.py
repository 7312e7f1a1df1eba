"""FaceTrainer: TFX's Trainer, with execution properties that a run may override."""

from dataclasses import asdict, dataclass
from typing import Self

from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base import executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import trainer_pb2
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs

from components.file_digest import file_digest
from components.source_digest import source_digest
from components.trainer import executor
from components.trainer.config import TrainerSettings, as_property
from faces.contract import TRAIN, VAL

# Not imported here: it loads TensorFlow.
_RUN_FN_MODULE = "components.trainer.run_fn"


@dataclass(frozen=True)
class Hyperparameters:
    """What a run may override: values, or parameters that are given a value at submission.

    TFX hands a `RuntimeParameter` on where it is a whole property; within the custom configuration,
    which is JSON text by then, it would never be replaced by its value.

    -1 leaves any of them to the data, as "auto" does in the configuration.

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

    @classmethod
    def of(cls, settings: TrainerSettings) -> Self:
        """Those of the configuration."""
        return cls(
            epochs=int(as_property(settings.training.epochs)),
            batch_size=int(as_property(settings.training.batch_size)),
            arcface_margin=float(as_property(settings.model.arcface_margin)),
            arcface_scale=float(as_property(settings.model.arcface_scale)),
        )


class FaceTrainerSpec(component_spec.ComponentSpec):
    """The Trainer's specification, with the hyperparameters beside the custom configuration."""

    PARAMETERS = standard_component_specs.TrainerSpec.PARAMETERS | {
        "epochs": component_spec.ExecutionParameter(type=int),
        "batch_size": component_spec.ExecutionParameter(type=int),
        "arcface_margin": component_spec.ExecutionParameter(type=float),
        "arcface_scale": component_spec.ExecutionParameter(type=float),
        "weights_digest": component_spec.ExecutionParameter(type=str, optional=True),
        "source_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = standard_component_specs.TrainerSpec.INPUTS
    OUTPUTS = standard_component_specs.TrainerSpec.OUTPUTS


class FaceTrainer(Trainer):
    """Trains with `components.trainer.run_fn`, on the split `train`; `val` drives the callbacks.

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
        settings: TrainerSettings,
        hyperparameters: Hyperparameters | None = None,
    ):
        """Constructs the component.

        Args:
          examples: `Examples` of ImageTransform.
          schema: `Schema` of ImageTransform, with the identity vocabulary.
          settings: what to train, and how.
          hyperparameters: in place of those in `settings`.

        Raises:
          UserError: the file of `model.weights` is no file, see `file_digest`.
        """
        weights = settings.model.weights
        spec = FaceTrainerSpec(
            examples=examples,
            schema=schema,
            run_fn=f"{_RUN_FN_MODULE}.run_fn",
            train_args=trainer_pb2.TrainArgs(splits=[TRAIN]),
            eval_args=trainer_pb2.EvalArgs(splits=[VAL]),
            custom_config=settings.to_property(),
            **asdict(hyperparameters or Hyperparameters.of(settings)),
            weights_digest=None if weights is None else file_digest(weights),
            source_digest=source_digest(executor.__name__, _RUN_FN_MODULE),
            model=channel.Channel(type=standard_artifacts.Model),
            model_run=channel.Channel(type=standard_artifacts.ModelRun),
        )
        # Trainer's own constructor only builds the specification that we replace.
        super(Trainer, self).__init__(spec=spec)

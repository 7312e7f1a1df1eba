"""The sections `model` and `training` of the configuration."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from components.section import (
    AUTO,
    BatchSize,
    File,
    Folder,
    Location,
    NoNumber,
    Number,
    OrAuto,
    PositiveInt,
    Section,
    Seed,
    Share,
    at_most,
    is_auto,
    one_of,
)
from components.trainer.augmentation.choices import default_strengths, with_strengths
from components.trainer.backbones.names import BackboneName
from components.trainer.margins import checked_margins
from components.trainer.samplers import SAMPLERS
from groundfloor.text import shown
from serving.exports import KINDS

# Of the files that Keras 3 writes: a whole model, and its weights alone.
WEIGHTS_ENDINGS = (".keras", ".weights.h5")


def _weights_of_keras(path: str) -> str:
    if not path.endswith(WEIGHTS_ENDINGS):
        raise ValueError(f"must end in {' or '.join(WEIGHTS_ENDINGS)}. Received: {shown(path)}")
    return path


def _each_once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError(f"must name each once. Received: {shown(names)}")
    return names


Changes = Annotated[
    list[dict[str, float]] | None,
    BeforeValidator(lambda listed: None if listed is None else with_strengths(listed)),
]
Epochs = Annotated[Number, Field(ge=0.0), OrAuto]
PositiveShare = Annotated[Number, Field(gt=0.0, lt=1.0)]
Side = Annotated[int, Field(gt=0), at_most(2_048, "networks for larger faces fit into no memory")]

# The losses, and the keys of `model` that each of them alone reads, with the argument that a key is
# of its class. A test holds it against `losses.LOSSES`; no configuration imports Keras.
LOSS_KEYS: Mapping[str, Mapping[str, str]] = {
    "arcface": {"arcface_margin": "margin"},
    "cosface": {"cosface_margin": "margin"},
    "softmax": {},
    "combined": {"combined_margins": "margins"},
    "adaface": {"adaface_margin": "margin", "adaface_h": "h"},
}

# Figure of an epoch -> whether it is to fall or to rise.
MONITORS: Mapping[str, Literal["min", "max"]] = {
    "loss": "min",
    "accuracy": "max",
    "val_loss": "min",
    "val_accuracy": "max",
    "val_eer": "min",
    "val_tar": "max",
}
# Those of people who are held out whole.
OF_STRANGERS = ("val_eer", "val_tar")


class ModelConfig(Section):
    """The embedding network, the head and the loss."""

    input_shape: list[Side] = Field(
        [112, 112, 3], description="Height, width and channels (1 grey, 3 RGB), in pixels."
    )
    embedding_dim: Annotated[PositiveInt, at_most(16_384, "no face needs more numbers")] = 512
    dropout_rate: Share = 0.3
    l2_reg: Annotated[Number, Field(ge=0.0), at_most(1.0, "nothing but 0 is learnt then")] = 5e-4
    loss: Annotated[str, one_of(*LOSS_KEYS)] = Field(
        "arcface", description="What trains the head; margins are of the loss in their name."
    )
    arcface_margin: Annotated[Number, Field(ge=0.0, lt=1.5707), OrAuto] = Field(
        0.5, description="Additive angular margin m, in radians."
    )
    cosface_margin: Annotated[Number, Field(ge=0.0, le=1.0)] = Field(
        0.35, description="Margin m that is taken off the cosine."
    )
    combined_margins: Annotated[list[Number], AfterValidator(checked_margins)] = Field(
        [1.0, 0.3, 0.2], description="m1, m2 (in radians) and m3 of cos(m1 theta + m2) - m3."
    )
    adaface_margin: Annotated[Number, Field(ge=0.0, le=1.0)] = Field(
        0.4, description="Margin m, which the quality of an image parts into angle and cosine."
    )
    adaface_h: Annotated[Number, Field(gt=0.0, le=1.0)] = Field(
        0.333, description="How far the margins spread with the quality."
    )
    arcface_scale: Annotated[
        Number, Field(gt=0.0), at_most(10_000, "its losses overflow"), OrAuto
    ] = Field(64.0, description="Feature scale s, of every loss.")
    sub_centres: Annotated[PositiveInt, at_most(16, "nobody looks so unlike themselves")] = Field(
        1, description="Centres k of a person, of which the nearest counts; 3 bears wrong labels."
    )
    partial_fc: Annotated[Number, Field(gt=0.0, le=1.0)] | None = Field(
        None,
        description="Share of the people whose centres a step trains (Partial FC); null: all.",
    )
    backbone: BackboneName = Field("resnet10", description="The network; docs/models.md.")
    weights: Annotated[File, AfterValidator(_weights_of_keras)] | None = Field(
        None, description="A .keras or .weights.h5 of the same network to start from."
    )
    export: Annotated[list[Annotated[str, one_of(*KINDS)]], AfterValidator(_each_once)] = Field(
        [], description="Further formats of the model, which are pushed beside the SavedModel."
    )

    @model_validator(mode="after")
    def _input_shape_is_an_image(self) -> "ModelConfig":
        if len(self.input_shape) != 3 or self.input_shape[2] not in (1, 3):
            raise ValueError(
                "input_shape must be [height, width, channels] with 1 or 3 channels. "
                f"Received: {shown(self.input_shape)}"
            )
        if min(self.input_shape[:2]) < 32:
            raise ValueError(
                f"input_shape must be at least 32 pixels a side. Received: {self.input_shape}"
            )
        return self

    @model_validator(mode="after")
    def _no_setting_is_of_another_loss(self) -> "ModelConfig":
        for loss, keys in LOSS_KEYS.items():
            for key in keys:
                is_set = getattr(self, key) != type(self).model_fields[key].default
                if loss != self.loss and is_set:
                    raise ValueError(
                        f"{key} is of the loss {loss!r}, which is not chosen: leave it out, or set "
                        f"loss to {loss!r}. Received: {self.loss!r}"
                    )
        return self


class TrainingConfig(Section):
    """How the network is trained."""

    batch_size: Annotated[BatchSize, OrAuto] = 64
    epochs: Annotated[PositiveInt, at_most(100_000, "no training ends then"), OrAuto] = 50
    max_hours: Annotated[Number, Field(gt=0.0)] | None = Field(
        None, description="Of the training, which epochs: auto keeps to; default: any number."
    )
    initial_lr: Annotated[
        Number, Field(gt=0.0), at_most(10.0, "every training diverges"), OrAuto
    ] = Field(1e-3, description="The optimizer's first rate.")
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    momentum: Share | None = Field(None, description="Of sgd; default: 0.9.")
    weight_decay: PositiveShare | None = Field(
        None, description="Of sgd and adamw, times the rate; biases and normalisation have none."
    )
    clip_norm: Annotated[Number, Field(gt=0.0)] | None = Field(
        None, description="The longest gradient of all weights together; default: any."
    )
    accumulate: Annotated[PositiveInt, at_most(10_000, "an epoch has fewer")] = Field(
        1, description="Batches whose mean gradient makes one step of the optimizer."
    )
    ema: PositiveShare | None = Field(
        None, description="Decay of averaged weights, such as 0.999; default: no averages."
    )
    schedule: Literal["plateau", "cosine", "step", "polynomial", "constant"] = Field(
        "plateau", description="Of the rate, after its warm-up."
    )
    warmup_epochs: Epochs = Field(0.0, description="Epochs in which the rate rises to initial_lr.")
    margin_warmup: Epochs = Field(0.0, description="Epochs in which the margin rises from 0.")
    end_lr: Annotated[Number, Field(ge=0.0)] | None = Field(
        None, description="Of cosine and polynomial: the rate at the end; default: 0."
    )
    power: Annotated[Number, Field(gt=0.0), at_most(100, "the rate is 0 at once then")] | None = (
        Field(None, description="Of polynomial; default: 2.")
    )
    milestones: list[PositiveInt] | None = Field(
        None, description="Of step: after so many epochs the rate is times reduce_lr_factor."
    )
    mixed_precision: Annotated[
        Literal["auto", "float16", "bfloat16", "off", True, False], NoNumber
    ] = Field("auto", description="auto: float16 on a GPU that has it, else off, which is float32.")
    augment: Annotated[bool, OrAuto] = Field(
        True, description="Whether the training images are changed at random."
    )
    augmentation: Changes = Field(
        None, description="Changes in their order, names or {name: strength}; docs/training.md."
    )
    sampler: Annotated[str, one_of(*SAMPLERS)] = Field(
        "image", description="What is drawn into a batch: each image once, people, or evenly."
    )
    images_per_person: PositiveInt | None = Field(
        None, description="Of the sampler people: images of each in a batch; default: 4."
    )
    early_stopping_patience: Annotated[PositiveInt, OrAuto] = Field(
        10, description="Epochs without improvement."
    )
    reduce_lr_patience: PositiveInt = Field(
        5, description="Of plateau: epochs without improvement."
    )
    reduce_lr_factor: PositiveShare = Field(0.5, description="Of plateau and step.")
    monitor: Annotated[str, one_of(AUTO, *MONITORS)] = Field(
        AUTO,
        description="The figure that chooses the best epoch; auto: val_loss, or val_eer or loss "
        "where nothing is held out for it.",
    )
    validate_every: PositiveInt = Field(
        1, description="Epochs between two looks at the people of data.val_people."
    )
    end_when_hopeless: bool = Field(
        True, description="End a training that the doctor calls hopeless; false: only warn."
    )
    strategy: Literal["auto", "one"] = Field(
        "auto", description="auto: the workers of TF_CONFIG, or all GPUs; one: a single device."
    )
    checkpoint_dir: Location | None = Field(
        None,
        description="Where the state of an unfinished training is kept, a folder or a bucket; "
        "default: in the run's folder.",
    )
    checkpoint_steps: PositiveInt | None = Field(
        None, description="Steps between two states that are kept, beside each epoch's."
    )
    log_dir: Folder | None = Field(
        None, description="Where TensorBoard logs go; default: the ModelRun artifact."
    )

    @model_validator(mode="after")
    def _settings_are_of_what_is_chosen(self) -> "TrainingConfig":
        for key, (choice, having) in _SETTINGS_OF.items():
            chosen = getattr(self, choice)
            if getattr(self, key) is not None and chosen not in having:
                raise ValueError(
                    f"{key} is a setting of {choice} {' and '.join(having)}. Received: "
                    f"{choice} {chosen}"
                )
        if self.optimizer == "adamw" and self.weight_decay is None:
            raise ValueError("optimizer adamw needs a weight_decay, such as 0.0005")
        if self.schedule == "step" and not self.milestones:
            raise ValueError("schedule step needs milestones, such as [20, 30]")
        if not is_auto(self.initial_lr) and (self.end_lr or 0.0) > self.initial_lr:
            raise ValueError(
                f"end_lr must be at most initial_lr, which is {self.initial_lr}. "
                f"Received: {self.end_lr}"
            )
        return self

    @model_validator(mode="after")
    def _sampler_and_augmentation_have_what_they_need(self) -> "TrainingConfig":
        if not self.augment and self.augmentation:
            raise ValueError("augment is false, so that augmentation must be left out")
        if self.sampler != "people" and self.images_per_person is not None:
            raise ValueError(
                f"images_per_person is of the sampler people. Received: sampler {self.sampler}"
            )
        if is_auto(self.batch_size) or self.sampler != "people":
            return self
        if self.batch_size % self.people_images:
            raise ValueError(
                f"batch_size must be a multiple of images_per_person, {self.people_images}, for "
                f"the sampler people. Received: {self.batch_size}"
            )
        return self

    @property
    def people_images(self) -> int:
        """Images of each person in a batch of the sampler people."""
        return self.images_per_person or 4

    @property
    def changes(self) -> dict[str, float]:
        """The changes of the training images, name -> strength, in their order."""
        if not self.augment:
            return {}
        if self.augmentation is None:
            return default_strengths()
        return {name: strength for entry in self.augmentation for name, strength in entry.items()}

    @model_validator(mode="after")
    def _what_is_monitored_is_measured(self) -> "TrainingConfig":
        if self.monitor in OF_STRANGERS and self.validate_every > 1:
            raise ValueError(
                f"validate_every must be 1 with monitor {self.monitor}. "
                f"Received: {self.validate_every}"
            )
        return self

    @model_validator(mode="after")
    def _milestones_rise(self) -> "TrainingConfig":
        if any(before >= after for before, after in pairwise(self.milestones or [])):
            raise ValueError(f"milestones must rise. Received: {shown(self.milestones)}")
        if is_auto(self.epochs) and self.milestones:
            raise ValueError("milestones need a number of epochs. Received: epochs auto")
        return self

    @model_validator(mode="after")
    def _what_is_counted_in_epochs_ends_within_them(self) -> "TrainingConfig":
        if is_auto(self.epochs):
            return self
        if self.max_hours is not None:
            raise ValueError(f"max_hours is a setting of epochs auto. Received: {self.epochs}")
        last = {
            "warmup_epochs": self.warmup_epochs,
            "margin_warmup": self.margin_warmup,
            "milestones": max(self.milestones or [0]),
        }
        for key, epoch in last.items():
            if not is_auto(epoch) and epoch >= self.epochs:
                raise ValueError(
                    f"{key} must end before the last of {self.epochs} epochs. Received: {epoch}"
                )
        return self


# key -> the choice that it belongs to, and the values of the choice that have it.
_SETTINGS_OF: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "momentum": ("optimizer", ("sgd",)),
    "weight_decay": ("optimizer", ("sgd", "adamw")),
    "end_lr": ("schedule", ("cosine", "polynomial")),
    "power": ("schedule", ("polynomial",)),
    "milestones": ("schedule", ("step",)),
}


# What a run may set in place of the configuration's values: section -> its keys. All are numbers
# above or at 0, also where the configuration says "auto": -1 stands for it then, since a property
# of an execution, and a parameter of Kubeflow Pipelines, has one type.
HYPERPARAMETERS: Mapping[str, Any] = {
    "model": {"arcface_margin", "arcface_scale"},
    "training": {"batch_size", "epochs"},
}
_AUTO_PROPERTY = -1


def as_property(value: float) -> float:
    """A hyperparameter as the property of an execution."""
    return _AUTO_PROPERTY if is_auto(value) else value


def from_property(value: float) -> Any:
    """What `as_property` was given."""
    return AUTO if value == _AUTO_PROPERTY else value


class TrainerSettings(Section):
    """All of the configuration that the training depends on."""

    # They are execution properties of their own.
    _NOT_IN_PROPERTY: ClassVar[Mapping[str, Any]] = HYPERPARAMETERS

    model: ModelConfig
    training: TrainingConfig
    seed: Seed

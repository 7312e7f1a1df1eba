"""The configuration: YAML files and `--set` overrides, validated before anything heavy is imported.

Every section forbids unknown keys and converts no types, so that a misspelt key or a quoted number
is an error that names the key instead of a setting that is silently ignored. Numbers are finite,
and bounded where more could not work. A relative path is relative to the folder that the command
runs in, and `~` is the home folder.
"""

import difflib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from biometrics.figures.names import boundable_metrics, hint_for
from groundfloor.credentials import has_credentials
from groundfloor.errors import UserError
from groundfloor.text import shown, shown_text
from pipeline.paths import checked_path
from pipeline.yaml_files import YamlError, parse_yaml, read_text

# A configuration is a page long, and its mistakes fit on one.
_MAX_BYTES = 2**20
_MAX_MISTAKES = 20

# The configurations that this project comes with, wherever a command is started.
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class ConfigError(UserError):
    """The configuration is wrong; the message names the key, one line for each mistake."""


def _at_most(limit: float, why: str) -> AfterValidator:
    """A bound above which nothing could come of it, with the reason for the message."""

    def check(value: Any) -> Any:
        if value > limit:
            raise ValueError(f"must be at most {limit}: {why}. Received: {shown(value)}")
        return value

    return AfterValidator(check)


def _path(value: Any) -> Any:
    return checked_path(value) if isinstance(value, str) else value


def _no_number(value: Any) -> Any:
    """A choice between true and false takes no 1: Python finds the two equal."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"must be 'auto', true or false. Received: {shown(value)}")
    return value


def _unlike(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError(f"must be different from each other. Received: {shown(values)}")
    return values


Number = float
Share = Annotated[Number, Field(ge=0.0, lt=1.0)]
# NumPy, and with it Keras and scikit-learn, takes no larger seed.
Seed = Annotated[int, Field(ge=0), _at_most(2**32 - 1, "NumPy takes no larger seed")]
PositiveInt = Annotated[int, Field(gt=0), _at_most(2**31 - 1, "larger numbers fit nowhere")]
BatchSize = Annotated[int, Field(gt=0), _at_most(65_536, "more images fit into no memory")]
Side = Annotated[int, Field(gt=0), _at_most(2_048, "networks for larger faces fit into no memory")]
Folder = Annotated[Path, BeforeValidator(_path), Field(strict=False)]
File = Annotated[str, AfterValidator(lambda path: str(checked_path(path)))]


class Section(BaseModel):
    """What all sections have in common: strict types, finite numbers, known keys, immutable."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


class DataConfig(Section):
    """Which images, and how they are split."""

    input_dir: Folder | None = Field(None, description="Folder of <identity>/**/<image>.")
    processed_dir: Folder | None = Field(
        None, description="Root of the pipeline's artifacts; default <output-dir>/artifacts."
    )
    test_split: Share = Field(0.2, description="Share of the images that is the test split.")
    val_split: Share = Field(0.1, description="Share of the training images held out.")
    split_mode: Literal["identity_disjoint", "stratified"] = "identity_disjoint"
    seed: Seed = Field(42, description="Seed of the splits and of the training.")
    follow_links: bool = Field(
        False, description="Read links that lead out of input_dir too; else they are quarantined."
    )
    max_quarantined: Annotated[Number, Field(ge=0.0, le=1.0)] = Field(
        0.05, description="Share of unusable files above which the run fails."
    )
    max_pixels: PositiveInt = Field(
        50_000_000, description="Width times height above which an image is quarantined."
    )

    credit: str = Field("", description="Where the images come from; shown in the report.")

    @model_validator(mode="after")
    def _splits_leave_a_training_share(self) -> "DataConfig":
        if self.test_split == 0.0:
            raise ValueError("test_split must be above 0: the metrics come from the test split")
        if self.test_split + self.val_split >= 1.0:
            raise ValueError("test_split + val_split must be below 1: nothing is left to train on")
        return self


class ModelConfig(Section):
    """The embedding network and the ArcFace head."""

    input_shape: list[Side] = Field(
        [112, 112, 3], description="Height, width and channels (1 grey, 3 RGB), in pixels."
    )
    embedding_dim: Annotated[PositiveInt, _at_most(16_384, "no face needs more numbers")] = 512
    dropout_rate: Share = 0.3
    l2_reg: Annotated[Number, Field(ge=0.0), _at_most(1.0, "nothing but 0 is learnt then")] = 5e-4
    arcface_margin: Annotated[Number, Field(ge=0.0, lt=1.5707)] = Field(
        0.5, description="Additive angular margin m, in radians."
    )
    arcface_scale: Annotated[Number, Field(gt=0.0), _at_most(10_000, "its losses overflow")] = (
        Field(64.0, description="Feature scale s.")
    )
    backbone: Literal["resnet10", "resnet18"] = "resnet10"

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


class TrainingConfig(Section):
    """How the network is trained."""

    batch_size: BatchSize = 64
    epochs: Annotated[PositiveInt, _at_most(100_000, "no training ends then")] = 50
    initial_lr: Annotated[Number, Field(gt=0.0), _at_most(10.0, "every training diverges")] = Field(
        1e-3, description="Adam's first rate."
    )
    mixed_precision: Annotated[Literal["auto", True, False], BeforeValidator(_no_number)] = Field(
        "auto", description="float16 compute; auto: on a GPU that has it, and nowhere else."
    )
    augment: bool = Field(True, description="Random flips, shifts, rotations, zoom, erasing.")
    early_stopping_patience: PositiveInt = Field(10, description="Epochs without improvement.")
    reduce_lr_patience: PositiveInt = Field(5, description="Epochs without improvement.")
    reduce_lr_factor: Annotated[Number, Field(gt=0.0, lt=1.0)] = 0.5
    checkpoint_dir: Folder | None = Field(
        None, description="Where checkpoints go; default: the ModelRun artifact."
    )
    log_dir: Folder | None = Field(
        None, description="Where TensorBoard logs go; default: the ModelRun artifact."
    )


class Bound(Section):
    """The range in which a metric must lie for the model to be blessed."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _has_a_side(self) -> "Bound":
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                "min must not be above max: no model could pass. "
                f"Received: min {self.min}, max {self.max}"
            )
        return self


class ProtocolConfig(Section):
    """A way to make comparisons or searches of the test images; naming it asks for it."""

    enabled: bool = Field(True, description="false: not asked for after all.")


class PairsConfig(ProtocolConfig):
    """The pairs that a file lists, in folds, as in Labeled Faces in the Wild."""

    file: File | None = Field(
        None, description="LFW's pairs.txt, or a table of fold, first_key, second_key and same."
    )
    min_share: Annotated[Number, Field(ge=0.0, le=1.0)] = Field(
        0.9, description="Share of the listed pairs that must be of test people for an accuracy."
    )

    @model_validator(mode="after")
    def _has_a_file(self) -> "PairsConfig":
        if self.enabled and self.file is None:
            raise ValueError("give the file of the pairs")
        return self


class TemplatesConfig(ProtocolConfig):
    """Sets of images, not single ones, compared as in IJB."""

    size: PositiveInt = Field(5, description="Images of a template; not looked at with a file.")
    file: File | None = Field(None, description="Table of key, template and perhaps identity.")


class ClosedSetConfig(ProtocolConfig):
    """Everybody is enrolled, and all other images search."""

    gallery_images: PositiveInt = Field(1, description="Images enrolled of each person.")


class OpenSetConfig(ProtocolConfig):
    """Some people are enrolled and others are not; who searches may be either."""

    gallery_images: PositiveInt = Field(1, description="Images enrolled of each person.")
    non_mated: Annotated[Number, Field(gt=0.0, lt=1.0)] = Field(
        0.5, description="Share of the people who are not enrolled."
    )
    rank: PositiveInt = Field(1, description="Candidates among which the mate has to be.")


class ProtocolsConfig(Section):
    """Protocol to options. What is not named is not measured."""

    all_pairs: ProtocolConfig = Field(
        ProtocolConfig(enabled=False),
        description="Every pair; always the top level of the figures.",
    )
    leave_one_out: ProtocolConfig = ProtocolConfig(enabled=False)
    closed_set: ClosedSetConfig = ClosedSetConfig(enabled=False)
    open_set: OpenSetConfig = OpenSetConfig(enabled=False)
    templates: TemplatesConfig = TemplatesConfig(enabled=False)
    pairs: PairsConfig = PairsConfig(enabled=False)

    def asked(self) -> dict[str, dict[str, int | float | str]]:
        """The options of each protocol that is asked for, by its name."""
        return {
            name: options.model_dump(exclude={"enabled"}, exclude_none=True)
            for name, options in self
            if options.enabled
        }


class SlicesConfig(Section):
    """Groups of people or images that are measured on their own."""

    file: File = Field(
        description="Table with a column key or identity, and one for each attribute."
    )
    columns: list[str] = Field(min_length=1, description="Those of its columns to group by.")


class EvaluationConfig(Section):
    """How the model is measured, and what blesses it."""

    distance: Literal["cosine", "euclidean"] = "cosine"
    target_fars: Annotated[
        list[Annotated[Number, Field(ge=1e-12, lt=1.0)]],
        Field(min_length=1, max_length=50),
        AfterValidator(_unlike),
    ] = [0.1, 0.01, 0.001]
    ranks: Annotated[
        list[Annotated[PositiveInt, _at_most(1_000_000, "no test split has so many people")]],
        Field(min_length=1, max_length=50),
        AfterValidator(_unlike),
    ] = [1, 5]
    batch_size: BatchSize = 64
    dev_share: Annotated[Number, Field(gt=0.0, lt=1.0)] = Field(
        0.5, description="Share of the test people on whom thresholds are chosen."
    )
    protocols: ProtocolsConfig = Field(
        ProtocolsConfig(), description="Protocol to options, such as closed_set: {}."
    )
    slices: SlicesConfig | None = Field(
        None, description="Groups, such as {file: people.csv, columns: [sex]}."
    )
    intervals: Literal["bootstrap", "clopper_pearson"] = Field(
        "bootstrap", description="How intervals are found; bootstrap: by resampling the people."
    )
    shards: Annotated[PositiveInt, _at_most(10_000, "each part has its cost")] | None = Field(
        None,
        description="Parts into which Beam divides the pairs; default: none, all in this process.",
    )
    thresholds: dict[str, Bound] = Field(
        {}, description="Metric name to bound, such as EER: {max: 0.12}."
    )
    bounds_hold: Literal["interval", "value"] = Field(
        "interval",
        description="What a bound is held against: the end of the metric's 95 % interval that can "
        "hurt, or the bare value.",
    )
    min_people: PositiveInt = Field(
        10, description="Test people with two images or more, fewer of whom bless no model."
    )
    beat_baselines: bool = Field(
        True,
        description="Refuse a model that is worse than raw pixels, or significantly worse than "
        "another baseline.",
    )
    require_threshold: bool = Field(
        True, description="Refuse a model without a threshold to decide with."
    )
    max_regression: Annotated[Number, Field(ge=0.0)] = Field(
        0.0,
        description="How much higher the EER may be than the latest blessed model's before a "
        "significant difference refuses the model.",
    )

    @model_validator(mode="after")
    def _bounds_are_on_figures(self) -> "EvaluationConfig":
        known = boundable_metrics(self.target_fars, self.ranks)
        unknown = [
            f"thresholds.{name}: there is no such figure to set a bound on "
            f"({hint_for(name, self.target_fars, self.ranks)})"
            for name in self.thresholds
            if name not in known
        ]
        if unknown:
            raise ValueError("; ".join(unknown))
        return self


class TrackingConfig(Section):
    """Where MLflow keeps the runs."""

    enabled: bool = True
    uri: str | None = Field(
        None, description="Default: $MLFLOW_TRACKING_URI, else sqlite in the output folder."
    )
    experiment: str = "arcface-pipeline"


class BeamConfig(Section):
    """Where Beam runs."""

    pipeline_args: list[str] = Field(
        [], description="Options handed to Beam as they are; none: in this process."
    )


Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]


class StepResources(Section):
    """What one step asks of its node, as Kubernetes quantities such as "500m" or "8Gi"."""

    cpu_request: Quantity = "1"
    cpu_limit: Quantity = "2"
    memory_request: Quantity = "2Gi"
    memory_limit: Quantity = "4Gi"


class KindResources(Section):
    """Resources by kind of step."""

    data: StepResources = Field(
        StepResources(), description="ImageExampleGen, StatisticsGen and on to ImageTransform."
    )
    training: StepResources = Field(
        StepResources(cpu_request="2", cpu_limit="4", memory_request="4Gi", memory_limit="8Gi"),
        description="Trainer.",
    )
    evaluation: StepResources = Field(StepResources(), description="FaceEvaluator and Pusher.")


class GpuConfig(Section):
    """The accelerator of the Trainer."""

    count: int = Field(0, ge=0, le=1024, description="How many; 0: the Trainer runs on CPUs.")
    type: str = Field("nvidia.com/gpu", description="Resource name that the node offers.")


class VolumeConfig(Section):
    """A volume that every step sees."""

    claim: str = Field(description="Name of the PersistentVolumeClaim.")
    mount_path: str = Field(description="Where the steps see it, such as /mnt/faces.")


class SecretConfig(Section):
    """A Kubernetes secret, given to every step as environment variables."""

    name: str = Field(description="Name of the Secret.")
    env: dict[str, str] = Field(description="Environment variable to key within the Secret.")


class KubeflowConfig(Section):
    """How the pipeline runs on Kubeflow Pipelines; docs/kubeflow.md says what each storage needs.

    A service account is not part of a pipeline's specification: it is named at submission.
    """

    pipeline_root: str | None = Field(
        None, description="minio://, s3:// or gs:// for the artifacts; default: the cluster's own."
    )
    serving_dir: str | None = Field(
        None, description="Where blessed models go and baselines come from: on a volume, or gs://."
    )
    image: str | None = Field(None, description="Image of all steps.")
    training_image: str | None = Field(None, description="Image of the Trainer; default: image.")
    resources: KindResources = KindResources()
    gpu: GpuConfig = GpuConfig()
    node_selector: dict[str, str] = Field({}, description="Labels of the Trainer's nodes.")
    retries: int = Field(2, ge=0, le=100, description="How often a failed step is tried again.")
    cache: bool = Field(
        True, description="Reuse results of equal steps; never of those that look into a folder."
    )
    volumes: list[VolumeConfig] = []
    secrets: list[SecretConfig] = []


class Config(Section):
    """The whole configuration of one pipeline."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    tracking: TrackingConfig = TrackingConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()


def load_config(path: Path | None = None, overrides: list[str] | None = None) -> Config:
    """Reads a YAML file, applies `key.path=value` overrides, and validates the result.

    Args:
      path: the YAML file; None means the defaults.
      overrides: such as `["training.epochs=3"]`; values are read as YAML.

    Raises:
      ConfigError: the file cannot be read, or a key or value is wrong.
    """
    values = _read_yaml(path) if path else {}
    for override in overrides or []:
        _apply_override(values, override)
    source = shown_text(str(path)) if path else "configuration"
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        lines = [f"{source}: {_describe(item)}" for item in error.errors()[:_MAX_MISTAKES]]
        if error.error_count() > _MAX_MISTAKES:
            lines.append(f"{source}: and {error.error_count() - _MAX_MISTAKES} more mistakes")
        raise ConfigError("\n".join(lines)) from None
    _refuse_credentials(config, source)
    return config


def keys_with_credentials(config: Config) -> list[str]:
    """The keys whose values hold a password, a token or the like, in the order of the sections."""
    return [
        key for key, text in _texts("", config.model_dump(mode="json")) if has_credentials(text)
    ]


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in the configuration, keys of mappings too, by the key that leads there."""
    if isinstance(value, dict):
        for name, item in value.items():
            place = f"{key}.{name}" if key else name
            yield place, name
            yield from _texts(place, item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(key, item)
        for flag, item in pairwise(value):  # `--password x` is `--password=x`
            if isinstance(flag, str) and isinstance(item, str) and flag.startswith("-"):
                yield key, f"{flag}={item}"
    elif isinstance(value, str):
        yield key, value


def _refuse_credentials(config: Config, source: str) -> None:
    """All but the address of the tracking store goes as it is into logs, metadata and reports."""
    for key in keys_with_credentials(config):
        if key != "tracking.uri":
            raise ConfigError(
                f"{source}: {shown_text(key)}: it looks like a password, a token or a key (not "
                "shown here), and would be kept in logs, metadata or reports: give it in the "
                "environment, as the service or library that takes it says"
            )


def _read_yaml(path: Path) -> dict[str, Any]:
    place = shown_text(str(path))
    try:
        documents = parse_yaml(read_text(path, _MAX_BYTES))
    except YamlError as error:
        raise ConfigError(f"{place} is {error}") from None
    except UserError as error:
        raise ConfigError(
            str(error).replace("cannot read", "cannot read the configuration")
        ) from None
    if len(documents) > 1:
        raise ConfigError(f"{place}: expected one document. Received: {len(documents)}, by `---`")
    values = documents[0] if documents else None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{place}: expected sections such as `data:`. Received: {shown(values)}")
    return values


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    names = key.split(".")
    if not equals or not all(names):
        raise ConfigError(
            f"--set takes key=value, such as training.epochs=3. Received: {shown_text(override)}"
        )
    try:
        documents = parse_yaml(text)
    except YamlError as error:
        raise ConfigError(f"--set {shown_text(key)}: the value is {error}") from None
    if len(documents) > 1:
        raise ConfigError(f"--set {shown_text(key)}: the value is several documents in YAML")
    for name in names[:-1]:
        section = {} if values.get(name) is None else values[name]
        if not isinstance(section, dict):
            raise ConfigError(f"--set {shown_text(override)}: {shown_text(name)} is not a section")
        # A copy: an alias may have put the same one into another place.
        values[name] = dict(section)
        values = values[name]
    values[names[-1]] = documents[0] if documents else None


def _describe(item: dict[str, Any]) -> str:
    """One line for one pydantic error: the key, what is wrong, what was received."""
    key = shown_text(".".join(str(part) for part in item["loc"]))
    if item["type"] == "extra_forbidden":
        return f"{key}: unknown key{_suggestion(item['loc'])}"
    message = shown_text(item["msg"].removeprefix("Value error, "), limit=1000)
    is_of_section = item["type"] == "value_error" and isinstance(item["input"], BaseModel | dict)
    if "Received" in message or is_of_section:
        return f"{key}: {message}"
    return f"{key}: {message}. Received: {shown(item['input'])}"


def _suggestion(loc: tuple[str | int, ...]) -> str:
    """The known keys that look like the unknown one at `loc`."""
    model: Any = Config
    for part in loc[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _section_of(field.annotation) if field else None
    known = list(getattr(model, "model_fields", {}))
    close = difflib.get_close_matches(str(loc[-1])[:100], known, n=1)
    if close:
        return f" (did you mean {close[0]}?)"
    return f" (known here: {', '.join(known)})" if known else ""


def _section_of(annotation: Any) -> Any:
    """The section that a field holds, where it may also hold none."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if hasattr(kind, "model_fields")), None)

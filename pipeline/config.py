"""The configuration: YAML files and `--set` overrides, validated before anything heavy is imported.

Each step has its section in its own `config.py`, and `components.section` says what they have in
common; here they are put together, and every mistake becomes a line that names the key.
"""

import difflib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import AliasChoices, BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from components.evaluator.config import EvaluationConfig
from components.example_gen.config import DataConfig
from components.image_config import ImageConfig
from components.section import Section
from components.trainer.config import ModelConfig, TrainingConfig
from groundfloor.credentials import has_credentials
from groundfloor.errors import UserError
from groundfloor.text import shown, shown_text
from pipeline.kubeflow.config import KubeflowConfig
from pipeline.metadata_config import MetadataConfig
from pipeline.yaml_files import YamlError, parse_yaml, read_bounded_text

# A configuration is a page long, and its mistakes fit on one.
_MAX_BYTES = 2**20
_MAX_MISTAKES = 20

# The configurations that this project comes with, wherever a command is started.
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class ConfigError(UserError):
    """The configuration is wrong; the message names the key, one line for each mistake."""


class TrackingConfig(Section):
    """Where MLflow keeps the runs."""

    enabled: bool = True
    uri: str | None = Field(
        None, description="Default: $MLFLOW_TRACKING_URI, else sqlite in the output folder."
    )
    experiment: str = "arcface-pipeline"
    registered_model: Annotated[str, Field(pattern=r"^\w[\w .-]*$")] | None = Field(
        None,
        description="What a pushed model is registered under, as the champion; none: it is not.",
    )
    log_checkpoints: bool = Field(False, description="Keeps the training's checkpoints, too.")


class BeamConfig(Section):
    """Where Beam runs."""

    pipeline_args: list[str] = Field(
        [], description="Options handed to Beam as they are; none: in this process."
    )


class Config(Section):
    """The whole configuration of one pipeline."""

    data: DataConfig = DataConfig()
    image: ImageConfig = ImageConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    tracking: TrackingConfig = TrackingConfig()
    metadata: MetadataConfig = MetadataConfig()
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
        documents = parse_yaml(read_bounded_text(path, _MAX_BYTES))
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


def _describe(item: ErrorDetails) -> str:
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
    parts = iter(loc[:-1])
    for part in parts:
        field = _field(model, part)
        model = _section_of(field.annotation) if field else None
        if field and get_origin(field.annotation) in (dict, list):
            next(parts, None)  # which of its sections
    known = list(getattr(model, "model_fields", {}))
    close = difflib.get_close_matches(str(loc[-1])[:100], known, n=1)
    if close:
        return f" (did you mean {close[0]}?)"
    return f" (known here: {', '.join(known)})" if known else ""


def _field(model: Any, key: str | int) -> FieldInfo | None:
    """The field that a key is given to, under its name or under another spelling of it."""
    for name, field in getattr(model, "model_fields", {}).items():
        spellings = field.validation_alias
        if key == name or (isinstance(spellings, AliasChoices) and key in spellings.choices):
            return field
    return None


def _section_of(annotation: Any) -> Any:
    """The section that a field holds, where it may also hold none, or several."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if hasattr(kind, "model_fields")), None)

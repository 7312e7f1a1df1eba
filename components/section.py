"""What the sections of the configuration have in common; each step has its own in its `config.py`.

A section forbids unknown keys and converts no types, so that a misspelt key or a quoted number is
an error that names the key instead of a setting that is silently ignored. Numbers are finite, and
bounded where more could not work. A relative path is relative to the folder that the command runs
in, and `~` is the home folder.

A step takes its section as one value. Its executor gets it as one execution property, which is part
of the cache key: `to_property` leaves out what changes no result of the step.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
)
from pydantic_core import core_schema

from groundfloor import paths
from groundfloor.paths import checked_path
from groundfloor.text import shown

AUTO = "auto"


class Section(BaseModel):
    """Strict types, finite numbers, known keys, immutable."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, protected_namespaces=(), allow_inf_nan=False
    )

    # Keys that `to_property` leaves out; True for all of a section within this one.
    _NOT_IN_PROPERTY: ClassVar[Mapping[str, Any]] = {}

    def to_property(self) -> str:
        """The section as JSON text, the same for equal sections: an execution property."""
        values = self.model_dump(mode="json", exclude=dict(self._NOT_IN_PROPERTY))
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_property(cls, text: str) -> Self:
        """Reads what `to_property` wrote; what it left out has its default.

        Raises:
          pydantic.ValidationError: it is something else.
        """
        return cls.model_validate_json(text)


def at_most(limit: float, why: str) -> AfterValidator:
    """A bound above which nothing could come of it, with the reason for the message."""

    def check(value: Any) -> Any:
        if value > limit:
            raise ValueError(f"must be at most {limit}: {why}. Received: {shown(value)}")
        return value

    return AfterValidator(check)


def one_of(*choices: str) -> AfterValidator:
    """A text that is one of a few."""
    allowed = " or ".join(map(repr, choices))

    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be {allowed}. Received: {shown(value)}")
        return value

    return AfterValidator(check)


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError(f"must be a path. Received: {shown(value)}")
    return checked_path(str(value))


def _location(value: Any) -> paths.Location:
    if not isinstance(value, str | paths.Location):
        raise ValueError(f"must be a path or a URL. Received: {shown(value)}")
    return paths.checked_location(str(value))


def _no_number(value: Any) -> Any:
    """A choice between true and false takes no 1: Python finds the two equal."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"must be a name such as 'auto', true or false. Received: {shown(value)}")
    return value


def _unlike(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError(f"must be different from each other. Received: {shown(values)}")
    return values


class _OrAuto:
    """Takes the text "auto" beside what the type takes, and keeps it as it is."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, of_type: value if is_auto(value) else of_type(value),
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value),
        )


def is_auto(value: Any) -> bool:
    """Whether a key is left to what the data are."""
    return isinstance(value, str) and value == AUTO


Number = float
Share = Annotated[Number, Field(ge=0.0, lt=1.0)]
# NumPy, and with it Keras and scikit-learn, takes no larger seed.
Seed = Annotated[int, Field(ge=0), at_most(2**32 - 1, "NumPy takes no larger seed")]
PositiveInt = Annotated[int, Field(gt=0), at_most(2**31 - 1, "larger numbers fit nowhere")]
BatchSize = Annotated[int, Field(gt=0), at_most(65_536, "more images fit into no memory")]
# Of Python, and of JSON, where pydantic's own validator takes no Path from another.
Folder = Annotated[Path, PlainValidator(_path)]
# The same, or a URL of a store.
Location = Annotated[
    paths.Location, PlainValidator(_location), PlainSerializer(str, when_used="json")
]
File = Annotated[str, AfterValidator(lambda path: str(checked_path(path)))]

# For a list whose values are to differ, and for a choice that has a value beside true and false.
Unlike = AfterValidator(_unlike)
NoNumber = BeforeValidator(_no_number)
# For a key whose value may be chosen by the data; its type is that of the choice.
OrAuto = _OrAuto()

"""The section `evaluation` of the configuration.

A key that `biometrics` has a default for has that one: it is written there alone.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any

from pydantic import AliasChoices, Field, model_validator

from biometrics.errors import EvaluationError
from biometrics.figures.names import boundable_metrics, hint_for
from biometrics.settings import (
    BOOTSTRAP,
    CLOPPER_PEARSON,
    DISTANCES,
    INTERVAL,
    VALUE,
    Bound,
    Rules,
    Settings,
)
from components.section import (
    BatchSize,
    File,
    Number,
    PositiveInt,
    Section,
    Unlike,
    at_most,
    one_of,
)


class BoundConfig(Section):
    """The range in which a metric must lie for the model to be blessed."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> "BoundConfig":
        try:
            self.bound()
        except EvaluationError as error:
            raise ValueError(str(error)) from None
        return self

    def bound(self) -> Bound:
        """As the gate takes it."""
        return Bound(self.min, self.max)


class ProtocolConfig(Section):
    """A way to make comparisons or searches of the test images; naming it asks for it.

    An option that is not given has the default of the protocol's class in `biometrics.protocols`.
    """

    enabled: bool = Field(True, description="false: not asked for after all.")


class PairsConfig(ProtocolConfig):
    """The pairs that a file lists, in folds, as in Labeled Faces in the Wild."""

    file: File | None = Field(
        None, description="LFW's pairs.txt, or a table of fold, first_key, second_key and same."
    )
    min_share: Annotated[Number, Field(ge=0.0, le=1.0)] | None = Field(
        None, description="Share of the listed pairs that must be of test people for an accuracy."
    )

    @model_validator(mode="after")
    def _has_a_file(self) -> "PairsConfig":
        if self.enabled and self.file is None:
            raise ValueError("give the file of the pairs")
        return self


class TemplatesConfig(ProtocolConfig):
    """Sets of images, not single ones, compared as in IJB."""

    size: PositiveInt | None = Field(
        None, description="Images of a template; not looked at with a file."
    )
    file: File | None = Field(None, description="Table of key, template and perhaps identity.")


class ClosedSetConfig(ProtocolConfig):
    """Everybody is enrolled, and all other images search."""

    gallery_images: PositiveInt | None = Field(None, description="Images enrolled of each person.")


class OpenSetConfig(ProtocolConfig):
    """Some people are enrolled and others are not; who searches may be either."""

    gallery_images: PositiveInt | None = Field(None, description="Images enrolled of each person.")
    non_mated: Annotated[Number, Field(gt=0.0, lt=1.0)] | None = Field(
        None, description="Share of the people who are not enrolled."
    )
    rank: PositiveInt | None = Field(None, description="Candidates among which the mate has to be.")


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
        """The options that are given to each protocol that is asked for, by its name."""
        return {
            name: options.model_dump(exclude={"enabled"}, exclude_none=True)
            for name, options in self
            if options.enabled
        }


class SlicesConfig(Section):
    """Groups of people or images that are measured on their own."""

    file: File | None = Field(
        None,
        description="Table with a column key or identity, and one for each attribute; default: "
        "the columns of the images' own manifest.",
    )
    columns: list[str] = Field(min_length=1, description="The columns to group by.")


class EvaluationConfig(Section):
    """How the model is measured, and what blesses it."""

    distance: Annotated[str, one_of(*DISTANCES)] = Settings.distance
    target_fars: Annotated[
        list[Annotated[Number, Field(ge=1e-12, lt=1.0)]],
        Field(min_length=1, max_length=50),
        Unlike,
    ] = Field(list(Settings.target_fars))
    ranks: Annotated[
        list[Annotated[PositiveInt, at_most(1_000_000, "no test split has so many people")]],
        Field(min_length=1, max_length=50),
        Unlike,
    ] = Field(list(Settings.ranks))
    batch_size: BatchSize = 64
    dev_share: Annotated[Number, Field(gt=0.0, lt=1.0)] = Field(
        Settings.dev_share, description="Share of the test people on whom thresholds are chosen."
    )
    protocols: ProtocolsConfig = Field(
        ProtocolsConfig(), description="Protocol to options, such as closed_set: {}."
    )
    slices: SlicesConfig | None = Field(
        None, description="Groups, such as {file: people.csv, columns: [sex]}."
    )
    intervals: Annotated[str, one_of(BOOTSTRAP, CLOPPER_PEARSON)] = Field(
        Settings.intervals,
        description="How intervals are found; bootstrap: by resampling the people.",
    )
    shards: Annotated[PositiveInt, at_most(10_000, "each part has its cost")] | None = Field(
        None,
        description="Parts into which Beam divides the pairs; default: none, all in this process.",
    )
    bounds: dict[str, BoundConfig] = Field(
        {},
        # The key was once called thresholds, which are distances to decide with.
        validation_alias=AliasChoices("bounds", "thresholds"),
        description="Metric name to bound, such as EER: {max: 0.12}.",
    )
    bounds_hold: Annotated[str, one_of(INTERVAL, VALUE)] = Field(
        Rules.bounds_hold,
        description="What a bound is held against: the end of the metric's 95 % interval that can "
        "hurt, or the bare value.",
    )
    min_people: PositiveInt = Field(
        Rules.min_people,
        description="Test people with two images or more, fewer of whom bless no model.",
    )
    beat_baselines: bool = Field(
        Rules.beat_baselines,
        description="Refuse a model that is worse than raw pixels, or significantly worse than "
        "another baseline.",
    )
    require_threshold: bool = Field(
        Rules.require_threshold, description="Refuse a model without a threshold to decide with."
    )
    max_regression: Annotated[Number, Field(ge=0.0)] = Field(
        Rules.max_regression,
        description="How much higher the EER may be than the latest blessed model's before a "
        "significant difference refuses the model.",
    )

    @model_validator(mode="before")
    @classmethod
    def _bounds_are_given_once(cls, values: Any) -> Any:
        if isinstance(values, dict) and {"bounds", "thresholds"} <= values.keys():
            raise ValueError(
                "bounds and thresholds are two spellings of the same key: give bounds alone"
            )
        return values

    @model_validator(mode="after")
    def _bounds_are_on_figures(self) -> "EvaluationConfig":
        known = boundable_metrics(self.target_fars, self.ranks)
        unknown = [
            f"bounds.{name}: there is no such figure to set a bound on "
            f"({hint_for(name, self.target_fars, self.ranks)})"
            for name in self.bounds
            if name not in known
        ]
        if unknown:
            raise ValueError("; ".join(unknown))
        return self

    def to_property(self) -> str:
        """See `Section`; the options of a protocol that is not asked for change no result."""
        asked = {name: options for name, options in self.protocols if options.enabled}
        protocols = ProtocolsConfig(**asked)
        return Section.to_property(self.model_copy(update={"protocols": protocols}))

    def files(self) -> Iterator[str]:
        """The files that the settings name, whose contents count as part of them."""
        if self.slices and self.slices.file:
            yield self.slices.file
        for options in (self.protocols.templates, self.protocols.pairs):
            if options.enabled and options.file:
                yield options.file

    def rules(self) -> Rules:
        """What blesses: each field of `Rules` is a key of this section."""
        keys = {field.name: getattr(self, field.name) for field in fields(Rules)}
        bounds = {metric: config.bound() for metric, config in self.bounds.items()}
        return Rules(**keys | {"bounds": bounds})

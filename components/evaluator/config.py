"""The section `evaluation` of the configuration.

A key that `biometrics` has a default for has that one: it is written there alone.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, Field, model_validator

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
    Location,
    Number,
    PositiveInt,
    Section,
    Unlike,
    at_most,
    one_of,
)
from faces.sources.bins import BIN_SUFFIX
from groundfloor import paths
from groundfloor.text import shown


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


_PAIRS_FILE = "LFW's pairs.txt, or a table of fold, first_key, second_key and same"
_OWN_IMAGES = "where the images of the pairs are, such as a folder of people or a manifest"
_MinShare = Annotated[Number, Field(ge=0.0, le=1.0)] | None


class PairSetConfig(Section):
    """Pairs of images that are not those of the test split: a verification set."""

    file: File = Field(description=f"{_PAIRS_FILE}; or insightface's .bin, with its images.")
    images: Location | None = Field(None, description=f"For a text: {_OWN_IMAGES}.")
    min_share: _MinShare = Field(
        None, description="Share of the listed pairs whose images must be usable for an accuracy."
    )

    @model_validator(mode="after")
    def _has_images_once(self) -> "PairSetConfig":
        if _is_bin(self.file) and self.images is not None:
            raise ValueError(f"{_HAS_IMAGES}: leave images out")
        if not _is_bin(self.file) and self.images is None:
            raise ValueError(
                f"give images, {_OWN_IMAGES}; pairs of the test people are protocols.pairs"
            )
        return self


class PairsConfig(ProtocolConfig):
    """The pairs that a file lists, in folds, as in Labeled Faces in the Wild.

    With images of its own it is the verification set `pairs`.
    """

    file: File | None = Field(None, description=f"As of a verification set: {_PAIRS_FILE}.")
    images: Location | None = Field(
        None, description="Default: the test split. As of a verification set."
    )
    min_share: _MinShare = Field(
        None, description="Share of the listed pairs that must be of test people for an accuracy."
    )

    @model_validator(mode="after")
    def _has_a_file(self) -> "PairsConfig":
        if self.enabled and self.file is None:
            raise ValueError("give the file of the pairs")
        self.own_images()
        return self

    def own_images(self) -> PairSetConfig | None:
        """The verification set that this is; None where the images are those of the test split."""
        if not self.enabled or self.file is None:
            return None
        if self.images is None and not _is_bin(self.file):
            return None
        return PairSetConfig(file=self.file, images=self.images, min_share=self.min_share)


_HAS_IMAGES = "a .bin holds the images of its pairs"


def _is_bin(file: str) -> bool:
    return file.lower().endswith(BIN_SUFFIX)


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
        """The options that are given to each protocol that is asked for, by its name.

        Pairs of images of their own are none of them, but a verification set.
        """
        return {
            name: options.model_dump(exclude={"enabled"}, exclude_none=True)
            for name, options in self
            if options.enabled and not (options is self.pairs and self.pairs.own_images())
        }


class SlicesConfig(Section):
    """Groups of people or images that are measured on their own."""

    file: File | None = Field(
        None,
        description="Table with a column key or identity, and one for each attribute; default: "
        "the columns of the images' own manifest.",
    )
    columns: list[str] = Field(min_length=1, description="The columns to group by.")


def _set_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name):
        raise ValueError(
            "the name of a verification set is made of at most 40 letters of ASCII, digits, - and "
            f"_, with one of the first two to begin with. Received: {shown(name)}"
        )
    return name


# Part of the names of curves and of scalars.
SetName = Annotated[str, AfterValidator(_set_name)]
# The set that `protocols.pairs` with images of its own is.
PAIRS = "pairs"


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
    verification: dict[SetName, PairSetConfig] = Field(
        {},
        description="Name to pairs of other images, such as lfw: {file: pairs.txt, images: lfw} or "
        "agedb_30: {file: agedb_30.bin}.",
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

    @model_validator(mode="after")
    def _sets_have_names_of_their_own(self) -> "EvaluationConfig":
        if PAIRS in self.verification and self.protocols.pairs.own_images():
            raise ValueError(
                f"protocols.pairs with images of its own is the verification set {PAIRS}: give "
                f"verification.{PAIRS} another name"
            )
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
        for pairs in self.verification.values():
            yield pairs.file

    def sets(self) -> dict[str, PairSetConfig]:
        """The verification sets, by name."""
        own = self.protocols.pairs.own_images()
        return ({PAIRS: own} if own else {}) | self.verification

    def image_places(self) -> Iterator[paths.Location]:
        """Where images of verification sets are, whose contents count as part of the settings."""
        for options in self.sets().values():
            if options.images is not None:
                yield options.images

    def rules(self) -> Rules:
        """What blesses: each field of `Rules` is a key of this section."""
        keys = {field.name: getattr(self, field.name) for field in fields(Rules)}
        bounds = {metric: config.bound() for metric, config in self.bounds.items()}
        return Rules(**keys | {"bounds": bounds})

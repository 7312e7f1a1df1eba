"""The section `data` of the configuration."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, Field, PlainValidator, model_validator

from components.section import (
    File,
    Folder,
    Number,
    PositiveInt,
    Section,
    Seed,
    Share,
    one_of,
)
from faces.sources import AUTO, SOURCES
from groundfloor.paths import checked_path
from groundfloor.text import shown


def _people(value: Any) -> list[str] | str:
    """Names, whole numbers such as RecordIO has among them, or the path of a file of names."""
    if isinstance(value, str):
        return str(checked_path(value))
    names = value if isinstance(value, list) else []
    if not names or any(
        isinstance(name, bool) or not isinstance(name, str | int) for name in names
    ):
        raise ValueError(
            "must be a list of names, at least one, or a file with one a line. "
            f"Received: {shown(value)}"
        )
    return [str(name) for name in names]


class DataConfig(Section):
    """Which images, and how they are split."""

    # The folder is a property of its own, which its content decides for; the others are not used.
    _NOT_IN_PROPERTY: ClassVar[Mapping[str, Any]] = {
        "input_dir": True,
        "processed_dir": True,
        "curated_schema": True,
        "credit": True,
    }

    input_dir: Folder | None = Field(
        None, description="Folder of <identity>/**/<image>, or a manifest: .csv, .tsv or .parquet."
    )
    source: Annotated[str, one_of(AUTO, *SOURCES)] = Field(
        AUTO, description="What input_dir is; auto: by its name."
    )
    test_dir: Folder | None = Field(
        None,
        description="The test set, like input_dir, of other people; default: held out of "
        "input_dir.",
    )
    test_source: Annotated[str, one_of(AUTO, *SOURCES)] = Field(
        AUTO, description="What test_dir is; auto: by its name."
    )
    test_identities: Annotated[list[str] | str, PlainValidator(_people)] | None = Field(
        None,
        description="The people of input_dir who are the test set: their names, or a file with one "
        "a line.",
    )
    processed_dir: Folder | None = Field(
        None, description="Root of the pipeline's artifacts; default <output-dir>/artifacts."
    )
    test_split: Share = Field(0.2, description="Share of the images that is the test split.")
    val_split: Share = Field(0.1, description="Share of the training images held out.")
    split_mode: Literal["identity_disjoint", "stratified"] = "identity_disjoint"
    seed: Seed = Field(42, description="Seed of the splits and of the training.")
    follow_links: bool = Field(
        False,
        description="Read what lies out of the images' folder, too; else it is quarantined.",
    )
    max_quarantined: Annotated[Number, Field(ge=0.0, le=1.0)] = Field(
        0.05, description="Share of unusable files above which the run fails."
    )
    max_pixels: PositiveInt = Field(
        50_000_000, description="Width times height above which an image is quarantined."
    )

    # `schema` is a method of pydantic's models.
    curated_schema: File | None = Field(
        None,
        validation_alias=AliasChoices("schema", "curated_schema"),
        description="A schema that the images' statistics are held to; default: what the training "
        "split is.",
    )
    credit: str = Field("", description="Where the images come from; shown in the report.")

    @property
    def has_own_test(self) -> bool:
        """Whether the configuration says who is tested."""
        return self.test_dir is not None or self.test_identities is not None

    def split_rules(self) -> dict[str, Any]:
        """What `faces.splits` takes, beside the seed."""
        return {
            "mode": self.split_mode,
            "test_split": self.test_split,
            "val_split": self.val_split,
            "own_test": self.has_own_test,
        }

    @model_validator(mode="after")
    def _there_is_one_test_set(self) -> "DataConfig":
        if self.test_dir is not None and self.test_identities is not None:
            raise ValueError("test_dir and test_identities are two test sets: give one of them")
        if self.has_own_test and self.split_mode != "identity_disjoint":
            raise ValueError(
                "split_mode must be 'identity_disjoint' with test_dir or test_identities: nobody "
                f"who is tested is trained on. Received: {self.split_mode!r}"
            )
        return self

    @model_validator(mode="after")
    def _splits_leave_a_training_share(self) -> "DataConfig":
        if self.test_split == 0.0:
            raise ValueError("test_split must be above 0: the metrics come from the test split")
        if self.test_split + self.val_split >= 1.0:
            raise ValueError("test_split + val_split must be below 1: nothing is left to train on")
        return self

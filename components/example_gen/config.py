"""The section `data` of the configuration."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from components.section import Folder, Number, PositiveInt, Section, Seed, Share, one_of
from faces.sources import AUTO, SOURCES


class DataConfig(Section):
    """Which images, and how they are split."""

    # The folder is a property of its own, which its content decides for; the others are not used.
    _NOT_IN_PROPERTY: ClassVar[Mapping[str, Any]] = {
        "input_dir": True,
        "processed_dir": True,
        "credit": True,
    }

    input_dir: Folder | None = Field(
        None, description="Folder of <identity>/**/<image>, or a manifest: .csv, .tsv or .parquet."
    )
    source: Annotated[str, one_of(AUTO, *SOURCES)] = Field(
        AUTO, description="What input_dir is; auto: by its name."
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

    credit: str = Field("", description="Where the images come from; shown in the report.")

    @model_validator(mode="after")
    def _splits_leave_a_training_share(self) -> "DataConfig":
        if self.test_split == 0.0:
            raise ValueError("test_split must be above 0: the metrics come from the test split")
        if self.test_split + self.val_split >= 1.0:
            raise ValueError("test_split + val_split must be below 1: nothing is left to train on")
        return self

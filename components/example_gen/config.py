"""The section `data` of the configuration."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, Field, PlainValidator, model_validator

from components.section import (
    File,
    Folder,
    Location,
    Number,
    PositiveInt,
    Section,
    Seed,
    Share,
    Unlike,
    one_of,
)
from faces.contract import COLUMN_PREFIX
from faces.sources import AUTO, SOURCES, FeatureNames, SourceOptions
from groundfloor.paths import checked_path
from groundfloor.text import shown

_Name = Annotated[str, Field(min_length=1)]
_USUAL = FeatureNames()


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


class FeaturesConfig(Section):
    """Of TFRecords: which feature of a tf.train.Example says what; null: none does."""

    image: _Name = Field(_USUAL.image, description="Bytes, an encoded image.")
    identity: _Name = Field(_USUAL.identity, description="Bytes or int64; whose the image is.")
    key: _Name | None = Field(
        _USUAL.key, description="Bytes or int64; where it is missing, the file and a number."
    )
    split: _Name | None = Field(_USUAL.split, description="Bytes: train, val or test.")
    landmarks: _Name | None = Field(
        _USUAL.landmarks, description="Float, x and y of five points in pixels."
    )
    box: _Name | None = Field(_USUAL.box, description="Float; left, top, right, bottom in pixels.")
    columns: Annotated[list[_Name], Unlike] = Field(
        [], description="Bytes or int64; kept with the image, to group by."
    )

    @model_validator(mode="after")
    def _columns_stay_apart(self) -> "FeaturesConfig":
        names = {name.removeprefix(COLUMN_PREFIX) for name in self.columns}
        if len(names) < len(self.columns):
            raise ValueError(
                f"columns must be different from each other without {COLUMN_PREFIX} before them"
            )
        return self


class DataConfig(Section):
    """Which images, and how they are split."""

    # The folder is a property of its own, which its content decides for; the others are not used.
    _NOT_IN_PROPERTY: ClassVar[Mapping[str, Any]] = {
        "input_dir": True,
        "processed_dir": True,
        "curated_schema": True,
        "credit": True,
    }

    input_dir: Location | None = Field(
        None,
        description="Folder of <identity>/**/<image>, a manifest (.csv, .tsv, .parquet), .rec, or "
        "TFRecords; {SPAN} in it stands for the newest. Or a URL such as s3://bucket/faces.",
    )
    source: Annotated[str, one_of(AUTO, *SOURCES)] = Field(
        AUTO, description="What input_dir is; auto: by its name."
    )
    test_dir: Location | None = Field(
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
    features: FeaturesConfig = FeaturesConfig()
    processed_dir: Folder | None = Field(
        None, description="Root of the pipeline's artifacts; default <output-dir>/artifacts."
    )
    test_split: Share = Field(0.2, description="Share of the images that is the test split.")
    val_split: Share = Field(0.1, description="Share of the training images held out.")
    val_people: Share = Field(
        0.0,
        description="Share of the training people held out whole, so that the training is also "
        "validated on strangers.",
    )
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
    near_duplicates: Literal["remove", "report", "off"] = Field(
        "remove",
        description="What becomes of images of val and test that copy an earlier split's; off: "
        "they are not looked for.",
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
            "val_people": self.val_people,
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
    def _strangers_are_not_tested_with(self) -> "DataConfig":
        if self.val_people and self.split_mode != "identity_disjoint":
            raise ValueError(
                "val_people must be 0 with split_mode stratified, where everybody is trained on. "
                f"Received: {self.val_people}"
            )
        return self

    @model_validator(mode="after")
    def _splits_leave_a_training_share(self) -> "DataConfig":
        if self.test_split == 0.0:
            raise ValueError("test_split must be above 0: the metrics come from the test split")
        if self.test_split + self.val_split >= 1.0:
            raise ValueError("test_split + val_split must be below 1: nothing is left to train on")
        return self

    def source_options(self) -> SourceOptions:
        """How the images are read."""
        features = self.features.model_dump()
        names = FeatureNames(**features | {"columns": tuple(self.features.columns)})
        return SourceOptions(self.follow_links, names)

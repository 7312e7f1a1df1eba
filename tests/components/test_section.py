"""Sections as execution properties."""

import json
from typing import Annotated, ClassVar

import pytest
from pydantic import ValidationError

from components.example_gen.config import DataConfig
from components.section import (
    BatchSize,
    Number,
    OrAuto,
    PositiveInt,
    Section,
    Seed,
    is_auto,
)
from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig


class Part(Section):
    weight: Number = 1.0


class Whole(Section):
    _NOT_IN_PROPERTY: ClassVar = {"place": True}

    name: str = "a"
    place: str = ""
    part: Part = Part()


def test_equal_sections_are_the_same_text_whatever_order_and_spelling_they_were_given_in():
    one = Whole.model_validate({"name": "b", "part": {"weight": 2}})
    other = Whole.model_validate({"part": {"weight": 2.0}, "name": "b"})
    assert one.to_property() == other.to_property() == '{"name": "b", "part": {"weight": 2.0}}'


def test_what_is_read_back_is_what_was_written_but_for_what_changes_no_result():
    assert Whole.from_property(Whole(name="b", place="here").to_property()) == Whole(name="b")
    with pytest.raises(ValidationError, match="extra"):
        Whole.from_property('{"nam": "b"}')


class Counts(Section):
    seed: Seed = 0
    batch: BatchSize = 1
    number: PositiveInt = 1


LARGEST = {"seed": 2**32 - 1, "batch": 65_536, "number": 2**31 - 1}


@pytest.mark.parametrize(("key", "largest"), LARGEST.items())
def test_the_largest_value_that_can_work_is_taken_and_one_more_is_refused_with_the_reason(
    key, largest
):
    assert getattr(Counts.model_validate({key: largest}), key) == largest
    with pytest.raises(ValidationError, match=f"must be at most {largest}: .*Received"):
        Counts.model_validate({key: largest + 1})


@pytest.mark.parametrize(("key", "least"), [("seed", 0), ("batch", 1), ("number", 1)])
def test_the_least_value_is_taken_and_one_less_is_refused(key, least):
    assert getattr(Counts.model_validate({key: least}), key) == least
    with pytest.raises(ValidationError, match="greater than"):
        Counts.model_validate({key: least - 1})


class Chosen(Section):
    number: Annotated[PositiveInt, OrAuto] = 5


def test_a_key_may_be_left_to_the_data_and_keeps_its_own_type_otherwise(recwarn):
    left = Chosen.model_validate({"number": "auto"})
    assert is_auto(left.number)
    assert Chosen.from_property(left.to_property()) == left
    assert Chosen.from_property(Chosen(number=3).to_property()).number == 3
    assert not recwarn.list
    for wrong in ("Auto", "3", 0, True, None, 1.5):
        with pytest.raises(ValidationError, match="Input should be"):
            Chosen.model_validate({"number": wrong})


def test_where_the_images_are_and_where_they_come_from_is_no_part_of_what_is_done_with_them():
    plain = DataConfig(seed=3)
    named = DataConfig(seed=3, input_dir="faces", processed_dir="there", credit="by hand")
    assert named.to_property() == plain.to_property()


def test_the_hyperparameters_that_a_run_may_override_are_not_in_the_trainers_settings():
    settings = TrainerSettings(model=ModelConfig(), training=TrainingConfig(), seed=1)
    kept = json.loads(settings.to_property())
    assert kept["model"].keys() == ModelConfig.model_fields.keys() - {
        "arcface_margin",
        "arcface_scale",
    }
    assert kept["training"].keys() == TrainingConfig.model_fields.keys() - {"batch_size", "epochs"}

"""Sections as execution properties."""

import json
from typing import ClassVar

import pytest
from pydantic import ValidationError

from components.example_gen.config import DataConfig
from components.section import Number, Section
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

"""What the section `training` says of order and augmentation."""

import pytest
from pydantic import ValidationError

from components.trainer.augmentation.choices import default_strengths
from components.trainer.config import TrainingConfig


def test_the_switch_of_before_stands_for_the_default_list_or_none():
    assert TrainingConfig().changes == default_strengths()
    assert TrainingConfig(augment=True).changes == default_strengths()
    assert TrainingConfig(augment=False).changes == {}


def test_a_list_takes_the_place_of_the_default_in_its_own_order():
    listed = TrainingConfig(augmentation=["jpeg", {"flip": 0.3}])
    assert list(listed.changes.items()) == [("jpeg", 0.2), ("flip", 0.3)]
    assert TrainingConfig(augmentation=[]).changes == {}


def test_the_property_of_the_step_keeps_the_order():
    listed = TrainingConfig(augmentation=["zoom", "flip", "erasing"])
    read = TrainingConfig.from_property(listed.to_property())
    assert list(read.changes) == ["zoom", "flip", "erasing"]


def test_four_images_of_a_person_unless_told_otherwise():
    assert TrainingConfig(sampler="people").people_images == 4
    assert TrainingConfig(sampler="people", images_per_person=2).people_images == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"augment": False, "augmentation": ["flip"]}, "augmentation must be left out"),
        ({"augmentation": ["flp"]}, "did you mean flip"),
        ({"sampler": "persons"}, "must be 'image' or 'people' or 'balanced'"),
        ({"images_per_person": 2}, "is of the sampler people. Received: sampler image"),
        ({"sampler": "people", "batch_size": 30}, "multiple of images_per_person, 4, .* 30"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        TrainingConfig(**values)

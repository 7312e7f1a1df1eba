"""What the Trainer's executor hands to TFX's own."""

import json

import pytest
from tfx.components.trainer import executor as tfx_executor

from components.trainer.component import Hyperparameters
from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig
from components.trainer.executor import Executor


@pytest.fixture
def handed_on(monkeypatch):
    """The settings that TFX's executor got, once `Do` has run."""
    received = {}

    def record(self, input_dict, output_dict, exec_properties):
        received.update(json.loads(exec_properties["custom_config"]))

    monkeypatch.setattr(tfx_executor.GenericExecutor, "Do", record)
    return received


@pytest.mark.parametrize(
    "settings",
    [
        TrainerSettings(model=ModelConfig(), training=TrainingConfig(), seed=1),
        TrainerSettings(
            model=ModelConfig(arcface_margin=0.0, arcface_scale="auto"),
            training=TrainingConfig(epochs="auto", batch_size="auto"),
            seed=1,
        ),
    ],
    ids=["numbers", "auto"],
)
def test_the_settings_come_through_the_properties_as_they_were(handed_on, settings):
    properties = {"custom_config": settings.to_property(), **vars(Hyperparameters.of(settings))}
    Executor().Do({}, {}, properties)
    assert TrainerSettings.model_validate(handed_on) == settings


def test_each_property_has_its_type_and_auto_is_one_below_what_can_be_set():
    training = TrainingConfig(epochs="auto", batch_size="auto")
    model = ModelConfig(arcface_margin="auto", arcface_scale="auto")
    left = vars(Hyperparameters.of(TrainerSettings(model=model, training=training, seed=1)))
    assert left == {"epochs": -1, "batch_size": -1, "arcface_margin": -1.0, "arcface_scale": -1.0}
    assert [type(value) for value in left.values()] == [int, int, float, float]

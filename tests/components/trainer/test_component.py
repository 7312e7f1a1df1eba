"""What the cache key of FaceTrainer holds beside the settings."""

import os

import pytest
from tfx.types import channel, standard_artifacts

from components.trainer.component import FaceTrainer
from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig
from groundfloor.errors import UserError


def digest_of(weights):
    model = ModelConfig(weights=None if weights is None else str(weights))
    component = FaceTrainer(
        channel.Channel(type=standard_artifacts.Examples),
        channel.Channel(type=standard_artifacts.Schema),
        TrainerSettings(model=model, training=TrainingConfig(), seed=1),
    )
    return component.exec_properties.get("weights_digest")


def test_the_cache_sees_the_weights_to_start_from_change(tmp_path):
    path = tmp_path / "best.keras"
    digests = [digest_of(None), digest_of(path)]
    for content in (b"some", b"others"):
        path.write_bytes(content)
        digests.append(digest_of(path))
    assert len(set(digests)) == 4
    assert digest_of(path) == digests[-1]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "best.keras")
    with pytest.raises(UserError, match="not a regular file"):
        digest_of(tmp_path / "best.keras")

"""Fixtures of the trainer's tests."""

import pytest

from components.trainer.backbones.registry import BACKBONES
from tests.components.trainer.small import tiny_network


@pytest.fixture
def tiny_backbone(monkeypatch):
    """Puts a network that compiles at once in the place of the default one."""
    monkeypatch.setitem(BACKBONES, "resnet10", tiny_network)

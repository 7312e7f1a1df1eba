"""Fixtures of the protocols' tests."""

import numpy as np
import pytest

from biometrics import embeddings
from biometrics.protocols import open_set


@pytest.fixture
def alphabetical(monkeypatch):
    """Images and people are chosen by their order instead of their hash."""

    def in_order(draw, seed, names):
        return np.argsort(np.asarray(names), kind="stable").tolist()

    monkeypatch.setattr(embeddings, "shuffled_places", in_order)
    monkeypatch.setattr(open_set, "shuffled_places", in_order)

"""Fixtures of the protocols' tests."""

import numpy as np
import pytest

from biometrics.protocols import base, open_set


@pytest.fixture
def alphabetical(monkeypatch):
    """Images and people are chosen by their order instead of their hash."""

    def in_order(draw, seed, names):
        return np.argsort(np.asarray(names), kind="stable")

    monkeypatch.setattr(base, "hash_order", in_order)
    monkeypatch.setattr(open_set, "hash_order", in_order)

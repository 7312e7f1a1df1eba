"""The recipe that follows the data: it tells drawn people apart whom it has never seen."""

import numpy as np
import pytest

from benchmarks.auto import COLUMNS, draw_data, measure
from biometrics.figures.metrics import calculate_identification_metrics
from pipeline.config import load_config
from tests import ROOT


@pytest.mark.slow
def test_of_500_drawn_people_the_hundred_unseen_ones_are_found_again():
    data = draw_data(people=400, unseen=100, side=32, seed=0, variation=0.2)
    keys = ["model.input_shape=[32,32,1]", "model.embedding_dim=128"]
    keys += ["training.epochs=14", "training.augment=false"]
    config = load_config(ROOT / "configs" / "auto.yaml", keys)
    figures = dict(zip(COLUMNS, measure(config, data), strict=True))
    assert figures["Rank-1"] >= 0.95
    # It is not that they could not be confused.
    pixels, labels = data.unseen
    raw = pixels.reshape(len(pixels), -1) - np.mean(data.train[0].reshape(-1, 32 * 32), axis=0)
    of_pixels = calculate_identification_metrics(
        raw.astype(np.float32), labels, "cosine", ranks=(1,)
    )
    assert of_pixels["Rank-1"] < 0.5

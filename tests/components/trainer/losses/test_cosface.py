"""The additive margin on the cosine."""

import math

import numpy as np
import pytest

from components.trainer.losses.cosface import CosFace


def test_loss_of_two_classes_worked_by_hand():
    # s = 2, m = 0.5: the target's cosine 0.5 becomes 0, so the logits are 0 and 2 * 0.5 = 1.
    loss = CosFace(0.5, 2.0)(np.array([[0.5, 0.5]], np.float32), np.array([0]), np.ones(1))
    assert float(loss[0]) == pytest.approx(math.log(1.0 + math.e), rel=1e-6)


@pytest.mark.parametrize("margin", [-0.1, 1.1])
def test_a_margin_out_of_range_is_refused(margin):
    with pytest.raises(ValueError, match=rf"margin must be in \[0, 1\]. Received: {margin}"):
        CosFace(margin)

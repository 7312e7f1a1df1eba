"""Where a gallery decides, and how often strangers get a name."""

import dataclasses

import numpy as np
import pytest

from groundfloor.errors import UserError
from serving.gallery.rates import decide, far_bound
from tests.biometrics.packs import operating_point, threshold_pack

SUPPORTED = dataclasses.replace(
    threshold_pack(),
    operating_points=(
        operating_point("EER", None, 0.6),
        operating_point("FAR=1e-02", 0.01, 0.4, state="supported"),
        operating_point("FAR=1e-03", 0.001, 0.3, state="supported"),
        operating_point("FAR=1e-04", 0.0001, 0.2),
    ),
)


def test_the_far_of_a_supported_threshold_is_its_target_and_of_others_what_was_measured():
    bounds = [far_bound(point) for point in SUPPORTED.operating_points]
    assert bounds == [0.03, 0.01, 0.001, 0.03]


@pytest.mark.parametrize(
    ("images", "fpir", "name"),
    [(1, 0.5, "EER"), (1, 0.02, "FAR=1e-02"), (10, 0.02, "FAR=1e-03"), (20, 0.02, "FAR=1e-03")],
)
def test_an_fpir_takes_the_loosest_threshold_that_keeps_it(images, fpir, name):
    decision = decide(SUPPORTED, images, fpir=fpir)
    assert decision.point.name == name
    assert decision.fpir <= fpir


def test_an_fpir_that_the_pack_cannot_support_is_refused_with_what_it_can():
    with pytest.raises(UserError) as refused:
        decide(SUPPORTED, 100, fpir=0.01)
    said = str(refused.value)
    assert "an FPIR of 0.01 in 100 images takes a threshold whose FAR is at most 0.0001" in said
    assert "the best of this model is FAR=1e-03, whose FAR is at most 0.001 (supported)" in said
    assert "whose FPIR at most 0.1" in said


def test_an_empty_gallery_keeps_any_fpir():
    assert decide(SUPPORTED, 0, fpir=1e-9).fpir == 0


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"far": 0.01, "fpir": 0.01}, "not both"),
        ({"far": 0.0}, "an FAR is a rate above 0 and below 1. Received: 0.0"),
        ({"fpir": 1.0}, "an FPIR is a rate above 0 and below 1. Received: 1.0"),
        ({"fpir": float("nan")}, "Received: nan"),
        ({"far": 0.5}, "no threshold for FAR=5e-01"),
    ],
)
def test_what_is_no_rate_is_refused(rates, message):
    with pytest.raises(UserError, match=message):
        decide(SUPPORTED, 10, **rates)


def test_a_model_without_thresholds_says_why():
    with pytest.raises(UserError, match="this model has no threshold: too few"):
        decide(threshold_pack(missing="too few"), 10, fpir=0.1)


@pytest.mark.parametrize("likeness", [0.0, 0.5, 0.95])
def test_the_bound_holds_for_galleries_whose_people_are_alike(likeness):
    """By simulation: where distances to a gallery's images go together, FPIR <= M * FAR still."""
    random = np.random.default_rng(0)
    images, searches = 20, 20_000
    common = random.standard_normal((searches, 1))
    own = random.standard_normal((searches, images))
    distances = np.sqrt(likeness) * common + np.sqrt(1 - likeness) * own
    threshold = np.quantile(distances, 0.01)
    far, fpir = (distances <= threshold).mean(), (distances.min(axis=1) <= threshold).mean()
    assert fpir <= images * far

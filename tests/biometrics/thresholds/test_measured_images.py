"""Which images are like those that a model was measured on."""

import dataclasses

import numpy as np
import pytest

from biometrics.thresholds.measured_images import (
    BRIGHTNESS,
    COLOUR,
    CONTENT,
    CONTRAST,
    DETAIL,
    MAX_IMAGES,
    QUANTILES,
    TRAITS,
    describe_images,
    some_of,
)
from biometrics.thresholds.pack import ThresholdPack
from tests.biometrics.packs import threshold_pack
from tests.conftest import draw_face


def faces(people, shots=4, size=(40, 48), mode="RGB"):
    """Pictures that are alike: one face, a little otherwise for each person; [N, H, W, C]."""
    face = np.asarray(draw_face(0, 0, size).convert(mode), float)
    random = np.random.default_rng(len(people))
    images = [face * (0.9 + 0.02 * (person % 10)) for person in people for _ in range(shots)]
    noisy = np.stack(images) + random.normal(0, 6, (len(images), *face.shape))
    return noisy.clip(0, 255).astype(np.uint8).reshape(len(images), size[1], size[0], -1)


TEST, TRAINING = faces(range(10)), faces(range(10, 30))


@pytest.fixture(scope="module")
def measured():
    return describe_images(TEST, TRAINING)


def named(reasons):
    return {reason.split()[0] for reason in reasons}


def test_at_least_99_percent_of_the_images_that_were_measured_are_like_themselves():
    wide = np.concatenate([faces(range(50), 20), 255 - faces(range(2), 2)])
    measured = describe_images(wide, TRAINING)
    assert np.mean([not measured.unlike(image) for image in wide]) >= 0.99


def test_other_images_of_the_same_kind_are_like_them(measured):
    assert np.mean([not measured.unlike(image) for image in faces(range(40, 50))]) >= 0.95


@pytest.mark.parametrize(
    ("change", "trait"),
    [
        (lambda image: 255 - image, CONTENT),
        (lambda image: image[::-1], CONTENT),
        (lambda image: np.full_like(image, 128), CONTRAST),
        (lambda image: image // 4, BRIGHTNESS),
        (lambda image: np.random.default_rng(0).integers(0, 256, image.shape, np.uint8), DETAIL),
        (lambda image: np.repeat(np.repeat(image[::8, ::8], 8, 0), 8, 1), CONTENT),
        (lambda image: np.repeat(image.mean(-1, keepdims=True), 3, -1).astype(np.uint8), COLOUR),
    ],
)
def test_an_image_of_another_kind_is_unlike_them_and_it_is_said_how(measured, change, trait):
    reasons = measured.unlike(change(TEST[0]))
    assert trait in named(reasons)
    (reason,) = (reason for reason in reasons if reason.startswith(trait))
    limits = measured.traits[trait]
    assert f"where {limits.low:.3g} to {limits.high:.3g} was measured" in reason


def test_a_colour_picture_is_unlike_grey_ones_and_one_saved_as_jpeg_is_not():
    grey = np.repeat(faces(range(20), mode="L"), 3, axis=-1)
    measured = describe_images(grey[:40], grey[40:])
    assert measured.grey_share == 1.0
    tinted = grey[0].astype(int) + np.array([0, 1, 2])
    assert measured.unlike(tinted.clip(0, 255).astype(np.uint8)) == []
    assert named(measured.unlike((grey[0] * [1.0, 0.8, 0.7]).astype(np.uint8))) >= {COLOUR}


def test_the_distributions_are_those_of_the_test_images(measured):
    assert measured.images == len(TEST)
    assert measured.grey_share == 0.0
    contrast = TEST.mean(axis=-1).std(axis=(1, 2))
    assert measured.traits[CONTRAST].quantiles == pytest.approx(np.quantile(contrast, QUANTILES))
    assert measured.traits[BRIGHTNESS].quantiles[4] == pytest.approx(
        np.median(TEST.mean(axis=(1, 2, 3)))
    )


def test_content_is_free_of_brightness_and_contrast(measured):
    for image in TEST[::4]:
        assert CONTENT not in named(measured.unlike(image // 4))
        assert CONTENT not in named(measured.unlike(100 + image // 3))


def test_training_images_widen_all_limits_but_those_of_what_they_explain():
    dark, inverted = TRAINING // 4, 255 - TRAINING
    measured = describe_images(TEST, np.concatenate([TRAINING, dark]))
    assert not named(measured.unlike(dark[0])) & {BRIGHTNESS, CONTRAST, COLOUR}
    few = describe_images(TEST, inverted[:8])  # eigenimages that explain no test image
    high, span = few.traits[CONTENT].high, np.ptp(few.traits[CONTENT].quantiles)
    assert high == pytest.approx(few.traits[CONTENT].quantiles[-1] + 0.1 * span)
    assert few.traits[CONTENT].low == pytest.approx(few.traits[CONTENT].quantiles[0] - 0.1 * span)


@pytest.mark.parametrize("shape", [(32, 32, 1), (33, 47, 3), (112, 96, 3)])
@pytest.mark.parametrize("training", [1, 2, 40])
def test_any_shape_and_any_number_of_training_images_will_do(shape, training):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (training + 5, *shape), dtype=np.uint8)
    measured = describe_images(images[training:], images[:training])
    assert set(measured.traits) == set(TRAITS)
    assert all(not measured.unlike(image) for image in images[training:])


def test_a_bounded_number_of_images_is_looked_at_from_regular_places():
    assert some_of(3) == [0, 1, 2]
    taken = some_of(1_000_000)
    assert len(taken) == len(set(taken)) == MAX_IMAGES
    assert (taken[0], taken[-1]) == (0, 999_999)


def test_they_go_with_the_pack_in_few_bytes_and_come_back_the_same(measured):
    pack = dataclasses.replace(threshold_pack(), measured_images=measured)
    read = ThresholdPack.from_json(pack.to_json())
    assert read == pack
    assert len(pack.to_json()) < 40_000
    for image in (TEST[0], 255 - TEST[0]):
        assert read.measured_images.unlike(image) == measured.unlike(image)


@pytest.mark.parametrize(
    "change",
    [
        {"images": 0},
        {"grey_share": 1.1},
        {"traits": {}},
        {"eigenimages": ""},
        {"eigenimages": "AAAA"},
        {"eigenimages": "?"},
    ],
)
def test_what_cannot_be_is_refused(measured, change):
    with pytest.raises(ValueError, match=r"measured images have|eigenimages are|base64"):
        dataclasses.replace(measured, **change)


@pytest.mark.parametrize("change", [{"low": 1e9}, {"high": -1e9}, {"quantiles": (1.0,)}])
def test_limits_that_cannot_be_are_refused(measured, change):
    with pytest.raises(ValueError, match=r"quantiles that never fall|between its limits"):
        dataclasses.replace(measured.traits[CONTRAST], **change)

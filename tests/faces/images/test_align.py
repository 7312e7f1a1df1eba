"""From five landmarks to the aligned face."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image
from skimage.transform import SimilarityTransform
from skimage.transform import warp as skimage_warp

from faces.images.align import (
    TEMPLATE,
    Fit,
    decode_and_align,
    fit_template,
    require_box,
    require_face,
    template_for,
    warp,
)
from faces.images.decode import decode_and_resize
from faces.images.formats import BadImageError
from tests.conftest import draw_face, encoded

SHAPE = (112, 112, 3)
UNKNOWN = np.nan
NO_BOX = [UNKNOWN] * 4


def placed(scale=1.0, angle=0.0, shift=(0.0, 0.0), points=TEMPLATE):
    """The template's points, scaled and turned around its middle, and moved; [5, 2]."""
    z = (points @ [1, 1j] - (55.5 + 55.5j)) * scale * np.exp(1j * angle) + complex(*shift)
    return np.stack([z.real, z.imag], axis=1)


def moved(x, y):
    return TEMPLATE + np.array([x, y])


def fit_of(points, height=112, width=112):
    """The fit of one set of landmarks [5, 2]; its fields are scalars."""
    return Fit(*(value[0] for value in fit_template(tf.constant([points.ravel()]), height, width)))


def warped(image, points, height=112, width=112):
    return warp(tf.constant(image), fit_of(points, height, width), height, width).numpy()


def scikits(points, height=112, width=112):
    return SimilarityTransform.from_estimate(points, template_for(height, width))


def smooth_picture(width, height, seed=0):
    """Without detail of single pixels."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def aligned(files, landmarks, boxes=None, shape=SHAPE, resize="stretch"):
    boxes = [NO_BOX] * len(files) if boxes is None else boxes
    batch = (
        tf.constant(files),
        tf.constant(landmarks, tf.float32),
        tf.constant(boxes, tf.float32),
    )
    return decode_and_align(*batch, shape, resize).numpy()


COORDINATES = st.lists(
    st.floats(-200, 2000, allow_nan=False, width=32), min_size=10, max_size=10
).map(lambda values: np.array(values).reshape(5, 2))


@given(COORDINATES, st.sampled_from([(112, 112), (64, 64), (96, 140), (224, 112)]))
def test_the_similarity_is_that_of_scikit_image(points, size):
    assume(np.linalg.matrix_rank(points - points.mean(axis=0), tol=1.0) == 2)
    expected = scikits(points, *size).params
    fit = fit_of(points, *size)
    turn, shift = fit.turn.numpy(), fit.shift.numpy()
    assume(abs(turn) > 1e-6)  # points that no similarity brings near have none that is the best
    ours = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    np.testing.assert_allclose(ours, expected[:2], atol=1e-4)


def test_a_batch_is_fitted_as_each_of_it_alone():
    rows = [placed(scale, 0.1 * scale, (40, 9)) for scale in (0.5, 1, 3)]
    batch = fit_template(tf.constant([row.ravel() for row in rows]), 112, 112)
    for index, row in enumerate(rows):
        for together, alone in zip(batch, fit_of(row), strict=True):
            np.testing.assert_allclose(together[index], alone)


def test_the_template_is_scaled_alike_and_in_the_middle_of_another_input():
    np.testing.assert_allclose(template_for(112, 112), TEMPLATE)
    np.testing.assert_allclose(template_for(224, 224), TEMPLATE * 2)
    np.testing.assert_allclose(template_for(56, 96), TEMPLATE / 2 + [20, 0])
    np.testing.assert_allclose(template_for(96, 56), TEMPLATE / 2 + [0, 20])


@given(st.floats(0.2, 5), st.floats(-np.pi, np.pi), st.floats(-999, 999), st.floats(-999, 999))
def test_the_template_moved_in_any_way_is_met_exactly(scale, angle, x, y):
    fit = fit_of(placed(scale, angle, (x, y)))
    assert fit.likeness.numpy() == pytest.approx(1, abs=1e-9)
    assert abs(fit.turn.numpy()) == pytest.approx(1 / scale)


@pytest.mark.parametrize("size", [(112, 112), (64, 80), (80, 64)])
@pytest.mark.parametrize(("scale", "angle"), [(0.5, 0.4), (0.57, -2.0), (0.3, 0.0)])
def test_an_enlarged_face_has_the_pixels_of_scikit_image(scale, angle, size):
    image = np.asarray(draw_face(3, 1, (150, 120)))
    points = placed(scale, angle, (70, 60))
    expected = skimage_warp(image / 255, scikits(points, *size).inverse, output_shape=size) * 255
    assert abs(warped(image, points, *size) - expected).max() <= 0.51  # it rounds, scikit does not


@pytest.mark.parametrize(("scale", "angle"), [(1.5, 0.4), (2.2, -1.0), (3.4, 3.0)])
def test_a_face_that_shrinks_is_the_mean_of_what_it_covers(scale, angle):
    """Against 64 samples of scikit-image in each pixel."""
    image = smooth_picture(500, 460)
    points = placed(scale, angle, (250, 230))
    eighth = SimilarityTransform(scale=1 / 8, translation=((1 / 8 - 1) / 2,) * 2)
    fine = skimage_warp(
        image / 255, eighth + scikits(points).inverse, output_shape=(896, 896), mode="edge"
    )
    expected = fine.reshape(112, 8, 112, 8, 3).mean(axis=(1, 3)) * 255
    difference = abs(warped(image, points) - expected)
    has_picture = warped(np.full_like(image, 255), points) == 255
    assert difference[has_picture].max() <= 3
    assert has_picture.mean() > 0.7


def test_a_large_photograph_is_averaged_and_not_picked_from():
    checkerboard = (np.indices((900, 900)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
    crop = warped(checkerboard, placed(6, 0.3, (450, 450)))
    assert abs(crop.astype(int) - 128).max() <= 8


@given(
    st.floats(0.6, 2.5),
    st.floats(-np.pi, np.pi),
    st.floats(-20, 20),
    st.floats(-20, 20),
    st.sampled_from([(112, 112), (64, 80)]),
)
@example(2.0, 0.25, 0.0, 0.0, (64, 80))
def test_an_image_moved_with_its_landmarks_gives_the_same_crop(scale, angle, x, y, size):
    """The picture is a formula, so that it is moved without any interpolation.

    In the smaller crop, neighbours differ by up to 18 levels: 6 are a third of a pixel.
    """

    def picture(move):
        z = np.arange(480) + 1j * np.arange(480)[:, np.newaxis]
        place = move(z)
        waves = [np.sin(place.real / 19), np.cos(place.imag / 23), np.sin(abs(place) / 31)]
        return np.round(127.5 + 100 * np.stack(waves, axis=2)).astype(np.uint8)

    middle = 239.5 + 239.5j
    still, other = placed(2, 0, (239.5, 239.5)), placed(2 * scale, angle, (239.5 + x, 239.5 + y))
    turn = scale * np.exp(1j * angle)
    image = picture(lambda z: z - middle)
    other_image = picture(lambda z: (z - middle - complex(x, y)) / turn)
    first, second = warped(image, still, *size), warped(other_image, other, *size)
    covered = warped(np.full_like(image, 255), other, *size) == 255  # large ones are cut off
    most = 4 if size == (112, 112) else 6
    assert abs(first.astype(int) - second)[covered].max() <= most
    assert covered.mean() > 0.2


def test_what_lies_out_of_the_image_is_black():
    crop = warped(np.full((112, 112, 1), 200, np.uint8), moved(40, 0))
    assert (crop[:, :70] == 200).all()
    assert not crop[:, 74:].any()


def test_a_face_that_is_in_place_is_left_as_it_is():
    image = np.asarray(draw_face(1, 1, (112, 112)))
    np.testing.assert_array_equal(warped(image, TEMPLATE), image)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.full((5, 2), 50.0), "within a pixel of each other"),
        (TEMPLATE / 200, "within a pixel of each other: they are in pixels"),
        (np.where(TEMPLATE > 90, np.nan, TEMPLATE), "no numbers"),
        (np.where(TEMPLATE > 90, np.inf, TEMPLATE), "no numbers"),
        (TEMPLATE * [-1, 1] + [112, 0], "left and right exchanged"),
        (TEMPLATE[[1, 0, 2, 4, 3]], "left and right exchanged"),
        (TEMPLATE * [1, 0] + [0, 50], "not as in a face"),
        (moved(200, 0), "outside of the image"),
        (moved(0, -200), "outside of the image"),
    ],
)
def test_landmarks_of_no_face_are_refused_with_the_reason(points, reason):
    with pytest.raises(BadImageError, match=reason):
        require_face(tuple(points.ravel()), 112, 112)
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        aligned([encoded(draw_face(1, 1, (112, 112)), "png")], [points.ravel()])


@pytest.mark.parametrize("narrow", [1.0, 0.5, 0.0])
def test_a_face_in_profile_or_upside_down_is_a_face(narrow):
    points = placed(1, 0, (56, 56), TEMPLATE * [narrow, 1] + [56 - 56 * narrow, 0])
    require_face(tuple(points.ravel()), 112, 112)
    require_face(tuple((112 - points).ravel()), 112, 112)


def test_each_image_of_a_batch_is_prepared_by_what_is_known_of_it():
    files = [encoded(draw_face(person, 1, (130, 120)), "png") for person in range(4)]
    points = placed(0.8, 0.2, (60, 60)).ravel()
    unknown = [UNKNOWN] * 10
    box = [10.4, 20.0, 90.6, 110.0]
    pixels = aligned(files, [points, unknown, unknown, points], [NO_BOX, box, NO_BOX, box])
    for row in (0, 3):
        image = np.asarray(draw_face(row, 1, (130, 120)))
        expected = warped(image, points.reshape(5, 2)).astype(int)
        assert abs(pixels[row] - expected).max() <= 1  # float32 landmarks
    part = encoded(draw_face(1, 1, (130, 120)).crop((10, 20, 91, 110)), "png")
    whole = decode_and_resize(tf.constant([part, files[2]]), SHAPE)
    np.testing.assert_array_equal(pixels[1:3], whole)


def test_a_box_is_cut_off_at_the_edges_of_the_image_and_keeps_its_aspect():
    file = encoded(draw_face(1, 1, (60, 40)), "png")
    (pixels,) = aligned([file], [[UNKNOWN] * 10], [[-9, -9, 30, 99]], (32, 32, 3), "pad")
    expected = encoded(draw_face(1, 1, (60, 40)).crop((0, 0, 30, 40)), "png")
    np.testing.assert_array_equal(
        pixels, decode_and_resize(tf.constant([expected]), (32, 32, 3), "pad")[0]
    )


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (60, 0, 90, 9), (0, -20, 9, 0)])
def test_a_box_without_a_part_in_the_image_is_refused(box):
    with pytest.raises(BadImageError, match="no part in the image"):
        require_box(box, 40, 60)
    with pytest.raises(tf.errors.InvalidArgumentError, match="no part in the image"):
        aligned([encoded(draw_face(1, 1, (60, 40)), "png")], [[UNKNOWN] * 10], [box])
    require_box((5, 5, 6, 6), 40, 60)


def test_refusals_and_pixels_are_the_same_in_a_graph():
    file = encoded(draw_face(1, 1, (112, 112)), "png")
    in_graph = tf.function(lambda *batch: decode_and_align(*batch, SHAPE, "stretch"))
    box = tf.constant([NO_BOX], tf.float32)
    for points in (TEMPLATE, placed(0.4, 1.0, (50, 50))):
        landmarks = tf.constant([points.ravel()], tf.float32)
        pixels = in_graph(tf.constant([file]), landmarks, box)
        np.testing.assert_array_equal(pixels, aligned([file], [points.ravel()]))
    mirrored = tf.constant([(TEMPLATE * [-1, 1] + [112, 0]).ravel()], tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="left and right exchanged"):
        in_graph(tf.constant([file]), mirrored, box)

"""The baselines that need no trained network."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from biometrics.errors import EvaluationError
from biometrics.figures import baselines
from biometrics.figures.baselines import (
    eigenface_embeddings,
    fisherface_embeddings,
    raw_pixel_embeddings,
)
from biometrics.figures.metrics import calculate_verification_metrics


def drawn_faces(people, images=4, size=8, seed=0):
    """Images uint8 [people * images, size, size, 1] that are alike within a person, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(people), images)
    faces = rng.integers(40, 216, (people, size, size, 1))[labels]
    return (faces + rng.integers(-30, 31, faces.shape)).astype(np.uint8), labels


def test_raw_pixels_are_the_pixels_in_order():
    pixels = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    embeddings = raw_pixel_embeddings(pixels)
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, [np.arange(1, 13) / 256])


def test_a_black_image_has_a_cosine_too():
    pixels, labels = drawn_faces(3)
    pixels[0] = 0
    embeddings = raw_pixel_embeddings(pixels)
    assert 0 <= calculate_verification_metrics(embeddings, labels)["EER"] <= 1


def test_eigenfaces_recognise_people_they_were_not_fitted_on():
    pixels, labels = drawn_faces(30)
    train, test = pixels[:80], pixels[80:]
    embeddings = eigenface_embeddings(train, test, n_components=20, seed=0)
    assert embeddings.shape == (40, 20)
    assert embeddings.dtype == np.float32
    assert calculate_verification_metrics(embeddings, labels[80:])["AUC"] > 0.8


def test_eigenfaces_learn_nothing_from_the_test_images():
    pixels, _ = drawn_faces(6)
    train, test = pixels[:12], pixels[12:]
    together = eigenface_embeddings(train, test, seed=0)
    alone = np.concatenate([eigenface_embeddings(train, test[[i]], seed=0) for i in range(12)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_the_training_projections_are_white():
    pixels, _ = drawn_faces(20)
    projected = eigenface_embeddings(pixels, pixels, n_components=10, seed=0)
    np.testing.assert_allclose(np.cov(projected.T), np.eye(10), atol=0.02)


def test_there_are_no_more_components_than_the_training_images_span():
    pixels, _ = drawn_faces(2, images=2)
    # Four images and copies of them span three directions; a fourth would be noise blown up.
    train = np.concatenate([pixels, pixels, pixels])
    assert eigenface_embeddings(train, pixels, seed=0).shape == (4, 3)


def lit_faces(people, images=4, seed=0):
    """Images uint8 [N, 8, 8, 1], whose light differs in more ways than the people do; labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(people), images)
    patterns = rng.normal(size=(14, 64))
    looks = 6 * rng.normal(size=(people, 4))[labels] @ patterns[:4]
    light = 12 * rng.normal(size=(len(labels), 10)) @ patterns[4:]
    pixels = 128 + looks + light + rng.normal(size=(len(labels), 64))
    return pixels.clip(0, 255).astype(np.uint8).reshape(-1, 8, 8, 1), labels


def test_fisherfaces_look_past_what_differs_within_a_person_as_eigenfaces_cannot():
    pixels, labels = lit_faces(60)
    train, test = pixels[:160], pixels[160:]
    fisher = fisherface_embeddings(train, labels[:160], test, seed=0)
    assert fisher.dtype == np.float32
    assert fisher.shape == (80, 39)  # one less than there are training people
    fisher_eer, eigen_eer = (
        calculate_verification_metrics(embeddings, labels[160:])["EER"]
        for embeddings in (fisher, eigenface_embeddings(train, test, seed=0))
    )
    assert fisher_eer < eigen_eer / 2


def test_fisherfaces_are_those_of_scikit_learn_on_principal_components():
    pixels, labels = lit_faces(20)
    train, test = (images.reshape(len(images), -1) / 255 for images in (pixels[:60], pixels[60:]))
    pca = PCA(10, svd_solver="full").fit(train)
    lda = LinearDiscriminantAnalysis().fit(pca.transform(train), labels[:60])
    expected = lda.transform(pca.transform(test))
    found = fisherface_embeddings(pixels[:60], labels[:60], pixels[60:], 10, seed=0)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=0.02, atol=0.02)


def test_fisherfaces_learn_nothing_from_the_test_images():
    pixels, labels = drawn_faces(6)
    train, test = (pixels[:12], labels[:12]), pixels[12:]
    together = fisherface_embeddings(*train, test, seed=0)
    alone = np.concatenate([fisherface_embeddings(*train, test[[i]], seed=0) for i in range(12)])
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-3)


def test_fisherfaces_take_people_with_one_image_where_another_has_two():
    pixels, _ = drawn_faces(3)
    found = fisherface_embeddings(pixels[[0, 1, 4, 8]], ["a", "a", "b", "c"], pixels, seed=0)
    assert found.shape[0] == 12
    assert np.isfinite(found).all()


@pytest.mark.parametrize("labels", [["a"] * 4, ["a", "b", "c", "d"]])
def test_fisherfaces_need_two_people_and_one_of_them_twice(labels):
    pixels, _ = drawn_faces(1)
    with pytest.raises(EvaluationError, match="two people, and two different ones of one of them"):
        fisherface_embeddings(pixels, labels, pixels, seed=0)


def test_fisherfaces_of_people_whose_images_are_copies_are_refused():
    pixels, _ = drawn_faces(2, images=1)
    copies = pixels[[0, 0, 1, 1]]
    with pytest.raises(EvaluationError, match="Received: 4 images of 2 people"):
        fisherface_embeddings(copies, ["a", "a", "b", "b"], pixels, seed=0)


def test_projecting_in_batches_changes_nothing(monkeypatch):
    pixels, _ = drawn_faces(5)
    whole = eigenface_embeddings(pixels, pixels, seed=0)
    monkeypatch.setattr(baselines, "BATCH_IMAGES", 7)
    np.testing.assert_allclose(
        eigenface_embeddings(pixels, pixels, seed=0), whole, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (np.zeros((4, 8, 8, 1), np.uint8), np.zeros((1, 8, 8, 1), np.uint8), "all the same"),
        (np.zeros((1, 8, 8, 1), np.uint8), np.zeros((1, 8, 8, 1), np.uint8), "Received: 1 images"),
        (np.zeros((4, 8, 8, 1), np.uint8), np.zeros((1, 8, 8, 3), np.uint8), "of one size"),
        (np.zeros((4, 8, 8, 1), np.float32), np.zeros((1, 8, 8, 1), np.uint8), "float32"),
        (np.zeros((4, 8, 8), np.uint8), np.zeros((1, 8, 8), np.uint8), r"shape \(4, 8, 8\)"),
        (np.zeros((0, 8, 8, 1), np.uint8), np.zeros((1, 8, 8, 1), np.uint8), "N above 0"),
    ],
)
def test_images_that_have_no_eigenfaces_are_refused(train, test, message):
    with pytest.raises(EvaluationError, match=message):
        eigenface_embeddings(train, test, seed=0)

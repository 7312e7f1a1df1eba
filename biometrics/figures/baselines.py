"""Embeddings that need no training of a network, to hold a model's figures against.

A face-recognition model that does not beat the cosine of its own input pixels has learnt nothing,
and one that does not beat eigenfaces or Fisherfaces has learnt little that a linear map could not.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biometrics.errors import EvaluationError
from groundfloor.draws import Draw, derived_seed

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

RAW_PIXELS = "raw pixels"
EIGENFACES = "eigenfaces"
FISHERFACES = "Fisherfaces"
BASELINES = (RAW_PIXELS, EIGENFACES, FISHERFACES)

# Training images to fit on, about, at most: what they span is known long before.
MAX_TRAINING_IMAGES = 1000
# Images that are projected at a time.
BATCH_IMAGES = 512
# Share of the variance below which a component is rounding noise, which whitening would blow up.
MIN_VARIANCE_SHARE = 1e-7


def raw_pixel_embeddings(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The pixels themselves as a vector, for the cosine distance.

    Levels 0 .. 255 are taken as 1 .. 256, so that a black image has a direction too.

    Args:
      pixels: uint8 [N, H, W, C].

    Returns:
      float32 [N, H * W * C], in (0, 1].

    Raises:
      EvaluationError: another dtype or another number of axes.
    """
    _check_pixels(pixels)
    return (pixels.reshape(len(pixels), -1).astype(np.float32) + np.float32(1)) / np.float32(256)


def eigenface_embeddings(
    train_pixels: NDArray[np.uint8],
    test_pixels: NDArray[np.uint8],
    n_components: int = 50,
    *,
    seed: int,
) -> NDArray[np.float32]:
    """Whitened projections on the eigenfaces of the training split, for the cosine distance.

    Eigenfaces are the principal components of face images (Turk and Pentland, "Eigenfaces for
    recognition", 1991); dividing each projection by its standard deviation and comparing by
    cosine is the variant that recognises best (Moon and Phillips, 2001: "MahCosine"). Nothing is
    learnt from the test images.

    Args:
      train_pixels: uint8 [M, H, W, C].
      test_pixels: uint8 [N, H, W, C].
      n_components: components kept at most; fewer where the training images span fewer.
      seed: of the randomised decomposition.

    Returns:
      float32 [N, D], 1 <= D <= n_components.

    Raises:
      EvaluationError: another dtype or shape, or training images that are all the same.
    """
    _check_sizes(train_pixels, test_pixels)
    pca, deviation = _fit(train_pixels, n_components, seed)
    return (_projected(pca, len(deviation), test_pixels) / deviation).astype(np.float32)


def fisherface_embeddings(
    train_pixels: NDArray[np.uint8],
    train_labels: ArrayLike,
    test_pixels: NDArray[np.uint8],
    n_components: int = 60,
    *,
    seed: int,
) -> NDArray[np.float32]:
    """Linear discriminants of the training people, for the cosine distance.

    Fisherfaces are the directions along which the images of different people lie far apart for how
    far those of one person do, found among the first principal components (Belhumeur, Hespanha,
    Kriegman, "Eigenfaces vs. Fisherfaces", 1997). At most as many components are kept as there are
    more images than people, so that the scatter within the people has full rank. Nothing is learnt
    from the test images.

    Args:
      train_pixels: uint8 [M, H, W, C].
      train_labels: [M], one value for each person, C of them.
      test_pixels: uint8 [N, H, W, C].
      n_components: principal components kept at most.
      seed: of the randomised decomposition.

    Returns:
      float32 [N, D], 1 <= D <= min(n_components, C - 1).

    Raises:
      EvaluationError: another dtype or shape, one person alone, or nobody with two images that
        differ.
    """
    _check_sizes(train_pixels, test_pixels)
    people, first, of_person = np.unique(train_labels, return_index=True, return_inverse=True)
    if len(people) < 2 or (train_pixels == train_pixels[first[of_person]]).all():
        raise EvaluationError(
            "Fisherfaces need training images of two people, and two different ones of one of "
            f"them. Received: {len(train_pixels)} images of {len(people)} people"
        )
    # Where there are no images, as where embeddings are measured, scikit-learn is not needed.
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: PLC0415

    spare = len(train_pixels) - len(people)
    pca, deviation = _fit(train_pixels, min(n_components, spare), seed)
    fisher = LinearDiscriminantAnalysis()
    fisher.fit(_projected(pca, len(deviation), train_pixels), of_person)
    return fisher.transform(_projected(pca, len(deviation), test_pixels)).astype(np.float32)


def _fit(
    pixels: NDArray[np.uint8], n_components: int, seed: int
) -> tuple["PCA", NDArray[np.float32]]:
    """The fitted components and the standard deviation along those of them to keep, float32 [D]."""
    flat = _flat(pixels)
    if (pixels == pixels[:1]).all():
        raise EvaluationError(
            "Eigenfaces need training images that differ. "
            f"Received: {len(pixels)} images that are all the same"
        )
    from sklearn.decomposition import PCA  # noqa: PLC0415

    components = min(n_components, *flat.shape)
    pca = PCA(
        components,
        svd_solver="randomized",
        random_state=derived_seed(Draw.BASELINE_DECOMPOSITION, seed),
    ).fit(flat)
    kept = pca.explained_variance_ratio_ > MIN_VARIANCE_SHARE
    return pca, np.sqrt(pca.explained_variance_[kept])


def _projected(pca: "PCA", kept: int, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The coordinates along the first `kept` components, float32 [N, kept]."""
    batches = [
        pca.transform(_flat(pixels[start : start + BATCH_IMAGES]))[:, :kept]
        for start in range(0, len(pixels), BATCH_IMAGES)
    ]
    return np.concatenate(batches)


def _flat(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)


def _check_sizes(train_pixels: NDArray[np.uint8], test_pixels: NDArray[np.uint8]) -> None:
    _check_pixels(train_pixels)
    _check_pixels(test_pixels)
    if train_pixels.shape[1:] != test_pixels.shape[1:]:
        raise EvaluationError(
            "Training and test images must be of one size. "
            f"Received: {train_pixels.shape[1:]} and {test_pixels.shape[1:]}"
        )


def _check_pixels(pixels: NDArray[np.uint8]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or not len(pixels):
        raise EvaluationError(
            "Pixels must be uint8 of shape [N, H, W, C] with N above 0. "
            f"Received: {pixels.dtype} of shape {pixels.shape}"
        )

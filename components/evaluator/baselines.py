"""Embeddings that need no training of a network, to hold a model's figures against.

A face-recognition model that does not beat the cosine of its own input pixels has learnt nothing,
and one that does not beat eigenfaces has learnt little that a linear map could not.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from components.draws import Draw, derived_seed, generator
from components.evaluator.errors import EvaluationError

RAW_PIXELS = "raw pixels"
EIGENFACES = "eigenfaces"

# Training images that the eigenfaces are fitted on, at most: their span is known long before.
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
    return (pixels.reshape(len(pixels), -1).astype(np.float32) + 1) / 256


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
    cosine is the variant that recognises best (Moon and Phillips, 2001: "MahCosine"). At most
    1,000 training images, drawn with `seed`, are looked at, and nothing of the test images but
    their projection.

    Args:
      train_pixels: uint8 [M, H, W, C].
      test_pixels: uint8 [N, H, W, C].
      n_components: components kept at most; fewer where the training images span fewer.
      seed: of the draw and of the randomised decomposition.

    Returns:
      float32 [N, D], 1 <= D <= n_components.

    Raises:
      EvaluationError: another dtype or shape, or training images that are all the same.
    """
    _check_pixels(train_pixels)
    _check_pixels(test_pixels)
    if train_pixels.shape[1:] != test_pixels.shape[1:]:
        raise EvaluationError(
            "Eigenfaces need training and test images of one size. "
            f"Received: {train_pixels.shape[1:]} and {test_pixels.shape[1:]}"
        )
    pca, deviation = _fit(_drawn(train_pixels, seed), n_components, seed)
    batches = [
        pca.transform(_flat(test_pixels[start : start + BATCH_IMAGES]))[:, : len(deviation)]
        for start in range(0, len(test_pixels), BATCH_IMAGES)
    ]
    return (np.concatenate(batches) / deviation).astype(np.float32)


def _fit(
    pixels: NDArray[np.uint8], n_components: int, seed: int
) -> tuple[PCA, NDArray[np.float32]]:
    """The fitted components and the standard deviation along those of them to keep, float32 [D]."""
    flat = _flat(pixels)
    if (pixels == pixels[:1]).all():
        raise EvaluationError(
            "Eigenfaces need training images that differ. "
            f"Received: {len(pixels)} images that are all the same"
        )
    components = min(n_components, *flat.shape)
    pca = PCA(
        components,
        svd_solver="randomized",
        random_state=derived_seed(Draw.BASELINE_DECOMPOSITION, seed),
    ).fit(flat)
    kept = pca.explained_variance_ratio_ > MIN_VARIANCE_SHARE
    return pca, np.sqrt(pca.explained_variance_[kept])


def _drawn(pixels: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    if len(pixels) <= MAX_TRAINING_IMAGES:
        return pixels
    rng = generator(Draw.BASELINE_TRAINING_IMAGES, seed)
    drawn = rng.choice(len(pixels), MAX_TRAINING_IMAGES, replace=False)
    return pixels[np.sort(drawn)]


def _flat(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / 255


def _check_pixels(pixels: NDArray[np.uint8]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or not len(pixels):
        raise EvaluationError(
            "Pixels must be uint8 of shape [N, H, W, C] with N above 0. "
            f"Received: {pixels.dtype} of shape {pixels.shape}"
        )

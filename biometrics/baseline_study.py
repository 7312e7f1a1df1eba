"""What the methods that need no network make of the test images, beside the model on the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from biometrics.embeddings import EmbeddingSet, ImageSet, draw_images
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.baselines import (
    BASELINES,
    EIGENFACES,
    FISHERFACES,
    MAX_TRAINING_IMAGES,
    RAW_PIXELS,
    eigenface_embeddings,
    fisherface_embeddings,
    raw_pixel_embeddings,
)
from biometrics.figures.curves import compute_curves
from biometrics.intervals.paired import PairedComparison, compare
from biometrics.report.data import MeasuredMethod
from groundfloor.draws import Draw

# Test images, about, above which a sample is measured: an embedding is as long as an image has
# pixels.
SAMPLE_IMAGES = 5000
# The model's own figures on that sample.
THIS_MODEL_THERE = "this model, sample"


@dataclass(frozen=True)
class BaselineStudy:
    """The baselines on the test images, or on those of some of the people.

    Attributes:
      comparisons: method -> its figures and curves; where it is a sample, the model's own on it,
        `THIS_MODEL_THERE`, come first.
      compared: method -> the EER of the model and of the method on the same pairs.
      missing: method -> why it has no figures.
      sample: `identities` and `images` that were drawn; None where all of them were measured.
    """

    comparisons: dict[str, MeasuredMethod]
    compared: dict[str, PairedComparison]
    missing: dict[str, str]
    sample: dict[str, int] | None

    def blocks(self) -> dict[str, Any]:
        """What metrics.json says of it, beside the figures: plain dicts, strings and numbers."""
        blocks: dict[str, Any] = {}
        if self.sample:
            blocks["baselines_sample"] = self.sample
        if self.missing:
            blocks["baselines_missing"] = self.missing
        return blocks


def study_baselines(
    test: EmbeddingSet,
    train: ImageSet | None,
    *,
    distance: str,
    seed: int,
    measure: Callable[[PairScores], dict[str, Any]],
) -> BaselineStudy:
    """Measures the baselines, and the model on the same images.

    Above `SAMPLE_IMAGES` test images whole people are drawn. A method that is undefined on the
    images, or lacks some, is left out, with the reason.

    Args:
      test: the images to measure on, with the model's embeddings.
      train: the images to fit on, if any.
      distance: between the model's embeddings; the baselines always use the cosine.
      seed: of the draws and of the resampling.
      measure: gives the body of metrics.json for the scores of a method.
    """
    drawn = draw_images(test, SAMPLE_IMAGES, Draw.BASELINE_PEOPLE, seed)
    people = np.asarray(test.identities)[drawn]
    try:
        pixels = test.shown(drawn.tolist())
    except EvaluationError as error:
        return BaselineStudy({}, {}, dict.fromkeys(BASELINES, str(error)), None)
    comparisons, compared, missing = {}, {}, {}
    is_sample = len(drawn) < len(test.keys)
    pairs = test.pairs(distance)
    if is_sample:
        pairs = score_pairs(test.embeddings[drawn], people, distance)
        comparisons[THIS_MODEL_THERE] = MeasuredMethod(measure(pairs), compute_curves(pairs))
    for name, embed in _methods(pixels, train, seed):
        try:
            scored = score_pairs(embed(), people, "cosine")
        except EvaluationError as error:
            missing[name] = str(error)
            continue
        comparisons[name] = MeasuredMethod(measure(scored), compute_curves(scored))
        compared[name] = compare(pairs, scored, seed=seed)
    sample = {"identities": len(np.unique(people)), "images": len(drawn)} if is_sample else None
    return BaselineStudy(comparisons, compared, missing, sample)


def _methods(
    pixels: np.ndarray, train: ImageSet | None, seed: int
) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Each baseline with what embeds these pixels."""
    yield RAW_PIXELS, lambda: raw_pixel_embeddings(pixels)
    if train is None or train.pixels is None:
        yield from dict.fromkeys((EIGENFACES, FISHERFACES), _without_training_images).items()
        return
    fitted_on = draw_images(train, MAX_TRAINING_IMAGES, Draw.BASELINE_TRAINING_IMAGES, seed)
    train_pixels = train.pixels(fitted_on.tolist())
    train_people = np.asarray(train.identities)[fitted_on]
    yield EIGENFACES, lambda: eigenface_embeddings(train_pixels, pixels, seed=seed)
    yield (
        FISHERFACES,
        lambda: fisherface_embeddings(train_pixels, train_people, pixels, seed=seed),
    )


def _without_training_images() -> np.ndarray:
    raise EvaluationError("there are no training images to fit it on")

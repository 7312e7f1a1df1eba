"""From embeddings to figures, report and blessing: all that FaceEvaluator decides, without TFX."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.evaluator.baselines import (
    EIGENFACES,
    RAW_PIXELS,
    eigenface_embeddings,
    raw_pixel_embeddings,
)
from components.evaluator.blessing import Blessing, Bound, decide_blessing
from components.evaluator.curves import compute_curves
from components.evaluator.metrics_json import evaluate_pairs
from components.evaluator.pairs import PairScores, score_pairs
from components.evaluator.report import Comparison, ImagePair, ReportData, render_report
from components.evaluator.worst_pairs import ScoredPair, find_worst_pairs

LATEST_BLESSED = "latest blessed model"


@dataclass(frozen=True)
class LabelledImages:
    """The test split, in the order of its keys.

    Attributes:
      pixels: uint8 [N, H, W, C].
      identities: the person in each image.
      keys: the name of each image, unique.
    """

    pixels: np.ndarray
    identities: Sequence[str]
    keys: Sequence[str]


@dataclass(frozen=True)
class Settings:
    """How to measure, and what blesses.

    Attributes:
      distance: `cosine` or `euclidean`, between the model's embeddings; the baselines always use
        the cosine.
      target_fars: false-accept rates at which the true-accept rate is wanted.
      ranks: the N of Rank-N.
      thresholds: metric -> bound.
      max_regression: how much higher the EER may be than the latest blessed model's.
      seed: of the bootstrap.
      credit: a line on the source of the images.
      provenance: name -> value, shown on top of the report.
      not_compared: why the latest blessed model cannot be compared with, where there is one.
    """

    distance: str
    target_fars: Sequence[float]
    ranks: Sequence[int]
    thresholds: Mapping[str, Bound]
    max_regression: float
    seed: int
    credit: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    not_compared: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What is known of a model after it was measured.

    Attributes:
      metrics: the content of metrics.json.
      report: the HTML page.
      blessing: whether the model may be pushed, and why.
    """

    metrics: dict[str, Any]
    report: str
    blessing: Blessing


def evaluate_model(
    embeddings: np.ndarray,
    test: LabelledImages,
    train_pixels: np.ndarray,
    latest_blessed_embeddings: np.ndarray | None,
    settings: Settings,
) -> Evaluation:
    """Measures a model, beside the baselines and the latest blessed model on the same pairs.

    Args:
      embeddings: float32 [N, D] of the test images, in their order.
      test: what they are embeddings of.
      train_pixels: uint8 [M, H, W, C], images of the training split, for the eigenfaces.
      latest_blessed_embeddings: the test images embedded by the latest blessed model, if any.
      settings: how to measure.

    Raises:
      EvaluationError: the test split has no genuine or no impostor pairs, or an embedding is zero
        or not finite.
    """
    pairs = score_pairs(embeddings, test.identities, settings.distance)
    metrics = _measure(pairs, settings)
    others = {
        RAW_PIXELS: score_pairs(raw_pixel_embeddings(test.pixels), test.identities, "cosine"),
        EIGENFACES: score_pairs(
            eigenface_embeddings(train_pixels, test.pixels, seed=settings.seed),
            test.identities,
            "cosine",
        ),
    }
    if latest_blessed_embeddings is not None:
        others[LATEST_BLESSED] = score_pairs(
            latest_blessed_embeddings, test.identities, settings.distance
        )
    comparisons = {
        name: Comparison(_measure(scores, settings), compute_curves(scores))
        for name, scores in others.items()
    }
    metrics["baselines"] = {name: other.metrics for name, other in comparisons.items()}
    blessing = decide_blessing(
        metrics,
        settings.thresholds,
        metrics["baselines"].get(LATEST_BLESSED),
        settings.max_regression,
        settings.not_compared,
    )
    worst = find_worst_pairs(pairs)
    report = render_report(
        ReportData(
            title="Face recognition report",
            metrics=metrics,
            curves=compute_curves(pairs),
            comparisons=comparisons,
            blessing=blessing,
            false_accepts=[_image_pair(test, pair) for pair in worst.false_accepts],
            false_rejects=[_image_pair(test, pair) for pair in worst.false_rejects],
            distance=settings.distance,
            configuration=_shown(settings),
            credit=settings.credit,
            provenance=settings.provenance,
        )
    )
    return Evaluation(metrics, report, blessing)


def _measure(pairs: PairScores, settings: Settings) -> dict[str, Any]:
    return evaluate_pairs(
        pairs,
        target_fars=settings.target_fars,
        ranks=settings.ranks,
        seed=settings.seed,
    )


def _image_pair(test: LabelledImages, pair: ScoredPair) -> ImagePair:
    first, second = pair.first, pair.second
    return ImagePair(
        pixels=(test.pixels[first], test.pixels[second]),
        keys=(test.keys[first], test.keys[second]),
        identities=(test.identities[first], test.identities[second]),
        distance=pair.distance,
    )


def _shown(settings: Settings) -> dict[str, Any]:
    """The settings that the report lists, as plain values."""
    return {
        "distance": settings.distance,
        "target_fars": list(settings.target_fars),
        "ranks": list(settings.ranks),
        "thresholds": {
            name: {
                side: value
                for side, value in (("min", bound.min), ("max", bound.max))
                if value is not None
            }
            for name, bound in settings.thresholds.items()
        },
        "max_regression": settings.max_regression,
        "seed": settings.seed,
    }

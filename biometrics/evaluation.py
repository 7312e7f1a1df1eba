"""From embeddings to figures, report and blessing: all that FaceEvaluator decides, without TFX."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from biometrics.baseline_study import BaselineStudy, study_baselines
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.curves import Curves, compute_curves
from biometrics.figures.worst_pairs import ScoredPair, find_worst_pairs
from biometrics.gate import (
    LATEST_BLESSED,
    OVERALL,
    Blessing,
    Rivals,
    Rules,
    decide_blessing,
    gate_block,
)
from biometrics.groups import slices
from biometrics.intervals.paired import PairedComparison, compare
from biometrics.protocols import (
    ProtocolResult,
    ProtocolSettings,
    TestSet,
    run_protocols,
)
from biometrics.protocols.metrics_json import evaluate_pairs
from biometrics.report.data import Comparison, ImagePair, ReportData
from biometrics.report.exports import curve_files, curve_tables
from biometrics.report.page import render_report
from biometrics.split_images import SplitImages
from biometrics.thresholds.study import ThresholdStudy, study_thresholds
from groundfloor import progress

# Points at which the calibration is drawn and exported.
_CALIBRATION_POINTS = 200


@dataclass(frozen=True)
class SliceSettings:
    """By what the images are grouped.

    Attributes:
      file: of the table; see `slices.read_attributes`.
      columns: those of its columns to group by.
    """

    file: str
    columns: Sequence[str]


@dataclass(frozen=True)
class Settings:
    """How to measure, and what blesses.

    Attributes:
      distance: `cosine` or `euclidean`, between the model's embeddings; the baselines always use
        the cosine.
      target_fars: false-accept rates at which the true-accept rate is wanted.
      ranks: the N of Rank-N.
      rules: what blesses.
      seed: of the bootstrap, and of the choice of people and images.
      dev_share: the share of the people on whom thresholds are chosen.
      intervals: `bootstrap` or `clopper_pearson`.
      protocols: name -> options, of those beside all pairs.
      slices: the groups to measure on their own; None: none.
      read: gives the content of a text file by its path, for slices and protocols that have one.
      credit: a line on the source of the images.
      provenance: name -> value, shown on top of the report.
      not_compared: why the latest blessed model cannot be compared with, where there is one.
    """

    distance: str
    target_fars: Sequence[float]
    ranks: Sequence[int]
    rules: Rules
    seed: int
    dev_share: float
    intervals: str
    protocols: Mapping[str, Mapping[str, Any]]
    slices: SliceSettings | None
    read: Callable[[str], str]
    credit: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    not_compared: str = ""


# Embeddings [N, D] and the person in each image -> the scores of all pairs.
PairScorer = Callable[[np.ndarray, Sequence[str]], PairScores]


@dataclass(frozen=True)
class Evaluation:
    """What is known of a model after it was measured.

    Attributes:
      metrics: the content of metrics.json.
      report: the HTML page.
      curves: file name -> content, of the curves that the report draws.
      blessing: whether the model may be pushed, and why.
      thresholds: the operating points.
    """

    metrics: dict[str, Any]
    report: str
    curves: Mapping[str, bytes]
    blessing: Blessing
    thresholds: ThresholdStudy


@dataclass(frozen=True)
class _Model:
    """A model's embeddings of the test images, and the scores of all their pairs."""

    embeddings: np.ndarray
    pairs: PairScores


def evaluate_model(
    embeddings: np.ndarray,
    test: SplitImages,
    train: SplitImages,
    latest_blessed_embeddings: np.ndarray | None,
    settings: Settings,
    *,
    score_all: PairScorer | None = None,
) -> Evaluation:
    """Measures a model, beside the baselines and the latest blessed model on the same pairs.

    Args:
      embeddings: float32 [N, D] of the test images, in their order.
      test: what they are embeddings of.
      train: the images of the training split, for the baselines that are fitted.
      latest_blessed_embeddings: the test images embedded by the latest blessed model, if any.
      settings: how to measure.
      score_all: scores all pairs of a model's embeddings by the settings' distance; by default in
        this process.

    Raises:
      EvaluationError: the test split has no genuine or no impostor pairs, an embedding is zero or
        not finite.
    """
    model = _scored(embeddings, test, settings, score_all)
    with progress.silenced():  # each pair counts once, however often it is looked at
        blessed = (
            _scored(latest_blessed_embeddings, test, settings, score_all)
            if latest_blessed_embeddings is not None
            else None
        )
        return _evaluated(model, blessed, test, train, settings)


def _evaluated(
    model: _Model,
    blessed: _Model | None,
    test: SplitImages,
    train: SplitImages,
    settings: Settings,
) -> Evaluation:
    baselines = _baselines(model, test, train, settings)
    comparisons = dict(baselines.comparisons)
    if blessed:
        comparisons[LATEST_BLESSED] = _compared(blessed.pairs, settings)
    columns, slices_missing = _slice_columns(test, settings)
    rivals = Rivals(
        baselines.compared,
        baselines.missing,
        _compare_with_blessed(model, blessed, test, columns, settings),
        settings.not_compared,
    )
    study = _study(model, test, settings)
    protocols = _protocols(model, test, settings)
    metrics = _measure(model.pairs, settings) | study.blocks()
    metrics["protocols"] = {name: result.to_json() for name, result in protocols.items()}
    if columns:
        metrics["slices"] = _slices(model, test, columns, metrics["EER_threshold"], settings)
    if slices_missing:
        metrics["slices_missing"] = slices_missing
    metrics["gate"] = gate_block(settings.rules, rivals)
    metrics["baselines"] = {name: other.metrics for name, other in comparisons.items()}
    metrics |= baselines.blocks()
    people = int((model.pairs.sizes > 1).sum())
    blessing = decide_blessing(metrics, settings.rules, rivals, people)
    curves = compute_curves(model.pairs)
    drawn = {name: result.curves for name, result in protocols.items()}
    calibration = _calibration_curve(study, curves)
    worst = find_worst_pairs(model.pairs)
    report = ReportData(
        title="Face recognition report",
        metrics=metrics,
        curves=curves,
        comparisons=comparisons,
        blessing=blessing,
        false_accepts=_image_pairs(test, worst.false_accepts),
        false_rejects=_image_pairs(test, worst.false_rejects),
        distance=settings.distance,
        configuration=_shown(settings),
        credit=settings.credit,
        provenance=settings.provenance,
        protocol_curves=drawn,
        calibration=calibration,
    )
    files = curve_files(curve_tables(curves, drawn, calibration))
    return Evaluation(metrics, render_report(report), files, blessing, study)


def _scored(
    embeddings: np.ndarray, test: SplitImages, settings: Settings, score_all: PairScorer | None
) -> _Model:
    if score_all:
        return _Model(embeddings, score_all(embeddings, test.identities))
    return _Model(embeddings, score_pairs(embeddings, test.identities, settings.distance))


def _study(model: _Model, test: SplitImages, settings: Settings) -> ThresholdStudy:
    return study_thresholds(
        model.embeddings,
        test.identities,
        distance=settings.distance,
        target_fars=settings.target_fars,
        seed=settings.seed,
        dev_share=settings.dev_share,
        intervals=settings.intervals,
    )


def _baselines(
    model: _Model, test: SplitImages, train: SplitImages, settings: Settings
) -> BaselineStudy:
    return study_baselines(
        model.embeddings,
        model.pairs,
        test,
        train,
        distance=settings.distance,
        seed=settings.seed,
        measure=lambda pairs: _measure(pairs, settings),
    )


def _compared(pairs: PairScores, settings: Settings) -> Comparison:
    return Comparison(_measure(pairs, settings), compute_curves(pairs))


def _measure(pairs: PairScores, settings: Settings) -> dict[str, Any]:
    return evaluate_pairs(
        pairs,
        target_fars=settings.target_fars,
        ranks=settings.ranks,
        seed=settings.seed,
        intervals=settings.intervals,
    )


def _protocols(model: _Model, test: SplitImages, settings: Settings) -> dict[str, ProtocolResult]:
    test_set = TestSet(test.identities, test.keys, model.embeddings, model.pairs)
    shared = ProtocolSettings(
        settings.distance,
        settings.target_fars,
        settings.ranks,
        settings.seed,
        settings.read,
        settings.intervals,
    )
    return run_protocols(test_set, settings.protocols, shared)


def _slice_columns(test: SplitImages, settings: Settings) -> tuple[dict[str, list[str]], str]:
    """The group of each image by column, and why there are none although they were asked for."""
    if settings.slices is None:
        return {}, ""
    try:
        text = settings.read(settings.slices.file)
        attributes = slices.read_attributes(text, test.identities, test.keys)
        return slices.choose_columns(attributes, settings.slices.columns), ""
    except EvaluationError as error:
        return {}, str(error)


def _slices(
    model: _Model,
    test: SplitImages,
    columns: Mapping[str, Sequence[str]],
    threshold: float,
    settings: Settings,
) -> dict[str, Any]:
    return slices.measure_slices(
        model.embeddings,
        test.identities,
        columns,
        threshold=threshold,
        distance=settings.distance,
        seed=settings.seed,
        intervals=settings.intervals,
    )


def _compare_with_blessed(
    model: _Model,
    blessed: _Model | None,
    test: SplitImages,
    columns: Mapping[str, Sequence[str]],
    settings: Settings,
) -> dict[str, PairedComparison]:
    """The EER of both models on all pairs, and on those of each group; empty without a second."""
    if blessed is None:
        return {}
    compared = {OVERALL: compare(model.pairs, blessed.pairs, seed=settings.seed)}
    people = np.asarray(test.identities)
    for scope, images in slices.scopes(columns, test.identities).items():
        ours, theirs = (
            score_pairs(either.embeddings[images], people[images], settings.distance)
            for either in (model, blessed)
        )
        compared[scope] = compare(ours, theirs, seed=settings.seed)
    return compared


def _calibration_curve(study: ThresholdStudy, curves: Curves) -> dict[str, np.ndarray] | None:
    if study.calibration is None:
        return None
    distance = np.linspace(curves.bin_edges[0], curves.bin_edges[-1], _CALIBRATION_POINTS)
    return {"distance": distance, "llr": study.calibration.llr(distance)}


def _image_pairs(test: SplitImages, pairs: Sequence[ScoredPair]) -> list[ImagePair]:
    images = [image for pair in pairs for image in (pair.first, pair.second)]
    pixels = test.pixels(images)
    return [
        ImagePair(
            pixels=(pixels[2 * index], pixels[2 * index + 1]),
            keys=(test.keys[pair.first], test.keys[pair.second]),
            identities=(test.identities[pair.first], test.identities[pair.second]),
            distance=pair.distance,
        )
        for index, pair in enumerate(pairs)
    ]


def _shown(settings: Settings) -> dict[str, Any]:
    """The settings that the report lists, as plain values."""
    return {
        "distance": settings.distance,
        "target_fars": list(settings.target_fars),
        "ranks": list(settings.ranks),
        "dev_share": settings.dev_share,
        "intervals": settings.intervals,
        "protocols": {name: dict(options) for name, options in settings.protocols.items()},
        "slices": list(settings.slices.columns) if settings.slices else [],
        "thresholds": {
            name: {
                side: value
                for side, value in (("min", bound.min), ("max", bound.max))
                if value is not None
            }
            for name, bound in settings.rules.bounds.items()
        },
        "bounds_hold": settings.rules.bounds_hold,
        "min_people": settings.rules.min_people,
        "beat_baselines": settings.rules.beat_baselines,
        "require_threshold": settings.rules.require_threshold,
        "max_regression": settings.rules.max_regression,
        "seed": settings.seed,
    }

"""From embeddings to figures, report and blessing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from biometrics.baseline_study import BaselineStudy, study_baselines
from biometrics.embeddings import EmbeddingSet, ImageSet, PairScorer
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.errors import EvaluationError
from biometrics.exported import Exported, measure_export
from biometrics.figures.curves import Curves, compute_curves
from biometrics.figures.worst_pairs import ScoredPair, find_worst_pairs
from biometrics.gate import (
    LATEST_BLESSED,
    OVERALL,
    Blessing,
    Rivals,
    decide_blessing,
    gate_block,
)
from biometrics.groups import slices
from biometrics.intervals.paired import PairedComparison, compare
from biometrics.protocols import run_protocols
from biometrics.protocols.all_pairs import measure_pairs
from biometrics.protocols.base import ProtocolResult
from biometrics.report.data import ImagePair, MeasuredMethod, ReportData
from biometrics.report.exports import curve_files, curve_tables
from biometrics.report.page import render_report
from biometrics.settings import Settings
from biometrics.thresholds.study import ThresholdStudy, study_thresholds
from biometrics.verification import SetResult
from groundfloor import progress

# Points at which the calibration is drawn and exported.
_CALIBRATION_POINTS = 200


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


def evaluate(
    images: EmbeddingSet,
    settings: Settings | None = None,
    *,
    train: ImageSet | None = None,
    latest_blessed: EmbeddingSet | None = None,
    score: PairScorer = score_pairs,
    verification: Mapping[str, SetResult] | None = None,
    exports: Mapping[str, Exported] | None = None,
) -> Evaluation:
    """Measures a model, beside the baselines and the latest blessed model on the same pairs.

    Args:
      images: with the model's embeddings. Without their pixels there are no baselines, and the
        report shows no pictures.
      settings: how to measure; None: the defaults.
      train: the images of the training split, for the baselines that are fitted.
      latest_blessed: the same images with the embeddings of the latest blessed model, if any.
      score: scores all pairs of a model's embeddings.
      verification: name -> what `measure_set` found, of pairs of other images; they stand beside
        the figures, and decide nothing.
      exports: name -> what the model in another format has made of the same images; they decide
        nothing about the model either.

    Raises:
      EvaluationError: the images have no genuine or no impostor pairs, an embedding is zero under
        cosine, or the latest blessed model has embedded other images.
    """
    settings = settings or Settings()
    if latest_blessed:
        _check_same_images(images, latest_blessed)
    images.pairs(settings.distance, score)
    with progress.silenced():  # each pair counts once, however often it is looked at
        if latest_blessed:
            latest_blessed.pairs(settings.distance, score)
        held = {
            name: measure_export(images, exported, settings)
            for name, exported in (exports or {}).items()
        }
        return _evaluated(images, latest_blessed, train, settings, verification or {}, exports=held)


def _check_same_images(images: EmbeddingSet, others: EmbeddingSet) -> None:
    if list(images.keys) != list(others.keys) or list(images.identities) != list(others.identities):
        raise EvaluationError(
            "The latest blessed model must have embedded the same images, in the same order. "
            f"Received: {len(others.keys)} images against {len(images.keys)}"
        )


def _evaluated(
    images: EmbeddingSet,
    blessed: EmbeddingSet | None,
    train: ImageSet | None,
    settings: Settings,
    verification: Mapping[str, SetResult],
    *,
    exports: Mapping[str, Any],
) -> Evaluation:
    pairs = images.pairs(settings.distance)
    baselines = _baselines(images, train, settings)
    comparisons = dict(baselines.comparisons)
    if blessed:
        comparisons[LATEST_BLESSED] = _compared(blessed.pairs(settings.distance), settings)
    columns, slices_missing = _slice_columns(images, settings)
    rivals = Rivals(
        baselines.compared,
        baselines.missing,
        _compare_with_blessed(images, blessed, columns, settings),
        settings.not_compared,
    )
    study = _study(images, settings)
    protocols = run_protocols(images, settings.protocols, settings)
    metrics = measure_pairs(pairs, settings) | study.blocks()
    metrics |= _blocks(protocols, verification, exports)
    if columns:
        metrics["slices"] = _slices(images, columns, metrics["EER_threshold"], settings)
    if slices_missing:
        metrics["slices_missing"] = slices_missing
    if settings.remarks:
        metrics["remarks"] = list(settings.remarks)
    metrics["gate"] = gate_block(settings.rules, rivals)
    metrics["baselines"] = {name: other.metrics for name, other in comparisons.items()}
    metrics |= baselines.blocks()
    blessing = decide_blessing(metrics, settings.rules, rivals, int((pairs.sizes > 1).sum()))
    curves = compute_curves(pairs)
    calibration = _calibration_curve(study, curves)
    worst = find_worst_pairs(pairs)
    report = ReportData(
        title="Face recognition report",
        metrics=metrics,
        curves=curves,
        comparisons=comparisons,
        blessing=blessing,
        false_accepts=_image_pairs(images, worst.false_accepts),
        false_rejects=_image_pairs(images, worst.false_rejects),
        distance=settings.distance,
        configuration=configuration_shown(settings),
        credit=settings.credit,
        provenance=settings.provenance,
        protocol_curves=_drawn(protocols),
        set_curves=_drawn(verification),
        calibration=calibration,
    )
    drawn = _drawn(protocols) | _drawn(verification, "verification_")
    files = curve_files(curve_tables(curves, drawn, calibration))
    return Evaluation(metrics, render_report(report), files, blessing, study)


def _blocks(
    protocols: Mapping[str, ProtocolResult],
    verification: Mapping[str, SetResult],
    exports: Mapping[str, Any],
) -> dict[str, Any]:
    """`protocols` of metrics.json, and `verification` and `exports` where there are any."""
    blocks = {"protocols": protocols} | ({"verification": verification} if verification else {})
    results = {
        key: {name: result.to_json() for name, result in results.items()}
        for key, results in blocks.items()
    }
    return results | ({"exports": dict(exports)} if exports else {})


def _drawn(results: Mapping[str, ProtocolResult], prefix: str = "") -> dict[str, Any]:
    """The curves of each, by its name."""
    return {prefix + name: result.curves for name, result in results.items()}


def _study(images: EmbeddingSet, settings: Settings) -> ThresholdStudy:
    return study_thresholds(
        images.embeddings,
        images.identities,
        distance=settings.distance,
        target_fars=settings.target_fars,
        seed=settings.seed,
        dev_share=settings.dev_share,
        intervals=settings.intervals,
    )


def _baselines(images: EmbeddingSet, train: ImageSet | None, settings: Settings) -> BaselineStudy:
    return study_baselines(
        images,
        train,
        distance=settings.distance,
        seed=settings.seed,
        measure=lambda pairs: measure_pairs(pairs, settings),
    )


def _compared(pairs: PairScores, settings: Settings) -> MeasuredMethod:
    return MeasuredMethod(measure_pairs(pairs, settings), compute_curves(pairs))


def _slice_columns(images: EmbeddingSet, settings: Settings) -> tuple[dict[str, list[str]], str]:
    """The group of each image by column, and why there are none although they were asked for."""
    if settings.slices is None:
        return {}, ""
    try:
        attributes = slices.attributes_of(images, settings.slices.file, settings.read)
        return slices.choose_columns(attributes, settings.slices.columns), ""
    except EvaluationError as error:
        return {}, str(error)


def _slices(
    images: EmbeddingSet,
    columns: Mapping[str, Sequence[str]],
    threshold: float,
    settings: Settings,
) -> dict[str, Any]:
    return slices.measure_slices(
        images.embeddings,
        images.identities,
        columns,
        threshold=threshold,
        distance=settings.distance,
        seed=settings.seed,
        intervals=settings.intervals,
    )


def _compare_with_blessed(
    images: EmbeddingSet,
    blessed: EmbeddingSet | None,
    columns: Mapping[str, Sequence[str]],
    settings: Settings,
) -> dict[str, PairedComparison]:
    """The EER of both models on all pairs, and on those of each group; empty without a second."""
    if blessed is None:
        return {}
    ours, theirs = (either.pairs(settings.distance) for either in (images, blessed))
    compared = {OVERALL: compare(ours, theirs, seed=settings.seed)}
    people = np.asarray(images.identities)
    for scope, group in slices.scopes(columns, images.identities).items():
        ours, theirs = (
            score_pairs(either.embeddings[group], people[group], settings.distance)
            for either in (images, blessed)
        )
        compared[scope] = compare(ours, theirs, seed=settings.seed)
    return compared


def _calibration_curve(study: ThresholdStudy, curves: Curves) -> dict[str, np.ndarray] | None:
    if study.calibration is None:
        return None
    distance = np.linspace(curves.bin_edges[0], curves.bin_edges[-1], _CALIBRATION_POINTS)
    return {"distance": distance, "llr": study.calibration.llr(distance)}


def _image_pairs(images: EmbeddingSet, pairs: Sequence[ScoredPair]) -> list[ImagePair]:
    shown = [image for pair in pairs for image in (pair.first, pair.second)]
    pixels = images.pixels(shown) if images.pixels else None
    return [
        ImagePair(
            pixels=None if pixels is None else (pixels[2 * place], pixels[2 * place + 1]),
            keys=(images.keys[pair.first], images.keys[pair.second]),
            identities=(images.identities[pair.first], images.identities[pair.second]),
            distance=pair.distance,
        )
        for place, pair in enumerate(pairs)
    ]


def configuration_shown(settings: Settings, keys: Collection[str] = ()) -> dict[str, Any]:
    """The settings that the report lists, as plain values; of some keys, or of all."""
    shown = {
        "distance": settings.distance,
        "target_fars": list(settings.target_fars),
        "ranks": list(settings.ranks),
        "dev_share": settings.dev_share,
        "intervals": settings.intervals,
        "protocols": {name: dict(options) for name, options in settings.protocols.items()},
        "slices": list(settings.slices.columns) if settings.slices else [],
        "bounds": {
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
    return {key: value for key, value in shown.items() if not keys or key in keys}

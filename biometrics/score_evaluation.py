"""From scores to figures, report and decision: as much as scores alone can support."""

from collections.abc import Sequence
from typing import Any

from biometrics.evaluation import Evaluation, configuration_shown
from biometrics.figures.curves import score_curves
from biometrics.figures.metrics import (
    impostor_pairs_needed,
    true_accept_rate,
    verification_metrics,
)
from biometrics.figures.names import tar_key
from biometrics.figures.trials import supported_targets
from biometrics.gate import decide_on_bounds
from biometrics.intervals.by_pairs import pair_intervals
from biometrics.report.data import ReportData
from biometrics.report.exports import curve_files, curve_tables
from biometrics.report.page import render_report
from biometrics.score_files import ScoreSet
from biometrics.settings import Settings
from biometrics.thresholds.operating_points import OperatingPoints
from biometrics.thresholds.pack import Protocol
from biometrics.thresholds.study import ThresholdStudy

# The settings of an evaluation that scores have a use for.
OF_SCORES = frozenset({"target_fars", "bounds", "bounds_hold"})
NO_PEOPLE = (
    "Nobody says of which people these scores are. The intervals take all pairs as independent, "
    "and are too narrow where a person is in several pairs. Rank-N, searches, groups and other "
    "protocols have no figures: they need the embeddings."
)
NO_THRESHOLDS = (
    "thresholds are chosen on one part of the people and measured on the others, and scores do not "
    "say whose they are"
)


def evaluate_scores(
    scores: ScoreSet, settings: Settings, not_heeded: Sequence[str] = ()
) -> Evaluation:
    """Measures scores.

    Args:
      scores: of genuine and impostor pairs.
      settings: its `target_fars`, `seed`, `credit`, `provenance`, and of its rules the bounds are
        looked at.
      not_heeded: names of settings that were given and that scores have no use for; they are said.

    Returns:
      The evaluation; its thresholds say why there are none.
    """
    study = _no_study(settings)
    metrics = measure_scores(scores, settings) | study.blocks()
    if not_heeded:
        metrics["remarks"].append(f"Not heeded for scores: {', '.join(not_heeded)}.")
    blessing = decide_on_bounds(metrics, settings.rules)
    curves = score_curves(scores.distances)
    report = ReportData(
        title="Face recognition report",
        metrics=metrics,
        curves=curves,
        comparisons={},
        blessing=blessing,
        false_accepts=(),
        false_rejects=(),
        distance=scores.kind,
        configuration=configuration_shown(settings, (*OF_SCORES, "seed")),
        credit=settings.credit,
        provenance=settings.provenance,
    )
    files = curve_files(curve_tables(curves))
    return Evaluation(metrics, render_report(report), files, blessing, study)


def measure_scores(scores: ScoreSet, settings: Settings) -> dict[str, Any]:
    """The body of metrics.json.

    Returns:
      `FAR`, `FRR`, `EER`, `EER_threshold` (of distances), `AUC`, `TAR@FAR=...`: numbers; `scores`:
      `kind`, and `EER_threshold` in the units of the scores; `counts`: `genuine_pairs`,
      `impostor_pairs`; `intervals` and `unsupported`: see `measure_pairs`; `remarks`: what a reader
      has to know, a sentence each.
    """
    pairs = scores.distances
    supported, others = supported_targets(settings.target_fars, pairs.impostor.total)
    metrics: dict[str, Any] = verification_metrics(pairs)
    threshold = metrics["EER_threshold"]
    metrics |= {tar_key(far): true_accept_rate(pairs, far) for far in supported}
    return metrics | {
        "scores": {"kind": scores.kind, "EER_threshold": scores.sign * threshold},
        "counts": {"genuine_pairs": pairs.genuine.total, "impostor_pairs": pairs.impostor.total},
        "intervals": pair_intervals(pairs, threshold, fars=supported, seed=settings.seed),
        "unsupported": {tar_key(far): impostor_pairs_needed(far) for far in others},
        "remarks": list(_remarks(scores)),
    }


def _remarks(scores: ScoreSet) -> list[str]:
    remarks = [NO_PEOPLE]
    if scores.sign < 0:
        remarks.append(
            "The scores are similarities: as distances, in curves and EER_threshold, they have the "
            "opposite sign."
        )
    if scores.merged:
        remarks.append(
            f"Scores are taken as float32, which makes {scores.merged:,} that differ equal to "
            "others."
        )
    return remarks


def _no_study(settings: Settings) -> ThresholdStudy:
    return ThresholdStudy(
        dev=None,
        test=None,
        chosen=OperatingPoints((), {}),
        calibration=None,
        cllr=None,
        missing=NO_THRESHOLDS,
        protocol=Protocol("scores", settings.dev_share, settings.seed),
    )

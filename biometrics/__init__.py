"""Measures face recognition: embeddings or scores in; figures, thresholds and a report out.

>>> import numpy as np
>>> from biometrics import EmbeddingSet, Rules, Settings, evaluate
>>> draw = np.random.default_rng(0)
>>> person = np.repeat(np.arange(12), 4)  # twelve people, four images each
>>> images = EmbeddingSet(
...     embeddings=draw.normal(size=(12, 16))[person] + 0.8 * draw.normal(size=(48, 16)),
...     identities=[f"person {one}" for one in person],
...     keys=[f"image {place}" for place in range(48)],
... )
>>> found = evaluate(images, Settings(rules=Rules(beat_baselines=False)))
>>> low, high = found.metrics["intervals"]["EER"]
>>> print(f"EER {found.metrics['EER']:.2f}, between {low:.2f} and {high:.2f}")
EER 0.06, between 0.02 and 0.14
>>> found.blessing.blessed, found.report[:15]
(True, '<!DOCTYPE html>')

Where there are distances and no embeddings, a matrix [N, N] of them does as well:

>>> from biometrics import calculate_verification_metrics
>>> distances = np.array([[0.0, 0.1, 0.9], [0.1, 0.0, 0.8], [0.9, 0.8, 0.0]])
>>> calculate_verification_metrics(None, ["anna", "anna", "bert"], distances)["EER"]
0.0

`EmbeddingSet.read_npz` reads embeddings from a file. `evaluate` does everything at once; the other
names are its parts. What a user gave wrong is an `EvaluationError`, a sentence that says what.

A name is loaded when it is first used, so that whoever needs one module waits for no other.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biometrics.embeddings import EmbeddingSet, ImageSet
    from biometrics.engine.pair_scores import PairScores, score_pairs
    from biometrics.errors import EvaluationError
    from biometrics.evaluation import Evaluation, evaluate
    from biometrics.figures.metrics import (
        calculate_identification_metrics,
        calculate_verification_metrics,
        error_rates,
        rank_rates,
        true_accept_rate,
        verification_metrics,
    )
    from biometrics.gate import Blessing, Rivals, decide_blessing
    from biometrics.intervals.bootstrap import figure_intervals
    from biometrics.intervals.paired import PairedComparison, compare
    from biometrics.protocols import run_protocols
    from biometrics.protocols.all_pairs import measure_pairs
    from biometrics.settings import Bound, ProtocolSettings, Rules, Settings, SliceSettings
    from biometrics.thresholds.pack import ThresholdPack
    from biometrics.thresholds.study import study_thresholds

__all__ = [
    "Blessing",
    "Bound",
    "EmbeddingSet",
    "Evaluation",
    "EvaluationError",
    "ImageSet",
    "PairScores",
    "PairedComparison",
    "ProtocolSettings",
    "Rivals",
    "Rules",
    "Settings",
    "SliceSettings",
    "ThresholdPack",
    "calculate_identification_metrics",
    "calculate_verification_metrics",
    "compare",
    "decide_blessing",
    "error_rates",
    "evaluate",
    "figure_intervals",
    "measure_pairs",
    "rank_rates",
    "run_protocols",
    "score_pairs",
    "study_thresholds",
    "true_accept_rate",
    "verification_metrics",
]

_HOMES = {
    "embeddings": ("EmbeddingSet", "ImageSet"),
    "engine.pair_scores": ("PairScores", "score_pairs"),
    "errors": ("EvaluationError",),
    "evaluation": ("Evaluation", "evaluate"),
    "figures.metrics": (
        "calculate_identification_metrics",
        "calculate_verification_metrics",
        "error_rates",
        "rank_rates",
        "true_accept_rate",
        "verification_metrics",
    ),
    "gate": ("Blessing", "Rivals", "decide_blessing"),
    "intervals.bootstrap": ("figure_intervals",),
    "intervals.paired": ("PairedComparison", "compare"),
    "protocols": ("run_protocols",),
    "protocols.all_pairs": ("measure_pairs",),
    "settings": ("Bound", "ProtocolSettings", "Rules", "Settings", "SliceSettings"),
    "thresholds.pack": ("ThresholdPack",),
    "thresholds.study": ("study_thresholds",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

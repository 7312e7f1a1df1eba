"""The decision whether a model is good enough to be pushed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# Keeps 0.09 + 0.01 from being below 0.1.
ROUNDING = 1e-12


class Bound(Protocol):
    """The range in which a metric must lie; None leaves a side open."""

    @property
    def min(self) -> float | None:
        """The least value allowed."""

    @property
    def max(self) -> float | None:
        """The greatest value allowed."""


@dataclass(frozen=True)
class Blessing:
    """The decision and its reasons, one sentence for each check, passed ones too."""

    blessed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Check:
    passed: bool
    reason: str


def decide_blessing(
    metrics: Mapping[str, Any],
    thresholds: Mapping[str, Bound],
    baseline_metrics: Mapping[str, Any] | None,
    max_regression: float,
    not_compared: str = "",
) -> Blessing:
    """Blesses a model that meets every threshold and is not worse than the blessed one before it.

    A threshold on a metric without a number (unsupported by the data, or unknown) fails: what
    cannot be shown is not passed. Without thresholds and without a baseline a model is blessed.

    Args:
      metrics: the candidate's body of metrics.json.
      thresholds: top-level metric name to its bound, inclusive.
      baseline_metrics: the same of the latest blessed model, computed on the same pairs; None
        where there is none.
      max_regression: how much higher the EER may be than the baseline's, absolute, 0 or more.
      not_compared: why there are no `baseline_metrics` although there is a blessed model.

    Returns:
      The decision, with a reason for each check: the thresholds in their order, then the baseline.
    """
    checks = [_check_threshold(metrics, name, bound) for name, bound in thresholds.items()]
    if not thresholds:
        checks.append(_Check(True, "No thresholds are set, so none had to be met."))
    if not_compared:
        checks.append(_Check(True, f"Not compared with the latest blessed model: {not_compared}."))
    else:
        checks.append(_check_regression(metrics, baseline_metrics, max_regression))
    return Blessing(all(check.passed for check in checks), tuple(check.reason for check in checks))


def _check_threshold(metrics: Mapping[str, Any], name: str, bound: Bound) -> _Check:
    needed = metrics.get("unsupported", {}).get(name)
    if needed is not None:
        pairs = metrics["counts"]["impostor_pairs"]
        return _Check(
            False,
            f"{name} must be {_range(bound)}, but has no number: it needs {needed:,} impostor "
            f"pairs and the test split has {pairs:,}.",
        )
    value = metrics.get(name)
    if not _is_number(value):
        known = ", ".join(key for key in metrics if _is_number(metrics[key]))
        return _Check(
            False, f"{name} must be {_range(bound)}, but is not among the metrics: {known}."
        )
    passed = (bound.min is None or value >= bound.min) and (bound.max is None or value <= bound.max)
    verdict = "passes" if passed else "fails"
    return _Check(passed, f"{name} is {_number(value)} and {verdict}: {_range(bound)} is required.")


def _check_regression(
    metrics: Mapping[str, Any], baseline: Mapping[str, Any] | None, max_regression: float
) -> _Check:
    if baseline is None:
        return _Check(True, "There is no blessed model yet to compare with.")
    if metrics.get("counts") != baseline.get("counts"):
        return _Check(
            False,
            "The latest blessed model was not measured on the same pairs, so the two cannot be "
            f"compared: {baseline.get('counts')} against {metrics.get('counts')}.",
        )
    value, before = metrics["EER"], baseline["EER"]
    passed = value <= before + max_regression + ROUNDING
    verdict = "within" if passed else "beyond"
    return _Check(
        passed,
        f"EER is {_number(value)} against {_number(before)} of the latest blessed model: "
        f"{value - before:+.4g}, {verdict} the allowed {max_regression:+.4g}.",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _range(bound: Bound) -> str:
    sides = []
    if bound.min is not None:
        sides.append(f"at least {_number(bound.min)}")
    if bound.max is not None:
        sides.append(f"at most {_number(bound.max)}")
    return " and ".join(sides)


def _number(value: float) -> str:
    return f"{value:.4g}"
